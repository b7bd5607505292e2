/* Jobs: slow work that is accepted durably, run in the background, and announced when it is over.
 *
 * All of it lives on one loop of its own (the jobs loop). Doors ask from their loops by calls, which travel
 * there and back as letters. State: queued -> running -> finished | failed | cancelled | expired; running ->
 * queued on a retry. Each change is stored, together with its event in the job's topic, before it is told to
 * anybody; progress is not stored. The topic of a job is "TENANT/jobs/ID": events `queued`, `running`,
 * `progress` (transient, replaceable; at the kind's pace, but at once when its stage or title changes and at
 * 100), `info`, `warning`, `error`, custom ones of the worker (transient), and last one of `finished`,
 * `failed`, `cancelled`, `expired` (final). */
#ifndef RB_JOBS_JOBS_H
#define RB_JOBS_JOBS_H

#include "codec/json.h"
#include "files/files.h"
#include "hub/hub.h"
#include "store/store.h"

/* What the configuration says of a kind. Immutable, borrowed for the life of the jobs. */
struct rb_job_kind {
    rb_str name;
    bool is_external; /* has no command: its work is done elsewhere, and told by REPORT and FINISH. It runs
                         from its start on, whatever concurrency says, also across restarts of the server,
                         until it is finished, cancelled or out of time; once, whatever attempts says.
                         queue_max is how many are open */
    char *const *command; /* at least one; "{name}" stands for a parameter; NULL at the end */
    unsigned command_count;
    char *const *environment; /* "NAME=value", added to the runner protocol's; may be NULL */
    uint64_t timeout_ms, kill_grace_ms, queue_timeout_ms;
    uint32_t concurrency, queue_max;
    uint32_t attempts;         /* a failed run is tried again up to so many runs in all */
    uint64_t retry_backoff_ms; /* doubled with each attempt */
    bool retry;                /* after a restart of the server: run again (else it fails as interrupted) */
    bool always_zip;           /* the result is a ZIP even when it is one file */
    uint64_t result_bytes_max, result_keep_ms;
    uint32_t log_bytes_max;
    uint64_t progress_interval_ms; /* between two `progress` events, but for those that are sent at once */
    uint64_t memory_bytes_max;     /* 0 = no limit */
    uint32_t open_files_max;       /* 0 = the system's */
};

/* What a door wants published, in other topics than the job's own, together with the job's end (in the same
 * transaction). */
struct rb_announcement {
    rb_str topic; /* complete name */
    struct rb_event_spec event;
};
enum { RB_ANNOUNCEMENTS_MAX = 4, RB_ANNOUNCERS_MAX = 4 };
/* A door registers one. announce is the JSON that was given with the job's start: whether it is its own, each
 * sees by itself. Runs on the jobs loop; slices of the output are made in the arena. Returns how many of the
 * RB_ANNOUNCEMENTS_MAX places it filled. */
struct rb_announcer {
    unsigned (*announce)(void *arg, const struct rb_job_record *job, rb_str announce, struct rb_arena *arena,
                         struct rb_announcement *out);
    void *arg;
};

struct rb_jobs;

struct rb_jobs_setup {
    struct rb_loop *loop; /* the jobs loop */
    struct rb_store *store;
    struct rb_hub *hub;
    struct rb_files *files;
    const struct rb_job_kind *kinds;
    unsigned kind_count;
    uint32_t tenant_jobs_max; /* open jobs of one tenant; more are RB_QUEUE_FULL. 0: no limit */
    struct rb_announcer announcers[RB_ANNOUNCERS_MAX];
    unsigned announcer_count;
    const char *self_path; /* of this program: it starts workers through itself (see runner.c) */
    struct rb_auth
        *auth;       /* lends workers their tokens (RINGBACK_TOKEN), with the rights of the job's owner */
    const char *url; /* where workers reach this server (RINGBACK_URL) */
};
/* Before the loops run; reads what is open from the store (blocking) and, once the loop runs, goes on with
 * it. */
rb_err rb_jobs_new(const struct rb_jobs_setup *setup, struct rb_jobs **out_jobs, struct rb_buf *why);
/* On the jobs loop: takes no new work, ends running workers (SIGTERM, then SIGKILL after their grace time),
 * stores what became of them (queued again when the kind retries, else failed as interrupted), then calls
 * done there. */
void rb_jobs_stop(struct rb_jobs *jobs, void (*done)(void *arg), void *arg);
void rb_jobs_free(struct rb_jobs *jobs); /* after the loop has ended */

