/* The least that a task can cost on this kernel: a child process with one epoll loop, without HTTP routes,
 * topics, positions or queues. What Ringback is compared with. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

enum bare_form {
    BARE_EACH,     /* sends what it is given to each connection: one send() for each message and connection */
    BARE_COALESCE, /* the same, but one send() for all messages that are there */
    BARE_ECHO,     /* answers a WebSocket upgrade, and sends every message back */
    BARE_ANSWER,   /* answers a WebSocket upgrade, and each message with the same short one */
};

struct bare_shared; /* what the child tells */

struct bare {
    pid_t pid;
    uint16_t port;
    int control;
    unsigned wanted; /* connections, of bare_start */
    struct bare_shared *shared;
};

/* Forks; call it while few files are open. */
bool bare_open(struct bare *bare, enum bare_form form);
/* Until it has so many connections, and has read so many messages since its start (BARE_ECHO and
 * BARE_ANSWER); false: not in ten seconds. */
bool bare_await(struct bare *bare, unsigned connections, uint64_t messages);
/* To all connections: `count` messages of equal length, one after the other in `bytes`. Returns before they
 * have them. */
bool bare_send_batch(struct bare *bare, rb_str bytes, unsigned count);
void bare_stop(struct bare *bare); /* safe on a zeroed one */

/* Who decides on each send() himself: BARE_EACH, the number of connections that are to come, and bytes that
 * each of them gets in one send(). */
bool bare_start(struct bare *bare, unsigned connections);
bool bare_await_all(struct bare *bare);
bool bare_send(struct bare *bare, rb_str bytes);

#endif
