/* A check-in goes from step to step: its project is claimed, looked at on the pool, the job is started (or
 * released, if it was initiated), noted with its project, and the claim given back. A client that goes in the
 * middle changes nothing of that. */
#include "doors/bimserver/checkin.h"

#include "base/clock.h"
#include "base/mem.h"
#include "doors/bimserver/claims.h"
#include "doors/bimserver/plugins.h"

#include <unistd.h>

/* ---- the spool ---- */

static void unlink_path(void *arg)
{
    char *path = arg;
    unlink(path); /* what is left the next start removes */
    rb_free(path);
}

void bim_spool_drop(struct rb_loop *loop, rb_str path)
{
    rb_loop_work(loop, unlink_path, NULL, rb_str_dup(path));
}

/* ---- the end ---- */

static void end(struct bim_checkin *checkin)
{
    if (checkin->claim.p) bim_claims_give_back(checkin->door->claims, checkin->claim);
    checkin->claim = RB_STR_NONE;
    if (checkin->path.p) bim_spool_drop(rb_loop_current(), checkin->path);
    checkin->path = RB_STR_NONE;
    checkin->done(checkin);
}

static void fail(struct bim_checkin *checkin, rb_str why)
{
    checkin->failure = why;
    end(checkin);
}

static void fail_reason(struct bim_checkin *checkin, rb_err err)
{
    fail(checkin, rb_str_of(rb_reason(err)->sentence));
}

/* ---- waiting for the job ---- */

static void on_job_over(void *arg, rb_err err, const struct rb_job_record *job)
{
    struct bim_checkin *checkin = arg;
    checkin->await = NULL;
    checkin->end = job;
    if (err)
        fail_reason(checkin, err);
    else
        end(checkin);
}

void bim_checkin_gone(struct bim_checkin *checkin)
{
    checkin->is_sync = false;
    if (!checkin->await) return;
    bim_await_leave(checkin->await);
    checkin->await = NULL;
    end(checkin);
}

static void conclude(struct bim_checkin *checkin)
{
    if (!checkin->is_sync) {
        end(checkin);
        return;
    }
    bim_claims_give_back(checkin->door->claims, checkin->claim);
    checkin->claim = RB_STR_NONE;
    checkin->await = bim_await_job(checkin->door, checkin->who, checkin->job_id, on_job_over, checkin);
}

/* ---- noting it ---- */

static rb_str note_of(const struct bim_checkin *checkin)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "poid");
    rb_json_put_i64(&out, checkin->poid);
    rb_json_put_key(&out, "job");
    rb_json_put_u64(&out, checkin->number);
    rb_json_put_key(&out, "id");
    rb_json_put_str(&out, checkin->job_id);
    rb_json_put_key(&out, "comment");
    rb_json_put_str(&out, checkin->comment);
    rb_json_put_key(&out, "file");
    rb_json_put_str(&out, checkin->file_name);
    rb_json_put_key(&out, "user");
    rb_json_put_str(&out, checkin->who->client);
    rb_json_put_key(&out, "date");
    rb_json_put_u64(&out, rb_clock_wall_ms());
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(checkin->arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

struct noting {
    struct bim_checkin *checkin;
    struct rb_loop *loop;
};

static void on_noted(struct rb_mail *mail)
{
    struct rb_tx *tx = RB_OUTER(mail, struct rb_tx, mail);
    struct bim_checkin *checkin = ((const struct noting *)tx->arg)->checkin;
    rb_err err = tx->err;
    rb_tx_free(tx);
    if (err)
        fail_reason(checkin, err);
    else
        conclude(checkin);
}

static void on_note_stored(struct rb_tx *tx, rb_err err)
{
    const struct noting *noting = tx->arg;
    (void)err; /* tx->err */
    tx->mail.run = on_noted;
    rb_loop_post(noting->loop, &tx->mail);
}

static void note(struct bim_checkin *checkin)
{
    struct rb_tx *tx = rb_tx_new();
    struct noting *noting = rb_arena_new(&tx->arena, struct noting);
    *noting = (struct noting){checkin, rb_loop_current()};
    tx->done = on_note_stored;
    tx->arg = noting;
    rb_tx_thing_insert(tx, checkin->who->tenant, bim_checkins_space(checkin->arena, checkin->poid),
                       note_of(checkin));
    rb_store_commit(checkin->door->setup.store, tx);
}

/* ---- the job ---- */

static rb_str params_of(const struct bim_checkin *checkin, struct rb_arena *arena)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "poid");
    rb_json_put_i64(&out, checkin->poid);
    rb_json_put_key(&out, "deserializerOid");
    rb_json_put_i64(&out, checkin->deserializer_oid);
    rb_json_put_key(&out, "comment");
    rb_json_put_str(&out, checkin->comment);
    rb_json_put_key(&out, "fileName");
    rb_json_put_str(&out, checkin->file_name);
    rb_json_put_key(&out, "fileSize");
    rb_json_put_u64(&out, checkin->bytes);
    rb_json_put_key(&out, "merge");
    rb_json_put_bool(&out, checkin->does_merge);
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

