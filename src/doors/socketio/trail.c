#include "doors/socketio/trail.h"

#include "base/mem.h"

#include <string.h>

static bool is_same(struct trail_place a, struct trail_place b)
{
    return a.topic == b.topic && a.offset == b.offset;
}

static void drop_all(struct trail *trail)
{
    rb_free(trail->entries);
    trail->entries = NULL;
    trail->count = trail->cap = trail->marked = 0;
}

void trail_fini(struct trail *trail)
{
    drop_all(trail);
}

void trail_begin(struct trail *trail, struct trail_place at)
{
    drop_all(trail);
    *trail = (struct trail){.last = at, .at_mark = at, .confirmed = at};
}

static void push(struct trail *trail, struct trail_entry entry)
{
    if (trail->count == trail->cap) {
        trail->cap = trail->cap ? trail->cap * 2 : 4;
        trail->entries = rb_realloc(trail->entries, trail->cap * sizeof trail->entries[0]);
    }
    trail->entries[trail->count++] = entry;
}

/* What was passed over on the way was for others. An entry does not reach over the mark: its first part may
 * go before the rest does. */
bool trail_note(struct trail *trail, uint32_t topic, uint64_t after, uint64_t upto)
{
    trail->last = (struct trail_place){topic, upto};
    if (trail->is_lost) return true;
    struct trail_entry *newest = trail->count > trail->marked ? &trail->entries[trail->count - 1] : NULL;
    if (newest && newest->topic == topic && newest->upto <= after) {
        newest->upto = upto;
    } else if (trail->count < TRAIL_ENTRIES_MAX) {
        push(trail, (struct trail_entry){topic, after, upto});
    } else {
        drop_all(trail);
        trail->is_lost = true;
        return false;
    }
    return true;
}

void trail_mark(struct trail *trail)
{
    trail->marked = trail->count;
    trail->at_mark = trail->last;
}

void trail_confirm(struct trail *trail)
{
    trail->confirmed = trail->at_mark;
    if (trail->marked == trail->count) {
        drop_all(trail);
        return;
    }
    trail->count -= trail->marked;
    memmove(trail->entries, trail->entries + trail->marked, trail->count * sizeof trail->entries[0]);
    trail->marked = 0;
}

static bool has(const struct trail_entry *entry, struct trail_place place)
{
    return entry->topic == place.topic && entry->after < place.offset && place.offset <= entry->upto;
}

/* Naming nothing is as good as naming what was confirmed: nothing of the trail has arrived. */
bool trail_find(const struct trail *trail, struct trail_place named, struct trail_place stale,
                struct trail_point *out)
{
    bool is_stale = named.offset > 0 && is_same(named, stale);
    bool is_before =
        named.offset == 0 || is_same(named, trail->confirmed) || (is_stale && trail->confirmed.offset == 0);
    uint32_t i = 0;
    if (trail->is_lost) return false;
    while (i < trail->count && !has(&trail->entries[i], named)) i++;
    bool is_found = i < trail->count;
    if (is_found ? is_stale : !is_before) return false;
    *out = is_found ? (struct trail_point){i, named} : (struct trail_point){0};
    return true;
}

uint64_t trail_offset(const struct trail *trail, const struct trail_point *point, uint32_t topic,
                      uint64_t base)
{
    for (uint32_t i = 0; i < point->entries; i++)
        if (trail->entries[i].topic == topic && trail->entries[i].upto > base) base = trail->entries[i].upto;
    return point->last.topic == topic && point->last.offset > base ? point->last.offset : base;
}
