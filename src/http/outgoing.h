/* Calls to other HTTP servers: hooks of the configuration, and what the command line asks a server.
 *
 * libcurl underneath, on a thread of its own, so that no loop waits. One pool of connections. http and https
 * only, no redirects followed, no proxy of the environment used, certificates checked. */
#ifndef RB_HTTP_OUTGOING_H
#define RB_HTTP_OUTGOING_H

#include "base/arena.h"
#include "base/buf.h"
#include "loop/loop.h"

enum { RB_OUTGOING_AT_ONCE = 64, RB_OUTGOING_WAITING_MAX = 10000 };

struct rb_outgoing;
struct rb_outgoing *rb_outgoing_new(void);
/* Those under way end as RB_SHUTTING_DOWN. Before the loops are freed; NULL is fine. */
void rb_outgoing_free(struct rb_outgoing *outgoing);

struct rb_outgoing_call {
    struct rb_mail mail;
    struct rb_arena arena; /* for its slices; freed with it */
    const char *method;    /* "GET", "POST", ... */
    rb_str url;
    rb_str const *headers; /* "Name: value" */
    unsigned header_count;
    rb_str body, type;   /* NONE: none */
    const char *file;    /* in place of body: a file that is sent; NULL: none */
    uint64_t timeout_ms; /* of all of it */
    size_t answer_max;   /* bytes; more is RB_BODY_TOO_LARGE */

    struct rb_loop *loop;
    void (*done)(struct rb_outgoing_call *call); /* on the loop that sent it; frees it */
    void *arg;

    rb_err err; /* RB_OK: there was an answer, whatever its status. RB_CALL_FAILED (no connection, broken,
                   TLS; `why`), RB_CALL_TIMEOUT, RB_BODY_TOO_LARGE, RB_OVERLOADED, RB_SHUTTING_DOWN */
    rb_str why; /* for people */
    int status;
    rb_str answer, answer_type;            /* in the arena */
    struct rb_outgoing_transfer *transfer; /* the room's */
};
struct rb_outgoing_call *rb_outgoing_call_new(void (*done)(struct rb_outgoing_call *), void *arg);
void rb_outgoing_call_free(struct rb_outgoing_call *call);
void rb_outgoing_send(struct rb_outgoing *outgoing, struct rb_outgoing_call *call); /* on a loop */
/* The same, waiting, without an rb_outgoing: for the command line. done is not called. fd: the answer's body
 * is written there (then `answer` is empty) when the status is below 300; -1: not. */
void rb_outgoing_wait(struct rb_outgoing_call *call, int fd);

#endif
