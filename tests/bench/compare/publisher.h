/* Publishes to a peer, in the way that the peer has. One connection, or the bare loop that it starts. */
#ifndef COMPARE_PUBLISHER_H
#define COMPARE_PUBLISHER_H

#include "../bare.h"
#include "../link.h"
#include "crowd.h"

struct publisher {
    const struct peer *peer;
    struct target target;
    struct link link;
    struct crowd self; /* a WebSocket peer's: the one connection that publishes */
    struct bare bare;
    unsigned answers; /* still to come */
    struct rb_buf out;
};

/* Before all else, since a bare loop is a fork: it starts the loop, and says in target->port where it is. */
bool publisher_init(struct publisher *publisher, const struct peer *peer, struct target *target);
void publisher_fini(struct publisher *publisher);
/* When so many subscribers have joined. */
bool publisher_open(struct publisher *publisher, unsigned subscribers);

/* Events from number `first`; true when they are under way. */
bool publisher_send(struct publisher *publisher, uint64_t first, unsigned events);
/* After a round: takes the answers. False: a refusal. */
bool publisher_finish(struct publisher *publisher);

#endif
