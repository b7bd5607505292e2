/* NotificationRegistryInterface: the progress of jobs. */
#include "doors/bimserver/news.h"
#include "doors/bimserver/visit.h"

/* ---- registering ---- The endpoint is looked at before the topic. */

static void describe(struct bim_visit *visit, const struct rb_job_record *job)
{
    struct bim_call *call = visit->call;
    struct bim_registration *registration = &visit->registration;
    registration->topic = rb_job_topic(&call->arena, job->tenant, job->id);
    if (visit->is_end) return;
    struct bim_topic *topic = rb_arena_new(&call->arena, struct bim_topic);
    struct bim_state state;
    bim_topic_of(job, call->host->door->setup.checkin_kind, &call->arena, topic);
    bim_state_of_record(topic, job, &call->arena, &state);
    topic->title = rb_arena_copy(&call->arena, topic->title);
    registration->progress = topic;
    registration->job_id = rb_arena_copy(&call->arena, job->id);
    registration->last = bim_push_state(topic, &state, call->dialect);
}

static void on_topic(struct bim_call *call, struct rb_jobs_call *job)
{
    struct bim_visit *visit = call->wait;
    describe(visit, &job->job);
    bim_visit_send(visit);
}

static void visit_for_progress(struct bim_call *call, bool is_end)
{
    struct bim_visit *visit = bim_visit_new(call, is_end);
    if (!visit) return;
    call->wait = visit;
    rb_jobs_call_send(bim_topic_call(call, RB_JOBS_GET, NULL, on_topic));
}

void bim_registry_register_progress(struct bim_call *call)
{
    visit_for_progress(call, false);
}

void bim_registry_unregister_progress(struct bim_call *call)
{
    visit_for_progress(call, true);
}

/* ---- asking ---- */

static void on_progress(struct bim_call *call, struct rb_jobs_call *job)
{
    bim_result_state(call, &job->job);
}

void bim_registry_get_progress(struct bim_call *call)
{
    rb_jobs_call_send(bim_topic_call(call, RB_JOBS_GET, "No topic found with topicId ", on_progress));
}

/* ---- open topics ---- Of the caller's jobs, or all of them for a back end. Those that wait are listed
 * before those that run: one that begins meanwhile is in both lists, not in none. */

enum { LIST_MAX = 200 };

struct listing {
    struct bim_call *call;
    bool (*is_wanted)(struct bim_call *call, struct bim_place place);
    uint64_t numbers[2 * LIST_MAX];
    unsigned count;
};

static void list_jobs(struct listing *listing, enum rb_job_state state);

static void add_topic(struct listing *listing, const struct rb_job_record *job)
{
    struct bim_place place = {-1, -1};
    bim_announce_read(job->announce, &place); /* jobs of other doors belong to no project */
    if (!listing->is_wanted(listing->call, place)) return;
    for (unsigned i = 0; i < listing->count; i++)
        if (listing->numbers[i] == job->number) return;
    listing->numbers[listing->count++] = job->number;
}

static void answer_topics(const struct listing *listing)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < listing->count; i++) rb_json_put_u64(&out, listing->numbers[i]);
    rb_json_end_array(&out);
    bim_result(listing->call, &json);
}

static void on_listed(struct rb_jobs_call *jobs)
{
    struct listing *listing = jobs->arg;
    bool is_first = jobs->query.state == RB_JOB_STATE_QUEUED;
    rb_err err = jobs->err;
    for (uint32_t i = 0; i < jobs->list_count && !err; i++) add_topic(listing, &jobs->list[i]);
    rb_jobs_call_free(jobs);
    if (err)
        bim_fail_reason(listing->call, err);
    else if (is_first)
        list_jobs(listing, RB_JOB_STATE_RUNNING);
    else
        answer_topics(listing);
}

static void list_jobs(struct listing *listing, enum rb_job_state state)
{
    struct bim_call *call = listing->call;
    struct rb_jobs_call *jobs = bim_jobs_call(call->host->door, call->who, RB_JOBS_LIST, on_listed, listing);
    jobs->query.state = (int)state;
    jobs->query.limit = LIST_MAX;
    rb_jobs_call_send(jobs);
}

static void list_topics(struct bim_call *call,
                        bool (*is_wanted)(struct bim_call *call, struct bim_place place))
{
    struct listing *listing = rb_arena_new(&call->arena, struct listing);
    listing->call = call;
    listing->is_wanted = is_wanted;
    list_jobs(listing, RB_JOB_STATE_QUEUED);
}

static bool is_on_server(struct bim_call *call, struct bim_place place)
{
    (void)call;
    return place.poid < 0;
}

static bool is_on_project(struct bim_call *call, struct bim_place place)
{
    return place.poid >= 0 && place.poid == bim_long(call, "poid");
}

static bool is_on_revision(struct bim_call *call, struct bim_place place)
{
    return place.roid >= 0 && place.roid == bim_long(call, "roid");
}

void bim_registry_get_topics_on_server(struct bim_call *call)
{
    list_topics(call, is_on_server);
}

void bim_registry_get_topics_on_project(struct bim_call *call)
{
    list_topics(call, is_on_project);
}

void bim_registry_get_topics_on_revision(struct bim_call *call)
{
    list_topics(call, is_on_revision);
}
