#include "doors/bimserver/projects.h"

enum { PAGE = 200 };

rb_str bim_checkins_space(struct rb_arena *arena, int64_t poid)
{
    return rb_arena_fmt(arena, "bim.checkin.%lld", (long long)poid);
}

rb_str bim_project_body(struct rb_arena *arena, rb_str name, rb_str schema, const struct rb_identity *who,
                        uint64_t now_ms)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "name");
    rb_json_put_str(&out, name);
    rb_json_put_key(&out, "schema");
    rb_json_put_str(&out, schema);
    rb_json_put_key(&out, "created");
    rb_json_put_u64(&out, now_ms);
    rb_json_put_key(&out, "by");
    rb_json_put_str(&out, who->client);
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

rb_err bim_project_parse(struct rb_arena *arena, rb_str tenant, const struct rb_thing_record *thing,
                         struct bim_project *out)
{
    struct rb_json doc;
    rb_str by = RB_STR_NONE;
    *out = (struct bim_project){.poid = (int64_t)thing->number};
    if (rb_json_parse(&doc, thing->body, NULL) != RB_OK) return RB_STORE_FAILED;
    rb_json_val root = rb_json_root(&doc);
    rb_json_string(rb_json_get(root, "name"), arena, &out->name);
    rb_json_string(rb_json_get(root, "schema"), arena, &out->schema);
    rb_json_string(rb_json_get(root, "by"), arena, &by);
    rb_json_u64(rb_json_get(root, "created"), &out->created_ms);
    rb_json_fini(&doc);
    out->created_by = bim_user_oid(tenant, by);
    return RB_OK;
}

/* ---- its check-ins ---- */

static uint64_t job_of(const struct rb_thing_record *thing)
{
    struct rb_json doc;
    uint64_t number = 0;
    if (rb_json_parse(&doc, thing->body, NULL) != RB_OK) return 0;
    rb_json_u64(rb_json_get(rb_json_root(&doc), "job"), &number);
    rb_json_fini(&doc);
    return number;
}

static rb_err add_checkin(struct rb_reader *reader, struct rb_arena *arena, uint64_t number,
                          struct bim_project *out)
{
    struct rb_job_record job;
    rb_err err = rb_read_job_by_number(reader, arena, number, &job);
    if (err == RB_NOT_FOUND) return RB_OK; /* its time is over */
    if (err) return err;
    if (!rb_job_state_is_final(job.state)) out->open_checkin = number;
    if (job.state == RB_JOB_STATE_FINISHED) out->roids[out->roid_count++] = (int64_t)number;
    return RB_OK;
}

static rb_err read_checkins(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                            struct bim_project *out)
{
    uint64_t after = 0;
    uint32_t count;
    do {
        struct rb_thing_record *things;
        rb_err err = rb_read_things(reader, arena, tenant, bim_checkins_space(arena, out->poid), after, PAGE,
                                    &things, &count);
        if (err) return err;
        int64_t *roids = rb_arena_array(arena, int64_t, out->roid_count + count + 1);
        for (unsigned i = 0; i < out->roid_count; i++) roids[i] = out->roids[i];
        out->roids = roids;
        for (uint32_t i = 0; i < count; i++) {
            err = add_checkin(reader, arena, job_of(&things[i]), out);
            if (err) return err;
            after = things[i].number;
        }
    } while (count == PAGE);
    return RB_OK;
}

rb_err bim_project_read(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, int64_t poid,
                        struct bim_project *out)
{
    struct rb_thing_record thing;
    if (poid <= 0) return RB_NOT_FOUND;
    rb_err err = rb_read_thing(reader, arena, tenant, BIM_PROJECTS, (uint64_t)poid, &thing);
    if (!err) err = bim_project_parse(arena, tenant, &thing, out);
    return err ? err : read_checkins(reader, arena, tenant, out);
}
