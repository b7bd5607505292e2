#include "auth/guard.h"

struct guarded {
    struct rb_request *request;
    rb_guarded_fn *handler;
    void *arg;
};

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct guarded *guarded = arg;
    struct rb_arena *arena = &guarded->request->arena;
    struct rb_identity *who = NULL;
    if (identity) {
        who = rb_arena_new(arena, struct rb_identity);
        who->tenant = rb_arena_copy(arena, identity->tenant);
        who->client = rb_arena_copy(arena, identity->client);
        who->role = identity->role;
    }
    guarded->handler(guarded->request, guarded->arg, err, who);
}

void rb_guard(struct rb_auth *auth, struct rb_request *request, rb_guarded_fn *handler, void *arg)
{
    struct guarded *guarded = rb_arena_new(&request->arena, struct guarded);
    *guarded = (struct guarded){.request = request, .handler = handler, .arg = arg};
    rb_auth_check(auth, rb_auth_bearer(rb_request_header(request, "Authorization")), on_checked, guarded);
}
