/* ServiceInterface: what else is done to jobs. */
#include "base/clock.h"
#include "base/log.h"
#include "doors/bimserver/checkin.h"
#include "doors/bimserver/fetch.h"
#include "files/inputs.h"
#include "files/spool_make.h"

/* ---- ends that need not be ---- */

static void on_cleanup(struct rb_jobs_call *job)
{
    struct bim_call *call = job->arg;
    if (!job->err) bim_fetch_tell(call->host->door, call->who, &job->job, true);
    bim_result_void(call);
    rb_jobs_call_free(job);
}

void bim_service_cleanup_long_action(struct bim_call *call)
{
    struct rb_jobs_call *job = bim_jobs_call(call->host->door, call->who, RB_JOBS_GET, on_cleanup, call);
    job->number = bim_topic_number(call);
    rb_jobs_call_send(job);
}

void bim_service_terminate(struct bim_call *call)
{
    bim_end_topic(call, RB_JOBS_CANCEL);
}

/* ---- branches ---- A revision's file, checked in again with another project. */

struct branching {
    struct bim_call *call;
    struct bim_checkin checkin;
    struct rb_buf why;
    uint64_t *poid; /* of a new project */
};

static void on_branched(struct bim_checkin *checkin)
{
    struct bim_call *call = checkin->arg;
    call->on_gone = NULL;
    if (checkin->failure.p)
        bim_fail(call, "%.*s", RB_STR_FMT(checkin->failure));
    else
        bim_result_long(call, (int64_t)checkin->number);
}

static void on_branch_gone(struct bim_call *call)
{
    struct branching *branching = call->wait;
    bim_checkin_gone(&branching->checkin);
}

static void on_project_made(struct bim_call *call, struct rb_tx *tx)
{
    struct branching *branching = call->wait;
    if (tx->err) {
        bim_spool_drop(call->loop, branching->checkin.path);
        bim_fail_reason(call, tx->err);
        return;
    }
    branching->checkin.poid = (int64_t)*branching->poid;
    bim_news_tell_project(call->host->door, call->who->tenant, branching->checkin.poid);
    bim_checkin_start(&branching->checkin);
}

static void make_project(struct branching *branching)
{
    struct bim_call *call = branching->call;
    struct rb_tx *tx = rb_tx_new();
    rb_str name = bim_text(call, "projectName");
    branching->poid =
        rb_tx_thing_insert(tx, call->who->tenant, BIM_PROJECTS,
                           bim_project_body(&call->arena, name.p ? name : RB_STR(""), RB_STR("ifc2x3tc1"),
                                            call->who, rb_clock_wall_ms()));
    bim_commit(call, tx, on_project_made);
}

static rb_err read_branch(struct rb_reader *reader, void *arg)
{
    struct branching *branching = arg;
    struct bim_call *call = branching->call;
    const struct rb_bimserver_door *door = call->host->door;
    struct bim_checkin *checkin = &branching->checkin;
    struct rb_job_record revision;
    struct bim_revision_facts facts;
    rb_err err =
        bim_revision_read(reader, door, &call->arena, call->who->tenant, bim_long(call, "roid"), &revision);
    if (err) return err;
    bim_revision_facts(&revision, &call->arena, &facts);
    checkin->deserializer_oid = facts.deserializer_oid;
    checkin->file_name = facts.file_name;
    rb_str input = rb_inputs_find(door->setup.files, &call->arena, revision.id);
    if (!input.p) return RB_NOT_FOUND;
    rb_str path = rb_files_spool_path(door->setup.files, &call->arena);
    err = rb_spool_link(path, input, &branching->why);
    if (!err) checkin->path = path;
    return err;
}

static void on_branch_read(struct bim_call *call, rb_err err, void *arg)
{
    struct branching *branching = arg;
    if (branching->why.n) RB_LOG_ERROR("bimserver.file_not_kept", RB_KV("why", rb_buf_str(&branching->why)));
    rb_buf_fini(&branching->why);
    if (err == RB_NOT_FOUND)
        bim_fail(call, "Revision with roid %lld not found", (long long)bim_long(call, "roid"));
    else if (err)
        bim_fail_reason(call, err);
    else if (branching->checkin.poid < 0)
        make_project(branching);
    else
        bim_checkin_start(&branching->checkin);
}

static void branch(struct bim_call *call, int64_t poid)
{
    struct branching *branching = rb_arena_new(&call->arena, struct branching);
    rb_str comment = bim_text(call, "comment");
    branching->call = call;
    branching->checkin = (struct bim_checkin){.door = call->host->door,
                                              .who = call->who,
                                              .arena = &call->arena,
                                              .poid = poid,
                                              .topic = -1,
                                              .comment = comment.p ? comment : RB_STR(""),
                                              .is_sync = bim_flag(call, "sync"),
                                              .done = on_branched,
                                              .arg = call};
    call->wait = branching;
    call->on_gone = on_branch_gone;
    bim_read(call, read_branch, on_branch_read, branching);
}

void bim_service_branch_to_new_project(struct bim_call *call)
{
    branch(call, -1);
}

void bim_service_branch_to_existing_project(struct bim_call *call)
{
    int64_t poid = bim_long(call, "destPoid");
    branch(call, poid > 0 ? poid : 0);
}
