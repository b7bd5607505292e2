/* A whole jobs room in a directory of its own: store, files, hub, a jobs loop on its thread, and the front
 * loop, which the test itself runs and on which it asks and watches. Workers are /bin/sh. Time is the test
 * clock's.
 *
 * Main programs give their arguments to RIG_MAIN, since workers are started through the test program. */
#ifndef JOBS_RIG_H
#define JOBS_RIG_H

#include "test.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/watcher.h"
#include "jobs/jobs.h"
#include "loop/loop_rig.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RIG_KINDS_MAX = 8, RIG_CALLS_MAX = 1000, RIG_EVENTS_MAX = 20000 };

struct seen_event {
    rb_str name, data;
    uint32_t flags;
};

/* A topic that is watched from its oldest event on. */
struct seen {
    struct rb_watcher watcher;
    rb_str topic;
    struct seen_event *events;
    unsigned count;
    bool is_over;       /* a final event came */
    const char *wanted; /* run until an event of this name has come */
};

static struct rig {
    char dir[200];
    struct rb_store *store;
    struct rb_files *files;
    struct rb_hub *hub;
    struct rb_jobs *jobs;
    struct rb_loop *front, *back;
    pthread_t thread;
    struct rb_job_kind kinds[RIG_KINDS_MAX];
    unsigned kind_count;
    struct rb_announcer announcer;
    uint32_t tenant_jobs_max;
    struct rb_auth *auth; /* that lends tokens, if wants_auth */
    bool wants_auth;
    struct rb_jobs_call *calls[RIG_CALLS_MAX]; /* all that were asked, freed at the end */
    unsigned call_count;
    struct rb_arena arena;
} rig;

/* ---- kinds ---- To be added before rig_open, changed as the test likes. */

static inline struct rb_job_kind *rig_kind(const char *name, const char *script)
{
    static const char *const head[] = {"/bin/sh", "-c"};
    char **command = rb_arena_array(&rig.arena, char *, 4);
    command[0] = (char *)(uintptr_t)head[0];
    command[1] = (char *)(uintptr_t)head[1];
    command[2] = (char *)(uintptr_t)script;
    struct rb_job_kind *kind = &rig.kinds[rig.kind_count++];
    *kind = (struct rb_job_kind){
        .name = rb_str_of(name),
        .command = command,
        .command_count = 3,
        .timeout_ms = 3600000,
        .kill_grace_ms = 5000,
        .queue_timeout_ms = 24 * 3600000,
        .concurrency = 2,
        .queue_max = 100,
        .attempts = 1,
        .retry_backoff_ms = 1000,
        .result_bytes_max = 1000000,
        .result_keep_ms = 3600000,
        .log_bytes_max = 10000,
        .progress_interval_ms = 200,
    };
    return kind;
}

static inline struct rb_job_kind *rig_external_kind(const char *name)
{
    struct rb_job_kind *kind = rig_kind(name, "");
    kind->is_external = true;
    kind->command = NULL;
    kind->command_count = 0;
    return kind;
}

/* ---- opening and closing ---- */

static inline void *rig_thread(void *arg)
{
    (void)arg;
    rb_loop_run(rig.back);
    return NULL;
}

static inline void rig_open(void)
{
    static const struct rb_topic_rule rules[] = {
        {.pattern = {"*/jobs/*", 8}, .keep = {100000, 1 << 28, UINT64_C(1) << 40, true}},
        {.pattern = {"*/rooms/**", 10}, .keep = {100000, 1 << 28, UINT64_C(1) << 40, true}},
        {.pattern = {"*/notes/**", 10}, .keep = {100000, 1 << 28, 3600000, true}},
        {.pattern = {"**", 2}, .keep = {100000, 1 << 28, UINT64_C(1) << 40, false}},
    };
    struct rb_buf why = {0};
    rb_clock_test_enable();
    rb_log_setup(RB_LOG_LEVEL_ERROR, false);
    assert_int_equal(rb_store_open(rig.dir, true, &rig.store, &why), RB_OK);
    assert_int_equal(rb_files_open(rig.dir, &rig.files, &why), RB_OK);
    rig.front = rb_loop_new("front");
    rig.back = rb_loop_new("back");
    rig.hub = rb_hub_new(rig.store, &rig.front, 1, rules, RB_COUNT(rules));
    rig.auth = rig.wants_auth ? rb_auth_new(rig.store, &rig.front, 1) : NULL;
    struct rb_jobs_setup setup = {.loop = rig.back,
                                  .auth = rig.auth,
                                  .url = "http://127.0.0.1:8080",
                                  .store = rig.store,
                                  .hub = rig.hub,
                                  .files = rig.files,
                                  .kinds = rig.kinds,
                                  .kind_count = rig.kind_count,
                                  .announcers = {rig.announcer},
                                  .announcer_count = rig.announcer.announce ? 1 : 0,
                                  .tenant_jobs_max = rig.tenant_jobs_max,
                                  .self_path = "/proc/self/exe"};
    assert_int_equal(rb_jobs_new(&setup, &rig.jobs, &why), RB_OK);
    assert_int_equal(pthread_create(&rig.thread, NULL, rig_thread, NULL), 0);
    rb_buf_fini(&why);
}

