/* The file of a topic, for whom wants to send it: waited for if its job is not over, opened on the pool. */
#ifndef RB_BIMSERVER_FETCH_H
#define RB_BIMSERVER_FETCH_H

#include "doors/bimserver/revisions.h"

struct bim_fetch {
    struct rb_bimserver_door *door;
    const struct rb_identity *who; /* must stay until done, as must the arena */
    struct rb_arena *arena;
    uint64_t topic;
    /* Once, on the loop that started it, never from inside. The file's descriptor is the callee's. */
    void (*done)(struct bim_fetch *fetch);
    void *arg;

    rb_err err; /* as from bim_file_open, but for RB_NOT_READY */
    struct bim_file file;
    struct bim_await *await;
    bool is_gone;
};
void bim_fetch_start(struct bim_fetch *fetch);
void bim_fetch_gone(struct bim_fetch *fetch); /* it is waited for no longer: done comes with RB_CLIENT_GONE */

/* Downloads are over when their file has been sent: tells their topic. Of any other job: nothing. */
void bim_fetch_tell(struct rb_bimserver_door *door, const struct rb_identity *who,
                    const struct rb_job_record *job, bool is_over);

#endif
