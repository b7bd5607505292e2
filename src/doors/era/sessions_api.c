/* /rest/v1/iam/sessions: logging in and out over HTTP (.../api/rest/v1/iam/sessions.html).
 *
 * Browsers get the session's id as a cookie that scripts cannot read; other applications ask for it as text
 * (session_type "token"), and a page that has the cookie may have a second session of the same user as text
 * ("token_clone_cookie"). */
#include "doors/era/rest.h"

#define COOKIE_ATTRIBUTES "; Path=/; HttpOnly; SameSite=Lax"

enum session_type { TYPE_COOKIE, TYPE_TOKEN, TYPE_TOKEN_CLONE_COOKIE, SESSION_TYPES };

static const char *const type_names[] = {"cookie", "token", "token_clone_cookie"};

/* ---- answering ---- */

static void put_session(struct rb_json_out *out, const struct rb_session *session)
{
    era_put_str(out, "id", rb_str_of(session->id));
    era_put_str(out, "domain", session->who->tenant);
    era_put_str(out, "login", session->login);
    era_put_str(out, "user_id", session->user_id);
}

static void answer_session(struct rb_request *request, const struct rb_session *session)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_str role, roles = session->roles;
    rb_json_begin_object(&out);
    put_session(&out, session);
    rb_json_put_key(&out, "roles");
    rb_json_begin_array(&out);
    while (rb_str_split(&roles, ',', &role))
        if (role.n > 0) rb_json_put_str(&out, role);
    rb_json_end_array(&out);
    era_put_time(&out, "created", session->created_ms);
    rb_json_put_key(&out, "connections");
    rb_json_put_u64(&out, rb_session_connections(session));
    rb_json_end_object(&out);
    era_answer_json(request, 200, &body);
}

static void set_cookie(struct rb_era_door *door, struct rb_request *request, const char *id, const char *life)
{
    const char *secure = door->setup.is_cookie_secure ? "; Secure" : "";
    rb_answer_header(request, "Set-Cookie",
                     rb_arena_fmt(&request->arena, "RSessionId=%s" COOKIE_ATTRIBUTES "%s%s", id, secure,
                                  life));
}

static void answer_new(struct rb_era_door *door, struct rb_request *request, enum session_type type,
                       const struct rb_session *session)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    put_session(&out, session);
    if (type == TYPE_COOKIE)
        set_cookie(door, request, session->id, "");
    else
        era_put_str(&out, "session_token", rb_str_of(session->id));
    rb_json_end_object(&out);
    era_answer_json(request, 201, &body);
}

/* ---- logging in ---- */

struct login {
    struct rb_era_door *door;
    struct rb_request *request;
    enum session_type type;
};

/* facts: whose session it is to be. */
static void open_session(struct login *login, const struct rb_session *facts)
{
    struct rb_session *session = rb_session_open(login->door->setup.sessions, facts, false);
    if (!session) {
        era_answer_error(login->request, RB_OVERLOADED,
                         RB_STR("There are as many sessions as there may be."));
        return;
    }
    answer_new(login->door, login->request, login->type, session);
    rb_session_unref(session);
}

static void say_when(struct login *login)
{
    struct rb_request *request = login->request;
    char peer[RB_ADDRESS_TEXT_BYTES];
    uint64_t wait_ms = RB_LOGIN_WINDOW_MS; /* unless it is the address: the login has had too many */
    rb_request_peer(request, peer);
    rb_login_is_braked(login->door->setup.logins, rb_str_of(peer), &wait_ms);
    rb_answer_header(request, "Retry-After",
                     rb_arena_fmt(&request->arena, "%llu", (unsigned long long)(wait_ms / 1000 + 1)));
}

static void on_login(void *arg, rb_err err, const struct rb_user_record *user)
{
    struct login *login = arg;
    if (err) {
        rb_str why = err == RB_UNAUTHENTICATED ? RB_STR("Login or password is wrong.") : RB_STR_NONE;
        if (err == RB_TOO_MANY_REQUESTS) say_when(login);
        era_answer_error(login->request, err, why);
        return;
    }
    struct rb_identity identity = rb_user_identity(user);
    struct rb_session facts = {.who = rb_identity_new(&identity),
                               .user_id = user->id,
                               .login = user->login,
                               .roles = user->roles,
                               .capabilities = user->capabilities};
    open_session(login, &facts);
    rb_identity_unref(facts.who);
}