static inline void rig_on_stopped(void *arg)
{
    (void)arg;
    rb_loop_stop(rig.back);
}

static inline void rig_stop_jobs(struct rb_mail *mail)
{
    (void)mail;
    rb_jobs_stop(rig.jobs, rig_on_stopped, NULL);
}

/* Asks the jobs to stop, as a server does. */
static inline void rig_begin_stop(void)
{
    static struct rb_mail stop;
    stop.run = rig_stop_jobs;
    rb_loop_post(rig.back, &stop);
}

/* When they have: all goes but the directory. */
static inline void rig_end_stop(void)
{
    pthread_join(rig.thread, NULL);
    rb_loop_end(rig.front);
    rb_loop_end(rig.back);
    rb_store_close(rig.store);
    rb_loop_end(rig.front);
    rb_loop_end(rig.back);
    for (unsigned i = 0; i < rig.call_count; i++) rb_jobs_call_free(rig.calls[i]);
    rig.call_count = 0;
    rb_jobs_free(rig.jobs);
    rb_auth_free(rig.auth);
    rb_hub_free(rig.hub);
    rb_files_close(rig.files);
    rb_loop_free(rig.front);
    rb_loop_free(rig.back);
}

static inline void rig_close(void)
{
    rig_begin_stop();
    rig_end_stop();
}

static inline int rig_set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(rig.dir, sizeof rig.dir, "%s/rb-jobs-XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    return mkdtemp(rig.dir) ? 0 : -1;
}

