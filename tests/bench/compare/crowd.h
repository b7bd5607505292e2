/* Many WebSocket subscribers of a peer on one epoll, and the check that each of them gets each event once, in
 * order and byte for byte. One thread.
 *
 * The client is to cost little, since it shares the machine with what it measures. So of each round the
 * stream of one subscriber (the model) is parsed and kept, and that of the others compared with it as it
 * comes; one that differs, as frames may be cut otherwise, is parsed for itself. */
#ifndef COMPARE_CROWD_H
#define COMPARE_CROWD_H

#include "codec/ws.h"
#include "peer.h"

enum { ROUND_EVENTS_MAX = 32 };

struct member {
    int fd;
    bool is_ready;   /* subscribed */
    bool is_between; /* nothing has come in part */
    bool is_like_model;
    uint32_t round; /* of the fields below */
    uint32_t seen;  /* a bit for each event */
    size_t alike;   /* bytes that were like the model's */
    struct rb_ws_reader reader;
    struct rb_buf rest; /* of a message, when the next one goes on with it */
};

/* What must be 0 all the time. */
struct faults {
    uint64_t lost, repeated, reordered, bad, closed;
};

enum model { MODEL_NONE, MODEL_GROWING, MODEL_WHOLE, MODEL_USELESS };

struct crowd {
    const struct peer *peer;
    bool is_publisher; /* does not subscribe; set before joining */
    int epoll_fd;
    struct member *members;
    unsigned count, capacity;
    struct faults faults;

    uint32_t round;
    uint64_t first; /* number of its first event */
    unsigned events;
    uint64_t received;  /* of the round, by all */
    struct rb_buf data; /* of its events, one after the other */
    enum model model;
    const struct member *model_member;
    struct rb_buf model_bytes;
};

/* fd_to_watch: crowd_watch returns when it can be read; -1: none. */
void crowd_init(struct crowd *crowd, const struct peer *peer, unsigned capacity, int fd_to_watch);
void crowd_fini(struct crowd *crowd);

/* So many more; each is subscribed when it returns. */
bool crowd_join(struct crowd *crowd, const struct target *target, unsigned more);

/* A round: begin before publishing `events` from crowd->first, then wait until all have all of them. False:
 * not in time (what has not come is counted as lost), or somebody was closed. */
void crowd_begin_round(struct crowd *crowd, unsigned events);
bool crowd_await_round(struct crowd *crowd, unsigned timeout_ms);
/* Takes what comes, for so long or (negative) until fd_to_watch can be read. Events that come now are beyond
 * any round, and are counted as repeated. */
void crowd_listen(struct crowd *crowd, int ms);

/* For joining: bytes from a member's socket. */
void crowd_take_bytes(struct crowd *crowd, struct member *member, struct rb_ws_input input);

#endif