static void take_failure(struct bim_checkin *checkin, const struct rb_jobs_call *job)
{
    if (job->err == RB_NOT_FOUND && checkin->topic > 0)
        fail(checkin,
             rb_arena_fmt(checkin->arena, "Topic with id %lld not found", (long long)checkin->topic));
    else
        fail(checkin,
             job->why.n ? rb_arena_copy(checkin->arena, job->why) : rb_str_of(rb_reason(job->err)->sentence));
}

static void on_job(struct rb_jobs_call *job)
{
    struct bim_checkin *checkin = job->arg;
    bool is_new = checkin->topic <= 0, has_file = checkin->path.p != NULL;
    checkin->path = RB_STR_NONE; /* the job's, or gone */
    if (job->err) {
        take_failure(checkin, job);
        rb_jobs_call_free(job);
        return;
    }
    checkin->number = job->job.number;
    checkin->job_id = rb_arena_copy(checkin->arena, job->job.id);
    rb_jobs_call_free(job);
    struct bim_place place = {checkin->poid, -1};
    if (is_new) bim_news_tell_topic(checkin->door, checkin->who->tenant, place, checkin->number);
    if (has_file)
        note(checkin);
    else
        end(checkin);
}

static void send_job(struct bim_checkin *checkin)
{
    struct rb_bimserver_door *door = checkin->door;
    bool is_new = checkin->topic <= 0;
    struct rb_jobs_call *job =
        bim_jobs_call(door, checkin->who, is_new ? RB_JOBS_START : RB_JOBS_RELEASE, on_job, checkin);
    job->params = params_of(checkin, &job->arena);
    job->input = checkin->path.p ? rb_arena_copy(&job->arena, checkin->path) : RB_STR_NONE;
    if (is_new) {
        job->kind = door->setup.checkin_kind;
        job->announce = bim_announce_text(&job->arena, (struct bim_place){checkin->poid, -1});
        job->is_held = !checkin->path.p;
    } else {
        job->number = (uint64_t)checkin->topic;
    }
    rb_jobs_call_send(job);
}

/* ---- looking ---- */

/* Whether what was initiated is of this project. */
static rb_err read_topic(struct rb_reader *reader, struct bim_checkin *checkin)
{
    struct rb_job_record job;
    struct bim_place place;
    rb_err err = rb_read_job_by_number(reader, checkin->arena, (uint64_t)checkin->topic, &job);
    if (err) return err;
    bool is_it = rb_str_eq(job.tenant, checkin->who->tenant) &&
                 rb_str_eq(job.kind, checkin->door->setup.checkin_kind) &&
                 bim_announce_read(job.announce, &place) && place.poid == checkin->poid;
    return is_it ? RB_OK : RB_NOT_FOUND;
}

static rb_err look(struct rb_reader *reader, void *arg)
{
    struct bim_checkin *checkin = arg;
    rb_err err =
        bim_project_read(reader, checkin->arena, checkin->who->tenant, checkin->poid, &checkin->project);
    if (err == RB_NOT_FOUND)
        checkin->failure =
            rb_arena_fmt(checkin->arena, "Project with poid %lld not found", (long long)checkin->poid);
    if (err || checkin->topic <= 0) return err;
    err = read_topic(reader, checkin);
    if (err == RB_NOT_FOUND)
        checkin->failure =
            rb_arena_fmt(checkin->arena, "Topic with id %lld not found", (long long)checkin->topic);
    return err;
}

static void on_looked(void *arg, rb_err err)
{
    struct bim_checkin *checkin = arg;
    unsigned long long open = checkin->project.open_checkin;
    if (checkin->failure.p)
        end(checkin);
    else if (err)
        fail_reason(checkin, err);
    else if (open && checkin->path.p && !checkin->is_beside)
        fail(checkin,
             rb_arena_fmt(checkin->arena,
                          "Checkin in progress on this project (topicId: %llu), please try again later",
                          open));
    else
        send_job(checkin);
}

void bim_checkin_start(struct bim_checkin *checkin)
{
    struct rb_bimserver_door *door = checkin->door;
    if (!door->setup.checkin_kind.n) {
        fail(checkin, RB_STR("This server takes no checkins"));
        return;
    }
    if (!bim_plugin_find(bim_deserializers, checkin->deserializer_oid)) {
        fail(checkin, rb_arena_fmt(checkin->arena, "Deserializer with oid %lld not found",
                                   (long long)checkin->deserializer_oid));
        return;
    }
    rb_str key =
        rb_arena_fmt(checkin->arena, "%.*s/%lld", RB_STR_FMT(checkin->who->tenant), (long long)checkin->poid);
    bool must_claim = checkin->path.p && !checkin->is_beside;
    if (must_claim && !bim_claims_take(door->claims, key)) {
        fail(checkin, RB_STR("Checkin in progress on this project, please try again later"));
        return;
    }
    if (must_claim) checkin->claim = key;
    rb_store_read(door->setup.store, rb_loop_current(), look, on_looked, checkin);
}
