/* Standing subscriptions: `subscribe` with classes of events, for a time, to be renewed under the same id.
 *
 * A subscription is a set of topics: of class registrarevents that of all connections of the tenant, or those
 * of the owners named in `objects`; of class jobevents those of the jobs named there, from their start.
 * Topics of several subscriptions are subscribed to once, and counted. Who asks for jobs is asked by the jobs
 * loop whether it may see them, one after the other. */
#include "base/clock.h"
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

enum { EXPIRES_S_MAX = 24 * 3600, ID_BYTES_MAX = 255, OBJECT_BYTES_MAX = 128 };

struct subscription {
    struct rb_list node;
    struct era_link *link;
    struct rb_timer timer;
    struct rb_arena arena; /* for what follows */
    rb_str id;             /* raw JSON */
    struct subscription_topic {
        rb_str name;
        enum era_class class;
    } * topics;
    unsigned topic_count;
};

/* One that is asked for. */
struct asking {
    struct era_work work;
    struct subscription *wanted; /* not listed yet */
    uint64_t expires_ms;
    unsigned at; /* of the objects: which job is looked at */
    rb_str *objects;
    unsigned object_count;
    bool wants_connections, wants_jobs;
};

/* ---- topics of a connection ---- How often a topic is subscribed to stands in the subscription's `request`.
 */

static void topic_count(struct era_link *link, struct rb_conn_sub *sub, enum era_class class, int change)
{
    sub->request = (uint64_t)((int64_t)sub->request + change);
    if (sub->request == 0)
        rb_conn_unsubscribe(sub);
    else
        sub->encoding = era_notices(link->here->door->notices, class, (unsigned)sub->request);
}

static void topic_join(struct era_link *link, rb_str topic, enum era_class class)
{
    struct rb_conn_sub *sub = rb_conn_find(&link->conn, topic);
    struct rb_start start = {.at = class == ERA_JOB_EVENTS ? RB_START_OLDEST : RB_START_NOW};
    if (class == ERA_REGISTRAR_EVENTS)
        atomic_fetch_add_explicit(&link->here->door->presence_watchers, 1, memory_order_relaxed);
    if (sub)
        topic_count(link, sub, class, 1);
    else
        rb_conn_subscribe(&link->conn, topic, &era_link_who(link)->client, &start,
                          era_notices(link->here->door->notices, class, 1), 1);
}

static void topic_leave(struct era_link *link, rb_str topic, enum era_class class)
{
    struct rb_conn_sub *sub = rb_conn_find(&link->conn, topic);
    if (class == ERA_REGISTRAR_EVENTS)
        atomic_fetch_sub_explicit(&link->here->door->presence_watchers, 1, memory_order_relaxed);
    if (sub) topic_count(link, sub, class, -1);
}

struct rb_blob *era_subscription_gap(struct rb_conn_sub *sub)
{
    return era_gap_notice(sub->encoding, rb_sub_topic_name(&sub->sub), rb_clock_wall_ms());
}

/* ---- subscriptions ---- */

static void subscription_free(struct subscription *subscription)
{
    rb_arena_fini(&subscription->arena);
    rb_free(subscription);
}

static void subscription_end(struct subscription *subscription)
{
    struct era_link *link = subscription->link;
    for (unsigned i = 0; i < subscription->topic_count; i++)
        topic_leave(link, subscription->topics[i].name, subscription->topics[i].class);
    rb_timer_stop(&subscription->timer);
    rb_list_remove(&subscription->node);
    link->subscription_count--;
    subscription_free(subscription);
}

static void on_expired(struct rb_timer *timer)
{
    subscription_end(RB_OUTER(timer, struct subscription, timer));
}

void era_subscriptions_end(struct era_link *link)
{
    while (!rb_list_is_empty(&link->subscriptions))
        subscription_end(RB_OUTER(link->subscriptions.next, struct subscription, node));
}

static struct subscription *subscription_find(struct era_link *link, rb_str id)
{
    RB_LIST_EACH(node, &link->subscriptions)
    {
        struct subscription *subscription = RB_OUTER(node, struct subscription, node);
        if (rb_str_eq(subscription->id, id)) return subscription;
    }
    return NULL;
}

static void add_topic(struct subscription *subscription, rb_str topic, enum era_class class)
{
    subscription->topics[subscription->topic_count++] = (struct subscription_topic){topic, class};
}