static void check_password(struct login *login, rb_json_val json)
{
    struct rb_arena *arena = &login->request->arena;
    char peer[RB_ADDRESS_TEXT_BYTES];
    rb_str tenant = era_scalar(rb_json_get(json, "domain"), arena);
    rb_str name = era_scalar(rb_json_get(json, "login"), arena);
    rb_str password = era_scalar(rb_json_get(json, "pwd"), arena);
    if (!tenant.n) tenant = era_scalar(rb_json_get(json, "td"), arena);
    if (!tenant.n) tenant = login->door->setup.default_tenant;
    if (!tenant.n || !name.n || !password.n) {
        era_answer_error(login->request, RB_BAD_REQUEST, RB_STR("domain, login and pwd are needed."));
        return;
    }
    rb_request_peer(login->request, peer);
    rb_login_check(login->door->setup.logins, tenant, name, password, rb_str_of(peer), on_login, login);
}

static void copy_session(struct login *login)
{
    struct rb_session *former = era_session_of(login->door, login->request);
    if (former && !former->login.n) /* it would outlive its token */
        era_answer_error(login->request, RB_FORBIDDEN, RB_STR("Only sessions of people are copied."));
    else if (former)
        open_session(login, former);
}

static bool read_type(struct login *login, rb_json_val json)
{
    rb_str text = era_scalar(rb_json_get(json, "session_type"), &login->request->arena);
    size_t i = 0;
    while (i < SESSION_TYPES && text.p && !rb_str_is(text, type_names[i])) i++;
    login->type = (enum session_type)i;
    return i < SESSION_TYPES;
}

static void handle_login(struct rb_request *request, void *arg)
{
    struct rb_json doc;
    if (!era_is_from_here(arg, request) || !era_read_body(request, &doc)) return;
    struct login *login = rb_arena_new(&request->arena, struct login);
    *login = (struct login){.door = arg, .request = request};
    if (!read_type(login, rb_json_root(&doc)))
        era_answer_error(request, RB_BAD_REQUEST, RB_STR("session_type is token or token_clone_cookie."));
    else if (login->type == TYPE_TOKEN_CLONE_COOKIE)
        copy_session(login);
    else
        check_password(login, rb_json_root(&doc));
    rb_json_fini(&doc);
}

/* ---- the current one ---- */

static void handle_current(struct rb_request *request, void *arg)
{
    struct rb_session *session = era_is_from_here(arg, request) ? era_session_of(arg, request) : NULL;
    if (session) answer_session(request, session);
}

static void handle_logout(struct rb_request *request, void *arg)
{
    struct rb_session *session = era_is_from_here(arg, request) ? era_session_of(arg, request) : NULL;
    if (!session) return;
    rb_session_close(session);
    set_cookie(arg, request, "", "; Max-Age=0");
    rb_answer(request, 204, RB_STR_NONE, RB_STR_NONE);
}

/* ---- routes ---- */

enum { LOGIN_BYTES_MAX = 16 * 1024 };

rb_err era_add_session_routes(struct rb_era_door *door, struct rb_router *router)
{
    /* PATCH has nothing to change: it is a use, as every request is, which makes the session live on. */
    static const struct era_route routes[] = {
        {RB_HTTP1_POST, "/rest/v1/iam/sessions", handle_login},
        {RB_HTTP1_GET, "/rest/v1/iam/sessions/current", handle_current},
        {RB_HTTP1_PATCH, "/rest/v1/iam/sessions/current", handle_current},
        {RB_HTTP1_DELETE, "/rest/v1/iam/sessions/current", handle_logout}};
    return era_add_routes(door, router, routes, RB_COUNT(routes), LOGIN_BYTES_MAX);
}
