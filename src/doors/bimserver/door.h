/* The door as a whole, for its own files. */
#ifndef RB_BIMSERVER_DOOR_H
#define RB_BIMSERVER_DOOR_H

#include "base/list.h"
#include "doors/bimserver/bimserver.h"
#include "doors/bimserver/bimserver_private.h"
#include "doors/bimserver/push.h"

#define BIM_DOOR "bimserver"

/* What is open on one loop. */
struct bim_here {
    struct rb_bimserver_door *door;
    struct rb_loop *loop;
    struct rb_list streams; /* link.c */
    struct rb_list bots;    /* bots_push.c */
    struct bim_pushes pushes;
    struct bim_pb_server *pb; /* NULL: none */
    bool is_closing;
};

struct rb_bimserver_door {
    struct rb_bimserver_setup setup;
    struct rb_jobs *jobs;
    struct bim_here *heres; /* as setup.loops */
    struct bim_host host;
    struct bim_web web;
    struct bim_endpoints *endpoints;
    struct bim_claims *claims; /* checkin.c */
};

struct bim_here *bim_here(struct rb_bimserver_door *door);

/* ---- waits.c: what handlers wait with ---- */
/* A call that waits for the store: `done` on the call's loop, with the transaction's result; the transaction
 * is freed after it. */
void bim_commit(struct bim_call *call, struct rb_tx *take_tx,
                void (*done)(struct bim_call *call, struct rb_tx *tx));
/* A read on the pool; `arg` in the call's arena. */
void bim_read(struct bim_call *call, rb_read_fn *read,
              void (*done)(struct bim_call *call, rb_err err, void *arg), void *arg);

/* ---- job_asks.c: questions about jobs ---- */
/* On a loop of the door; with the rights of who asks, whose texts are copied. */
struct rb_jobs_call *bim_jobs_call(struct rb_bimserver_door *door, const struct rb_identity *who, int what,
                                   void (*done)(struct rb_jobs_call *), void *arg);
/* The end of a job, then its record, which is valid during the call. */
struct bim_await;
struct bim_await *bim_await_job(struct rb_bimserver_door *door, const struct rb_identity *who, rb_str job_id,
                                void (*done)(void *arg, rb_err err, const struct rb_job_record *job),
                                void *arg);
void bim_await_leave(struct bim_await *await); /* done will not be called; NULL is fine */
/* For handlers: about the job of the call's topicId; to be completed and sent with rb_jobs_call_send. What
 * goes wrong is answered here: "Topic with id N not found", or `missing` with N behind it. */
struct rb_jobs_call *bim_topic_call(struct bim_call *call, int what, const char *missing,
                                    void (*done)(struct bim_call *call, struct rb_jobs_call *job));
/* The call's topicId; 0, which no job has, for what is none. */
uint64_t bim_topic_number(const struct bim_call *call);
/* Ends that job: RB_JOBS_CANCEL or RB_JOBS_FINISH. One that is over already is fine. */
void bim_end_topic(struct bim_call *call, int what);
/* A result: its state. */
void bim_result_state(struct bim_call *call, const struct rb_job_record *job);

/* ---- auth.c ---- */
int64_t bim_user_oid(rb_str tenant, rb_str client); /* the same for the same user, below 2^52 */

#endif
