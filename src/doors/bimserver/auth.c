/* AuthInterface: logging in and out. A login makes an ordinary token, so that it outlives a restart of the
 * server, and is revoked like any other. Its label is made from its hash, which is how logout finds it again.
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/random.h"
#include "doors/bimserver/door.h"
#include "doors/bimserver/endpoints.h"
#include "hub/registry.h"

#include <string.h>

enum { TOKEN_CHARACTERS = 96, LABEL_BYTES = 8, DAYS = 30, STREAMS_MAX = 100 };
#define DAYS_MS ((uint64_t)DAYS * 24 * 3600 * 1000)

static rb_str hex_of(struct rb_arena *arena, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *text = rb_arena_alloc(arena, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return (rb_str){text, 2 * n};
}

static rb_str label_of(struct rb_arena *arena, rb_str token)
{
    unsigned char hash[RB_SHA256_BYTES];
    rb_sha256(token, hash);
    return rb_arena_fmt(arena, "login-%.*s", RB_STR_FMT(hex_of(arena, hash, LABEL_BYTES)));
}

/* ---- tokens of logins ---- Clients log in anew rather than out, so each new token takes along some old ones
 * that have expired. */

static void on_token_stored(struct bim_call *call, struct rb_tx *tx)
{
    if (tx->err)
        bim_fail_reason(call, tx->err);
    else
        bim_result_text(call, *(rb_str *)call->wait);
}

static void give_token(struct bim_call *call, const struct rb_identity *who)
{
    unsigned char bytes[TOKEN_CHARACTERS / 2];
    rb_str *token = rb_arena_new(&call->arena, rb_str);
    struct rb_tx *tx = rb_tx_new();
    rb_random_bytes(bytes, sizeof bytes);
    *token = hex_of(&call->arena, bytes, sizeof bytes);
    call->wait = token;
    rb_str label = label_of(&call->arena, *token);
    uint64_t now_ms = rb_clock_wall_ms();
    rb_token_add(tx, *token, who, label, now_ms + DAYS_MS);
    rb_tx_tokens_sweep(tx, who->tenant, label, RB_STR("login."), now_ms);
    bim_commit(call, tx, on_token_stored);
}

/* ---- login ---- */

static void on_checked(void *arg, rb_err err, const struct rb_user_record *user)
{
    struct bim_call *call = arg;
    call->wait = NULL;
    call->on_gone = NULL;
    if (err == RB_UNAUTHENTICATED) {
        bim_fail(call, "Invalid username/password combination");
    } else if (err) {
        bim_fail_reason(call, err);
    } else {
        struct rb_identity who = rb_user_identity(user);
        give_token(call, &who);
    }
}

static void on_login_gone(struct bim_call *call)
{
    rb_login_cancel(call->wait);
    bim_fail_reason(call, RB_CLIENT_GONE);
}

void bim_auth_login(struct bim_call *call)
{
    const struct rb_bimserver_setup *setup = &call->host->door->setup;
    rb_str tenant = setup->default_tenant, login = bim_text(call, "username");
    ptrdiff_t slash = login.n ? rb_str_find(login, '/') : -1;
    if (slash >= 0) {
        tenant = rb_str_sub(login, 0, (size_t)slash);
        login = rb_str_from(login, (size_t)slash + 1);
    }
    call->on_gone = on_login_gone;
    call->wait = rb_login_check(setup->logins, tenant, login, bim_text(call, "password"), call->address,
                                on_checked, call);
}

/* ---- loginUserToken ---- Not for tokens that are lent to a job's worker: what is made of one would be good
 * when it has been taken back. */

static void on_user_token(void *arg, rb_err err, const struct rb_identity *who)
{
    struct bim_call *call = arg;
    call->on_gone = NULL;
    if (err == RB_UNAUTHENTICATED || (!err && who->job.n))
        bim_fail_code(call, BIM_TOKEN_INVALID, "Invalid token");
    else if (err)
        bim_fail_reason(call, err);
    else
        give_token(call, who);
}

