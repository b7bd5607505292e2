/* Many WebSocket subscribers of one topic, on one epoll, and the check that each of them gets each event once
 * and in order, with the data byte for byte as published.
 *
 * All subscribers of a server get the same bytes. What the first of them gets is parsed and kept as a script,
 * and what the others get is compared with it: that keeps the client cheap and the check complete. */
#ifndef BENCH_AUDIENCE_H
#define BENCH_AUDIENCE_H

#include "base/buf.h"
#include "measure.h"
#include "report.h"

enum { EVENT_BYTES_DEFAULT = 128, DUE_TIMES = 8192 };

#define BENCH_TOPIC "bench"

/* The data of event `number`: a JSON object of so many bytes that holds the number. */
void event_data_put(struct rb_buf *out, uint64_t number, unsigned data_bytes);

struct subscriber {
    int fd;
    uint64_t next; /* number of the event that must come next */
    size_t at;     /* so far it got what the script says */
    struct rb_buf
        *pending; /* what it got otherwise, from the last whole event on; NULL: it follows the script */
};

struct audience {
    int epoll_fd;
    unsigned data_bytes; /* of each event; EVENT_BYTES_DEFAULT unless changed before the first */
    bool is_unanswered;  /* the server does not confirm subscriptions */
    struct subscriber *subscribers;
    unsigned count, capacity;
    uint64_t next;        /* number of the next event to publish */
    uint64_t round_first; /* number of the first event of the round: what is under way */

    /* The script: the frames from event `script_first` on, and where each ends. */
    struct rb_buf script;
    uint64_t script_first;
    size_t *ends;
    unsigned script_count, script_capacity;

    /* When each event was due, and where to put how long it took; NULL: nobody asks. */
    uint64_t due_ns[DUE_TIMES];
    struct samples *latencies;

    uint64_t received; /* good events, since the round began */
    uint64_t checked;  /* good events, of all rounds before */
    uint64_t lost, repeated, changed, closed;
};

void audience_init(struct audience *audience, unsigned capacity);
void audience_fini(struct audience *audience);

/* So many more; each is subscribed when it returns, and nothing is under way before. No token: the bare loop,
 * which wants no handshake and no subscription. */
bool audience_join(struct audience *audience, uint16_t port, const char *token_or_null, unsigned more);
/* Closes all but the first `rest`. */
void audience_leave(struct audience *audience, unsigned rest);

/* A round: begin before publishing, then wait until all have all of its events. False: not in time, or some
 * are no longer to come. */
void audience_begin_round(struct audience *audience, unsigned events);
bool audience_await_round(struct audience *audience, unsigned timeout_ms);
/* A round that grows: one more event, due then. */
void audience_add_event(struct audience *audience, uint64_t due_ns);
/* Takes what comes for so long, and answers pings. What comes beyond the round is counted as repeated. */
void audience_listen(struct audience *audience, unsigned ms);
/* Takes what has come, or comes within so long. */
void audience_read(struct audience *audience, uint64_t timeout_ns);

/* No event lost, repeated or changed, no subscriber closed; else reports. */
bool audience_is_sound(const struct audience *audience, const char *whose, struct report *report);
/* Adds what was checked to the report's totals; once, at the end. */
void audience_account(const struct audience *audience, struct report *report);

#endif
