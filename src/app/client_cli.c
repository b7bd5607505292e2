/* `ringback client create|list|revoke`: outside systems. An API client has a token; an account signs its
 * calls. Works beside a running server, which sees the change within seconds. A secret is shown once, when it
 * is made. */
#include "app/cli.h"
#include "auth/login.h"
#include "auth/signing.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/random.h"
#include "net/address.h"

#include <stdio.h>
#include <string.h>

enum {
    ID_RANDOM_BYTES = 8,
    SECRET_RANDOM_BYTES = 32,
    POINT_ID_CHARACTERS = 20,
    BROUGHT_BYTES_MIN = 16,
    BROUGHT_BYTES_MAX = 128
};

struct request {
    rb_str data, tenant, id, type, roles, capabilities, addresses, user, token;
    bool is_signing, is_guarded, as_json;
};

static int fail(const char *what, rb_str detail)
{
    return rb_cli_fail("client", what, detail);
}

static void print_made(const struct request *request, const struct rb_cli_member *members, unsigned count)
{
    if (request->as_json) {
        rb_cli_print_object(members, count);
        return;
    }
    printf("%-9s  %.*s\n", members[0].name, RB_STR_FMT(members[0].value));
    printf("%-9s  %.*s\n", members[1].name, RB_STR_FMT(members[1].value));
}

/* ---- accounts that sign ---- */

static int create_account(const struct request *request)
{
    char random_id[2 * ID_RANDOM_BYTES + 1], secret[2 * SECRET_RANDOM_BYTES + 1];
    rb_signing_random_hex(random_id, ID_RANDOM_BYTES);
    rb_signing_random_hex(secret, SECRET_RANDOM_BYTES);
    rb_str id = request->id.p ? request->id : rb_str_of(random_id);
    if (request->type.p || request->roles.p || request->capabilities.p || request->addresses.p ||
        request->user.p || request->token.p)
        return fail("an account that signs takes only --id and --replay-guard", RB_STR_NONE);
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(id))
        return fail("--tenant and --id take 1 to 64 characters of A-Z a-z 0-9 . _ - @ +", RB_STR_NONE);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_account_insert(tx, &(struct rb_account_record){.public_id = id,
                                                         .tenant = request->tenant,
                                                         .secret = rb_str_of(secret),
                                                         .is_guarded = request->is_guarded,
                                                         .created_ms = rb_clock_wall_ms()});
    int status = rb_cli_commit("client", request->data, tx, "there is an account of this id");
    if (status != RB_EXIT_OK) return status;
    const struct rb_cli_member members[] = {{request->as_json ? "public_id" : "public-id", id},
                                            {"secret", rb_str_of(secret)},
                                            {"tenant", request->tenant}};
    print_made(request, members, RB_COUNT(members));
    return status;
}

/* ---- API clients ---- */

/* Tokens of an old installation are taken as they are, as long as no guess finds them and none of ours looks
 * alike. */
static bool is_token(rb_str token)
{
    if (token.n < BROUGHT_BYTES_MIN || token.n > BROUGHT_BYTES_MAX) return false;
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] > '~') return false;
    return !rb_str_starts(token, RB_STR("rbj_")) && !rb_str_starts(token, RB_STR("rbt_"));
}

static int check_point(const struct request *request)
{
    if (!request->id.p)
        return fail("create needs --id, the name of the API client; or --signing, for an account that signs "
                    "its calls",
                    RB_STR_NONE);
    if (request->is_guarded) return fail("--replay-guard goes with --signing", RB_STR_NONE);
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(request->id) ||
        (request->type.n && !rb_auth_name_is_valid(request->type)))
        return fail("--tenant, --id and --type take 1 to 64 characters of A-Z a-z 0-9 . _ - @ +",
                    RB_STR_NONE);
    if (!rb_list_is_valid(request->roles) || !rb_list_is_valid(request->capabilities))
        return fail("--roles and --capabilities take names with commas between, no blanks", RB_STR_NONE);
    if (request->addresses.p && !rb_address_list_is_valid(request->addresses))
        return fail("--addresses takes addresses and networks with commas between, as 10.0.0.0/8,::1",
                    request->addresses);
    if (request->token.p && !is_token(request->token))
        return fail("--token takes 16 to 128 visible characters, which do not begin with rbj_ or rbt_",
                    RB_STR_NONE);
    return RB_EXIT_OK;
}

