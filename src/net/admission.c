#include "net/admission.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/tally.h"

#include <stdatomic.h>
#include <string.h>

enum { KEY_BYTES_MAX = 8 };

struct key {
    uint8_t n; /* 0: none */
    char bytes[KEY_BYTES_MAX];
};

/* Under which key a descriptor's connection is counted. Whoever has the descriptor has its place; from one
 * thread to the next, which gets the number after it was closed, is_taken hands it over. */
struct place {
    _Atomic bool is_taken;
    struct key key;
};

struct rb_admission {
    uint32_t connections_max;
    _Atomic uint32_t count;
    struct rb_tally *addresses;
    struct place *places; /* by descriptor; NULL when addresses have no limit */
    uint32_t place_count;
};

struct rb_admission *rb_admission_new(uint32_t connections_max, uint32_t per_address_max,
                                      uint32_t descriptors)
{
    struct rb_admission *admission = rb_new(struct rb_admission);
    admission->connections_max = connections_max;
    if (per_address_max == 0) return admission;
    admission->addresses = rb_tally_new(per_address_max);
    admission->places = rb_new_array(struct place, descriptors);
    admission->place_count = descriptors;
    return admission;
}

void rb_admission_free(struct rb_admission *admission)
{
    if (!admission) return;
    rb_tally_free(admission->addresses);
    rb_free(admission->places);
    rb_free(admission);
}

uint32_t rb_admission_count(const struct rb_admission *admission)
{
    return atomic_load_explicit(&admission->count, memory_order_relaxed);
}

bool rb_admission_is_open(void *arg)
{
    const struct rb_admission *admission = arg;
    return rb_admission_count(admission) < admission->connections_max;
}

/* IPv4 addresses stay apart from IPv6 networks by their length; those that came as IPv6 are what they are. */
static struct key key_of(const struct sockaddr_storage *peer)
{
    struct key key = {0};
    if (peer->ss_family == AF_INET) {
        key.n = 4;
        memcpy(key.bytes, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    } else if (peer->ss_family == AF_INET6) {
        const struct in6_addr *address = &((const struct sockaddr_in6 *)peer)->sin6_addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(address);
        key.n = is_mapped ? 4 : 8;
        memcpy(key.bytes, address->s6_addr + (is_mapped ? 12 : 0), key.n);
    }
    return key;
}

bool rb_admission_enter(struct rb_admission *admission, int fd, const struct sockaddr_storage *peer)
{
    atomic_fetch_add_explicit(&admission->count, 1, memory_order_relaxed);
    if (!admission->places) return true;
    RB_CHECK((uint32_t)fd < admission->place_count);
    struct place *place = &admission->places[fd];
    struct key key = key_of(peer);
    if (key.n == 0) return true;
    if (!rb_tally_take(admission->addresses, rb_str_make(key.bytes, key.n))) return false;
    RB_CHECK(!atomic_load_explicit(&place->is_taken, memory_order_acquire));
    place->key = key;
    atomic_store_explicit(&place->is_taken, true, memory_order_relaxed);
    return true;
}

void rb_admission_leave(struct rb_admission *admission, int fd)
{
    struct place *place = admission->places ? &admission->places[fd] : NULL;
    if (place && atomic_load_explicit(&place->is_taken, memory_order_relaxed)) {
        rb_tally_give(admission->addresses, rb_str_make(place->key.bytes, place->key.n));
        atomic_store_explicit(&place->is_taken, false, memory_order_release);
    }
    RB_CHECK(atomic_fetch_sub_explicit(&admission->count, 1, memory_order_relaxed) > 0);
}
