/* Who asks by HTTP for what is no call, and what is said to who may not have it. */
#include "doors/bimserver/files_web.h"

struct known {
    struct rb_request *request;
    struct rb_bimserver_door *door;
    bim_known_fn *handler;
};

static void let_go(const void *identity)
{
    rb_identity_unref(identity);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *who)
{
    const struct known *known = arg;
    if (who) rb_arena_at_end(&known->request->arena, let_go, rb_identity_ref(who));
    known->handler(known->request, known->door, err, who);
}

/* The request is there until it is answered, whether or not its client is, so nothing has to be taken back.
 */
void bim_web_check(struct rb_request *request, struct rb_bimserver_door *door, rb_str token,
                   bim_known_fn *handler)
{
    struct known *known = rb_arena_new(&request->arena, struct known);
    *known = (struct known){request, door, handler};
    if (token.n)
        rb_auth_check(door->setup.auth, token, on_checked, known);
    else
        handler(request, door, RB_UNAUTHENTICATED, NULL);
}

rb_str bim_web_token(struct rb_request *request)
{
    rb_str token;
    if (rb_request_query(request, "token", &token) && token.n) return token;
    token = rb_request_header(request, "Token");
    return token.n ? token : rb_auth_bearer(rb_request_header(request, "Authorization"));
}

uint64_t bim_web_number(struct rb_request *request, const char *name)
{
    rb_str text;
    uint64_t number = 0;
    if (rb_request_query(request, name, &text)) rb_str_u64(text, INT64_MAX, &number);
    return number;
}

void bim_web_fail(struct rb_request *request, rb_err err, rb_str message)
{
    const struct rb_reason *reason = rb_reason(err);
    if (reason->http_status == 401) rb_answer_header(request, "WWW-Authenticate", RB_STR("Bearer"));
    rb_answer(request, reason->http_status, RB_STR("text/plain; charset=utf-8"),
              message.n ? message : rb_str_of(reason->sentence));
}
