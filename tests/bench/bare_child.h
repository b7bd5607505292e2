/* The child's side of bare.h: what its two loops share. */
#ifndef BENCH_BARE_CHILD_H
#define BENCH_BARE_CHILD_H

#include "bare.h"

#include <stdatomic.h>

struct bare_shared {
    _Atomic unsigned connections;
    _Atomic uint64_t messages;
};

struct bare_child {
    enum bare_form form;
    int epoll_fd, listen_fd, control;
    struct bare_shared *shared;
};

/* What goes before a batch on the control connection. */
struct bare_batch {
    uint32_t count, each_bytes;
};

/* Until the control connection ends. */
void bare_run_fanout(struct bare_child *child);
void bare_run_socket(struct bare_child *child);

/* A new connection, without delay; -1: none waits. */
int bare_accept(struct bare_child *child);
bool bare_watch(struct bare_child *child, int fd, void *what, uint32_t events);

#endif
