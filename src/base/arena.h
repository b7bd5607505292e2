/* Memory of one request: many small pieces, freed together. Aborts when the system has no memory left; what
 * peers decide the size of has been limited before it comes here. Zeroed storage is an empty arena. One
 * owner, one thread. */
#ifndef RB_BASE_ARENA_H
#define RB_BASE_ARENA_H

#include "base/str.h"

struct rb_arena_block;
struct rb_arena_end;

struct rb_arena {
    struct rb_arena_block *blocks;
    struct rb_arena_end *ends;
};

void rb_arena_fini(struct rb_arena *arena);
void *rb_arena_alloc(struct rb_arena *arena, size_t bytes); /* zeroed, aligned for anything */
rb_str rb_arena_copy(struct rb_arena *arena, rb_str s);     /* followed by a zero byte */
rb_str rb_arena_fmt(struct rb_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls at_end(arg) when the arena is freed, before its memory goes; the last one asked for comes first. For
 * what the arena's objects hold elsewhere, as references. */
void rb_arena_at_end(struct rb_arena *arena, void (*at_end)(const void *arg), const void *arg);

#define rb_arena_new(arena, type) ((type *)rb_arena_alloc((arena), sizeof(type)))
#define rb_arena_array(arena, type, count) ((type *)rb_arena_alloc((arena), sizeof(type) * (count)))

#endif
