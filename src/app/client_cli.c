/* `ringback client create|list|revoke`: accounts of back ends that sign their calls. Works beside a running
 * server, which sees the change within seconds. A secret is shown once, when it is made. */
#include "app/cli.h"
#include "auth/auth.h"
#include "auth/signing.h"
#include "base/clock.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

enum { ID_RANDOM_BYTES = 8, SECRET_RANDOM_BYTES = 32 };

struct request {
    rb_str data, tenant, id;
    bool is_signing, is_guarded, as_json;
};

static int fail(const char *what, rb_str detail)
{
    fprintf(stderr, "ringback client: %s%s%.*s\n", what, detail.n ? ": " : "", (int)detail.n,
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
    if (err == RB_CONFLICT) return fail("there is an account of this id", RB_STR_NONE);
    return err ? fail("not done", rb_str_of(rb_reason(err)->sentence)) : RB_EXIT_OK;
}

/* ---- create ---- */

static void print_account(const struct request *request, rb_str id, const char *secret)
{
    if (!request->as_json) {
        printf("public-id  %.*s\nsecret     %s\n", RB_STR_FMT(id), secret);
        return;
    }
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "public_id");
    rb_json_put_str(&out, id);
    rb_json_put_key(&out, "secret");
    rb_json_put_text(&out, secret);
    rb_json_put_key(&out, "tenant");
    rb_json_put_str(&out, request->tenant);
    rb_json_end_object(&out);
    printf("%s\n", rb_buf_text(&text));
    rb_buf_fini(&text);
}

static int create(const struct request *request)
{
    char random_id[2 * ID_RANDOM_BYTES + 1], secret[2 * SECRET_RANDOM_BYTES + 1];
    rb_signing_random_hex(random_id, ID_RANDOM_BYTES);
    rb_signing_random_hex(secret, SECRET_RANDOM_BYTES);
    rb_str id = request->id.p ? request->id : rb_str_of(random_id);
    if (!request->is_signing)
        return fail("create needs --signing: other clients get tokens, by 'ringback token create'",
                    RB_STR_NONE);
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(id))
        return fail("--tenant and --id take 1 to 64 characters of A-Z a-z 0-9 . _ -", RB_STR_NONE);
    struct rb_store *store = open_store(request);
    if (!store) return RB_EXIT_FAILED;
    struct rb_tx *tx = rb_tx_new();
    rb_tx_account_insert(tx, &(struct rb_account_record){.public_id = id,
                                                         .tenant = request->tenant,
                                                         .secret = rb_str_of(secret),
                                                         .is_guarded = request->is_guarded,
                                                         .created_ms = rb_clock_wall_ms()});
    int status = commit(store, tx);
    if (status == RB_EXIT_OK) print_account(request, id, secret);
    rb_store_close(store);
    return status;
}

/* ---- list ---- */

struct listing {
    struct rb_arena arena;
    rb_str tenant;
    struct rb_account_record *accounts;
    uint32_t count;
};

static rb_err read_accounts(struct rb_reader *reader, void *arg)
{
    struct listing *listing = arg;
    return rb_read_accounts(reader, &listing->arena, listing->tenant, &listing->accounts, &listing->count);
}

static int list(const struct request *request)
{
    struct rb_store *store = open_store(request);
    if (!store) return RB_EXIT_FAILED;
    struct listing listing = {.tenant = request->tenant};
    rb_err err = rb_store_read_wait(store, read_accounts, &listing);
    for (uint32_t i = 0; !err && i < listing.count; i++) {
        const struct rb_account_record *account = &listing.accounts[i];
        char created[RB_CLOCK_TEXT_BYTES];
        rb_clock_format(account->created_ms, created);
        printf("%.*s\t%.*s\tcreated %s%s\n", RB_STR_FMT(account->tenant), RB_STR_FMT(account->public_id),
               created, account->is_guarded ? "\treplay guard" : "");
    }
    rb_arena_fini(&listing.arena);
    rb_store_close(store);
    return err ? fail("not read", rb_str_of(rb_reason(err)->sentence)) : RB_EXIT_OK;
}

/* ---- revoke ---- */

static int revoke(const struct request *request)
{
    if (!request->tenant.p || !request->id.p) return fail("revoke needs --tenant and --id", RB_STR_NONE);
    struct rb_store *store = open_store(request);
    if (!store) return RB_EXIT_FAILED;
    struct rb_tx *tx = rb_tx_new();
    rb_tx_account_delete(tx, request->tenant, request->id);
    int status = commit(store, tx);
    rb_store_close(store);
    return status;
}

int rb_client_main(int argc, char **argv)
{
    struct request request = {.data = RB_STR("./ringback-data")};
    bool helped;
    const char *action = argc > 1 ? argv[1] : "--help";
    const struct rb_cli_flag flags[] = {
        {"--data", "DIR", "the server's data directory; default ./ringback-data", &request.data, NULL},
        {"--tenant", "NAME", "whose account", &request.tenant, NULL},
        {"--signing", NULL, "create: an account that signs its calls", NULL, &request.is_signing},
        {"--id", "NAME", "its public id; create: default is a random one", &request.id, NULL},
        {"--replay-guard", NULL, "create: refuse calls whose signature came before", NULL,
         &request.is_guarded},
        {"--json", NULL, "create: print an object", NULL, &request.as_json},
    };
    int skip = strcmp(action, "--help") == 0 ? 1 : 2;
    if (!rb_cli_parse("client create|list|revoke", flags, RB_COUNT(flags), argc > skip ? argc - skip : 0,
                      argv + skip, &helped))
        return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    if (strcmp(action, "create") == 0) return create(&request);
    if (strcmp(action, "list") == 0) return list(&request);
    if (strcmp(action, "revoke") == 0) return revoke(&request);
    fprintf(stderr, "ringback client: say create, list or revoke\n");
    return RB_EXIT_USAGE;
}