struct user_lookup {
    struct rb_arena arena;
    const struct request *request;
    struct rb_user_record user;
};

static rb_err read_user(struct rb_reader *reader, void *arg)
{
    struct user_lookup *lookup = arg;
    rb_err err =
        rb_read_user(reader, &lookup->arena, lookup->request->tenant, lookup->request->user, &lookup->user);
    return err == RB_NOT_FOUND ? RB_OK : err;
}

/* user_id NONE: nobody's. */
static int store_point(const struct request *request, rb_str user_id)
{
    struct rb_user_record rights = {.tenant = request->tenant, .login = request->id, .roles = request->roles};
    struct rb_identity identity = rb_user_identity(&rights);
    char made[RB_TOKEN_TEXT_BYTES], id[POINT_ID_CHARACTERS + 2] = "p";
    rb_random_text(id + 1, POINT_ID_CHARACTERS);
    struct rb_tx *tx = rb_tx_new();
    rb_str token = request->token;
    if (token.p) {
        rb_token_add(tx, token, &identity, request->id, 0);
    } else {
        rb_token_make(tx, &identity, request->id, 0, made);
        token = rb_str_of(made);
    }
    struct rb_point_record point = {.tenant = request->tenant,
                                    .code = request->id,
                                    .id = rb_str_of(id),
                                    .type = request->type,
                                    .roles = request->roles,
                                    .capabilities = request->capabilities,
                                    .addresses = request->addresses,
                                    .user_id = user_id,
                                    .created_ms = rb_clock_wall_ms()};
    rb_sha256(token, point.hash);
    rb_tx_point_insert(tx, &point);
    int status =
        rb_cli_commit("client", request->data, tx, "there is an API client of this id, or with this token");
    if (status != RB_EXIT_OK) return status;
    const struct rb_cli_member members[] = {{"client", request->id},
                                            {"token", token},
                                            {"tenant", request->tenant},
                                            {"id", rb_str_of(id)},
                                            {"role", rb_str_of(rb_role_name(identity.role))}};
    print_made(request, members, RB_COUNT(members));
    return status;
}

static int create_point(const struct request *request)
{
    struct user_lookup lookup = {.request = request};
    int status = check_point(request);
    if (status == RB_EXIT_OK && request->user.p)
        status = rb_cli_read("client", request->data, read_user, &lookup);
    if (status == RB_EXIT_OK && request->user.p && !lookup.user.id.p)
        status = fail("there is no such user", request->user);
    if (status == RB_EXIT_OK) status = store_point(request, lookup.user.id);
    rb_arena_fini(&lookup.arena);
    return status;
}

static int create(void *arg)
{
    const struct request *request = arg;
    return request->is_signing ? create_account(request) : create_point(request);
}

/* ---- both ---- */

struct listing {
    struct rb_arena arena;
    rb_str tenant;
    struct rb_account_record *accounts;
    struct rb_point_record *points;
    uint32_t account_count, point_count;
};

static rb_err read_all(struct rb_reader *reader, void *arg)
{
    struct listing *it = arg;
    rb_err err = rb_read_accounts(reader, &it->arena, it->tenant, &it->accounts, &it->account_count);
    return err ? err : rb_read_points(reader, &it->arena, it->tenant, &it->points, &it->point_count);
}

static void print_account(const struct rb_account_record *account)
{
    char created[RB_CLOCK_TEXT_BYTES];
    rb_clock_format(account->created_ms, created);
    printf("%.*s\t%.*s\tcreated %s%s\n", RB_STR_FMT(account->tenant), RB_STR_FMT(account->public_id), created,
           account->is_guarded ? "\treplay guard" : "");
}

