/* Many WebSocket subscribers of one topic, on one epoll, and the check that each of them gets each event once
 * and in order, with the data byte for byte as published.
 *
 * All subscribers of a server get the same bytes, so only the first copy of an event is parsed; the others
 * are compared with it. That keeps the client cheap and the check complete. */
#ifndef BENCH_AUDIENCE_H
#define BENCH_AUDIENCE_H

#include "codec/ws.h"
#include "report.h"

enum { EVENT_DATA_BYTES = 128, ROUND_EVENTS_MAX = 32 };

#define BENCH_TOPIC "bench"

/* The data of event `number`: a JSON object of EVENT_DATA_BYTES that holds the number. */
void event_data_put(struct rb_buf *out, uint64_t number);

struct subscriber {
    int fd;
    uint64_t next; /* number of the event that must come next */
    struct rb_ws_reader reader;
};

struct audience {
    int epoll_fd;
    struct subscriber *subscribers;
    unsigned count, capacity;
    uint64_t next; /* number of the next event to publish */

    /* The round: the events that are under way. */
    uint64_t round_first;
    unsigned round_count;
    struct rb_buf copies[ROUND_EVENTS_MAX]; /* of the messages; empty until the first subscriber has it */

    uint64_t received; /* good events, of the round */
    uint64_t lost, repeated, changed, closed, frame_bytes;
};

void audience_init(struct audience *audience, unsigned capacity);
void audience_fini(struct audience *audience);

/* So many more; each is subscribed when it returns. No token: the bare loop, which wants no handshake and no
 * subscription. */
bool audience_join(struct audience *audience, uint16_t port, const char *token_or_null, unsigned more);

/* A round: begin before publishing, then wait until all have all of its events. False: not in time, or some
 * are no longer to come. */
void audience_begin_round(struct audience *audience, unsigned events);
bool audience_await_round(struct audience *audience, unsigned timeout_ms);
/* Takes what comes for so long, and answers pings. What comes beyond the round is counted as repeated. */
void audience_listen(struct audience *audience, unsigned ms);

/* No event lost, repeated or changed, no subscriber closed; else reports. */
bool audience_is_sound(const struct audience *audience, const char *whose, struct report *report);

#endif
