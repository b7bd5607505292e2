/* The login of people: by name and password, or by the id of a session that they have from a login over HTTP.
 * A failed one leaves the socket open for another try, as long as the brake lets it. */
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

struct era_login {
    struct era_work work;
    struct rb_login_check *check;
};

static void login_free(struct era_login *login)
{
    rb_login_cancel(login->check);
    era_work_end(&login->work);
    rb_free(login);
}

void era_login_cancel(struct era_link *link)
{
    struct era_login *login = link->login;
    link->login = NULL;
    if (login) login_free(login);
}

static void leave(struct era_work *work)
{
    era_login_cancel(work->link);
}

/* ---- the outcome ---- */

static void fail(struct era_link *link, rb_str method, rb_str qid, rb_err err)
{
    rb_str detail = RB_STR_NONE;
    if (err == RB_UNAUTHENTICATED) detail = RB_STR("Invalid login or password, or no such session.");
    if (err == RB_TOO_MANY_REQUESTS) detail = RB_STR("Too many failed logins; wait three minutes.");
    link->state = LINK_NEW;
    era_fail(link, method, qid, err, detail);
}

/* The reference is taken. */
static void succeed(struct era_link *link, rb_str method, rb_str qid, struct rb_session *session)
{
    struct era_reply reply;
    rb_err err = era_link_authorize(link, session);
    if (err) {
        rb_session_unref(session);
        fail(link, method, qid, err);
        return;
    }
    era_reply_begin(&reply, method, qid);
    era_put_str(&reply.out, "result", RB_STR("ok"));
    era_put_str(&reply.out, "td", session->who->tenant);
    era_put_str(&reply.out, "login", session->login);
    era_put_str(&reply.out, "register", RB_STR("ok"));
    era_put_str(&reply.out, "sessionid", rb_str_of(session->id));
    era_setup_answer(&reply.out, link);
    era_reply_send(&reply, link, qid);
    era_link_started(link);
}

/* ---- by password ---- */

static struct rb_session *session_of(struct rb_sessions *sessions, const struct rb_user_record *user)
{
    struct rb_identity identity = rb_user_identity(user);
    const struct rb_identity *who = rb_identity_new(&identity);
    struct rb_session *session = rb_session_open(sessions,
                                                 &(struct rb_session){.who = who,
                                                                      .user_id = user->id,
                                                                      .login = user->login,
                                                                      .roles = user->roles,
                                                                      .capabilities = user->capabilities},
                                                 false);
    rb_identity_unref(who);
    return session;
}

static void on_checked(void *arg, rb_err err, const struct rb_user_record *user)
{
    struct era_link *link = arg;
    struct era_login *login = link->login;
    struct rb_session *session = NULL;
    login->check = NULL;
    link->login = NULL; /* this login ends here, whatever becomes of the link */
    if (!err && !(session = session_of(link->here->door->setup.sessions, user))) err = RB_OVERLOADED;
    if (err)
        fail(link, login->work.method, login->work.qid, err);
    else
        succeed(link, login->work.method, login->work.qid, session);
    login_free(login);
}

static void check_password(struct era_link *link, const struct rb_era_message *message, rb_str tenant,
                           rb_str name, rb_str password)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    struct era_login *login = rb_new(struct era_login);
    if (!era_work_begin(&login->work, link, message, leave)) {
        rb_free(login);
        return;
    }
    rb_address_of_peer(&link->socket.stream, address);
    link->login = login;
    link->state = LINK_CHECKING;
    login->check = rb_login_check(link->here->door->setup.logins, tenant, name, password, rb_str_of(address),
                                  on_checked, link);
}

/* ---- by session ---- */

static void check_session(struct era_link *link, const struct rb_era_message *message, rb_str id)
{
    const struct rb_era_setup *setup = &link->here->door->setup;
    char address[RB_ADDRESS_TEXT_BYTES];
    uint64_t wait_ms;
    rb_address_of_peer(&link->socket.stream, address);
    if (rb_login_is_braked(setup->logins, rb_str_of(address), &wait_ms)) {
        fail(link, message->method, message->qid, RB_TOO_MANY_REQUESTS);
        return;
    }
    struct rb_session *session = rb_session_find(setup->sessions, id);
    if (session && session->login.n) {
        succeed(link, message->method, message->qid, session);
        return;
    }
    rb_session_unref(session); /* an API client's is not for people */
    rb_login_count_guess(setup->logins, rb_str_of(address));
    fail(link, message->method, message->qid, RB_UNAUTHENTICATED);
}

/* ---- the method ---- */

static rb_str text_member(const struct rb_era_message *message, const char *name, struct rb_arena *arena)
{
    rb_str text = RB_STR_NONE;
    rb_json_string(rb_json_get(message->params, name), arena, &text);
    return text;
}

void era_handle_login(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena)
{
    rb_str session = text_member(message, "rsessionid", arena), tenant = text_member(message, "td", arena);
    rb_str name = text_member(message, "login", arena), password = text_member(message, "pwd", arena);
    if (!tenant.n) tenant = text_member(message, "domain", arena);
    if (!tenant.n) tenant = link->here->door->setup.default_tenant;
    if (link->family == RB_ERA_TOKEN)
        era_fail_text(link, message, RB_BAD_REQUEST, "This connection is its token's; nobody logs in here.");
    else if (link->state != LINK_NEW)
        era_fail_text(link, message, RB_CONFLICT, "This connection has logged in, or is about to.");
    else if (session.n)
        check_session(link, message, session);
    else if (!tenant.n || !name.n || !password.p)
        era_fail_text(link, message, RB_BAD_REQUEST, "login, pwd and td, or rsessionid.");
    else
        check_password(link, message, tenant, name, password);
}
