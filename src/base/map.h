/* Hash map from byte strings to pointers. Keys are borrowed: they must live, unchanged, as long as their
 * entry (usually in the value itself). Open addressing with tombstones; keyed hash, so peers may choose keys.
 * One owner, one thread. */
#ifndef RB_BASE_MAP_H
#define RB_BASE_MAP_H

#include "base/str.h"

struct rb_map_slot {
    rb_str key;
    void *value; /* NULL: empty; the address of the map: removed */
    uint64_t hash;
};

struct rb_map {
    struct rb_map_slot *slots;
    size_t cap, count, used; /* used counts removed slots too */
};

void rb_map_fini(struct rb_map *map); /* frees the table, not the values; zeroed storage is an empty map */
void *rb_map_get(const struct rb_map *map, rb_str key);
void rb_map_put(struct rb_map *map, rb_str key, void *value); /* replaces; value must not be NULL */
void *rb_map_remove(struct rb_map *map, rb_str key);          /* what was there, or NULL */

/* Walks all values: *at starts at 0; NULL ends. The body may remove the entry just returned. */
void *rb_map_next(const struct rb_map *map, size_t *at);

#endif
