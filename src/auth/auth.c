/* Looking tokens up. A loop's cache holds answers by the token's hash; a miss reads the store on the pool.
 * Only good answers are cached: a wrong token costs a read each time, and guessing 192 bits is hopeless. */
#include "auth/auth.h"

#include "auth/lending.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>

struct cached {
    unsigned char hash[RB_SHA256_BYTES];
    uint64_t until_ms;   /* monotonic: when it is looked up anew */
    uint64_t expires_ms; /* wall clock: the token's own end; 0 = never */
    const struct rb_identity *identity;
};

struct cache {
    struct rb_loop *loop;
    uint64_t deletions; /* of the whole, when it was emptied last */
    struct rb_map tokens;
};

struct rb_auth {
    struct rb_store *store;
    struct rb_lending *lending;
    _Atomic uint64_t deletions; /* of tokens, by this server */
    unsigned cache_count;
    struct cache caches[];
};

struct rb_auth_check {
    struct rb_auth *auth;
    struct cache *cache;
    uint64_t deletions;    /* when it began */
    rb_auth_done_fn *done; /* NULL: cancelled */
    void *arg;
    unsigned char hash[RB_SHA256_BYTES];
    struct rb_arena arena;
    struct rb_token_record record;
};

static void forget(struct cache *cache, struct cached *cached)
{
    rb_map_remove(&cache->tokens, rb_str_make(cached->hash, sizeof cached->hash));
    rb_identity_unref(cached->identity);
    rb_free(cached);
}

static void forget_all(struct cache *cache)
{
    struct cached *cached;
    for (size_t at = 0; (cached = rb_map_next(&cache->tokens, &at)) != NULL;) forget(cache, cached);
}

struct rb_auth *rb_auth_new(struct rb_store *store, struct rb_loop *const *loops, unsigned loop_count)
{
    struct rb_auth *auth = rb_alloc(sizeof *auth + loop_count * sizeof auth->caches[0]);
    auth->store = store;
    auth->lending = rb_lending_new();
    auth->cache_count = loop_count;
    for (unsigned i = 0; i < loop_count; i++) auth->caches[i].loop = loops[i];
    return auth;
}

void rb_auth_free(struct rb_auth *auth)
{
    if (!auth) return;
    for (unsigned i = 0; i < auth->cache_count; i++) {
        forget_all(&auth->caches[i]);
        rb_map_fini(&auth->caches[i].tokens);
    }
    rb_lending_free(auth->lending);
    rb_free(auth);
}

static struct cache *cache_here(struct rb_auth *auth)
{
    struct rb_loop *here = rb_loop_current();
    for (unsigned i = 0; i < auth->cache_count; i++)
        if (auth->caches[i].loop == here) return &auth->caches[i];
    RB_UNREACHABLE();
}

static bool is_expired(uint64_t expires_ms)
{
    return expires_ms && expires_ms <= rb_clock_wall_ms();
}

static void remember(const struct rb_auth_check *check, const struct rb_identity *identity)
{
    struct cache *cache = check->cache;
    if (check->deletions != atomic_load(&check->auth->deletions)) return; /* it may have been this one */
    if (cache->tokens.count >= RB_AUTH_CACHE_MAX)
        forget_all(cache); /* simple, and rare: they are looked up again */
    struct cached *cached = rb_map_get(&cache->tokens, rb_str_make(check->hash, sizeof check->hash));
    if (cached) forget(cache, cached);
    cached = rb_new(struct cached);
    memcpy(cached->hash, check->hash, sizeof cached->hash);
    cached->until_ms = rb_clock_ms() + RB_AUTH_CACHE_MS;
    cached->expires_ms = check->record.expires_ms;
    cached->identity = rb_identity_ref(identity);
    rb_map_put(&cache->tokens, rb_str_make(cached->hash, sizeof cached->hash), cached);
}

static rb_err read_token(struct rb_reader *reader, void *arg)
{
    struct rb_auth_check *check = arg;
    return rb_read_token(reader, &check->arena, check->hash, &check->record);
}

static void on_read(void *arg, rb_err err)
{
    struct rb_auth_check *check = arg;
    struct rb_identity found = {.tenant = check->record.tenant, .client = check->record.client};
    if (err == RB_NOT_FOUND) err = RB_UNAUTHENTICATED;
    if (err == RB_OK &&
        (is_expired(check->record.expires_ms) || !rb_role_find(check->record.role, &found.role)))
        err = RB_UNAUTHENTICATED;
    const struct rb_identity *identity = err ? NULL : rb_identity_new(&found);
    if (identity) remember(check, identity);
    if (check->done) check->done(check->arg, err, identity);
    rb_identity_unref(identity);
    rb_arena_fini(&check->arena);
    rb_free(check);
}

static struct cached *find_fresh(struct cache *cache, const unsigned char hash[RB_SHA256_BYTES])
{
    struct cached *cached = rb_map_get(&cache->tokens, rb_str_make(hash, RB_SHA256_BYTES));
    if (!cached || (cached->until_ms > rb_clock_ms() && !is_expired(cached->expires_ms))) return cached;
    forget(cache, cached);
    return NULL;
}

/* Rare, and so all of it is looked up anew. */
static void heed_deletions(struct rb_auth *auth, struct cache *cache)
{
    uint64_t deletions = atomic_load(&auth->deletions);
    if (cache->deletions == deletions) return;
    forget_all(cache);
    cache->deletions = deletions;
}

void rb_auth_forget(struct rb_auth *auth)
{
    atomic_fetch_add(&auth->deletions, 1);
}

static void check_lent(struct rb_auth *auth, const unsigned char hash[RB_SHA256_BYTES], rb_auth_done_fn *done,
                       void *arg)
{
    const struct rb_identity *identity = rb_lending_find(auth->lending, hash);
    done(arg, identity ? RB_OK : RB_UNAUTHENTICATED, identity);
    rb_identity_unref(identity);
}

struct rb_auth_check *rb_auth_check(struct rb_auth *auth, rb_str token, rb_auth_done_fn *done, void *arg)
{
    if (token.n == 0 || token.n > 512) {
        done(arg, RB_UNAUTHENTICATED, NULL);
        return NULL;
    }
    unsigned char hash[RB_SHA256_BYTES];
    rb_sha256(token, hash);
    if (rb_lending_has_form(token)) {
        check_lent(auth, hash, done, arg);
        return NULL;
    }
    struct cache *cache = cache_here(auth);
    heed_deletions(auth, cache);
    struct cached *cached = find_fresh(cache, hash);
    if (cached) {
        done(arg, RB_OK, cached->identity);
        return NULL;
    }
    struct rb_auth_check *check = rb_new(struct rb_auth_check);
    check->auth = auth;
    check->cache = cache;
    check->deletions = cache->deletions;
    check->done = done;
    check->arg = arg;
    memcpy(check->hash, hash, sizeof hash);
    rb_store_read(auth->store, cache->loop, read_token, on_read, check);
    return check;
}

void rb_auth_cancel(struct rb_auth_check *check)
{
    if (check) check->done = NULL;
}

void rb_auth_lend(struct rb_auth *auth, const struct rb_identity *identity, char out[RB_TOKEN_TEXT_BYTES])
{
    rb_lending_lend(auth->lending, identity, out);
}

void rb_auth_take_back(struct rb_auth *auth, rb_str token)
{
    rb_lending_take_back(auth->lending, token);
}
