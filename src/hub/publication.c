/* Events on their way to their topic's home, past the store where they must survive. What is published
 * together is one letter all the way. */
#include "base/clock.h"
#include "base/mem.h"
#include "hub/hub_private.h"

#include <string.h>

static bool make_events(struct rb_publication *publication, const struct rb_event_spec *specs)
{
    uint64_t now_ms = rb_clock_wall_ms();
    for (unsigned i = 0; i < publication->count; i++) {
        RB_CHECK(((specs[i].flags ^ specs[0].flags) & RB_EVENT_TRANSIENT) == 0);
        struct rb_event *event = rb_event_new(&specs[i], specs[i].time_ms ? specs[i].time_ms : now_ms);
        if (!event) return false;
        publication->parts[i].event = event;
    }
    return true;
}

struct rb_publication *rb_publication_new_several(struct rb_hub *hub, rb_str topic,
                                                  const struct rb_event_spec *specs, unsigned count,
                                                  struct rb_loop *loop, void (*done)(struct rb_publication *),
                                                  void *arg)
{
    RB_CHECK(count > 0);
    size_t parts_bytes = count * sizeof(struct rb_publication_part);
    struct rb_publication *publication = rb_alloc(sizeof *publication + parts_bytes + topic.n);
    char *name = (char *)publication->parts + parts_bytes;
    memcpy(name, topic.p, topic.n);
    publication->hub = hub;
    publication->topic = rb_str_make(name, topic.n);
    publication->keep = rb_hub_keep(hub, topic);
    publication->loop = done ? loop : NULL;
    publication->done = done;
    publication->arg = arg;
    publication->count = count;
    if (!make_events(publication, specs)) publication->err = RB_OUT_OF_MEMORY;
    return publication;
}

struct rb_publication *rb_publication_new(struct rb_hub *hub, rb_str topic, const struct rb_event_spec *spec,
                                          struct rb_loop *loop, void (*done)(struct rb_publication *),
                                          void *arg)
{
    return rb_publication_new_several(hub, topic, spec, 1, loop, done, arg);
}

/* ---- the end ---- */

static void publication_free(struct rb_publication *publication)
{
    for (unsigned i = 0; i < publication->count; i++) rb_event_unref(publication->parts[i].event);
    rb_free(publication);
}

static void on_done(struct rb_mail *mail)
{
    struct rb_publication *publication = RB_OUTER(mail, struct rb_publication, mail);
    publication->done(publication);
    publication_free(publication);
}

/* Ends a publication, on whatever thread: what is left of it goes to who asked. */
static void settle(struct rb_publication *publication)
{
    publication->mail.run = on_done;
    if (publication->loop)
        rb_loop_post(publication->loop, &publication->mail);
    else
        publication_free(publication);
}

void rb_publication_fail(struct rb_publication *publication, rb_err err)
{
    publication->err = err;
    settle(publication);
}

void publication_arrived(struct rb_publication *publication, uint64_t epoch)
{
    const struct rb_event *last = publication->parts[publication->count - 1].event;
    publication->position = (struct rb_position){epoch, last->offset};
    settle(publication);
}

struct rb_position rb_publication_place(const struct rb_publication *publication, unsigned index)
{
    return (struct rb_position){publication->position.epoch, publication->parts[index].event->offset};
}

/* ---- storing ---- */

static bool must_be_stored(const struct rb_publication *publication)
{
    return !publication->err && publication->keep->is_durable &&
           !(publication->parts[0].event->flags & RB_EVENT_TRANSIENT);
}

void rb_publication_store(struct rb_publication *publication, struct rb_tx *tx)
{
    if (!must_be_stored(publication)) return; /* only delivered, or failed by deliver */
    for (unsigned i = 0; i < publication->count; i++) {
        const struct rb_event *event = publication->parts[i].event;
        publication->parts[i].row_id =
            rb_tx_event_append(tx, &(struct rb_event_record){.topic = publication->topic,
                                                             .time_ms = event->time_ms,
                                                             .name = event->name,
                                                             .data = event->data,
                                                             .audience = event->audience,
                                                             .flags = event->flags});
    }
}

void rb_publication_stored(struct rb_publication *publication)
{
    for (unsigned i = 0; i < publication->count; i++) {
        struct rb_publication_part *part = &publication->parts[i];
        if (part->row_id) part->event->offset = *part->row_id << TRANSIENT_BITS;
        part->row_id = NULL;
    }
}

/* ---- sending ---- */

void rb_publication_deliver(struct rb_publication *publication)
{
    if (publication->err) {
        settle(publication);
        return;
    }
    rb_publication_stored(publication);
    publication->mail.run = home_receive;
    rb_loop_post(home_of(publication->hub, publication->topic)->loop, &publication->mail);
}

/* On the store's thread: events of all transactions reach their homes in the order of their row ids. */
static void on_stored(struct rb_tx *tx, rb_err err)
{
    struct rb_publication *publication = tx->arg;
    if (err)
        rb_publication_fail(publication, err);
    else
        rb_publication_deliver(publication);
    rb_tx_free(tx);
}

void rb_publication_send(struct rb_publication *publication)
{
    if (!must_be_stored(publication)) {
        rb_publication_deliver(publication);
        return;
    }
    struct rb_tx *tx = rb_tx_new();
    rb_publication_store(publication, tx);
    tx->done = on_stored;
    tx->arg = publication;
    rb_store_commit(publication->hub->store, tx);
}
