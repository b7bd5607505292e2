#include "auth/guard.h"

struct guarded {
    struct rb_request *request;
    rb_guarded_fn *handler;
    void *arg;
};

static void let_go(const void *identity)
{
    rb_identity_unref(identity);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct guarded *guarded = arg;
    if (identity) rb_arena_at_end(&guarded->request->arena, let_go, rb_identity_ref(identity));
    guarded->handler(guarded->request, guarded->arg, err, identity);
}

void rb_guard(struct rb_auth *auth, struct rb_request *request, rb_guarded_fn *handler, void *arg)
{
    struct guarded *guarded = rb_arena_new(&request->arena, struct guarded);
    *guarded = (struct guarded){.request = request, .handler = handler, .arg = arg};
    rb_auth_check(auth, rb_auth_bearer(rb_request_header(request, "Authorization")), on_checked, guarded);
}
