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
    _Atomic bool has_ended;
    struct rb_identity identity;
    char text[]; /* tenant, client, job */
};

static struct shared *shared_of(const struct rb_identity *identity)
{
    return RB_OUTER((struct rb_identity *)identity, struct shared, identity);
}

static rb_str put(char **at, rb_str s)
{
    if (!s.p) return RB_STR_NONE;
    memcpy(*at, s.p, s.n);
    *at += s.n;
    return rb_str_make(*at - s.n, s.n);
}

const struct rb_identity *rb_identity_new(const struct rb_identity *identity)
{
    struct shared *shared =
        rb_alloc(sizeof *shared + identity->tenant.n + identity->client.n + identity->job.n);
    char *at = shared->text;
    shared->identity = (struct rb_identity){.tenant = put(&at, identity->tenant),
                                            .client = put(&at, identity->client),
                                            .role = identity->role,
                                            .job = put(&at, identity->job)};
    atomic_init(&shared->refs, 1);
    atomic_init(&shared->has_ended, false);
    return &shared->identity;
}

const struct rb_identity *rb_identity_ref(const struct rb_identity *identity)
{
    atomic_fetch_add_explicit(&shared_of(identity)->refs, 1, memory_order_relaxed);
    return identity;
}

bool rb_identity_has_ended(const struct rb_identity *identity)
{
    return atomic_load_explicit(&shared_of(identity)->has_ended, memory_order_acquire);
}

void rb_identity_end(const struct rb_identity *identity)
{
    atomic_store_explicit(&shared_of(identity)->has_ended, true, memory_order_release);
}

void rb_identity_unref(const struct rb_identity *identity)
{
    if (!identity) return;
    struct shared *shared = shared_of(identity);
    if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1) rb_free(shared);
}
