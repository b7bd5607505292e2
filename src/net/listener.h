/* Listening sockets: one for each loop on the same address (SO_REUSEPORT), so that accepting needs no lock
 * and a connection is born on the loop it stays on. When descriptors run out, accepting pauses for a moment
 * and the log says so. */
#ifndef RB_NET_LISTENER_H
#define RB_NET_LISTENER_H

#include "net/stream.h"

#include <netinet/in.h>

/* Printable peer address without its port. */
enum { RB_ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN };

/* Whether nobody listens there: sharing a port between our loops would also share it with another server of
 * the same user, unnoticed. False with one readable sentence in `why`. */
bool rb_listen_is_free(rb_str host, uint16_t port, struct rb_buf *why);

/* Opens a socket that listens. host is a literal address or a name; port 0 lets the kernel choose, *out_port
 * says what it is. Failure: false, with one readable sentence in `why`. */
bool rb_listen_socket(rb_str host, uint16_t port, int *out_fd, uint16_t *out_port, struct rb_buf *why);

struct rb_listener;
/* on_accept gets each new socket (non-blocking, TCP_NODELAY) and its peer. */
typedef void rb_accept_fn(void *arg, int take_fd, const struct sockaddr_storage *peer);
struct rb_listener *rb_listener_open(struct rb_loop *loop, int take_fd, rb_accept_fn *on_accept, void *arg);
void rb_listener_close(struct rb_listener *listener); /* NULL is fine */

void rb_address_text(const struct sockaddr_storage *address, char out[RB_ADDRESS_TEXT_BYTES]);

#endif
