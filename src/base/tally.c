#include "base/tally.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>
#include <string.h>

enum { SHARDS = 16 };

struct entry {
    uint32_t count;
    size_t key_n;
    char key[];
};

struct shard {
    pthread_mutex_t lock;
    struct rb_map entries; /* by key */
};

struct rb_tally {
    uint32_t max;
    struct shard shards[SHARDS];
};

struct rb_tally *rb_tally_new(uint32_t max)
{
    struct rb_tally *tally = rb_new(struct rb_tally);
    tally->max = max;
    for (unsigned i = 0; i < SHARDS; i++) pthread_mutex_init(&tally->shards[i].lock, NULL);
    return tally;
}

void rb_tally_free(struct rb_tally *tally)
{
    if (!tally) return;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct rb_map *entries = &tally->shards[i].entries;
        struct entry *entry;
        for (size_t at = 0; (entry = rb_map_next(entries, &at)) != NULL;) rb_free(entry);
        rb_map_fini(entries);
        pthread_mutex_destroy(&tally->shards[i].lock);
    }
    rb_free(tally);
}

/* The top bits: the map inside uses the others. */
static struct shard *shard_of(struct rb_tally *tally, rb_str key)
{
    return &tally->shards[rb_hash(key) >> 60];
}

static struct entry *entry_new(rb_str key)
{
    struct entry *entry = rb_alloc(sizeof *entry + key.n);
    entry->key_n = key.n;
    memcpy(entry->key, key.p, key.n);
    return entry;
}

bool rb_tally_take(struct rb_tally *tally, rb_str key)
{
    if (tally->max == 0) return true;
    struct shard *shard = shard_of(tally, key);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = rb_map_get(&shard->entries, key);
    if (!entry) {
        entry = entry_new(key);
        rb_map_put(&shard->entries, rb_str_make(entry->key, entry->key_n), entry);
    }
    bool has_room = entry->count < tally->max;
    if (has_room) entry->count++;
    pthread_mutex_unlock(&shard->lock);
    return has_room;
}

void rb_tally_give(struct rb_tally *tally, rb_str key)
{
    if (tally->max == 0) return;
    struct shard *shard = shard_of(tally, key);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = rb_map_get(&shard->entries, key);
    RB_CHECK(entry && entry->count > 0);
    if (--entry->count == 0) {
        rb_map_remove(&shard->entries, key);
        rb_free(entry);
    }
    pthread_mutex_unlock(&shard->lock);
}
