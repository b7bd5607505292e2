/* A change of a job is stored together with the events that tell of it, and told only when it is stored. */
#include "jobs/jobs_private.h"

struct change *change_new(struct job *job, void (*on_stored)(struct change *change, rb_err err), void *arg)
{
    struct rb_tx *tx = rb_tx_new();
    struct change *change = rb_arena_new(&tx->arena, struct change);
    *change = (struct change){.tx = tx, .job = job_ref(job), .on_stored = on_stored, .arg = arg};
    return change;
}

void change_publish(struct change *change, rb_str topic, const struct rb_event_spec *event)
{
    RB_CHECK(change->publication_count < CHANGE_PUBLICATIONS_MAX);
    struct rb_publication *publication =
        rb_publication_new(change->job->jobs->setup.hub, topic, event, NULL, NULL, NULL);
    rb_publication_store(publication, change->tx);
    change->publications[change->publication_count++] = publication;
}

void change_publish_state(struct change *change, const struct rb_job_record *record, uint32_t flags)
{
    struct rb_arena *arena = &change->tx->arena;
    change_publish(change, rb_job_topic(arena, record->tenant, record->id),
                   &(struct rb_event_spec){.name = rb_str_of(rb_job_state_name(record->state)),
                                           .data = record_event_data(arena, record),
                                           .time_ms = record->ended_ms,
                                           .flags = flags});
}

static void on_change_stored(struct rb_mail *mail)
{
    struct rb_tx *tx = RB_OUTER(mail, struct rb_tx, mail);
    struct change *change = tx->arg;
    struct job *job = change->job;
    struct rb_jobs *jobs = job->jobs;
    change->on_stored(change, tx->err);
    rb_tx_free(tx);
    job_unref(job);
    jobs_return(jobs);
}

/* Delivered here, on the store's thread, so that events of all transactions reach a topic in the order in
 * which they were stored; but behind the letter to the jobs, so that who hears of an end finds the job over.
 * From that letter on the change is the jobs'. */
static void on_tx_done(struct rb_tx *tx, rb_err err)
{
    struct change *change = tx->arg;
    struct rb_publication *publications[CHANGE_PUBLICATIONS_MAX];
    unsigned count = change->publication_count;
    bool is_void = err != RB_OK || (change->inserted && change->inserted->was_there);
    for (unsigned i = 0; i < count; i++) {
        publications[i] = change->publications[i];
        rb_publication_stored(publications[i]);
    }
    tx->mail.run = on_change_stored;
    rb_loop_post(change->job->jobs->setup.loop, &tx->mail);
    for (unsigned i = 0; i < count; i++) {
        if (is_void)
            rb_publication_fail(publications[i], err);
        else
            rb_publication_deliver(publications[i]);
    }
}

void change_commit(struct change *change)
{
    struct rb_jobs *jobs = change->job->jobs;
    change->tx->done = on_tx_done;
    change->tx->arg = change;
    jobs_depart(jobs);
    rb_loop_send_mail(); /* the store's thread delivers: progress told before must not come after */
    rb_store_commit(jobs->setup.store, change->tx);
}
