/* A TCP connection to a server on this machine, and HTTP/1.1 over it. Sockets block, with a time limit,
 * unless a call says otherwise. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include "base/buf.h"

struct link {
    int fd;
    struct rb_buf input; /* what was read and is not taken yet */
    struct rb_buf body;  /* of the last answer */
};

enum { LINK_TIMEOUT_S = 10 };

/* source: the connection comes from 127.0.0.(1 + source), so that ports suffice for many. -1: no connection.
 */
int link_connect(uint16_t port, unsigned source);
bool link_open(struct link *link, uint16_t port);
void link_close(struct link *link); /* safe on a zeroed one that was never open */

/* A whole request. No token: no Authorization; no body: none. */
void link_put_request(struct rb_buf *out, const char *method, const char *target, const char *token_or_null,
                      rb_str body);
bool link_send(int fd, rb_str bytes);

enum link_step { LINK_MORE, LINK_ANSWER, LINK_CLOSED };
struct link_answer {
    int status;
    rb_str body; /* valid until the next call */
};

/* An answer from what has come, reading more once if needed; LINK_CLOSED also when it is no HTTP.
 * receive_flags: MSG_DONTWAIT or 0. */
enum link_step link_read_answer(struct link *link, int receive_flags, struct link_answer *out);
/* Sends a request and waits for its answer; false: there was none. */
bool link_exchange(struct link *link, rb_str request, struct link_answer *out);

#endif
