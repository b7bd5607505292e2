/* Check-ins: from a file in the spool to a job that stands in its queue and is known to its project.
 *
 * One a project at a time; one that was only initiated, and waits for its file, does not count. */
#ifndef RB_BIMSERVER_CHECKIN_H
#define RB_BIMSERVER_CHECKIN_H

#include "doors/bimserver/news.h"
#include "doors/bimserver/projects.h"

struct bim_checkin {
    /* What is wanted. Slices, and what `arena` holds, must stay until done. */
    struct rb_bimserver_door *door;
    const struct rb_identity *who;
    struct rb_arena *arena;
    int64_t poid, deserializer_oid;
    int64_t topic; /* of one that was initiated; -1: a new one */
    rb_str path;   /* of the file, absolute, in the spool; taken, whatever becomes of it. NONE: initiate */
    rb_str file_name, comment;
    uint64_t bytes;
    bool does_merge;
    bool is_beside; /* others of the project may be under way: those of the same bulk upload */
    bool is_sync;   /* done comes when the job is over */
    /* Once, on the loop that started it, perhaps from inside. */
    void (*done)(struct bim_checkin *checkin);
    void *arg;

    /* The outcome. */
    rb_str failure; /* for the client; NONE: none */
    uint64_t number;
    rb_str job_id;
    const struct rb_job_record *end; /* sync; valid during done. NULL: nobody waited */

    /* Its own. */
    rb_str claim; /* NONE: not claimed */
    struct bim_project project;
    struct bim_await *await;
};
void bim_checkin_start(struct bim_checkin *checkin);
/* Nobody waits for the end of the job any more: done comes at once, if it is that what was waited for. */
void bim_checkin_gone(struct bim_checkin *checkin);

/* Removes a file of the spool, on the pool; fine when it has been taken. */
void bim_spool_drop(struct rb_loop *loop, rb_str path);

#endif
