/* What the files of this room share: jobs as the jobs loop has them in memory. Everything here belongs to
 * that loop. */
#ifndef RB_JOBS_PRIVATE_H
#define RB_JOBS_PRIVATE_H

#include "base/map.h"
#include "base/tally.h"
#include "jobs/jobs.h"
#include "jobs/output.h"
#include "jobs/progress.h"
#include "loop/process.h"

/* A kind, and what waits and runs of it. */
struct kind {
    const struct rb_job_kind *spec;
    struct rb_list queue; /* jobs that may start now, in order */
    unsigned waiting;     /* in the queue, waiting for a retry's time, or being stored */
    unsigned running;     /* slots taken */
};

struct rb_jobs {
    struct rb_jobs_setup setup;
    struct kind *kinds;  /* one for each of the setup's */
    struct kind unknown; /* of jobs whose kind is no longer configured */
    struct rb_job_kind unknown_spec;
    struct rb_map kinds_by_name;    /* does not change while loops run */
    struct rb_map by_id, by_number; /* open jobs that are stored */
    struct rb_tally *tenants;       /* their open jobs */
    char *self_path;
    struct rb_timer expiry, topic_expiry;
    uint64_t topics_passed; /* topic_expiry.c: the last one looked at in this round */
    struct rb_mail go;      /* sent by rb_jobs_new, so that the loop begins with what was open */
    struct rb_list found;   /* jobs that were open at the start, in order, until then */
    unsigned under_way;     /* letters, transactions and work that come back to this loop */
    bool is_stopping, has_stopped;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

enum phase {
    PHASE_STORING,    /* accepted when its transaction is */
    PHASE_WAITING,    /* in the queue, or for a retry's time */
    PHASE_PREPARING,  /* has a slot; its work directory is being made */
    PHASE_STARTING,   /* `running` is being stored */
    PHASE_RUNNING,    /* the worker, or its output, is there */
    PHASE_COLLECTING, /* the worker is gone; what it left becomes the result */
    PHASE_ENDING,     /* the outcome is being stored */
    PHASE_LEFT /* to the next start of the server: this one stops and its store does not take the outcome */
};

/* How a run, or a job that never ran, is to end. The first one decided stays. */
struct verdict {
    bool is_decided;
    bool is_retry; /* the state is `queued` again */
    enum rb_job_state state;
    rb_err reason;  /* RB_OK when finished */
    rb_str message; /* borrowed from the job's or the run's arena, or static */
};

/* One attempt. Stays until the next one starts or the job goes, since the record borrows from it. */
struct run {
    struct job *job;
    struct rb_arena arena;
    uint32_t attempt;
    rb_str dir;                 /* NONE: not made */
    struct rb_process *process; /* NULL: not started, or gone with all its output */
    bool has_exited;
    int status, signal;                                      /* then */
    enum { ENDING_NOT, ENDING_ASKED, ENDING_FORCED } ending; /* SIGTERM, SIGKILL were sent */
    bool is_swept;     /* the rest of its group was killed after its exit */
    bool is_measuring; /* how much it has written */
    struct rb_timer measure;
    struct output output;
    struct progress progress;

