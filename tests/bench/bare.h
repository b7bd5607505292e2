/* The least that fanning out can cost: a child process with one epoll loop, which sends the bytes that it is
 * given, as they are, to each of its connections: one send() each. No HTTP, no topics, no positions, no
 * queues. What Ringback is compared with. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "base/str.h"

#include <sys/types.h>

struct bare {
    pid_t pid;
    uint16_t port;
    int control;
};

/* Forks; call it while few files are open. */
bool bare_start(struct bare *bare, unsigned connections);
bool bare_await_all(struct bare *bare);          /* until it has accepted all the connections */
bool bare_send(struct bare *bare, rb_str bytes); /* to all; returns before they have it */
void bare_stop(struct bare *bare);

#endif
