/* `ringback token create|list|revoke`: works beside a running server, which sees the change within seconds.
 */
#include "app/cli.h"
#include "app/config.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

struct request {
    rb_str data, tenant, client, role, label, expires;
    bool as_json;
};

static int fail(const char *what, rb_str detail)
{
    fprintf(stderr, "ringback token: %s%s%.*s\n", what, detail.n ? ": " : "", (int)detail.n,
            detail.n ? detail.p : "");
    return RB_EXIT_FAILED;
}

static struct rb_store *open_store(const struct request *request)
{
    struct rb_store *store = NULL;
    struct rb_buf why = {0};
    if (rb_store_open(request->data.p, false, &store, &why) != RB_OK)
        fail("no store", rb_str_of(rb_buf_text(&why)));
    rb_buf_fini(&why);
    return store;
}

static int commit(struct rb_store *store, struct rb_tx *tx)
{
    rb_err err = rb_store_commit_wait(store, tx);
    rb_tx_free(tx);
    return err ? fail("not done", rb_str_of(rb_reason(err)->sentence)) : RB_EXIT_OK;
}

/* ---- create ---- */

static void print_token(const struct request *request, const char *token)
{
    if (!request->as_json) {
        printf("%s\n", token);
        return;
    }
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "token");
    rb_json_put_text(&out, token);
    rb_json_put_key(&out, "tenant");
    rb_json_put_str(&out, request->tenant);
    rb_json_put_key(&out, "client");
    rb_json_put_str(&out, request->client);
    rb_json_put_key(&out, "role");
    rb_json_put_str(&out, request->role);
    rb_json_put_key(&out, "label");
    rb_json_put_str(&out, request->label);
    rb_json_end_object(&out);
    printf("%s\n", rb_buf_text(&text));
    rb_buf_fini(&text);
}

static int create(struct request *request)
{
    struct rb_identity identity = {.tenant = request->tenant, .client = request->client};
    uint64_t days = 0;
    if (!request->role.p) request->role = RB_STR("client");
    if (!request->label.p) request->label = request->client;
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(request->client) ||
        !rb_auth_name_is_valid(request->label))
        return fail("--tenant, --client and --label take 1 to 64 characters of A-Z a-z 0-9 . _ -",
                    RB_STR_NONE);
    if (!rb_role_find(request->role, &identity.role))
        return fail("--role is client or backend", request->role);
    if (request->expires.p && !rb_str_u64(request->expires, 36500, &days))
        return fail("--days takes a whole number", request->expires);

    struct rb_store *store = open_store(request);
    if (!store) return RB_EXIT_FAILED;
    struct rb_tx *tx = rb_tx_new();
    char token[RB_TOKEN_TEXT_BYTES];
    rb_token_make(tx, &identity, request->label, days ? rb_clock_wall_ms() + days * 86400000 : 0, token);
    int status = commit(store, tx);
    if (status == RB_EXIT_OK) print_token(request, token);
    rb_store_close(store);
    return status;
}

/* ---- list ---- */

struct listing {
    struct rb_arena arena;
    rb_str tenant;
    struct rb_token_record *tokens;
    uint32_t count;
};

static rb_err read_tokens(struct rb_reader *reader, void *arg)
{
    struct listing *listing = arg;
    return rb_read_tokens(reader, &listing->arena, listing->tenant, &listing->tokens, &listing->count);
}

static int list(const struct request *request)
{
    struct rb_store *store = open_store(request);
    if (!store) return RB_EXIT_FAILED;
    struct listing listing = {.tenant = request->tenant};
    rb_err err = rb_store_read_wait(store, read_tokens, &listing);
    for (uint32_t i = 0; !err && i < listing.count; i++) {
        const struct rb_token_record *token = &listing.tokens[i];
        char created[RB_CLOCK_TEXT_BYTES], expires[RB_CLOCK_TEXT_BYTES] = "never";
        rb_clock_format(token->created_ms, created);
        if (token->expires_ms) rb_clock_format(token->expires_ms, expires);
        printf("%.*s\t%.*s\t%.*s\t%.*s\tcreated %s\texpires %s\n", RB_STR_FMT(token->tenant),
               RB_STR_FMT(token->label), RB_STR_FMT(token->client), RB_STR_FMT(token->role), created,
               expires);
    }
    rb_arena_fini(&listing.arena);
    rb_store_close(store);
    return err ? fail("not read", rb_str_of(rb_reason(err)->sentence)) : RB_EXIT_OK;
}

/* ---- revoke ---- */

static int revoke(const struct request *request)
{
    if (!request->tenant.p || !request->label.p)
        return fail("revoke needs --tenant and --label", RB_STR_NONE);
    struct rb_store *store = open_store(request);
    if (!store) return RB_EXIT_FAILED;
    struct rb_tx *tx = rb_tx_new();
    rb_tx_token_delete(tx, request->tenant, request->label);
    int status = commit(store, tx);
    rb_store_close(store);
    return status;
}

int rb_token_main(int argc, char **argv)
{
    struct request request = {.data = RB_STR("./ringback-data")};
    bool helped;
    const char *action = argc > 1 ? argv[1] : "--help";
    const struct rb_cli_flag flags[] = {
        {"--data", "DIR", "the server's data directory; default ./ringback-data", &request.data, NULL},
        {"--tenant", "NAME", "whose token", &request.tenant, NULL},
        {"--client", "NAME", "create: who will use it", &request.client, NULL},
        {"--role", "ROLE", "create: client (default) or backend", &request.role, NULL},
        {"--label", "NAME", "what to revoke it by; create: default is the client's name", &request.label,
         NULL},
        {"--days", "N", "create: valid so long; default for ever", &request.expires, NULL},
        {"--json", NULL, "create: print an object instead of the bare token", NULL, &request.as_json},
    };
    int skip = strcmp(action, "--help") == 0 ? 1 : 2;
    if (!rb_cli_parse("token create|list|revoke", flags, RB_COUNT(flags), argc > skip ? argc - skip : 0,
                      argv + skip, &helped))
        return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    if (strcmp(action, "create") == 0) return create(&request);
    if (strcmp(action, "list") == 0) return list(&request);
    if (strcmp(action, "revoke") == 0) return revoke(&request);
    fprintf(stderr, "ringback token: say create, list or revoke\n");
    return RB_EXIT_USAGE;
}
