#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"

static bool is_live(const struct rb_map *map, const struct rb_map_slot *slot)
{
    return slot->value && slot->value != (const void *)map;
}

void rb_map_fini(struct rb_map *map)
{
    rb_free(map->slots);
    *map = (struct rb_map){0};
}

static struct rb_map_slot *find(const struct rb_map *map, rb_str key, uint64_t hash)
{
    if (map->cap == 0) return NULL;
    for (size_t i = hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct rb_map_slot *slot = &map->slots[i];
        if (!slot->value) return NULL;
        if (slot->hash == hash && is_live(map, slot) && rb_str_eq(slot->key, key)) return slot;
    }
}

void *rb_map_get(const struct rb_map *map, rb_str key)
{
    struct rb_map_slot *slot = map->count ? find(map, key, rb_hash(key)) : NULL;
    return slot ? slot->value : NULL;
}

static void insert_new(struct rb_map *map, rb_str key, uint64_t hash, void *value)
{
    size_t i = hash & (map->cap - 1);
    while (map->slots[i].value) i = (i + 1) & (map->cap - 1);
    map->slots[i] = (struct rb_map_slot){key, value, hash};
    map->count++;
    map->used++;
}

/* Makes room by rebuilding the table: twice as large, or the same size when it is only full of removed slots.
 */
static void rebuild(struct rb_map *map)
{
    struct rb_map old = *map;
    size_t cap = 8;
    while (cap < old.count * 2 + 2) cap *= 2;
    *map = (struct rb_map){.slots = rb_new_array(struct rb_map_slot, cap), .cap = cap};
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value && old.slots[i].value != (void *)map)
            insert_new(map, old.slots[i].key, old.slots[i].hash, old.slots[i].value);
    rb_free(old.slots);
}

void rb_map_put(struct rb_map *map, rb_str key, void *value)
{
    uint64_t hash = rb_hash(key);
    struct rb_map_slot *slot = find(map, key, hash);
    if (slot) {
        slot->key = key;
        slot->value = value;
        return;
    }
    if ((map->used + 1) * 4 > map->cap * 3) rebuild(map);
    insert_new(map, key, hash, value);
}

void *rb_map_remove(struct rb_map *map, rb_str key)
{
    struct rb_map_slot *slot = map->count ? find(map, key, rb_hash(key)) : NULL;
    if (!slot) return NULL;
    void *value = slot->value;
    slot->value = map;
    map->count--;
    if (map->count == 0) rb_map_fini(map); /* an emptied map owns nothing */
    return value;
}

void *rb_map_next(const struct rb_map *map, size_t *at)
{
    while (*at < map->cap) {
        const struct rb_map_slot *slot = &map->slots[(*at)++];
        if (is_live(map, slot)) return slot->value;
    }
    return NULL;
}
