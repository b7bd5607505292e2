/* Server-sent events over a stream that began as an HTTP request (WHATWG HTML, section "Server-sent events").
 *
 * Embedded in its door's connection, belongs to one loop. A comment goes out whenever nothing else did for a
 * while, so that proxies do not take a quiet stream for a dead one. Answers to HTTP/1.1 are chunked, so
 * frames come in two forms; those to HTTP/1.0 end with the connection. Idle, it owns nothing but this struct.
 */
#ifndef RB_HTTP_SSE_H
#define RB_HTTP_SSE_H

#include "http/http.h"

enum { RB_SSE_KEEP_ALIVE_MS = 15 * 1000 };

struct rb_sse;

struct rb_sse_ops {
    void (*on_pull)(struct rb_sse *sse, struct rb_gather *gather); /* as in net/stream.h; may be NULL */
    /* Over: the memory may go. Not from inside a call of the door's. */
    void (*on_closed)(struct rb_sse *sse, rb_err why);
};

struct rb_sse {
    struct rb_stream stream;
    struct rb_timer keep_alive;
    const struct rb_sse_ops *ops;
    uint32_t sent_ms; /* low bits of when something was sent last */
    bool is_chunked;  /* which form of frames it takes */
};

/* Answers 200 (with what rb_answer_header has added) and takes the stream over. False when there is no stream
 * to be had, since the client is gone or asked for the head only (which it gets): `sse` owns nothing then.
 * The request is used up in both cases. */
bool rb_sse_open(struct rb_request *request, struct rb_sse *sse, const struct rb_sse_ops *ops);

/* A frame of this connection's form. NULL, as comes from rb_sse_frame when memory is out, cuts the connection
 * (RB_OUT_OF_MEMORY). */
void rb_sse_send(struct rb_sse *sse, struct rb_blob *take_frame);
/* Ends the answer after what is queued, then closes. What is sent after this is dropped. Safe on a closing
 * one. */
void rb_sse_end(struct rb_sse *sse, rb_err why);
/* Asks for on_pull before the loop sleeps. */
void rb_sse_pull(struct rb_sse *sse);

/* One event in one blob, to be shared by many connections of the same form; id and event may be NONE, as in
 * codec/sse.h. NULL when memory is out. */
struct rb_blob *rb_sse_frame(bool is_chunked, rb_str id, rb_str event, rb_str data);

#endif