static inline int rig_remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static inline int rig_tear_down(void **state)
{
    (void)state;
    nftw(rig.dir, rig_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    rb_arena_fini(&rig.arena);
    rig = (struct rig){0};
    return 0;
}

/* ---- asking ---- */

static inline bool rig_is_answered(void *arg)
{
    struct rb_jobs_call *call = arg;
    return call->arg != NULL;
}

static inline void rig_on_answer(struct rb_jobs_call *call)
{
    assert_ptr_equal(rb_loop_current(), rig.front);
    call->arg = call;
}

/* A call of the backend of tenant "t", client "c", to be filled and sent. */
static inline struct rb_jobs_call *rig_call(void)
{
    assert_true(rig.call_count < RIG_CALLS_MAX);
    struct rb_jobs_call *call = rb_jobs_call_new(rig.jobs, rig_on_answer, NULL);
    call->loop = rig.front;
    call->tenant = RB_STR("t");
    call->client = RB_STR("c");
    call->is_backend = true;
    return rig.calls[rig.call_count++] = call;
}

static inline struct rb_jobs_call *rig_send(struct rb_jobs_call *call)
{
    rb_jobs_call_send(call);
    return call;
}

static inline struct rb_jobs_call *rig_wait(struct rb_jobs_call *call)
{
    run_until(rig.front, rig_is_answered, call);
    return call;
}

static inline struct rb_jobs_call *rig_ask(struct rb_jobs_call *call)
{
    return rig_wait(rig_send(call));
}

static inline struct rb_jobs_call *rig_start_call(const char *kind, const char *params)
{
    struct rb_jobs_call *call = rig_call();
    call->what = RB_JOBS_START;
    call->kind = rb_str_of(kind);
    call->params = rb_str_of(params);
    return call;
}

/* The id of a new job. */
static inline rb_str rig_start(const char *kind, const char *params)
{
    struct rb_jobs_call *call = rig_ask(rig_start_call(kind, params));
    assert_int_equal(call->err, RB_OK);
    assert_false(call->was_there);
    assert_int_equal(call->job.state, RB_JOB_STATE_QUEUED);
    return call->job.id;
}

static inline struct rb_jobs_call *rig_ask_about(int what, rb_str id)
{
    struct rb_jobs_call *call = rig_call();
    call->what = what;
    call->id = id;
    return rig_ask(call);
}

static inline const struct rb_job_record *rig_get(rb_str id)
{
    struct rb_jobs_call *call = rig_ask_about(RB_JOBS_GET, id);
    assert_int_equal(call->err, RB_OK);
    return &call->job;
}

static inline rb_err rig_cancel(rb_str id)
{
    return rig_ask_about(RB_JOBS_CANCEL, id)->err;
}

/* One that is held. */
static inline rb_str rig_hold(const char *kind, const char *params)
{
    struct rb_jobs_call *call = rig_start_call(kind, params);
    call->is_held = true;
    assert_int_equal(rig_ask(call)->err, RB_OK);
    assert_int_equal(call->job.state, RB_JOB_STATE_QUEUED);
    return call->job.id;
}

static inline struct rb_jobs_call *rig_release(rb_str id, const char *params)
{
    struct rb_jobs_call *call = rig_call();
    call->what = RB_JOBS_RELEASE;
    call->id = id;
    call->params = rb_str_of(params);
    return rig_ask(call);
}

static inline struct rb_jobs_call *rig_report(rb_str id, const char *report)
{
    struct rb_jobs_call *call = rig_call();
    call->what = RB_JOBS_REPORT;
    call->id = id;
    call->report = rb_str_of(report);
    return rig_ask(call);
}

static inline struct rb_jobs_call *rig_finish(rb_str id, enum rb_job_state state, const char *message,
                                              const char *report)
{
    struct rb_jobs_call *call = rig_call();
    call->what = RB_JOBS_FINISH;
    call->id = id;
    call->state = state;
    call->message = rb_str_of(message);
    call->report = rb_str_of(report);
    return rig_ask(call);
}

/* ---- watching ---- */

struct rig_letter {
    struct rb_mail mail;
    void (*run)(void *arg);
    void *arg;
};

static inline void rig_run_letter(struct rb_mail *mail)
{
    struct rig_letter *letter = RB_OUTER(mail, struct rig_letter, mail);
    letter->run(letter->arg);
    rb_loop_stop(rig.front);
}

static inline void rig_on_front(void (*run)(void *arg), void *arg)
{
    struct rig_letter letter = {.mail.run = rig_run_letter, .run = run, .arg = arg};
    rb_loop_post(rig.front, &letter.mail);
    rb_loop_run(rig.front);
}

static inline void seen_on_events(struct rb_watcher *watcher)
{
    struct seen *seen = RB_OUTER(watcher, struct seen, watcher);
    struct rb_log_entry *entry;
    enum rb_take taken;
    while ((taken = rb_sub_take(&watcher->sub, &entry)) != RB_TAKE_NOTHING) {
        if (taken != RB_TAKE_EVENT) continue;
        assert_true(seen->count < RIG_EVENTS_MAX);
        seen->events[seen->count++] =
            (struct seen_event){.name = rb_arena_copy(&rig.arena, entry->event->name),
                                .data = rb_arena_copy(&rig.arena, entry->event->data),
                                .flags = entry->event->flags};
        if (entry->event->flags & RB_EVENT_FINAL) seen->is_over = true;
    }
}

static inline void seen_begin(void *arg)
{
    static const struct rb_watcher_ops ops = {.on_events = seen_on_events};
    struct seen *seen = arg;
    rb_watcher_start(rig.hub, &seen->watcher, seen->topic, &(struct rb_start){.at = RB_START_OLDEST}, &ops);
}

static inline void seen_stop(void *arg)
{
    struct seen *seen = arg;
    rb_watcher_stop(&seen->watcher);
}

static inline struct seen *rig_watch_topic(rb_str topic)
{
    struct seen *seen = rb_arena_new(&rig.arena, struct seen);
    seen->topic = rb_arena_copy(&rig.arena, topic);
    seen->events = rb_arena_array(&rig.arena, struct seen_event, RIG_EVENTS_MAX);
    rig_on_front(seen_begin, seen);
    return seen;
}

static inline bool seen_has_begun(void *arg)
{
    return ((struct seen *)arg)->count > 0;
}

/* From `queued` on, which has come: who reads what is stored still might miss progress that is followed by
 * more. */
static inline struct seen *rig_watch(rb_str id)
{
    struct seen *seen = rig_watch_topic(rb_job_topic(&rig.arena, RB_STR("t"), id));
    run_until(rig.front, seen_has_begun, seen);
    return seen;
}

static inline void rig_unwatch(struct seen *seen)
{
    rig_on_front(seen_stop, seen);
}

static inline bool seen_is_over(void *arg)
{
    return ((struct seen *)arg)->is_over;
}

static inline const struct seen_event *seen_find(const struct seen *seen, const char *name)
{
    for (unsigned i = seen->count; i > 0; i--)
        if (rb_str_is(seen->events[i - 1].name, name)) return &seen->events[i - 1];
    return NULL;
}

static inline unsigned seen_count(const struct seen *seen, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < seen->count; i++) count += rb_str_is(seen->events[i].name, name);
    return count;
}

