/* Who may connect: the limits that all loops of a process keep together.
 *
 * Connections of the process: at the limit the gate is shut, nobody is accepted, and who wants to connect
 * waits in the kernel's backlog. Connections of one address: they have to be accepted to be known, so one too
 * many is told so and closed. A connection counts from its accept to the close of its descriptor, whatever it
 * becomes in between. Any thread. */
#ifndef RB_NET_ADMISSION_H
#define RB_NET_ADMISSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct rb_admission;
/* descriptors: the process has fewer than so many. per_address_max 0: no such limit. An address is an IPv4
 * address, or an IPv6 network of 64 bits. */
struct rb_admission *rb_admission_new(uint32_t connections_max, uint32_t per_address_max,
                                      uint32_t descriptors);
void rb_admission_free(struct rb_admission *admission); /* NULL is fine */

bool rb_admission_is_open(void *admission); /* an rb_may_accept_fn */
uint32_t rb_admission_count(const struct rb_admission *admission);
/* Counts an accepted socket. False: its address has as many as it may, and this one is to be refused. */
bool rb_admission_enter(struct rb_admission *admission, int fd, const struct sockaddr_storage *peer);
/* Just before the descriptor is closed, refused or not. Streams do it by themselves. */
void rb_admission_leave(struct rb_admission *admission, int fd);

#endif
