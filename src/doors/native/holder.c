#include "doors/native/holder.h"

#include "base/mem.h"

static rb_str key_of(const struct rb_conn *const *conn)
{
    return rb_str_make(conn, sizeof *conn);
}

static void on_admitted(struct rb_holder *place)
{
    struct holder *holder = place->arg;
    if (!place->err && place->left_ms)
        rb_countdown_start(&holder->here->countdowns, &holder->countdown, place->left_ms);
    holder->on_admitted(holder, place->err);
}

struct holder *holder_ask(struct native_here *here, struct rb_conn *conn, rb_str topic,
                          const unsigned char ticket_hash[32],
                          void (*when_admitted)(struct holder *, rb_err err),
                          void (*on_end)(struct holder *, rb_err why))
{
    struct holder *holder = rb_new(struct holder);
    struct rb_handle id;
    rb_conn_id(conn, &id);
    holder->here = here;
    holder->conn = conn;
    holder->on_admitted = when_admitted;
    holder->on_end = on_end;
    rb_map_put(&here->holders, rb_str_make(&holder->conn, sizeof holder->conn), holder);
    holder->place =
        rb_holder_ask(here->door->setup.hub, topic, ticket_hash, &id, HOLDERS_MAX, on_admitted, holder);
    return holder;
}

struct holder *holder_of(struct native_here *here, const struct rb_conn *conn)
{
    return here->holders.count ? rb_map_get(&here->holders, key_of(&conn)) : NULL;
}

rb_str holder_topic(const struct holder *holder)
{
    return rb_str_make(holder->place->topic, holder->place->topic_bytes);
}

uint64_t holder_left_s(const struct holder *holder)
{
    return rb_countdown_is_running(&holder->countdown)
               ? rb_countdown_left_s(&holder->here->countdowns, &holder->countdown)
               : 0;
}

void holder_note(struct rb_conn *conn, struct holder *holder, const struct rb_event *event)
{
    struct rb_countdowns *countdowns = &holder->here->countdowns;
    if (event->flags & RB_EVENT_FINAL) {
        holder->is_finished = true;
        rb_conn_hold(conn, true);
        rb_countdown_start(countdowns, &holder->countdown, HOLDER_GOODBYE_MS);
    } else if (event->timeout_s) {
        rb_countdown_start(countdowns, &holder->countdown, (uint64_t)event->timeout_s * 1000);
    }
}

void holder_free(struct holder *holder)
{
    if (!holder) return;
    rb_map_remove(&holder->here->holders, rb_str_make(&holder->conn, sizeof holder->conn));
    rb_countdown_stop(&holder->here->countdowns, &holder->countdown);
    rb_holder_end(holder->place);
    rb_free(holder);
}

/* ---- all of a loop ---- */

static void on_due(struct rb_countdown *countdown)
{
    struct holder *holder = RB_OUTER(countdown, struct holder, countdown);
    holder->on_end(holder, holder->is_finished ? RB_OK : RB_DEADLINE);
}

static const struct rb_countdown_ops countdown_ops = {.on_due = on_due};

void holders_init(struct native_here *here)
{
    rb_countdowns_init(&here->countdowns, here->loop, &countdown_ops);
}

void holders_fini(struct native_here *here)
{
    rb_countdowns_fini(&here->countdowns);
    rb_map_fini(&here->holders);
}
