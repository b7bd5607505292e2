/* Identities: the same for all connections of a token, so they are shared rather than copied. */
#include "auth/auth.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>

static const char *const role_names[] = {"client", "backend", "ticket"};

const char *rb_role_name(enum rb_role role)
{
    return role_names[role];
}

bool rb_role_find(rb_str name, enum rb_role *out_role)
{
    for (size_t i = 0; i < RB_ROLE_TICKET; i++) {
        if (!rb_str_is(name, role_names[i])) continue;
        *out_role = (enum rb_role)i;
        return true;
    }
    return false;
}

struct shared {
    _Atomic uint32_t refs;
    struct rb_identity identity;
    char text[]; /* tenant, client */
};

static struct shared *shared_of(const struct rb_identity *identity)
{
    return RB_OUTER((struct rb_identity *)identity, struct shared, identity);
}

const struct rb_identity *rb_identity_new(const struct rb_identity *identity)
{
    rb_str tenant = identity->tenant, client = identity->client;
    struct shared *shared = rb_alloc(sizeof *shared + tenant.n + client.n);
    memcpy(shared->text, tenant.p, tenant.n);
    memcpy(shared->text + tenant.n, client.p, client.n);
    shared->identity = (struct rb_identity){.tenant = rb_str_make(shared->text, tenant.n),
                                            .client = rb_str_make(shared->text + tenant.n, client.n),
                                            .role = identity->role};
    atomic_init(&shared->refs, 1);
    return &shared->identity;
}

const struct rb_identity *rb_identity_ref(const struct rb_identity *identity)
{
    atomic_fetch_add_explicit(&shared_of(identity)->refs, 1, memory_order_relaxed);
    return identity;
}

void rb_identity_unref(const struct rb_identity *identity)
{
    if (!identity) return;
    struct shared *shared = shared_of(identity);
    if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1) rb_free(shared);
}
