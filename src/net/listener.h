/* Accepting: a listener for each loop on the same address (SO_REUSEPORT), so that accepting needs no lock and
 * a connection is born on the loop it stays on.
 *
 * When descriptors run out, or the gate is shut, accepting pauses: who wants to connect waits in the kernel's
 * backlog and costs nothing. The log says it once, and once more when all who waited were let in. */
#ifndef RB_NET_LISTENER_H
#define RB_NET_LISTENER_H

#include "net/address.h"

struct rb_listener;

/* Gets each new socket (non-blocking) and its peer. */
typedef void rb_accept_fn(void *arg, int take_fd, const struct sockaddr_storage *peer);
struct rb_listener *rb_listener_open(struct rb_loop *loop, int take_fd, rb_accept_fn *on_accept, void *arg);
void rb_listener_close(struct rb_listener *listener); /* NULL is fine */

/* Asked before each connection is accepted, and every 50 ms while it says no. It must not close the listener.
 */
typedef bool rb_may_accept_fn(void *arg);
void rb_listener_set_gate(struct rb_listener *listener, rb_may_accept_fn *may_accept, void *arg);
/* Whatever accepting pauses for may be over: it is looked at once, not in a while. */
void rb_listener_resume(struct rb_listener *listener);

#endif
