/* A slot is three bytes of a handle, so a table holds 16 million objects at most; the secret is what makes a
 * handle more than a number. It is drawn anew whenever a slot is taken, so that nothing has to be remembered
 * of the objects that were there before. */
#include "base/handle.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"

#include <string.h>

enum { BLOCK_SLOTS = 1024, SECRET_AT = RB_HANDLE_BYTES - RB_HANDLE_SECRET_BYTES };

struct place {
    void *object; /* NULL: free */
    unsigned char secret[RB_HANDLE_SECRET_BYTES];
    union {
        uint32_t note;
        uint32_t next_free; /* of a free one, in its block */
    };
};

struct rb_handle_block {
    uint16_t used;
    uint16_t free; /* first of the chain of its free places; BLOCK_SLOTS: none */
    struct place places[BLOCK_SLOTS];
};

/* ---- as text: base64url (RFC 4648 section 5), whole groups only ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void rb_handle_text(const struct rb_handle *handle, char out[RB_HANDLE_TEXT_BYTES])
{
    for (unsigned i = 0; i < RB_HANDLE_BYTES; i += 3) {
        const unsigned char *p = handle->bytes + i;
        uint32_t group = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        for (int shift = 18; shift >= 0; shift -= 6) *out++ = alphabet[group >> shift & 63];
    }
    *out = '\0';
}

bool rb_handle_parse(rb_str text, struct rb_handle *out)
{
    struct rb_handle handle;
    if (text.n != RB_HANDLE_CHARACTERS) return false;
    for (unsigned i = 0; i < RB_HANDLE_CHARACTERS / 4; i++) {
        uint32_t group = 0;
        for (unsigned k = 0; k < 4; k++) {
            const char *at = memchr(alphabet, text.p[4 * i + k], 64);
            if (!at) return false;
            group = group << 6 | (uint32_t)(at - alphabet);
        }
        for (unsigned k = 0; k < 3; k++) handle.bytes[3 * i + k] = (unsigned char)(group >> (16 - 8 * k));
    }
    *out = handle;
    return true;
}

unsigned rb_handle_node(const struct rb_handle *handle)
{
    return (unsigned)handle->bytes[0] << 8 | handle->bytes[1];
}

unsigned rb_handle_loop(const struct rb_handle *handle)
{
    return handle->bytes[2];
}

uint32_t rb_handle_slot(const struct rb_handle *handle)
{
    return (uint32_t)handle->bytes[3] << 16 | (uint32_t)handle->bytes[4] << 8 | handle->bytes[5];
}

/* ---- the table ---- */

void rb_handles_init(struct rb_handles *table, unsigned node, unsigned loop)
{
    *table = (struct rb_handles){.node = (uint16_t)node, .loop = (uint8_t)loop};
}

void rb_handles_fini(struct rb_handles *table)
{
    for (uint32_t i = 0; i < table->block_count; i++) rb_free(table->blocks[i]);
    rb_free(table->blocks);
    rb_handles_init(table, table->node, table->loop);
}

static struct place *place_of(const struct rb_handles *table, uint32_t slot)
{
    return &table->blocks[slot / BLOCK_SLOTS]->places[slot % BLOCK_SLOTS];
}

static struct rb_handle_block *block_new(void)
{
    struct rb_handle_block *block = rb_new(struct rb_handle_block);
    for (uint32_t i = 0; i < BLOCK_SLOTS; i++) block->places[i].next_free = i + 1;
    return block;
}

/* The lowest block with room; NULL when there are no more slots to be had. */
static struct rb_handle_block *open_block(struct rb_handles *table)
{
    uint32_t at = table->first_open, count = table->block_count;
    while (at < count && table->blocks[at] && table->blocks[at]->free == BLOCK_SLOTS) at++;
    table->first_open = at;
    if (at >= RB_HANDLE_NO_SLOT / BLOCK_SLOTS) return NULL;
    if (at == count) {
        if ((count & (count - 1)) == 0) /* the list of blocks doubles */
            table->blocks =
                rb_realloc(table->blocks, (count ? 2 * (size_t)count : 1) * sizeof table->blocks[0]);
        table->blocks[at] = NULL;
        table->block_count++;
    }
    if (!table->blocks[at]) table->blocks[at] = block_new();
    return table->blocks[at];
}

