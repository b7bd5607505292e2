/* Keys that occur twice in an object.
 *
 * Two readers of such an object may see two different things, so it is refused. Comparing each key with each
 * is the quickest for the handful that nearly all objects have, and square for the objects that an attacker
 * would send. So: up to SMALL_MAX keys by comparison, with a 32-bit filter of each so that unequal keys
 * almost never touch the text; more, or with escapes (which compare decoded), through a temporary set hashed
 * under the process's secret key. */
#include "codec/json_tape.h"

#include "base/hash.h"
#include "base/mem.h"

enum { SMALL_MAX = 16 };

/* Equal keys have equal filters. Not a defence: whoever aims for equal ones wins SMALL_MAX squared
 * comparisons. */
static uint32_t filter(rb_str key)
{
    uint64_t head = 0, tail = 0;
    if (key.n >= 8) {
        memcpy(&head, key.p, 8);
        memcpy(&tail, key.p + key.n - 8, 8);
    } else if (key.n >= 4) {
        memcpy(&head, key.p, 4);
        memcpy(&tail, key.p + key.n - 4, 4);
    } else if (key.n > 0) {
        head = (unsigned char)key.p[0] | (uint64_t)(unsigned char)key.p[key.n / 2] << 8;
        tail = (unsigned char)key.p[key.n - 1];
    }
    return (uint32_t)(((head ^ tail << 7 ^ tail >> 57) + key.n) * 0x9e3779b97f4a7c15u >> 32);
}

static rb_err check_small(const char *text, const struct rb_json_node *nodes, uint32_t object, size_t *out_at)
{
    rb_str keys[SMALL_MAX];
    uint32_t filters[SMALL_MAX];
    size_t n = 0;
    for (uint32_t value = object + 2; value; value = nodes[value].next, n++) {
        keys[n] = rb_json_inside(text, &nodes[value - 1]);
        filters[n] = filter(keys[n]);
        for (size_t i = 0; i < n; i++) {
            if (filters[i] != filters[n] || !rb_str_eq(keys[i], keys[n])) continue;
            *out_at = nodes[value - 1].start;
            return RB_BAD_JSON;
        }
    }
    return RB_OK;
}

/* Open addressing. A slot is the upper half of the key's hash and the index of its node; 0 is empty, since no
 * key is the first node of a tape. At most half full. */
struct key_set {
    uint64_t *slots;
    uint64_t mask;
    struct rb_buf decoded; /* scratch */
};

static rb_err key_set_add(struct key_set *set, const char *text, const struct rb_json_node *nodes,
                          uint32_t key)
{
    rb_str name = rb_json_inside(text, &nodes[key]);
    if (!nodes[key].is_plain) {
        rb_buf_clear(&set->decoded);
        if (!rb_buf_reserve(&set->decoded, name.n)) return RB_OUT_OF_MEMORY;
        set->decoded.n = rb_json_decode(name, set->decoded.p);
        name = rb_buf_str(&set->decoded);
    }
    uint64_t hash = rb_hash(name), i = hash & set->mask;
    for (; set->slots[i]; i = (i + 1) & set->mask) {
        if ((set->slots[i] ^ hash) >> 32 != 0) continue;
        if (rb_json_decoded_is(rb_json_inside(text, &nodes[(uint32_t)set->slots[i]]), name))
            return RB_BAD_JSON;
    }
    set->slots[i] = (hash >> 32 << 32) | key;
    return RB_OK;
}

static rb_err check_large(const char *text, const struct rb_json_node *nodes, uint32_t object, size_t *out_at)
{
    uint64_t cap = 8;
    while (cap < (uint64_t)nodes[object].count * 2) cap *= 2;
    struct key_set set = {.slots = rb_try_alloc(cap * sizeof *set.slots), .mask = cap - 1};
    if (!set.slots) return RB_OUT_OF_MEMORY;
    rb_err err = RB_OK;
    for (uint32_t value = object + 2; value && err == RB_OK; value = nodes[value].next) {
        err = key_set_add(&set, text, nodes, value - 1);
        if (err != RB_OK) *out_at = nodes[value - 1].start;
    }
    rb_buf_fini(&set.decoded);
    rb_free(set.slots);
    return err;
}

rb_err rb_json_check_keys(const char *text, const struct rb_json_node *nodes, uint32_t object, size_t *out_at)
{
    bool is_small = nodes[object].count <= SMALL_MAX;
    for (uint32_t value = object + 2; value && is_small; value = nodes[value].next)
        is_small = nodes[value - 1].is_plain;
    return is_small ? check_small(text, nodes, object, out_at) : check_large(text, nodes, object, out_at);
}