static void print_point(const struct rb_point_record *point)
{
    char created[RB_CLOCK_TEXT_BYTES];
    rb_clock_format(point->created_ms, created);
    printf("%.*s\t%.*s\tcreated %s\ttoken\ttype %.*s\troles %.*s", RB_STR_FMT(point->tenant),
           RB_STR_FMT(point->code), created, RB_STR_FMT(point->type), RB_STR_FMT(point->roles));
    if (point->capabilities.p) printf("\tcapabilities %.*s", RB_STR_FMT(point->capabilities));
    if (point->addresses.p) printf("\taddresses %.*s", RB_STR_FMT(point->addresses));
    if (point->user_id.p) printf("\tuser %.*s", RB_STR_FMT(point->user_id));
    printf("\n");
}

static int list(void *arg)
{
    const struct request *request = arg;
    struct listing listing = {.tenant = request->tenant};
    int status = rb_cli_read("client", request->data, read_all, &listing);
    for (uint32_t i = 0; i < listing.account_count; i++) print_account(&listing.accounts[i]);
    for (uint32_t i = 0; i < listing.point_count; i++) print_point(&listing.points[i]);
    rb_arena_fini(&listing.arena);
    return status;
}

static int remove_listed(const struct request *request, const struct listing *listing)
{
    struct rb_tx *tx = rb_tx_new();
    for (uint32_t i = 0; i < listing->account_count; i++)
        if (rb_str_eq(listing->accounts[i].public_id, request->id))
            rb_tx_account_delete(tx, request->tenant, request->id);
    for (uint32_t i = 0; i < listing->point_count; i++)
        if (rb_str_eq(listing->points[i].code, request->id))
            rb_tx_point_delete(tx, request->tenant, request->id);
    bool is_there = tx->first != NULL;
    if (is_there) return rb_cli_commit("client", request->data, tx, NULL);
    rb_tx_free(tx);
    return fail("not done", rb_str_of(rb_reason(RB_NOT_FOUND)->sentence));
}

static int revoke(void *arg)
{
    const struct request *request = arg;
    if (!request->tenant.p || !request->id.p) return fail("revoke needs --tenant and --id", RB_STR_NONE);
    struct listing listing = {.tenant = request->tenant};
    int status = rb_cli_read("client", request->data, read_all, &listing);
    if (status == RB_EXIT_OK) status = remove_listed(request, &listing);
    rb_arena_fini(&listing.arena);
    return status;
}

int rb_client_main(int argc, char **argv)
{
    struct request r = {.data = RB_STR("./ringback-data")};
    const struct rb_cli_flag flags[] = {
        {"--data", "DIR", "the server's data directory; default ./ringback-data", &r.data, NULL},
        {"--tenant", "NAME", "whose client", &r.tenant, NULL},
        {"--signing", NULL, "create: an account that signs its calls; else an API client, which has a token",
         NULL, &r.is_signing},
        {"--id", "NAME", "its name; create --signing: its public id, default is a random one", &r.id, NULL},
        {"--replay-guard", NULL, "create --signing: refuse calls whose signature came before", NULL,
         &r.is_guarded},
        {"--type", "NAME", "create: what kind of system it is", &r.type, NULL},
        {"--roles", "A,B", "create: with backend among them it may do what a back end may", &r.roles, NULL},
        {"--capabilities", "A,B", "create: what it may switch on; default anything", &r.capabilities, NULL},
        {"--addresses", "CIDR,...", "create: from where it may connect; default anywhere", &r.addresses,
         NULL},
        {"--user", "LOGIN", "create: in whose name it acts; default nobody's", &r.user, NULL},
        {"--token", "TOKEN", "create: the token that it has already; default is a new one", &r.token, NULL},
        {"--json", NULL, "create: print an object", NULL, &r.as_json},
    };
    static const struct rb_cli_action actions[] = {{"create", create}, {"list", list}, {"revoke", revoke}};
    return rb_cli_run_action("client", actions, RB_COUNT(actions), flags, RB_COUNT(flags), argc, argv, &r);
}
