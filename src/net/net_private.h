/* What the files of this room share. */
#ifndef RB_NET_PRIVATE_H
#define RB_NET_PRIVATE_H

#include "net/admission.h"
#include "net/stream.h"

#include <sys/uio.h>

enum { GATHER_MAX = 64, GATHER_BYTES_MAX = 256 * 1024 };

struct rb_gather {
    unsigned count;
    unsigned borrowed; /* the first so many are still in the queue */
    size_t bytes;
    struct iovec parts[GATHER_MAX];
    struct rb_blob *frames[GATHER_MAX];
};

/* A queue of output: a growing ring, alive only while something waits. */
struct out_entry {
    struct rb_blob *frame; /* NULL: a file */
    int fd;
    uint64_t at, left;
    struct rb_mark *marks; /* behind it */
};

struct rb_outq {
    struct rb_timer stall;
    struct rb_stream *stream;
    size_t bytes; /* of frames */
    unsigned first, count, cap;
    struct out_entry *entries;
};

/* A loop's streams, counted. */
struct crowd {
    struct rb_loop *loop;
    struct rb_timer timer; /* runs while a crowd leaves */
    unsigned count, count_before;
    unsigned peak; /* since memory was given back */
};
void crowd_enter(struct crowd *crowd);
void crowd_leave(struct crowd *crowd);

struct rb_net {
    struct rb_loop *loop;
    struct rb_net_limits limits;
    struct rb_task flush_task;
    struct rb_list resting;
    struct rb_list to_flush;
    struct rb_list lingering;
    struct rb_timer linger_timer;
    struct rb_outq *spare; /* the last one emptied, to be used again */
    struct rb_gather gather;
    struct crowd crowd;
};

struct rb_outq *outq_of(struct rb_stream *stream); /* makes one when there is none */
void outq_push(struct rb_outq *out, struct out_entry entry);
struct out_entry *outq_head(struct rb_outq *out);
/* Gives up what the entry holds; is_sent: since it went out. */
void outq_pop(struct rb_outq *out, bool is_sent);
void outq_drop(struct rb_stream *stream);

/* Hands output to the kernel: the only place that does. Adds what was taken to *out_sent; false when the
 * kernel is full or the connection is broken (*out_broken). */
bool transmit(int fd, struct rb_gather *gather, size_t *out_sent, bool *out_broken);
bool transmit_file(int fd, struct out_entry *file, size_t *out_sent, bool *out_broken);

#endif
