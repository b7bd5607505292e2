#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct rb_arena_block {
    struct rb_arena_block *next;
    size_t used, cap;
    alignas(max_align_t) char bytes[];
};

struct rb_arena_end {
    struct rb_arena_end *next;
    void (*at_end)(const void *arg);
    const void *arg;
};

/* Most requests need little, and those that wait are many; with its head a block is small enough for malloc
 * to have it at hand. */
enum { FIRST_BLOCK_BYTES = 480, BLOCK_BYTES = 992 };

void rb_arena_at_end(struct rb_arena *arena, void (*at_end)(const void *arg), const void *arg)
{
    struct rb_arena_end *end = rb_arena_new(arena, struct rb_arena_end);
    *end = (struct rb_arena_end){.next = arena->ends, .at_end = at_end, .arg = arg};
    arena->ends = end;
}

void rb_arena_fini(struct rb_arena *arena)
{
    for (; arena->ends; arena->ends = arena->ends->next) arena->ends->at_end(arena->ends->arg);
    while (arena->blocks) {
        struct rb_arena_block *next = arena->blocks->next;
        rb_free(arena->blocks);
        arena->blocks = next;
    }
}

void *rb_arena_alloc(struct rb_arena *arena, size_t bytes)
{
    size_t rounded = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct rb_arena_block *block = arena->blocks;
    if (!block || block->cap - block->used < rounded) {
        size_t usual = block ? BLOCK_BYTES : FIRST_BLOCK_BYTES, cap = rounded > usual ? rounded : usual;
        block = rb_alloc(sizeof *block + cap);
        block->cap = cap;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *piece = block->bytes + block->used;
    block->used += rounded;
    return piece;
}

rb_str rb_arena_copy(struct rb_arena *arena, rb_str s)
{
    char *copy = rb_arena_alloc(arena, s.n + 1);
    if (s.n) memcpy(copy, s.p, s.n);
    return (rb_str){copy, s.n};
}

rb_str rb_arena_fmt(struct rb_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = rb_arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return (rb_str){text, (size_t)n};
}
