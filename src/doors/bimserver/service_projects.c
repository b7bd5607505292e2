/* ServiceInterface: projects. */
#include "base/clock.h"
#include "doors/bimserver/news.h"
#include "doors/bimserver/projects.h"

enum { PAGE = 200, NAME_BYTES_MAX = 255 };

/* ---- results ---- */

static void put_ids(struct bim_object *object, const char *field, const struct bim_project *project)
{
    bim_object_key(object, field);
    rb_json_begin_array(object->out);
    for (unsigned i = 0; i < project->roid_count; i++) rb_json_put_i64(object->out, project->roids[i]);
    rb_json_end_array(object->out);
}

static void put_project(struct rb_json_out *out, const struct bim_project *project)
{
    struct bim_object object;
    int64_t last = project->roid_count ? project->roids[project->roid_count - 1] : -1;
    bim_object_begin(&object, out, &bim_SProject);
    bim_object_long(&object, "checkinInProgress", project->open_checkin ? 1 : 0);
    put_ids(&object, "concreteRevisions", project);
    bim_object_long(&object, "createdById", project->created_by);
    bim_object_long(&object, "createdDate", (int64_t)project->created_ms);
    bim_object_text(&object, "description", RB_STR(""));
    bim_object_long(&object, "id", project->poid);
    bim_object_long(&object, "lastConcreteRevisionId", last);
    bim_object_long(&object, "lastRevisionId", last);
    bim_object_text(&object, "name", project->name);
    bim_object_long(&object, "oid", project->poid);
    put_ids(&object, "revisions", project);
    bim_object_text(&object, "schema", project->schema);
    bim_object_text(&object, "state", RB_STR("ACTIVE"));
    bim_object_end(&object);
}

static void answer_project(struct bim_call *call, const struct bim_project *project)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    put_project(&out, project);
    bim_result(call, &json);
}

/* ---- a new one ---- */

struct making {
    struct bim_project project;
    uint64_t *poid;
};

static void on_made(struct bim_call *call, struct rb_tx *tx)
{
    struct making *making = call->wait;
    if (tx->err) {
        bim_fail_reason(call, tx->err);
        return;
    }
    making->project.poid = (int64_t)*making->poid;
    bim_news_tell_project(call->host->door, call->who->tenant, making->project.poid);
    answer_project(call, &making->project);
}

void bim_service_add_project(struct bim_call *call)
{
    rb_str name = bim_text(call, "projectName"), schema = bim_text(call, "schema");
    uint64_t now_ms = rb_clock_wall_ms();
    if (name.n == 0 || name.n > NAME_BYTES_MAX) {
        bim_fail(call, "Invalid project name");
        return;
    }
    struct making *making = rb_arena_new(&call->arena, struct making);
    struct rb_tx *tx = rb_tx_new();
    making->project = (struct bim_project){.name = name,
                                           .schema = schema.p ? schema : RB_STR("ifc2x3tc1"),
                                           .created_ms = now_ms,
                                           .created_by = bim_user_oid(call->who->tenant, call->who->client)};
    making->poid =
        rb_tx_thing_insert(tx, call->who->tenant, BIM_PROJECTS,
                           bim_project_body(&call->arena, name, making->project.schema, call->who, now_ms));
    call->wait = making;
    bim_commit(call, tx, on_made);
}

/* ---- one ---- */

struct one {
    struct bim_call *call;
    struct bim_project project;
};

static rb_err read_one(struct rb_reader *reader, void *arg)
{
    struct one *one = arg;
    return bim_project_read(reader, &one->call->arena, one->call->who->tenant, bim_long(one->call, "poid"),
                            &one->project);
}

static void on_one(struct bim_call *call, rb_err err, void *arg)
{
    const struct one *one = arg;
    if (err == RB_NOT_FOUND)
        bim_fail(call, "Project with poid %lld not found", (long long)bim_long(call, "poid"));
    else if (err)
        bim_fail_reason(call, err);
    else
        answer_project(call, &one->project);
}

void bim_service_get_project_by_poid(struct bim_call *call)
{
    struct one *one = rb_arena_new(&call->arena, struct one);
    one->call = call;
    bim_read(call, read_one, on_one, one);
}

/* ---- several ---- */

struct several {
    struct bim_call *call;
    rb_str name; /* NONE: all */
    struct rb_buf json;
    struct rb_json_out out;
};

static rb_err put_page(struct rb_reader *reader, struct several *several,
                       const struct rb_thing_record *things, uint32_t count)
{
    struct rb_arena *arena = &several->call->arena;
    rb_str tenant = several->call->who->tenant;
    for (uint32_t i = 0; i < count; i++) {
        struct bim_project project;
        rb_err err = bim_project_parse(arena, tenant, &things[i], &project);
        if (err || (several->name.p && !rb_str_eq(several->name, project.name))) continue;
        err = bim_project_read(reader, arena, tenant, project.poid, &project);
        if (err) return err;
        put_project(&several->out, &project);
    }
    return RB_OK;
}

static rb_err read_several(struct rb_reader *reader, void *arg)
{
    struct several *several = arg;
    struct bim_call *call = several->call;
    uint64_t after = 0;
    uint32_t count;
    rb_json_begin_array(&several->out);
    do {
        struct rb_thing_record *things;
        rb_err err = rb_read_things(reader, &call->arena, call->who->tenant, BIM_PROJECTS, after, PAGE,
                                    &things, &count);
        if (!err) err = put_page(reader, several, things, count);
        if (err) return err;
        if (count) after = things[count - 1].number;
    } while (count == PAGE);
    rb_json_end_array(&several->out);
    return RB_OK;
}

static void on_several(struct bim_call *call, rb_err err, void *arg)
{
    struct several *several = arg;
    if (!err) {
        bim_result(call, &several->json);
        return;
    }
    rb_buf_fini(&several->json);
    bim_fail_reason(call, err);
}

static void find(struct bim_call *call, rb_str name)
{
    struct several *several = rb_arena_new(&call->arena, struct several);
    several->call = call;
    several->name = name;
    several->out.buf = &several->json;
    bim_read(call, read_several, on_several, several);
}

void bim_service_get_all_projects(struct bim_call *call)
{
    find(call, RB_STR_NONE);
}

void bim_service_get_projects_by_name(struct bim_call *call)
{
    rb_str name = bim_text(call, "name");
    find(call, name.p ? name : RB_STR(""));
}
