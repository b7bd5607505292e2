/* What the files of this door share. */
#ifndef RB_ENVOY_PRIVATE_H
#define RB_ENVOY_PRIVATE_H

#include "auth/brake.h"
#include "codec/envoy.h"
#include "doors/envoy/envoy.h"
#include "hub/conn.h"
#include "hub/countdown.h"
#include "hub/policy.h"

enum {
    MINUTES_MAX = 43200, /* 30 days, of timeouts and tokens */
    MINUTES_DEFAULT = 60,
    FIRST_FRAME_MS = 10 * 1000,
    FIRST_FRAME_BYTES_MAX = 8 * 1024,
    FURTHER_FRAMES_MAX = 64, /* ignored; with more the client is closed */
    GOODBYE_MS = 2000,       /* a client has so long to close after the final frame */
    LAG_FRAMES_MAX = 64,     /* waiting for a client that does not read */
    LAG_BYTES_MAX = 1024 * 1024
};

/* What is open on one loop. */
struct envoy_here {
    struct rb_envoy_door *door;
    struct rb_loop *loop;
    struct rb_list links; /* struct envoy_link */
    struct rb_countdowns countdowns;
    bool is_closing;
};

struct rb_envoy_door {
    struct rb_envoy_setup setup;
    struct rb_brake *refusals; /* by address */
    struct rb_brake *calls;    /* by account */
    struct envoy_here *heres;  /* as setup.loops */
};

struct envoy_here *envoy_here(struct rb_envoy_door *door);

/* calls.c */
void envoy_calls_handle(struct rb_request *request, void *door);
void envoy_calls_refused(struct rb_request *request, void *door, rb_err err);

/* methods.c: one call of a back end that is who it says, in its request's arena. Answered by one of the two.
 */
struct envoy_errand {
    struct rb_envoy_door *door;
    struct rb_request *request;
    struct rb_envoy_call call;
    rb_str public_id, tenant; /* of the account; in the arena */
    bool is_guarded;
    rb_str token, task_id; /* what get_envoy_token answers */
};
void envoy_succeed(struct envoy_errand *errand, struct rb_buf *take_result);
void envoy_fail(struct envoy_errand *errand, enum rb_envoy_error error, const char *message);
void envoy_methods_run(struct envoy_errand *errand);

/* frames.c: NULL when memory is out */
struct rb_blob *envoy_frame(const struct rb_envoy_frame *frame);
struct rb_blob *envoy_tick(uint32_t left_s);    /* the frame of a second: one for all who have as much left */
extern const struct rb_encoding envoy_encoding; /* of messages */

/* link.c: the clients' sockets */
void envoy_link_handle(struct rb_request *request, void *door);
void envoy_link_shut(struct rb_list *node, rb_err why);
extern const struct rb_countdown_ops envoy_countdown_ops;

#endif
