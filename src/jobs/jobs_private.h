/* What the files of this room share: jobs as the jobs loop has them in memory. Everything here belongs to
 * that loop. */
#ifndef RB_JOBS_PRIVATE_H
#define RB_JOBS_PRIVATE_H

#include "auth/auth.h"
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
    PHASE_WAITING,    /* in the queue, or for a retry's time, or held */
    PHASE_PREPARING,  /* has a slot; its work directory is being made */
    PHASE_STARTING,   /* `running` is being stored */
    PHASE_RUNNING,    /* the worker, or its output, is there; external: it is worked on elsewhere */
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
    rb_str dir;                      /* NONE: not made */
    rb_str input;                    /* path; NONE: there is none */
    char token[RB_TOKEN_TEXT_BYTES]; /* lent to the worker; empty: none, or taken back */
    struct rb_process *process;      /* NULL: not started, or gone with all its output */
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
    bool has_new_input;          /* in its place, and the change that it belongs to is not stored yet */
    struct rb_job_record record; /* as stored, but for cancel_requested */
    struct rb_job_record next;   /* as being stored */
    struct verdict verdict;
    struct rb_arena arena;
    struct rb_list queue_node;
    struct rb_timer deadline; /* of waiting, then of running */
    struct rb_timer
        step; /* the next step of the phase: a retry's time, SIGKILL, the end of patience, another try */
    struct run *run;
    struct rb_jobs_call *askers; /* CANCEL and FINISH calls that wait for the outcome; linked by mail.next */
    struct rb_jobs_call *early;  /* calls that came while it was between two states, in order; likewise */
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
void call_refuse(struct rb_jobs_call *call, const char *why);            /* RB_CONFLICT: "the job WHY" */
void job_add_asker(struct job *job, struct rb_jobs_call *call);
void job_answer_askers(struct job *job, rb_err err); /* RB_OK: by what has become of the job */
void job_take_early_calls(struct job *job);          /* when it has come to a state, or gone */

/* start.c */
void start_job(struct rb_jobs_call *call);

/* hold.c: jobs that wait for their release */
bool job_is_held(const struct job *job);
void release_job(struct job *job, struct rb_jobs_call *call);

/* external.c: the phase RUNNING of jobs whose work is done elsewhere */
static inline bool job_is_external(const struct job *job)
{
    return job->kind->spec->is_external;
}
void external_run(struct job *job);
bool external_is_over(struct job *job);
void external_report(struct job *job, struct rb_jobs_call *call);
void external_finish(struct job *job, struct rb_jobs_call *call);

/* input.c: the file that came with a call becomes the job's input, at once if there is none. The job waits
 * for it; afterwards the call has none any more. */
void input_place(struct job *job, struct rb_jobs_call *call,
                 void (*done)(struct job *job, struct rb_jobs_call *call, rb_err err));
void input_settle(struct job *job, bool is_stored); /* what was placed stays, or goes */
void input_refuse(struct rb_jobs_call *call);       /* removes what came with a call that failed */

/* queue.c */
bool queue_has_room(const struct kind *kind);
void queue_add(struct job *job);   /* it becomes waiting */
void queue_leave(struct job *job); /* stops waiting */
void queue_run_next(struct kind *kind);

/* run.c: the phases from PREPARING to COLLECTING */
void run_begin(struct job *job);
void run_advance(struct job *job);
void run_free(struct run *run);
void run_go_on(struct job *job);                        /* an external one, after a restart of the server */
void run_limit_time(struct job *job, uint64_t left_ms); /* it fails when so much time has passed */
void run_end_reports(struct run *run);                  /* nothing more is reported */

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
void worker_lend_token(struct job *job); /* for its worker, with the rights of who started the job */
void worker_take_back_token(struct run *run);
/* What worker_exec says on standard error, with status 127, when the command cannot be started. */
#define WORKER_EXEC_COMPLAINT "ringback worker-exec: "

#endif
