/* `ringback token create|list|revoke`: works beside a running server, which sees the change within seconds.
 */
#include "app/cli.h"
#include "auth/auth.h"
#include "base/clock.h"

#include <stdio.h>

struct request {
    rb_str data, tenant, client, role, label, expires;
    bool as_json;
};

static int fail(const char *what, rb_str detail)
{
    return rb_cli_fail("token", what, detail);
}

/* ---- create ---- */

static void print_token(const struct request *request, const char *token)
{
    if (!request->as_json) {
        printf("%s\n", token);
        return;
    }
    const struct rb_cli_member members[] = {{"token", rb_str_of(token)},
                                            {"tenant", request->tenant},
                                            {"client", request->client},
                                            {"role", request->role},
                                            {"label", request->label}};
    rb_cli_print_object(members, RB_COUNT(members));
}

static int create(void *arg)
{
    struct request *request = arg;
    struct rb_identity identity = {.tenant = request->tenant, .client = request->client};
    uint64_t days = 0;
    if (!request->role.p) request->role = RB_STR("client");
    if (!request->label.p) request->label = request->client;
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(request->client) ||
        !rb_auth_name_is_valid(request->label))
        return fail("--tenant, --client and --label take 1 to 64 characters of A-Z a-z 0-9 . _ - @ +",
                    RB_STR_NONE);
    if (!rb_role_find(request->role, &identity.role))
        return fail("--role is client or backend", request->role);
    if (request->expires.p && !rb_str_u64(request->expires, 36500, &days))
        return fail("--days takes a whole number", request->expires);

    struct rb_tx *tx = rb_tx_new();
    char token[RB_TOKEN_TEXT_BYTES];
    rb_token_make(tx, &identity, request->label, days ? rb_clock_wall_ms() + days * 86400000 : 0, token);
    int status = rb_cli_commit("token", request->data, tx, NULL);
    if (status == RB_EXIT_OK) print_token(request, token);
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

static int list(void *arg)
{
    const struct request *request = arg;
    struct listing listing = {.tenant = request->tenant};
    int status = rb_cli_read("token", request->data, read_tokens, &listing);
    for (uint32_t i = 0; i < listing.count; i++) {
        const struct rb_token_record *token = &listing.tokens[i];
        char created[RB_CLOCK_TEXT_BYTES], expires[RB_CLOCK_TEXT_BYTES] = "never";
        rb_clock_format(token->created_ms, created);
        if (token->expires_ms) rb_clock_format(token->expires_ms, expires);
        printf("%.*s\t%.*s\t%.*s\t%.*s\tcreated %s\texpires %s\n", RB_STR_FMT(token->tenant),
               RB_STR_FMT(token->label), RB_STR_FMT(token->client), RB_STR_FMT(token->role), created,
               expires);
    }
    rb_arena_fini(&listing.arena);
    return status;
}

/* ---- revoke ---- */

static int revoke(void *arg)
{
    const struct request *request = arg;
    if (!request->tenant.p || !request->label.p)
        return fail("revoke needs --tenant and --label", RB_STR_NONE);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_token_delete(tx, request->tenant, request->label);
    return rb_cli_commit("token", request->data, tx, NULL);
}

int rb_token_main(int argc, char **argv)
{
    struct request request = {.data = RB_STR("./ringback-data")};
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
    static const struct rb_cli_action actions[] = {{"create", create}, {"list", list}, {"revoke", revoke}};
    return rb_cli_run_action("token", actions, RB_COUNT(actions), flags, RB_COUNT(flags), argc, argv,
                             &request);
}
