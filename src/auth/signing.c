#include "auth/signing.h"

#include "auth/brake.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <string.h>

enum { PUBLIC_ID_BYTES_MAX = 128, HEX_BYTES = 2 * RB_SHA512_BYTES };

struct cached {
    uint64_t until_ms; /* monotonic */
    struct rb_arena arena;
    struct rb_account_record record;
};

struct cache {
    struct rb_loop *loop;
    struct rb_map accounts; /* struct cached, by public id */
};

struct rb_signing {
    struct rb_store *store;
    struct rb_map configured;
    struct rb_brake *seen; /* signatures; one is too many */
    unsigned cache_count;
    struct cache caches[];
};

/* ---- caches ---- */

static void forget(struct cache *cache, struct cached *cached)
{
    rb_map_remove(&cache->accounts, cached->record.public_id);
    rb_arena_fini(&cached->arena);
    rb_free(cached);
}

static void forget_all(struct cache *cache)
{
    struct cached *cached;
    for (size_t at = 0; (cached = rb_map_next(&cache->accounts, &at)) != NULL;) forget(cache, cached);
}

struct rb_signing *rb_signing_new(struct rb_store *store, struct rb_loop *const *loops, unsigned loop_count,
                                  const struct rb_account_record *configured, unsigned configured_count)
{
    struct rb_signing *signing = rb_alloc(sizeof *signing + loop_count * sizeof signing->caches[0]);
    signing->store = store;
    signing->cache_count = loop_count;
    signing->seen = rb_brake_new(RB_REPLAY_WINDOW_MS, 1);
    for (unsigned i = 0; i < loop_count; i++) signing->caches[i].loop = loops[i];
    for (unsigned i = 0; i < configured_count; i++)
        rb_map_put(&signing->configured, configured[i].public_id,
                   (void *)(uintptr_t)&configured[i]); /* never written to */
    return signing;
}

void rb_signing_free(struct rb_signing *signing)
{
    if (!signing) return;
    for (unsigned i = 0; i < signing->cache_count; i++) {
        forget_all(&signing->caches[i]);
        rb_map_fini(&signing->caches[i].accounts);
    }
    rb_map_fini(&signing->configured);
    rb_brake_free(signing->seen);
    rb_free(signing);
}

static struct cache *cache_here(struct rb_signing *signing)
{
    struct rb_loop *here = rb_loop_current();
    for (unsigned i = 0; i < signing->cache_count; i++)
        if (signing->caches[i].loop == here) return &signing->caches[i];
    RB_UNREACHABLE();
}

/* ---- signatures ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool from_hex(rb_str text, unsigned char out[RB_SHA512_BYTES])
{
    if (text.n != HEX_BYTES) return false;
    for (size_t i = 0; i < RB_SHA512_BYTES; i++) {
        int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* record NULL: no such account. Then as much is computed, for nothing. */
static bool is_signed(const struct rb_account_record *record, rb_str signature, rb_str body)
{
    unsigned char want[RB_SHA512_BYTES], have[RB_SHA512_BYTES];
    rb_hmac_sha512(record ? record->secret : RB_STR("nobody"), body, want);
    bool is_hex = from_hex(signature, have);
    if (!is_hex) memset(have, 0, sizeof have);
    return rb_str_eq_secret(rb_str_make(want, sizeof want), rb_str_make(have, sizeof have)) && is_hex &&
           record != NULL;
}

static void judge(const struct rb_account_record *record, rb_str signature, rb_str body,
                  rb_signing_done_fn *done, void *arg)
{
    if (!is_signed(record, signature, body)) {
        done(arg, RB_UNAUTHENTICATED, NULL);
        return;
    }
    struct rb_account account = {.public_id = record->public_id,
                                 .tenant = record->tenant,
                                 .is_guarded = record->is_guarded};
    done(arg, RB_OK, &account);
}

bool rb_signing_is_replay(struct rb_signing *signing, rb_str signature)
{
    unsigned char bytes[RB_SHA512_BYTES] = {0};
    uint64_t wait_ms;
    from_hex(signature, bytes); /* so that another case is not another signature */
    rb_str key = rb_str_make(bytes, sizeof bytes);
    bool was_seen = rb_brake_is_on(signing->seen, key, &wait_ms);
    rb_brake_count(signing->seen, key);
    return was_seen;
}

/* ---- looking accounts up ---- */

struct check {
    struct cache *cache;
    rb_str public_id; /* in the arena of `found` */
    rb_str signature, body;
    rb_signing_done_fn *done;
    void *arg;
    struct cached *found;
};

static rb_err read(struct rb_reader *reader, void *arg)
{
    struct check *check = arg;
    return rb_read_account(reader, &check->found->arena, check->public_id, &check->found->record);
}

static void remember(struct cache *cache, struct cached *take_found)
{
    struct cached *before = rb_map_get(&cache->accounts, take_found->record.public_id);
    if (before) forget(cache, before);
    if (cache->accounts.count >= RB_SIGNING_CACHE_MAX) forget_all(cache);
    take_found->until_ms = rb_clock_ms() + RB_SIGNING_CACHE_MS;
    rb_map_put(&cache->accounts, take_found->record.public_id, take_found);
}

static void on_read(void *arg, rb_err err)
{
    struct check *check = arg;
    if (!err || err == RB_NOT_FOUND)
        judge(err ? NULL : &check->found->record, check->signature, check->body, check->done, check->arg);
    else
        check->done(check->arg, err, NULL);
    if (err) {
        rb_arena_fini(&check->found->arena);
        rb_free(check->found);
    } else {
        remember(check->cache, check->found);
    }
    rb_free(check);
}

void rb_signing_check(struct rb_signing *signing, rb_str public_id, rb_str signature, rb_str body,
                      rb_signing_done_fn *done, void *arg)
{
    struct cache *cache = cache_here(signing);
    if (public_id.n == 0 || public_id.n > PUBLIC_ID_BYTES_MAX) {
        judge(NULL, signature, body, done, arg);
        return;
    }
    const struct rb_account_record *configured = rb_map_get(&signing->configured, public_id);
    struct cached *cached = configured ? NULL : rb_map_get(&cache->accounts, public_id);
    if (cached && cached->until_ms <= rb_clock_ms()) {
        forget(cache, cached);
        cached = NULL;
    }
    if (configured || cached) {
        judge(configured ? configured : &cached->record, signature, body, done, arg);
        return;
    }
    struct check *check = rb_new(struct check);
    *check = (struct check){.cache = cache, .signature = signature, .body = body, .done = done, .arg = arg};
    check->found = rb_new(struct cached);
    check->public_id = rb_arena_copy(&check->found->arena, public_id);
    rb_store_read(signing->store, cache->loop, read, on_read, check);
}

void rb_signing_random_hex(char *out, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte;
        rb_random_bytes(&byte, 1);
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * bytes] = '\0';
}