static void subscription_begin(struct subscription *subscription, struct era_link *link, uint64_t expires_ms)
{
    struct subscription *former = subscription_find(link, subscription->id);
    subscription->link = link;
    for (unsigned i = 0; i < subscription->topic_count; i++)
        topic_join(link, subscription->topics[i].name, subscription->topics[i].class);
    rb_list_push_back(&link->subscriptions, &subscription->node);
    link->subscription_count++;
    rb_timer_start(link->here->loop, &subscription->timer, expires_ms, on_expired);
    if (former) subscription_end(former); /* afterwards, so that topics of both go on without a gap */
}

/* ---- asking for one ---- */

static void asking_free(struct asking *asking)
{
    era_work_end(&asking->work);
    if (asking->wanted) subscription_free(asking->wanted);
    rb_free(asking);
}

/* The question about a job is under way, and finds nobody. */
static void leave(struct era_work *work)
{
    era_work_end(work);
}

static void grant(struct asking *asking)
{
    struct era_work *work = &asking->work;
    struct era_link *link = work->link;
    struct subscription *wanted = asking->wanted;
    if (link->subscription_count == SUBSCRIPTIONS_MAX && !subscription_find(link, wanted->id)) {
        era_fail(link, work->method, work->qid, RB_TOO_MANY_SUBSCRIPTIONS, RB_STR_NONE);
    } else {
        asking->wanted = NULL;
        subscription_begin(wanted, link, asking->expires_ms);
        era_reply_ok(link, work->method, work->qid);
    }
    asking_free(asking);
}

static void ask_for_job(struct asking *asking);

static void on_job(struct rb_jobs_call *call)
{
    struct asking *asking = call->arg;
    const struct era_work *work = &asking->work;
    if (!work->link) {
        asking_free(asking);
    } else if (call->err) {
        era_fail(work->link, work->method, work->qid, call->err, RB_STR("objects: there is no such job."));
        asking_free(asking);
    } else {
        struct subscription *wanted = asking->wanted;
        add_topic(wanted, rb_job_topic(&wanted->arena, call->tenant, call->job.id), ERA_JOB_EVENTS);
        if (++asking->at < asking->object_count)
            ask_for_job(asking);
        else
            grant(asking);
    }
    rb_jobs_call_free(call);
}

static void ask_for_job(struct asking *asking)
{
    struct era_link *link = asking->work.link;
    struct rb_jobs_call *call =
        era_jobs_call(link->here->door, era_link_who(link), RB_JOBS_GET, on_job, asking);
    call->id = rb_arena_copy(&call->arena, asking->objects[asking->at]);
    rb_jobs_call_send(call);
}

static void add_connections(struct asking *asking)
{
    struct subscription *wanted = asking->wanted;
    rb_str tenant = era_link_who(asking->work.link)->tenant;
    for (unsigned i = 0; i < asking->object_count; i++)
        add_topic(wanted, era_presence_topic(&wanted->arena, tenant, asking->objects[i]),
                  ERA_REGISTRAR_EVENTS);
    if (asking->object_count == 0)
        add_topic(wanted, era_presence_topic(&wanted->arena, tenant, RB_STR_NONE), ERA_REGISTRAR_EVENTS);
}

/* ---- reading what is asked ---- */

static bool is_object_id(rb_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == '/' || text.p[i] == 0x7f) return false;
    return text.n > 0 && text.n <= OBJECT_BYTES_MAX;
}

/* NULL: all right. A text alone stands for an array of it. */
static const char *read_classes(struct asking *asking, rb_json_val events, struct rb_arena *arena)
{
    bool is_list = rb_json_type(events) == RB_JSON_ARRAY;
    for (rb_json_val v = is_list ? rb_json_first(events) : events; rb_json_type(v) != RB_JSON_NONE;
         v = is_list ? rb_json_next(v) : (rb_json_val){0}) {
        rb_str name;
        if (!rb_json_string(v, arena, &name)) return "events is an array of classes.";
        if (rb_str_is(name, era_class_name(ERA_REGISTRAR_EVENTS)))
            asking->wants_connections = true;
        else if (rb_str_is(name, era_class_name(ERA_JOB_EVENTS)))
            asking->wants_jobs = true;
        else
            return "events: the classes here are registrarevents and jobevents.";
    }
    return asking->wants_connections || asking->wants_jobs ? NULL : "events names at least one class.";
}

