/* Handles: names for objects that live on one loop, which the outside may hold, send back and guess at.
 *
 * A handle says where its object lives (node, loop, slot) and proves with 96 random bits that it was given
 * out: it can be routed without a lookup, nobody can guess it, and a stale one is recognised at once, since
 * the next object in the slot has other bits. As text it is 24 characters of base64url.
 *
 * A table belongs to one thread; handles themselves are plain values. */
#ifndef RB_BASE_HANDLE_H
#define RB_BASE_HANDLE_H

#include "base/str.h"

enum {
    RB_HANDLE_SECRET_BYTES = 12,
    RB_HANDLE_BYTES = 18,
    RB_HANDLE_CHARACTERS = 24,
    RB_HANDLE_TEXT_BYTES = 25
};

struct rb_handle {
    unsigned char bytes[RB_HANDLE_BYTES]; /* node (2), loop (1), slot (3), secret (12); big-endian */
};

unsigned rb_handle_node(const struct rb_handle *handle);
unsigned rb_handle_loop(const struct rb_handle *handle);
uint32_t rb_handle_slot(const struct rb_handle *handle);
void rb_handle_text(const struct rb_handle *handle, char out[RB_HANDLE_TEXT_BYTES]); /* zero-terminated */
/* Exactly RB_HANDLE_CHARACTERS of the alphabet; says nothing about whether the object exists. */
bool rb_handle_parse(rb_str text, struct rb_handle *out);

/* ---- the table ---- Grows and shrinks in blocks that never move, so it has no moment of copying. Free slots
 * are used again, those of the lowest block first. */
struct rb_handles {
    struct rb_handle_block **blocks;
    uint32_t block_count, count;
    uint32_t first_open; /* no block before this one has a free slot */
    uint16_t node;
    uint8_t loop;
};
enum { RB_HANDLE_NO_SLOT = 0xffffff };

void rb_handles_init(struct rb_handles *table, unsigned node, unsigned loop);
void rb_handles_fini(struct rb_handles *table); /* the objects are the owner's */
/* RB_HANDLE_NO_SLOT when all 16 million are taken. object is not NULL. */
uint32_t rb_handles_add(struct rb_handles *table, void *object);
void rb_handles_remove(struct rb_handles *table, uint32_t slot);
void rb_handles_replace(struct rb_handles *table, uint32_t slot,
                        void *object); /* same handle, other object */
/* A number of the owner's that is kept with the object, 0 at first. It costs no memory. */
void rb_handles_set_note(struct rb_handles *table, uint32_t slot, uint32_t note);
uint32_t rb_handles_note(const struct rb_handles *table, uint32_t slot);
void rb_handles_name(const struct rb_handles *table, uint32_t slot, struct rb_handle *out);
/* NULL when it is of another table, stale or made up. The comparison takes the same time for all secrets. */
void *rb_handles_get(const struct rb_handles *table, const struct rb_handle *handle);
/* Walks all objects: *at starts at 0 and then names the next slot to look at; NULL ends. The table may change
 * between calls. */
void *rb_handles_next(const struct rb_handles *table, uint32_t *at);

#endif
