/* Whose request it is, with people's applications: a session's id comes as cookie or as bearer. Outside
 * systems have a token in its place, and name the connection whose session they mean.
 *
 * Ids cannot be guessed (auth/session.h). The brake keeps down those who try: their addresses are refused,
 * and may not log in either. Who has a valid id is served nevertheless, since a whole office may have the
 * address of the one who tries. */
#include "doors/era/rest.h"

static const char *const cookie_names[] = {"RSessionId", "RSession"};

/* ---- where the id stands ---- */

rb_str era_cookie(rb_str header, const char *name)
{
    rb_str pair;
    while (rb_str_split(&header, ';', &pair)) {
        rb_str own_name;
        rb_str value = rb_str_trim(pair);
        if (rb_str_split(&value, '=', &own_name) && value.p && rb_str_is(own_name, name)) return value;
    }
    return RB_STR_NONE;
}

bool era_is_session_id(rb_str text)
{
    if (text.n != RB_SESSION_ID_BYTES - 1) return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_hyphen_due = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (is_hyphen_due ? c != '-' : !is_digit) return false;
    }
    return true;
}

static rb_str id_of(const struct rb_request *request)
{
    rb_str id = rb_auth_bearer(rb_request_header(request, "Authorization"));
    for (size_t i = 0; !id.p && i < RB_COUNT(cookie_names); i++)
        id = era_cookie(rb_request_header(request, "Cookie"), cookie_names[i]);
    return id;
}

bool era_names_session(const struct rb_request *request)
{
    rb_str id = id_of(request);
    bool is_bearer = rb_auth_bearer(rb_request_header(request, "Authorization")).p != NULL;
    return id.p && (!is_bearer || era_is_session_id(id));
}

/* ---- by the id ---- */

static void let_go(const void *session)
{
    rb_session_unref((struct rb_session *)(uintptr_t)session);
}

static struct rb_session *hold(struct rb_request *request, struct rb_session *take_session)
{
    if (take_session) rb_arena_at_end(&request->arena, let_go, take_session);
    return take_session;
}

static rb_err count_guess(struct rb_era_door *door, struct rb_request *request)
{
    char peer[RB_ADDRESS_TEXT_BYTES];
    uint64_t wait_ms;
    rb_request_peer(request, peer);
    if (rb_login_is_braked(door->setup.logins, rb_str_of(peer), &wait_ms)) {
        rb_answer_header(request, "Retry-After",
                         rb_arena_fmt(&request->arena, "%llu", (unsigned long long)(wait_ms / 1000 + 1)));
        return RB_TOO_MANY_REQUESTS;
    }
    rb_login_count_guess(door->setup.logins, rb_str_of(peer));
    return RB_UNAUTHENTICATED;
}

static rb_err find(struct rb_era_door *door, struct rb_request *request, struct rb_session **out)
{
    rb_str id = id_of(request);
    if (!id.p) return RB_UNAUTHENTICATED;
    *out = hold(request, rb_session_find(door->setup.sessions, id));
    return *out ? RB_OK : count_guess(door, request);
}

struct rb_session *era_session_of(struct rb_era_door *door, struct rb_request *request)
{
    struct rb_session *session = NULL;
    rb_err err = find(door, request, &session);
    if (err) era_answer_error(request, err, RB_STR_NONE);
    return session;
}

/* ---- whose files ---- */

static void conclude(struct era_claim *claim, rb_err err, const char *detail_or_null)
{
    if (!err && rb_session_connections(claim->session) == 0) {
        err = RB_CONFLICT;
        detail_or_null = "The session has no open WebSocket on this server.";
    }
    claim->done(claim, err, rb_str_of(detail_or_null));
}

/* A session that ends just now counts as one that has no connection. */
static void on_shown(struct rb_conn_errand *errand)
{
    struct era_claim *claim = errand->arg;
    if (claim) {
        const struct rb_conn_row *row = errand->row;
        rb_err err = errand->err;
        claim->errand = NULL;
        if (!err && claim->client.p && !rb_str_eq(row->facts.client, claim->client))
            err = RB_NO_SUCH_CONNECTION;
        if (!err)
            claim->session =
                hold(claim->request, rb_session_find(claim->door->setup.sessions, row->facts.session));
        if (!err && !claim->session)
            conclude(claim, RB_CONFLICT, "The connection has no session.");
        else
            conclude(claim, err, NULL);
    }
    rb_conn_errand_free(errand);
}

static void on_token(void *arg, rb_err err, const struct rb_identity *who)
{
    struct era_claim *claim = arg;
    struct rb_request *request = claim->request;
    struct rb_handle to;
    rb_str id;
    claim->check = NULL;
    if (err) {
        conclude(claim, err, NULL);
        return;
    }
    if (!rb_request_query(request, "connectionid", &id)) {
        conclude(claim, RB_BAD_REQUEST, "With a token, connectionid says whose files are meant.");
        return;
    }
    if (!rb_handle_parse(id, &to)) {
        conclude(claim, RB_NO_SUCH_CONNECTION, NULL);
        return;
    }
    claim->client = who->role == RB_ROLE_BACKEND ? RB_STR_NONE : rb_arena_copy(&request->arena, who->client);
    claim->errand = rb_conn_errand_new(claim->door->setup.hub, RB_CONN_SHOW, on_shown, claim);
    claim->errand->to = to;
    claim->errand->tenant = rb_arena_copy(&claim->errand->arena, who->tenant);
    rb_conn_errand_send(claim->errand);
}

void era_claim_start(struct era_claim *claim)
{
    rb_str bearer = rb_auth_bearer(rb_request_header(claim->request, "Authorization"));
    if (!bearer.p || era_names_session(claim->request)) {
        conclude(claim, find(claim->door, claim->request, &claim->session), NULL);
        return;
    }
    /* When it is done at once, the request may be over, and the claim with it. */
    struct rb_auth_check *check = rb_auth_check(claim->door->setup.auth, bearer, on_token, claim);
    if (check) claim->check = check;
}

void era_claim_cancel(struct era_claim *claim)
{
    rb_auth_cancel(claim->check);
    if (claim->errand) claim->errand->arg = NULL;
    claim->check = NULL;
    claim->errand = NULL;
}
