/* Streams: connected sockets with collected output.
 *
 * A stream is embedded in its owner (an HTTP connection, a WebSocket) and belongs to one loop. Reading:
 * whatever arrives is handed to the owner in the loop's scratch memory; the stream keeps none of it. Writing:
 * output is collected during a turn and handed to the kernel once, before the loop sleeps: first what was
 * sent with rb_stream_send, then what the owner adds when asked by on_pull. A stream that is not idle for
 * lack of room in the kernel asks again when there is room. Closing: on_closed always comes from the loop,
 * never from inside a call of the owner's; then the memory may go.
 *
 * Limits: bytes waiting in a stream's queue (output_max: closed with RB_OUTPUT_FULL; from half of it on
 * nothing more is read from the peer), time without progress while output waits (write_timeout_ms:
 * RB_SLOW_READER). */
#ifndef RB_NET_STREAM_H
#define RB_NET_STREAM_H

#include "base/blob.h"
#include "base/mark.h"
#include "loop/loop.h"

struct rb_stream;
struct rb_net;
struct rb_admission; /* net/admission.h */

struct rb_net_limits {
    size_t output_max;
    uint32_t write_timeout_ms;
    struct rb_admission *admission; /* in which its connections were counted; NULL: they are not */
};

/* What a loop's streams share. */
struct rb_net *rb_net_new(struct rb_loop *loop, const struct rb_net_limits *limits);
void rb_net_free(struct rb_net *net); /* when all of its streams are closed */
struct rb_loop *rb_net_loop(struct rb_net *net);
unsigned rb_net_stream_count(const struct rb_net *net); /* not yet closed */
void rb_net_abort_all(struct rb_net *net, rb_err why);  /* on its loop */

/* One hand-over to the kernel being put together. */
struct rb_gather;
bool rb_gather_has_room(const struct rb_gather *gather);
void rb_gather_add(struct rb_gather *gather, struct rb_blob *take_frame);

struct rb_stream_ops {
    /* Bytes came; they may be changed in place. The stream may be closed, and moved, by the callee. */
    void (*on_data)(struct rb_stream *stream, char *p, size_t n);
    /* The peer will send nothing more. Nothing is read any further; close when there is nothing left to say.
     */
    void (*on_end)(struct rb_stream *stream);
    /* There is room: add frames while rb_gather_has_room. Must not close or send. NULL: the owner only sends.
     */
    void (*on_pull)(struct rb_stream *stream, struct rb_gather *gather);
    /* Over; the stream's memory is the owner's again. */
    void (*on_closed)(struct rb_stream *stream, rb_err why);
};

enum rb_stream_state { RB_STREAM_OPEN, RB_STREAM_FLUSHING, RB_STREAM_LINGERING, RB_STREAM_CLOSING };

struct rb_stream {
    struct rb_watch watch;
    const struct rb_stream_ops *ops;
    struct rb_net *net;
    struct rb_list node;   /* in one of the loop's lists of streams: resting, to be flushed, lingering */
    struct rb_outq *out;   /* what waits; NULL while nothing does */
    uint32_t linger_until; /* low bits of the loop's time */
    uint8_t state;         /* enum rb_stream_state */
    uint8_t why;           /* rb_err */
    bool want_read : 1;
    bool will_flush : 1;
    bool has_ended : 1;  /* the peer's output, that is */
    bool is_blocked : 1; /* the kernel took less than it was offered */
};

/* Takes over a connected non-blocking socket and starts reading. */
void rb_stream_open(struct rb_stream *stream, struct rb_net *net, int take_fd,
                    const struct rb_stream_ops *ops);
/* Another owner takes over: `to` continues where `from`, whose storage is free then, was. */
void rb_stream_move(struct rb_stream *to, struct rb_stream *from, const struct rb_stream_ops *ops);

/* Ends the stream without closing its descriptor, which the caller has from now on, as blocking or not as it
 * was; on_closed is not called. Open, with nothing queued. */
int rb_stream_detach(struct rb_stream *stream);

void rb_stream_set_read(struct rb_stream *stream, bool want_read);
void rb_stream_send(struct rb_stream *stream, struct rb_blob *take_frame);
/* Bytes of a file, by sendfile; the descriptor is closed by the stream. */
void rb_stream_send_file(struct rb_stream *stream, int take_fd, uint64_t at, uint64_t n);
/* Behind what was sent so far: is_written says that the kernel has all of it. At once when nothing waits,
 * and, not written, on a stream that is not open any more. */
void rb_stream_mark(struct rb_stream *stream, struct rb_mark *mark);
void rb_stream_pull(
    struct rb_stream *stream); /* the owner has something: on_pull will be called before the loop sleeps */
size_t rb_stream_queued(const struct rb_stream *stream);

/* What is queued goes out first, then the write side is shut, and what the peer still sends is read away for
 * a moment, so that our last bytes are not lost to a reset. Further sends are dropped. */
void rb_stream_close(struct rb_stream *stream, rb_err why);
/* At once, output is dropped. */
void rb_stream_abort(struct rb_stream *stream, rb_err why);

#endif
