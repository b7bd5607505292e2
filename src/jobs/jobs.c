/* The room's life: made before the loops run, stopped on its loop, freed after it. */
#include "jobs/jobs.h"

#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

static void on_begin(struct rb_timer *timer)
{
    struct rb_jobs *jobs = RB_OUTER(timer, struct rb_jobs, expiry);
    recover_go_on(jobs);
    expiry_start(jobs);
    topic_expiry_start(jobs);
}

/* A timer and not at once: a loop that is ended without having run still runs its letters, but must not start
 * any worker. */
static void on_go(struct rb_mail *mail)
{
    struct rb_jobs *jobs = RB_OUTER(mail, struct rb_jobs, go);
    if (!jobs->is_stopping) rb_timer_start(jobs->setup.loop, &jobs->expiry, 0, on_begin);
}

static void make_kind(struct rb_jobs *jobs, struct kind *kind, const struct rb_job_kind *spec)
{
    kind->spec = spec;
    rb_list_init(&kind->queue);
    if (spec->name.n) rb_map_put(&jobs->kinds_by_name, spec->name, kind);
}

rb_err rb_jobs_new(const struct rb_jobs_setup *setup, struct rb_jobs **out_jobs, struct rb_buf *why)
{
    char *self_path = realpath(setup->self_path, NULL); /* workers start in other directories */
    if (!self_path) {
        rb_buf_add_fmt(why, "Cannot find %s: %s.", setup->self_path, strerror(errno));
        return RB_INTERNAL;
    }
    struct rb_jobs *jobs = rb_new(struct rb_jobs);
    jobs->setup = *setup;
    jobs->self_path = self_path;
    jobs->tenants = rb_tally_new(setup->tenant_jobs_max);
    jobs->unknown_spec = (struct rb_job_kind){.result_keep_ms = 24 * 3600 * 1000};
    make_kind(jobs, &jobs->unknown, &jobs->unknown_spec);
    jobs->kinds = rb_new_array(struct kind, setup->kind_count + 1);
    for (unsigned i = 0; i < setup->kind_count; i++) make_kind(jobs, &jobs->kinds[i], &setup->kinds[i]);
    rb_list_init(&jobs->found);
    rb_err err = recover_open_jobs(jobs, why);
    if (err != RB_OK) {
        rb_jobs_free(jobs);
        return err;
    }
    jobs->go.run = on_go;
    rb_loop_post(setup->loop, &jobs->go);
    *out_jobs = jobs;
    return RB_OK;
}

const struct rb_job_kind *rb_jobs_kind(const struct rb_jobs *jobs, rb_str name)
{
    const struct kind *kind = rb_map_get(&jobs->kinds_by_name, name);
    return kind ? kind->spec : NULL;
}

/* ---- stopping ---- */

static void drop_all(struct rb_jobs *jobs)
{
    struct job *job;
    for (size_t at = 0; (job = rb_map_next(&jobs->by_id, &at)) != NULL;) {
        job_answer_askers(job, RB_SHUTTING_DOWN);
        job_unregister(job);
        job_take_early_calls(job);
        job_unref(job);
    }
}

static void end_stop_if_all_done(struct rb_jobs *jobs)
{
    if (!jobs->is_stopping || jobs->has_stopped || jobs->under_way > 0) return;
    jobs->has_stopped = true;
    rb_timer_stop(&jobs->expiry);
    rb_timer_stop(&jobs->topic_expiry);
    drop_all(jobs); /* what waits is stored */
    jobs->stopped(jobs->stopped_arg);
}

void jobs_depart(struct rb_jobs *jobs)
{
    jobs->under_way++;
}

void jobs_return(struct rb_jobs *jobs)
{
    RB_CHECK(jobs->under_way > 0);
    jobs->under_way--;
    end_stop_if_all_done(jobs);
}

void rb_jobs_stop(struct rb_jobs *jobs, void (*done)(void *arg), void *arg)
{
    RB_CHECK(!jobs->is_stopping);
    jobs->is_stopping = true;
    jobs->stopped = done;
    jobs->stopped_arg = arg;
    jobs_depart(jobs);
    struct job *job;
    for (size_t at = 0; (job = rb_map_next(&jobs->by_id, &at)) != NULL;) job_advance(job);
    jobs_return(jobs);
}

void rb_jobs_free(struct rb_jobs *jobs)
{
    if (!jobs) return;
    rb_timer_stop(&jobs->expiry);
    rb_timer_stop(&jobs->topic_expiry);
    drop_all(jobs);
    rb_map_fini(&jobs->by_id);
    rb_map_fini(&jobs->by_number);
    rb_map_fini(&jobs->kinds_by_name);
    rb_tally_free(jobs->tenants);
    rb_free(jobs->kinds);
    free(jobs->self_path);
    rb_free(jobs);
}