static inline bool seen_has_wanted(void *arg)
{
    struct seen *seen = arg;
    return seen_find(seen, seen->wanted) != NULL;
}

/* Waits for an event of a running job. */
static inline void rig_until_event(rb_str id, const char *name)
{
    struct seen *seen = rig_watch(id);
    seen->wanted = name;
    run_until(rig.front, seen_has_wanted, seen);
    rig_unwatch(seen);
}

/* Waits for the end of a job; what its topic had meanwhile, and the job itself. */
static inline const struct rb_job_record *rig_end(rb_str id, struct seen **out_seen)
{
    struct seen *seen = rig_watch(id);
    run_until(rig.front, seen_is_over, seen);
    rig_unwatch(seen);
    if (out_seen) *out_seen = seen;
    const struct rb_job_record *job = rig_get(id);
    assert_true(rb_job_state_is_final(job->state));
    assert_true(rb_str_is(seen->events[seen->count - 1].name, rb_job_state_name(job->state)));
    assert_true(seen->events[seen->count - 1].flags & RB_EVENT_FINAL);
    return job;
}

/* ---- looking around ---- */

static inline const char *rig_path(const char *name)
{
    return rb_arena_fmt(&rig.arena, "%s/%s", rig.dir, name).p;
}

static inline rb_str rig_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return RB_STR_NONE;
    char *text = rb_arena_alloc(&rig.arena, 65536);
    size_t n = fread(text, 1, 65536, file);
    fclose(file);
    return (rb_str){text, n};
}

static inline rb_str rig_result(const struct rb_job_record *job)
{
    assert_non_null(job->result_file.p);
    return rig_read(rb_arena_fmt(&rig.arena, "%s/%.*s", rig.dir, RB_STR_FMT(job->result_file)).p);
}

/* Whether the process of this number is there and no zombie. */
static inline bool rig_is_alive(rb_str pid_text)
{
    rb_str trimmed = rb_str_trim(pid_text);
    if (trimmed.n && trimmed.p[trimmed.n - 1] == '\n') trimmed.n--;
    uint64_t pid;
    if (!rb_str_u64(trimmed, INT32_MAX, &pid)) fail_msg("no process number: %.*s", RB_STR_FMT(pid_text));
    rb_str stat = rig_read(rb_arena_fmt(&rig.arena, "/proc/%llu/stat", (unsigned long long)pid).p);
    const char *paren = stat.n ? memrchr(stat.p, ')', stat.n) : NULL;
    return paren && paren[2] != 'Z' && paren[2] != 'X';
}

struct rig_condition {
    bool (*is_met)(void);
};

static inline bool rig_is_met(void *arg)
{
    return ((struct rig_condition *)arg)->is_met();
}

static inline void rig_until(bool (*is_met)(void))
{
    struct rig_condition condition = {is_met};
    run_until(rig.front, rig_is_met, &condition);
}

static inline int rig_main(int argc, char **argv, int (*tests)(void))
{
    if (argc > 1 && strcmp(argv[1], "worker-exec") == 0) return rb_worker_exec_main(argc, argv);
    return tests();
}

#endif