    /* What a step on the pool gives back; the pool's while job->is_busy. */
    struct rb_arena step_arena;
    rb_err step_err;
    struct rb_buf step_why;
    struct rb_result result;
};

#define JOB_MAGIC 0x6a6f6231 /* "job1" */

struct job {
    uint32_t magic;
    unsigned refs; /* one while it is open, one for each thing under way that comes back to it */
    struct rb_jobs *jobs;
    struct kind *kind;
    enum phase phase;
    bool is_busy; /* the phase's step is under way on the pool or in the store */
    bool has_slot;
    bool is_counted;             /* in its tenant's open jobs */
    struct rb_job_record record; /* as stored, but for cancel_requested */
    struct rb_job_record next;   /* as being stored */
    struct verdict verdict;
    struct rb_arena arena;
    struct rb_list queue_node;
    struct rb_timer deadline; /* of waiting, then of running */
    struct rb_timer
        step; /* the next step of the phase: a retry's time, SIGKILL, the end of patience, another try */
    struct run *run;
    struct rb_jobs_call *askers; /* CANCEL calls that wait for the outcome; linked by mail.next */
};

/* job.c */
struct job *job_new(struct rb_jobs *jobs, struct kind *kind, const struct rb_job_record *record); /* copies */
bool job_count(struct job *job); /* as its tenant's; false: that has as many as it may */
struct job *job_ref(struct job *job);
void job_unref(struct job *job);
void job_register(struct job *job);
void job_unregister(struct job *job);
void job_advance(struct job *job); /* looks at what is known and does what follows */
void job_decide(struct job *job, enum rb_job_state state, rb_err reason, rb_str message);
void job_snapshot(const struct job *job, struct rb_arena *arena,
                  struct rb_job_record *out); /* copies, live report included */
void record_copy(struct rb_arena *arena, const struct rb_job_record *record, struct rb_job_record *out);
rb_str record_event_data(struct rb_arena *arena, const struct rb_job_record *record); /* of state events */

/* jobs.c: counting what is under way; the last one home ends a stop */
void jobs_depart(struct rb_jobs *jobs);
void jobs_return(struct rb_jobs *jobs);

/* calls.c */
void call_answer(struct rb_jobs_call *call, rb_err err);
void call_answer_with(struct rb_jobs_call *call, const struct job *job); /* RB_OK and its snapshot */
void call_answer_stored(struct rb_jobs_call *call, rb_str id);           /* RB_OK and what the store has */
void job_answer_askers(struct job *job, rb_err err); /* RB_OK: by what has become of the job */

/* start.c */
void start_job(struct rb_jobs_call *call);

/* queue.c */
bool queue_has_room(const struct kind *kind);
void queue_add(struct job *job);   /* it becomes waiting */
void queue_leave(struct job *job); /* stops waiting */
void queue_run_next(struct kind *kind);

/* run.c: the phases from PREPARING to COLLECTING */
void run_begin(struct job *job);
void run_advance(struct job *job);
void run_free(struct run *run);

/* worker_watch.c: the phase RUNNING */
rb_err worker_start(struct job *job, const char **out_why);
bool worker_is_over(struct job *job); /* else does what is next on the way there */

/* outcome.c: the phase ENDING */
void outcome_begin(struct job *job);
void outcome_advance(struct job *job);

/* change.c: a transaction about a job, on its way to the store and back. */
enum { CHANGE_PUBLICATIONS_MAX = 1 + RB_ANNOUNCEMENTS_MAX };
struct change {
    struct rb_tx *tx;
    struct job *job; /* referenced */
    struct rb_publication *publications[CHANGE_PUBLICATIONS_MAX];
    unsigned publication_count;
    struct rb_tx_inserted *inserted;                      /* of a job_insert in it; else NULL */
    void (*on_stored)(struct change *change, rb_err err); /* after its events were delivered */
    void *arg;
};
struct change *change_new(struct job *job, void (*on_stored)(struct change *change, rb_err err), void *arg);
void change_publish(struct change *change, rb_str topic, const struct rb_event_spec *event);
void change_publish_state(struct change *change, const struct rb_job_record *record,
                          uint32_t flags); /* in the job's topic */
void change_commit(struct change *change);

/* recover.c */
rb_err recover_open_jobs(struct rb_jobs *jobs, struct rb_buf *why); /* blocking */
void recover_go_on(struct rb_jobs *jobs);                           /* on the loop: with the jobs found */

/* leftovers.c: kills processes that a server before us left behind, known by their RINGBACK_OUT below
 * work_root. Blocking. */
void leftovers_kill(rb_str work_root);

/* expiry.c, topic_expiry.c */
void expiry_start(struct rb_jobs *jobs);
void topic_expiry_start(struct rb_jobs *jobs);

/* command.c: the argument list of a kind with the parameters in their places, NULL at the end, in the arena.
 * RB_UNPROCESSABLE, RB_BAD_JSON and the like; *out_why says what is wrong (in the arena). */
rb_err command_build(const struct rb_job_kind *kind, rb_str params, struct rb_arena *arena, char ***out_argv,
                     rb_str *out_why);

/* worker.c: a worker's whole argument list and environment, through rb_worker_exec_main */
char **worker_arguments(const struct job *job, struct rb_arena *arena, char **command);
char **worker_environment(const struct job *job, struct rb_arena *arena);
/* What worker_exec says on standard error, with status 127, when the command cannot be started. */
#define WORKER_EXEC_COMPLAINT "ringback worker-exec: "

#endif
