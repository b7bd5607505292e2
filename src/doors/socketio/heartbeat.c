/* How each side finds out that the other one is gone.
 *
 * In revision 4 the server pings: an interval after the handshake, then an interval after each pong, whatever
 * else flows, since some clients count on the ping itself. The client has a timeout to answer; the first
 * other packet that comes meanwhile moves that deadline, once, so that a slow upload does not kill its link,
 * while a client that never answers is still found out. In revision 3 the client pings, and the server waits
 * for an interval and a timeout.
 *
 * A pong also proves that everything that went out before its ping has arrived. In revision 3 that is known
 * one round later: a client pings again only when it has the pong to its ping before. */
#include "doors/socketio/link_private.h"

static const struct rb_sio_setup *setup_of(const struct sio_link *link)
{
    return &link->here->door->setup;
}

static void set(struct sio_link *link, uint64_t ms, void (*on_due)(struct rb_timer *))
{
    if (link->state != LINK_CLOSING && !link->will_close)
        rb_timer_start(link->here->loop, &link->heartbeat, ms, on_due);
}

static void on_silence(struct rb_timer *timer);

static void expect_sign(struct sio_link *link)
{
    const struct rb_sio_setup *setup = setup_of(link);
    uint64_t ms = setup->ping_timeout_ms;
    if (link->revision == 3) ms += setup->ping_interval_ms;
    set(link, ms, on_silence);
}

/* While its link is paused nothing is read from it, so it cannot be late. */
static void on_silence(struct rb_timer *timer)
{
    struct sio_link *link = RB_OUTER(timer, struct sio_link, heartbeat);
    if (link->is_paused)
        expect_sign(link);
    else
        link_end(link, RB_PING_TIMEOUT, LINK_CUTS);
}

static void on_ping_due(struct rb_timer *timer)
{
    struct sio_link *link = RB_OUTER(timer, struct sio_link, heartbeat);
    link->endpoint->ops->on_ping(link);
    link->state = LINK_WANTS_PONG;
    link->was_extended = false;
    expect_sign(link);
    link_send_text(link, RB_STR("2"));
}

static void rest(struct sio_link *link)
{
    link->state = LINK_IDLE;
    set(link, setup_of(link)->ping_interval_ms, on_ping_due);
}

void heartbeat_start(struct sio_link *link)
{
    if (link->revision == 3)
        expect_sign(link);
    else
        rest(link);
}

rb_err heartbeat_ping(struct sio_link *link)
{
    if (link->revision != 3) return RB_PROTOCOL_ERROR;
    link->endpoint->ops->on_pong(link);
    link->endpoint->ops->on_ping(link);
    expect_sign(link);
    link_send_text(link, RB_STR("3"));
    return RB_OK;
}

rb_err heartbeat_pong(struct sio_link *link)
{
    if (link->revision == 3) return RB_PROTOCOL_ERROR;
    if (link->state != LINK_WANTS_PONG) return RB_OK; /* unsolicited: harmless, and proof of nothing */
    link->endpoint->ops->on_pong(link);
    if (link->state == LINK_WANTS_PONG) rest(link);
    return RB_OK;
}

void heartbeat_heard(struct sio_link *link)
{
    if (link->state != LINK_WANTS_PONG || link->was_extended) return;
    link->was_extended = true;
    expect_sign(link);
}

/* The ping went out by polling, and its pong may be lost with it: the next one decides. */
void heartbeat_switch(struct sio_link *link)
{
    if (link->state == LINK_WANTS_PONG) rest(link);
}

void heartbeat_unpause(struct sio_link *link)
{
    if (link->state == LINK_WANTS_PONG || (link->state == LINK_IDLE && link->revision == 3))
        expect_sign(link);
}
