/* What a client that can be recovered was sent, in order: which topic's cursor moved from where to where.
 * With it the last event that the client has got of one topic tells where it stood in the others.
 *
 * Only what is not proven to have arrived is kept: a ping marks the trail, its pong drops what lies before
 * the mark. Steps of one topic in a row are one entry, so who is in one room has one at most. Zeroed storage
 * is an empty trail. Pure; one owner. */
#ifndef RB_SIO_TRAIL_H
#define RB_SIO_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

enum { TRAIL_ENTRIES_MAX = 4096 };

/* An event of a topic; offset 0: none. Topics go by a hash of their names. */
struct trail_place {
    uint32_t topic;
    uint64_t offset;
};

struct trail {
    struct trail_entry {
        uint32_t topic;
        uint64_t after, upto;
    } * entries;
    uint32_t count, cap;
    uint32_t marked;              /* so many entries lie before the mark */
    bool is_lost;                 /* there were more than fit */
    struct trail_place last;      /* what was sent last */
    struct trail_place at_mark;   /* what had been when it was marked */
    struct trail_place confirmed; /* what had been before the first entry */
};

void trail_fini(struct trail *trail);
/* The client has got everything up to here, and nothing behind it. */
void trail_begin(struct trail *trail, struct trail_place at);
/* False: from now on it is lost, for good. */
bool trail_note(struct trail *trail, uint32_t topic, uint64_t after, uint64_t upto);
void trail_mark(struct trail *trail);
void trail_confirm(struct trail *trail); /* all before the mark has arrived */

/* Finds what the client names as its last event. `stale` is what it had got under an id before this one: it
 * names that until it has got something new. False: it cannot be told where the client stands. */
struct trail_point {
    uint32_t entries;        /* so many have arrived */
    struct trail_place last; /* and of the next one what goes up to here; offset 0: nothing */
};
bool trail_find(const struct trail *trail, struct trail_place named, struct trail_place stale,
                struct trail_point *out);
/* Where the client stood at that point in a topic whose cursor was at `base` when the trail began. */
uint64_t trail_offset(const struct trail *trail, const struct trail_point *point, uint32_t topic,
                      uint64_t base);

#endif
