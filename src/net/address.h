/* Addresses: those that are listened on, and those of peers.
 *
 * A host is a literal address, which is taken as it is, or a name. A name stands for the first of its
 * addresses that this machine has, IPv4 before IPv6: so "localhost" is 127.0.0.1. It is listened on that one
 * alone; if it is taken, that is a failure, whatever else the name means. */
#ifndef RB_NET_ADDRESS_H
#define RB_NET_ADDRESS_H

#include "net/stream.h"

#include <netinet/in.h>

/* Whether nobody listens there: sharing a port between our loops would also share it with another server of
 * the same user, unnoticed. False with one readable sentence in `why`. */
bool rb_listen_is_free(rb_str host, uint16_t port, struct rb_buf *why);

/* Opens a socket that listens; calling it again for the same port gives another that shares it. Port 0 lets
 * the kernel choose, *out_port says what it is. Accepted sockets have TCP_NODELAY, and at most
 * send_buffer_bytes (and as much again for the kernel's own use) of output in the kernel each; 0: as much as
 * the kernel finds right, which for a peer that never reads can be megabytes. Never more than
 * net.core.wmem_max says. Failure: false, with one readable sentence in `why`. */
bool rb_listen_socket(rb_str host, uint16_t port, uint32_t send_buffer_bytes, int *out_fd, uint16_t *out_port,
                      struct rb_buf *why);

/* Printable, without the port. */
enum { RB_ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN };
void rb_address_text(const struct sockaddr_storage *address, char out[RB_ADDRESS_TEXT_BYTES]);
/* Of the stream's peer, as the kernel knows it; "" when it is gone. Gives the port, then 0. Costs a system
 * call. */
uint16_t rb_address_of_peer(const struct rb_stream *stream, char out[RB_ADDRESS_TEXT_BYTES]);

/* Lists of addresses and networks: "10.0.0.0/8,192.0.2.7,2001:db8::/32", no blanks. */
bool rb_address_list_is_valid(rb_str list); /* at least one, all of them readable */
/* Whether one of the list is this printable address or has it. ::ffff:10.1.2.3 is 10.1.2.3; no other network
 * of IPv6 has addresses of IPv4. False for what is no address, and for an empty list. */
bool rb_address_in_list(rb_str address, rb_str list);

/* Who counts as one where something is counted by address: an address of IPv4 (also ::ffff:10.1.2.3), a
 * network of 64 bits of IPv6, written as its first address. What is no address stays as it is, cut. */
void rb_address_holder(rb_str address, char out[RB_ADDRESS_TEXT_BYTES]);

#endif