static bool has_object(const struct asking *asking, rb_str id)
{
    for (unsigned i = 0; i < asking->object_count; i++)
        if (rb_str_eq(asking->objects[i], id)) return true;
    return false;
}

static const char *read_objects(struct asking *asking, rb_json_val objects)
{
    struct rb_arena *arena = &asking->wanted->arena;
    bool is_list = rb_json_type(objects) == RB_JSON_ARRAY;
    uint32_t count = is_list ? rb_json_count(objects) : rb_json_type(objects) > RB_JSON_NULL;
    if (count > OBJECTS_MAX) return "objects: at most 100.";
    asking->objects = rb_arena_array(arena, rb_str, count + 1);
    rb_json_val v = is_list ? rb_json_first(objects) : objects;
    for (uint32_t i = 0; i < count; i++, v = rb_json_next(v)) {
        rb_str text;
        if (!rb_json_string(v, arena, &text) || !is_object_id(text)) return "objects is an array of ids.";
        if (!has_object(asking, text)) asking->objects[asking->object_count++] = rb_arena_copy(arena, text);
    }
    asking->wanted->topics = rb_arena_array(arena, struct subscription_topic, 2 * (size_t)count + 1);
    return asking->wants_jobs && count == 0 ? "jobevents: objects names the jobs." : NULL;
}

static bool may_subscribe(const struct era_link *link, bool wants_connections)
{
    bool needs_role = wants_connections || link->family == RB_ERA_TOKEN;
    return !needs_role || era_link_has_role(link, "subscr");
}

static void ask(struct asking *asking, const struct rb_era_message *message, struct rb_arena *arena)
{
    struct era_link *link = asking->work.link;
    const char *detail = read_classes(asking, rb_json_get(message->params, "events"), arena);
    if (!detail) detail = read_objects(asking, rb_json_get(message->params, "objects"));
    rb_err err = detail ? RB_BAD_REQUEST : RB_OK;
    if (!err && !may_subscribe(link, asking->wants_connections)) {
        detail = "This needs the role subscr.";
        err = RB_FORBIDDEN;
    }
    if (err) {
        era_fail_text(link, message, err, detail);
        asking_free(asking);
        return;
    }
    if (asking->wants_connections) add_connections(asking);
    if (asking->wants_jobs)
        ask_for_job(asking);
    else
        grant(asking);
}

static void subscribe(struct era_link *link, const struct rb_era_message *message, rb_str id,
                      uint64_t expires_ms, struct rb_arena *arena)
{
    struct asking *asking = rb_new(struct asking);
    if (!era_work_begin(&asking->work, link, message, leave)) {
        rb_free(asking);
        return;
    }
    asking->expires_ms = expires_ms;
    asking->wanted = rb_new(struct subscription);
    asking->wanted->id = rb_arena_copy(&asking->wanted->arena, id);
    ask(asking, message, arena);
}

/* A renewal may leave out all but id and expires. */
void era_handle_subscribe(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena)
{
    rb_str id = rb_json_raw(rb_json_get(message->params, "id"));
    rb_json_val expires = rb_json_get(message->params, "expires");
    uint64_t seconds = 3600;
    if (id.n == 0 || id.n > ID_BYTES_MAX) {
        era_fail_text(link, message, RB_BAD_REQUEST, "id is needed, of at most 255 bytes.");
        return;
    }
    if (rb_json_type(expires) > RB_JSON_NULL && !rb_json_u64(expires, &seconds)) {
        era_fail_text(link, message, RB_BAD_REQUEST, "expires is a number of seconds.");
        return;
    }
    if (seconds > EXPIRES_S_MAX) seconds = EXPIRES_S_MAX;
    struct subscription *known = subscription_find(link, id);
    bool is_renewal = known && rb_json_type(rb_json_get(message->params, "events")) <= RB_JSON_NULL;
    if (seconds == 0) {
        if (known) subscription_end(known);
        era_reply_ok(link, message->method, message->qid);
    } else if (is_renewal) {
        rb_timer_start(link->here->loop, &known->timer, seconds * 1000, on_expired);
        era_reply_ok(link, message->method, message->qid);
    } else {
        subscribe(link, message, id, seconds * 1000, arena);
    }
}
