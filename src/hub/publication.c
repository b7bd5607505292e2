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

void rb_publication_deliver(struct rb_publication *publication)
{
    if (!publication->event) {
        rb_publication_fail(publication, RB_OUT_OF_MEMORY);
        return;
    }
    if (publication->row_id) publication->event->offset = *publication->row_id << TRANSIENT_BITS;
    publication->row_id = NULL;
    publication->mail.run = home_receive;
    rb_loop_post(home_of(publication->hub, publication->topic)->loop, &publication->mail);
}

void rb_publication_store(struct rb_publication *publication, struct rb_tx *tx)
{
    const struct rb_event *event = publication->event;
    if (!event) return; /* deliver says that memory was out */
    publication->row_id = rb_tx_event_append(tx, &(struct rb_event_record){.topic = publication->topic,
                                                                           .time_ms = event->time_ms,
                                                                           .name = event->name,
                                                                           .data = event->data,
                                                                           .audience = event->audience,
                                                                           .flags = event->flags});
}

static void on_stored(struct rb_tx *tx, rb_err err)
{
    struct rb_publication *publication = tx->arg;
    if (err == RB_OK)
        rb_publication_deliver(publication);
    else
        rb_publication_fail(publication, err);
    rb_tx_free(tx);
}

void rb_publication_send(struct rb_publication *publication)
{
    if (!publication->event || !publication->keep->is_durable ||
        (publication->event->flags & RB_EVENT_TRANSIENT)) {
        rb_publication_deliver(publication);
        return;
    }
    struct rb_tx *tx = rb_tx_new();
    tx->done = on_stored;
    tx->arg = publication;
    rb_publication_store(publication, tx);
    rb_store_commit(publication->hub->store, tx);
}
