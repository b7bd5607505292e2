#include "doors/bimserver/news.h"

/* ---- topics ---- */

rb_str bim_news_topic(struct rb_arena *arena, rb_str tenant, enum bim_news what, struct bim_place place)
{
    long long poid = place.poid, roid = place.roid;
    rb_str all = rb_arena_fmt(arena, "%.*s/bim", RB_STR_FMT(tenant));
    switch (what) {
    case BIM_NEWS_PROJECTS: return rb_arena_fmt(arena, "%.*s/projects", RB_STR_FMT(all));
    case BIM_NEWS_USERS: return rb_arena_fmt(arena, "%.*s/users", RB_STR_FMT(all));
    case BIM_NEWS_REVISIONS: return rb_arena_fmt(arena, "%.*s/revisions", RB_STR_FMT(all));
    case BIM_NEWS_REVISIONS_OF_PROJECT:
        return rb_arena_fmt(arena, "%.*s/projects/%lld/revisions", RB_STR_FMT(all), poid);
    case BIM_NEWS_DATA_OF_REVISION:
        return rb_arena_fmt(arena, "%.*s/revisions/%lld/data", RB_STR_FMT(all), roid);
    case BIM_NEWS_TOPICS: return rb_arena_fmt(arena, "%.*s/topics", RB_STR_FMT(all));
    case BIM_NEWS_TOPICS_OF_PROJECT:
        return rb_arena_fmt(arena, "%.*s/projects/%lld/topics", RB_STR_FMT(all), poid);
    case BIM_NEWS_TOPICS_OF_REVISION:
        return rb_arena_fmt(arena, "%.*s/revisions/%lld/topics", RB_STR_FMT(all), roid);
    }
    RB_UNREACHABLE();
}

/* The parameters of a notification, in their order; those below 0 are left out. */
static rb_str parameters(struct rb_arena *arena, int64_t poid, int64_t roid, int64_t topic)
{
    const struct {
        const char *name;
        int64_t value;
    } all[] = {{"poid", poid}, {"roid", roid}, {"topicId", topic}};
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    for (size_t i = 0; i < RB_COUNT(all); i++) {
        if (all[i].value < 0) continue;
        rb_json_put_key(&out, all[i].name);
        rb_json_put_i64(&out, all[i].value);
    }
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

/* ---- of topics ---- A topic of a project is told to who listens to the project, one of a revision to who
 * listens to it, to its project or to the server, any other to the last. */

enum { PLACES_MAX = 3 };

struct notice {
    enum bim_news to;
    const char *opened, *closed; /* methods */
    int64_t poid, roid;          /* that are among its parameters */
};

static unsigned notices_of(struct bim_place place, struct notice out[PLACES_MAX])
{
    unsigned count = 0;
    bool has_project = place.poid >= 0, has_revision = place.roid >= 0;
    if (!has_project || has_revision)
        out[count++] = (struct notice){BIM_NEWS_TOPICS, "newProgressOnServerTopic",
                                       "closedProgressOnServerTopic", -1, -1};
    if (has_project)
        out[count++] = (struct notice){BIM_NEWS_TOPICS_OF_PROJECT, "newProgressOnProjectTopic",
                                       "closedProgressOnProjectTopic", place.poid, -1};
    if (has_revision)
        out[count++] = (struct notice){BIM_NEWS_TOPICS_OF_REVISION, "newProgressOnRevisionTopic",
                                       "closedProgressOnRevisionTopic", place.poid, place.roid};
    return count;
}

static void tell(struct rb_bimserver_door *door, rb_str topic, const char *method, rb_str data)
{
    struct rb_event_spec event = {.name = rb_str_of(method), .data = data};
    rb_publication_send(rb_publication_new(door->setup.hub, topic, &event, NULL, NULL, NULL));
}

void bim_news_tell_topic(struct rb_bimserver_door *door, rb_str tenant, struct bim_place place,
                         uint64_t number)
{
    struct rb_arena arena = {0};
    struct notice notices[PLACES_MAX];
    unsigned count = notices_of(place, notices);
    for (unsigned i = 0; i < count; i++)
        tell(door, bim_news_topic(&arena, tenant, notices[i].to, place), notices[i].opened,
             parameters(&arena, notices[i].poid, notices[i].roid, (int64_t)number));
    rb_arena_fini(&arena);
}

void bim_news_tell_project(struct rb_bimserver_door *door, rb_str tenant, int64_t poid)
{
    struct rb_arena arena = {0};
    struct bim_place nowhere = {-1, -1};
    tell(door, bim_news_topic(&arena, tenant, BIM_NEWS_PROJECTS, nowhere), "newProject",
         parameters(&arena, poid, -1, -1));
    rb_arena_fini(&arena);
}

/* ---- at the end of a job ---- */

rb_str bim_announce_text(struct rb_arena *arena, struct bim_place place)
{
    return rb_arena_fmt(arena, "{\"bim\":{\"poid\":%lld,\"roid\":%lld}}", (long long)place.poid,
                        (long long)place.roid);
}

bool bim_announce_read(rb_str announce, struct bim_place *out)
{
    struct rb_json doc;
    if (!announce.n || rb_json_parse(&doc, announce, NULL) != RB_OK) return false;
    rb_json_val bim = rb_json_get(rb_json_root(&doc), "bim");
    bool is_ours = rb_json_i64(rb_json_get(bim, "poid"), &out->poid) &&
                   rb_json_i64(rb_json_get(bim, "roid"), &out->roid);
    rb_json_fini(&doc);
    return is_ours;
}

static unsigned announce(void *arg, const struct rb_job_record *job, rb_str wanted, struct rb_arena *arena,
                         struct rb_announcement *out)
{
    const struct rb_bimserver_door *door = arg;
    struct bim_place place;
    struct notice notices[PLACES_MAX];
    if (!bim_announce_read(wanted, &place)) return 0;
    unsigned count = notices_of(place, notices);
    for (unsigned i = 0; i < count; i++) {
        out[i].topic = bim_news_topic(arena, job->tenant, notices[i].to, place);
        out[i].event.name = rb_str_of(notices[i].closed);
        out[i].event.data = parameters(arena, notices[i].poid, notices[i].roid, (int64_t)job->number);
    }
    bool is_revision = job->state == RB_JOB_STATE_FINISHED &&
                       rb_str_eq(job->kind, door->setup.checkin_kind) && place.roid < 0;
    for (enum bim_news to = BIM_NEWS_REVISIONS; is_revision && to <= BIM_NEWS_REVISIONS_OF_PROJECT; to++) {
        out[count].topic = bim_news_topic(arena, job->tenant, to, place);
        out[count].event.name = RB_STR("newRevision");
        out[count++].event.data = parameters(arena, place.poid, (int64_t)job->number, -1);
    }
    return count;
}

struct rb_announcer rb_bimserver_announcer(struct rb_bimserver_door *door)
{
    return (struct rb_announcer){.announce = announce, .arg = door};
}