const struct rb_job_kind *rb_jobs_kind(const struct rb_jobs *jobs,
                                       rb_str name); /* any thread; NULL when there is none */

/* ---- calls ---- A question to the jobs loop. Made on any loop, answered on that loop: `done` gets the call
 * back, may read everything in it, and frees it with rb_jobs_call_free. Slices put in must live in the call's
 * arena. */
struct rb_jobs_call {
    struct rb_mail mail;
    struct rb_jobs *jobs;
    struct rb_loop *loop; /* where the answer goes */
    struct rb_arena arena;
    void (*done)(struct rb_jobs_call *call);
    void *arg;
    enum {
        RB_JOBS_START,
        RB_JOBS_GET,
        RB_JOBS_CANCEL,
        RB_JOBS_LIST,
        RB_JOBS_RELEASE, /* a held job gets its parameters and stands in the queue from now on */
        RB_JOBS_REPORT,  /* an external job: its progress */
        RB_JOBS_FINISH   /* an external job: its end */
    } what;

    rb_str tenant, client; /* who asks; jobs of other tenants do not exist for it */
    bool is_backend;       /* sees and cancels all jobs of the tenant; others only their own */
    /* START */
    rb_str kind;
    rb_str params; /* a JSON object (checked) of scalars for "{name}", whatever else for stdin */
    rb_str announce;
    rb_str idempotency_key, idempotency_fingerprint;
    const char *role; /* START: of who asks (rb_role_name); NULL: "client" */
    bool is_held; /* START: waits for its RELEASE, and expires like any that waits too long; its parameters
                     are not checked before */
    rb_str
        input;     /* START, RELEASE: absolute path of a file in the data directory's spool, which becomes the
                      job's input (RINGBACK_INPUT, until the job is forgotten); NONE: none. Removed on failure */
    rb_str report; /* REPORT: a JSON object as a worker's line; FINISH: likewise, the last one, may be NONE */
    enum rb_job_state state; /* FINISH: FINISHED or FAILED */
    rb_str message;          /* FINISH: why it failed */
    /* GET, CANCEL, RELEASE, REPORT, FINISH */
    rb_str id;       /* or */
    uint64_t number; /* when id is NONE */
    /* LIST */
    struct rb_job_query query;

    /* Answer. START: RB_NOT_FOUND (no such kind), RB_QUEUE_FULL, RB_UNPROCESSABLE (a parameter of the command
     * is missing; why says which), RB_IDEMPOTENCY_MISMATCH, store errors. GET, CANCEL, RELEASE, REPORT,
     * FINISH: RB_NOT_FOUND; of a final job, and of one that is not held (RELEASE) or not external (REPORT,
     * FINISH): RB_CONFLICT. RELEASE may also be RB_UNPROCESSABLE and leaves the job held; REPORT of what is
     * no report: RB_UNPROCESSABLE. */
    rb_err err;
    rb_str why;               /* detail for people; may be NONE */
    bool was_there;           /* START: the idempotency key found an earlier job */
    struct rb_job_record job; /* START, GET, CANCEL */
    struct rb_job_record *list;
    uint32_t list_count;
};
struct rb_jobs_call *rb_jobs_call_new(struct rb_jobs *jobs, void (*done)(struct rb_jobs_call *), void *arg);
void rb_jobs_call_send(struct rb_jobs_call *call);
void rb_jobs_call_free(struct rb_jobs_call *call);

/* "TENANT/jobs/ID" */
rb_str rb_job_topic(struct rb_arena *arena, rb_str tenant, rb_str id);

/* A file of a job by name, for reading: of its worker's directory while it runs (first `out/`, then the
 * directory itself), else of its result: the result under its name, or a member of a result that is a ZIP is
 * not looked into. Names are one path element; links are not followed. Blocking: the worker pool.
 * RB_NOT_FOUND, RB_BAD_NAME. */
rb_err rb_job_open_file(struct rb_files *files, const struct rb_job_record *job, rb_str name, int *out_fd,
                        uint64_t *out_bytes);
/* Writes what fd holds as `name` into the directory in which the job's worker runs; replaces. Blocking.
 * RB_NOT_FOUND when it does not run. */
rb_err rb_job_put_file(struct rb_files *files, const struct rb_job_record *job, rb_str name, int fd);

/* The hidden sub-command behind self_path: sets limits, binds its life to the server's, becomes the worker.
 * Does not return on success. */
int rb_worker_exec_main(int argc, char **argv);

#endif
