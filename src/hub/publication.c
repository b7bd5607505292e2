/* Events on their way to their topic's home, past the store where they must survive. */
#include "base/clock.h"
#include "base/mem.h"
#include "hub/hub_private.h"

#include <string.h>

struct rb_publication *rb_publication_new(struct rb_hub *hub, rb_str topic, const struct rb_event_spec *spec,
                                          struct rb_loop *loop, void (*done)(struct rb_publication *),
                                          void *arg)
{
    struct rb_publication *publication = rb_alloc(sizeof *publication + topic.n);
    char *name = (char *)(publication + 1);
    memcpy(name, topic.p, topic.n);
    *publication = (struct rb_publication){.hub = hub,
                                           .topic = {name, topic.n},
                                           .event = rb_event_new(spec, rb_clock_wall_ms()),
                                           .keep = rb_hub_keep(hub, topic),
                                           .loop = done ? loop : NULL,
                                           .done = done,
                                           .arg = arg};
    return publication;
}

static void on_done(struct rb_mail *mail)
{
    struct rb_publication *publication = RB_OUTER(mail, struct rb_publication, mail);
    publication->done(publication);
    rb_free(publication);
}

/* Ends a publication, on whatever thread: what is left of it goes to who asked. */
static void settle(struct rb_publication *publication)
{
    rb_event_unref(publication->event);
    publication->event = NULL;
    publication->mail.run = on_done;
    if (publication->loop)
        rb_loop_post(publication->loop, &publication->mail);
    else
        rb_free(publication);
}

void rb_publication_fail(struct rb_publication *publication, rb_err err)
{
    publication->err = err;
    settle(publication);
}

void publication_arrived(struct rb_publication *publication, struct rb_position position)
{
    publication->position = position;
    settle(publication);
}

void rb_publication_stored(struct rb_publication *publication)
{
    if (publication->row_id) publication->event->offset = *publication->row_id << TRANSIENT_BITS;
    publication->row_id = NULL;
}

void rb_publication_deliver(struct rb_publication *publication)
{
    if (!publication->event) {
        rb_publication_fail(publication, RB_OUT_OF_MEMORY);
        return;
    }
    rb_publication_stored(publication);
    publication->mail.run = home_receive;
    rb_loop_post(home_of(publication->hub, publication->topic)->loop, &publication->mail);
}

static bool must_be_stored(const struct rb_publication *publication)
{
    return publication->event && publication->keep->is_durable &&
           !(publication->event->flags & RB_EVENT_TRANSIENT);
}

void rb_publication_store(struct rb_publication *publication, struct rb_tx *tx)
{
    const struct rb_event *event = publication->event;
    if (!must_be_stored(publication)) return; /* only delivered, or failed by deliver */
    publication->row_id = rb_tx_event_append(tx, &(struct rb_event_record){.topic = publication->topic,
                                                                           .time_ms = event->time_ms,
                                                                           .name = event->name,
                                                                           .data = event->data,
                                                                           .audience = event->audience,
                                                                           .flags = event->flags});
}

/* ---- sending ---- */

/* What shares a transaction; in its arena. */
struct together {
    unsigned count;
    struct rb_publication *publications[];
};

/* On the store's thread: events of all transactions reach their homes in the order of their row ids. */
static void on_stored(struct rb_tx *tx, rb_err err)
{
    struct together *together = tx->arg;
    for (unsigned i = 0; i < together->count; i++) {
        if (err == RB_OK)
            rb_publication_deliver(together->publications[i]);
        else
            rb_publication_fail(together->publications[i], err);
    }
    rb_tx_free(tx);
}

void rb_publications_send(struct rb_publication *const *publications, unsigned count)
{
    bool has_stored = false;
    for (unsigned i = 0; i < count; i++) has_stored |= must_be_stored(publications[i]);
    if (!has_stored) {
        for (unsigned i = 0; i < count; i++) rb_publication_deliver(publications[i]);
        return;
    }
    struct rb_store *store = publications[0]->hub->store;
    struct rb_tx *tx = rb_tx_new();
    struct together *together =
        rb_arena_alloc(&tx->arena, sizeof *together + count * sizeof together->publications[0]);
    together->count = count;
    for (unsigned i = 0; i < count; i++) {
        together->publications[i] = publications[i];
        rb_publication_store(publications[i], tx);
    }
    tx->done = on_stored;
    tx->arg = together;
    rb_store_commit(store, tx);
}

void rb_publication_send(struct rb_publication *publication)
{
    rb_publications_send(&publication, 1);
}