static void on_user_token_gone(struct bim_call *call)
{
    rb_auth_cancel(call->wait);
    bim_fail_reason(call, RB_CLIENT_GONE);
}

void bim_auth_login_user_token(struct bim_call *call)
{
    struct rb_auth_check *check =
        rb_auth_check(call->host->door->setup.auth, bim_text(call, "token"), on_user_token, call);
    if (!check) return; /* and the call may be gone */
    call->wait = check;
    call->on_gone = on_user_token_gone;
}

/* ---- logout ---- */

static void on_closed(struct rb_conn_errand *errand)
{
    rb_conn_errand_free(errand); /* it may have gone by itself */
}

/* The streams that were opened with it end, too. */
static void close_streams(struct bim_call *call)
{
    const struct rb_bimserver_door *door = call->host->door;
    struct rb_handle streams[STREAMS_MAX];
    unsigned count = bim_endpoints_list_by_token(door->endpoints, call->token, streams, STREAMS_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct rb_conn_errand *errand = rb_conn_errand_new(door->setup.hub, RB_CONN_CLOSE, on_closed, NULL);
        errand->to = streams[i];
        errand->tenant = rb_arena_copy(&errand->arena, call->who->tenant);
        errand->why = RB_UNAUTHENTICATED;
        rb_conn_errand_send(errand);
    }
}

static void on_token_deleted(struct bim_call *call, struct rb_tx *tx)
{
    if (tx->err && tx->err != RB_NOT_FOUND) { /* no token of a login: nothing to end */
        bim_fail_reason(call, tx->err);
        return;
    }
    rb_auth_forget(call->host->door->setup.auth);
    close_streams(call);
    bim_result_void(call);
}

void bim_auth_logout(struct bim_call *call)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_token_delete(tx, call->who->tenant, label_of(&call->arena, call->token));
    bim_commit(call, tx, on_token_deleted);
}

/* ---- who it is ---- */

void bim_auth_is_logged_in(struct bim_call *call)
{
    bim_result_bool(call, call->who != NULL);
}

int64_t bim_user_oid(rb_str tenant, rb_str client)
{
    unsigned char hash[RB_SHA256_BYTES];
    struct rb_buf text = {0};
    uint64_t oid = 0;
    rb_buf_add_fmt(&text, "%.*s/%.*s", RB_STR_FMT(tenant), RB_STR_FMT(client));
    rb_sha256(rb_buf_str(&text), hash);
    rb_buf_fini(&text);
    memcpy(&oid, hash, sizeof oid);
    return (int64_t)(oid >> 12);
}

struct user_reading {
    struct bim_call *call;
    struct rb_user_record user;
};

static rb_err read_user(struct rb_reader *reader, void *arg)
{
    struct user_reading *reading = arg;
    const struct rb_identity *who = reading->call->who;
    return rb_read_user(reader, &reading->call->arena, who->tenant, who->client, &reading->user);
}

/* Tokens of back ends and API clients have no user: then it is their name. */
static void on_user_read(struct bim_call *call, rb_err err, void *arg)
{
    const struct user_reading *reading = arg;
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_object user;
    if (err && err != RB_NOT_FOUND) {
        bim_fail_reason(call, err);
        return;
    }
    rb_str login = call->who->client, name = reading->user.name.n ? reading->user.name : login;
    bool is_admin = call->who->role == RB_ROLE_BACKEND;
    bim_object_begin(&user, &out, &bim_SUser);
    bim_object_text(&user, "name", name);
    bim_object_long(&user, "oid", bim_user_oid(call->who->tenant, login));
    bim_object_text(&user, "state", RB_STR("ACTIVE"));
    bim_object_text(&user, "userType", is_admin ? RB_STR("ADMIN") : RB_STR("USER"));
    bim_object_text(&user, "username", login);
    bim_object_end(&user);
    bim_result(call, &json);
}

void bim_auth_get_logged_in_user(struct bim_call *call)
{
    struct user_reading *reading = rb_arena_new(&call->arena, struct user_reading);
    reading->call = call;
    bim_read(call, read_user, on_user_read, reading);
}