uint32_t rb_handles_add(struct rb_handles *table, void *object)
{
    RB_CHECK(object != NULL);
    struct rb_handle_block *block = open_block(table);
    if (!block) return RB_HANDLE_NO_SLOT;
    struct place *place = &block->places[block->free];
    uint32_t slot = table->first_open * BLOCK_SLOTS + block->free;
    block->free = (uint16_t)place->next_free;
    block->used++;
    place->object = object;
    place->note = 0;
    rb_random_bytes(place->secret, sizeof place->secret);
    table->count++;
    return slot;
}

/* The place of a slot that is taken. */
static struct place *taken(const struct rb_handles *table, uint32_t slot)
{
    RB_CHECK(slot / BLOCK_SLOTS < table->block_count && table->blocks[slot / BLOCK_SLOTS]);
    struct place *place = place_of(table, slot);
    RB_CHECK(place->object != NULL);
    return place;
}

/* A block without objects is given back; the first one stays, for those that come and go one at a time. */
void rb_handles_remove(struct rb_handles *table, uint32_t slot)
{
    struct place *place = taken(table, slot);
    uint32_t at = slot / BLOCK_SLOTS;
    struct rb_handle_block *block = table->blocks[at];
    place->object = NULL;
    place->next_free = block->free;
    block->free = (uint16_t)(slot % BLOCK_SLOTS);
    table->count--;
    if (at < table->first_open) table->first_open = at;
    if (--block->used > 0 || at == 0) return;
    rb_free(block);
    table->blocks[at] = NULL;
}

void rb_handles_replace(struct rb_handles *table, uint32_t slot, void *object)
{
    RB_CHECK(object != NULL);
    taken(table, slot)->object = object;
}

void rb_handles_set_note(struct rb_handles *table, uint32_t slot, uint32_t note)
{
    taken(table, slot)->note = note;
}

uint32_t rb_handles_note(const struct rb_handles *table, uint32_t slot)
{
    return taken(table, slot)->note;
}

void rb_handles_name(const struct rb_handles *table, uint32_t slot, struct rb_handle *out)
{
    const struct place *place = taken(table, slot);
    const unsigned char where[SECRET_AT] = {
        (unsigned char)(table->node >> 8), (unsigned char)table->node, table->loop,
        (unsigned char)(slot >> 16),       (unsigned char)(slot >> 8), (unsigned char)slot};
    memcpy(out->bytes, where, sizeof where);
    memcpy(out->bytes + SECRET_AT, place->secret, sizeof place->secret);
}

/* Of a free slot the last secret is still there, but no object. */
void *rb_handles_get(const struct rb_handles *table, const struct rb_handle *handle)
{
    uint32_t slot = rb_handle_slot(handle);
    if (rb_handle_node(handle) != table->node || rb_handle_loop(handle) != table->loop ||
        slot / BLOCK_SLOTS >= table->block_count || !table->blocks[slot / BLOCK_SLOTS])
        return NULL;
    const struct place *place = place_of(table, slot);
    bool is_it = rb_str_eq_secret(rb_str_make(place->secret, sizeof place->secret),
                                  rb_str_make(handle->bytes + SECRET_AT, RB_HANDLE_SECRET_BYTES));
    return is_it ? place->object : NULL;
}

/* Blocks without objects are stepped over, so that a table that was large once is walked as fast as a small
 * one. */
void *rb_handles_next(const struct rb_handles *table, uint32_t *at)
{
    uint32_t slot = *at, end = table->block_count * BLOCK_SLOTS;
    while (slot < end) {
        void *object = NULL;
        const struct rb_handle_block *block = table->blocks[slot / BLOCK_SLOTS];
        if (!block || block->used == 0)
            slot = (slot / BLOCK_SLOTS + 1) * BLOCK_SLOTS;
        else
            object = place_of(table, slot++)->object;
        if (!object) continue;
        *at = slot;
        return object;
    }
    *at = slot;
    return NULL;
}
