/* Lists that grow in an arena while rows come in. */
#ifndef RB_STORE_ROWS_H
#define RB_STORE_ROWS_H

#include "base/arena.h"

#include <string.h>

struct rb_rows {
    void *items;
    uint32_t count, cap;
};

/* A zeroed place for one more item of `bytes`. Earlier items may move, and stay where they were as well until
 * the arena goes. */
static inline void *rb_rows_add(struct rb_rows *rows, struct rb_arena *arena, size_t bytes)
{
    if (rows->count == rows->cap) {
        uint32_t cap = rows->cap ? 2 * rows->cap : 8;
        void *items = rb_arena_alloc(arena, cap * bytes);
        if (rows->count) memcpy(items, rows->items, rows->count * bytes);
        rows->items = items;
        rows->cap = cap;
    }
    return (char *)rows->items + rows->count++ * bytes;
}

/* What a query got, into the arena. */
static inline rb_str rb_rows_keep(struct rb_arena *arena, rb_str s)
{
    return s.p ? rb_arena_copy(arena, s) : RB_STR_NONE;
}

#endif
