/* ServiceInterface: check-ins whose file comes with the call, or from a URL. */
#include "base/log.h"
#include "doors/bimserver/checkin.h"
#include "doors/bimserver/source.h"
#include "files/spool_make.h"

enum { FETCH_MS = 60 * 1000 };

/* ---- answers ---- */

static void on_checked_in(struct bim_checkin *checkin)
{
    struct bim_call *call = checkin->arg;
    call->on_gone = NULL;
    bool wants_state = call->method->result.kind == BIM_CLASS;
    if (checkin->failure.p)
        bim_fail(call, "%.*s", RB_STR_FMT(checkin->failure));
    else if (wants_state && checkin->end)
        bim_result_state(call, checkin->end);
    else if (wants_state)
        bim_fail_reason(call, RB_CLIENT_GONE);
    else
        bim_result_long(call, (int64_t)checkin->number);
}

static void on_gone(struct bim_call *call)
{
    bim_checkin_gone(call->wait);
}

/* ---- what is wanted ---- */

static struct bim_checkin *checkin_of(struct bim_call *call)
{
    struct bim_checkin *checkin = rb_arena_new(&call->arena, struct bim_checkin);
    *checkin =
        (struct bim_checkin){.door = call->host->door,
                             .who = call->who,
                             .arena = &call->arena,
                             .poid = bim_long(call, "poid"),
                             .deserializer_oid = bim_long(call, "deserializerOid"),
                             .topic = -1,
                             .file_name = RB_STR(""),
                             .comment = RB_STR(""),
                             .does_merge = bim_flag(call, "merge"),
                             .is_sync = bim_flag(call, "sync") || call->method->result.kind == BIM_CLASS,
                             .done = on_checked_in,
                             .arg = call};
    call->wait = checkin;
    call->on_gone = on_gone;
    return checkin;
}

static void read_texts(struct bim_call *call, struct bim_checkin *checkin)
{
    rb_str comment = bim_text(call, "comment"), name = bim_text(call, "fileName");
    if (comment.p) checkin->comment = comment;
    if (name.p) checkin->file_name = name;
}

void bim_service_initiate_checkin(struct bim_call *call)
{
    bim_checkin_start(checkin_of(call));
}

/* ---- the file ---- */

struct keeping {
    struct bim_checkin *checkin;
    struct bim_call *call;
    rb_str path;
    rb_str fetched; /* NONE: it is in the call */
    struct rb_buf why;
    struct rb_outgoing_call *answer; /* what `fetched` is in */
    rb_err err;
};

static void keep_on_pool(void *arg)
{
    struct keeping *keeping = arg;
    struct rb_buf bytes = {0};
    if (!keeping->fetched.p) keeping->err = bim_bytes(keeping->call, "data", &bytes);
    rb_str file = keeping->fetched.p ? keeping->fetched : rb_buf_str(&bytes);
    keeping->checkin->bytes = file.n;
    if (!keeping->err) keeping->err = rb_spool_write(keeping->path, file, &keeping->why);
    rb_buf_fini(&bytes);
}

static void on_kept(void *arg)
{
    struct keeping *keeping = arg;
    struct bim_call *call = keeping->call;
    rb_err err = keeping->err;
    if (keeping->why.n) RB_LOG_ERROR("bimserver.file_not_kept", RB_KV("why", rb_buf_str(&keeping->why)));
    rb_buf_fini(&keeping->why);
    rb_outgoing_call_free(keeping->answer);
    keeping->checkin->path = keeping->path;
    if (!err) {
        bim_checkin_start(keeping->checkin);
        return;
    }
    call->on_gone = NULL;
    if (err == RB_BAD_REQUEST)
        bim_fail(call, "The file's data is no base64");
    else
        bim_fail_reason(call, err);
}

static struct keeping *keeping_of(struct bim_call *call, struct bim_checkin *checkin)
{
    struct keeping *keeping = rb_arena_new(&call->arena, struct keeping);
    *keeping = (struct keeping){.checkin = checkin,
                                .call = call,
                                .path = rb_files_spool_path(call->host->door->setup.files, &call->arena)};
    return keeping;
}

void bim_service_checkin(struct bim_call *call)
{
    struct bim_checkin *checkin = checkin_of(call);
    read_texts(call, checkin);
    if (!bim_has(call, "data")) {
        call->on_gone = NULL;
        bim_fail(call, "No data");
        return;
    }
    rb_loop_work(call->loop, keep_on_pool, on_kept, keeping_of(call, checkin));
}

void bim_service_checkin_sync(struct bim_call *call)
{
    bim_service_checkin(call);
}

void bim_service_checkin_initiated(struct bim_call *call)
{
    struct bim_checkin *checkin = checkin_of(call);
    read_texts(call, checkin);
    checkin->topic = bim_long(call, "topicId");
    call->on_gone = NULL;
    if (checkin->topic <= 0) {
        bim_fail(call, "Topic with id %lld not found", (long long)checkin->topic);
    } else if (!bim_has(call, "data")) {
        bim_fail(call, "No data");
    } else {
        call->on_gone = on_gone;
        rb_loop_work(call->loop, keep_on_pool, on_kept, keeping_of(call, checkin));
    }
}

void bim_service_checkin_initiated_sync(struct bim_call *call)
{
    bim_service_checkin_initiated(call);
}

/* ---- from a URL ---- */

static void on_fetched(struct rb_outgoing_call *answer)
{
    struct keeping *keeping = answer->arg;
    struct bim_call *call = keeping->call;
    bool is_fine = !answer->err && answer->status == 200;
    if (is_fine) {
        keeping->answer = answer;
        keeping->fetched = answer->answer.p ? answer->answer : RB_STR("");
        rb_loop_work(call->loop, keep_on_pool, on_kept, keeping);
        return;
    }
    call->on_gone = NULL;
    if (answer->err)
        bim_fail(call, "The file cannot be fetched: %.*s",
                 RB_STR_FMT(answer->why.n ? answer->why : rb_str_of(rb_reason(answer->err)->sentence)));
    else
        bim_fail(call, "The file cannot be fetched: status %d", answer->status);
    rb_outgoing_call_free(answer);
}

void bim_service_checkin_from_url(struct bim_call *call)
{
    const struct rb_bimserver_setup *setup = &call->host->door->setup;
    rb_str url = bim_text(call, "url");
    if (!bim_source_is_listed(url, setup->fetch, setup->fetch_count)) {
        bim_fail(call, "This server fetches no files from there");
        return;
    }
    struct bim_checkin *checkin = checkin_of(call);
    read_texts(call, checkin);
    struct rb_outgoing_call *fetch = rb_outgoing_call_new(on_fetched, keeping_of(call, checkin));
    fetch->method = "GET";
    fetch->url = rb_arena_copy(&fetch->arena, url);
    fetch->timeout_ms = FETCH_MS;
    fetch->answer_max = setup->body_bytes_max;
    rb_outgoing_send(setup->outgoing, fetch);
}

void bim_service_checkin_from_url_sync(struct bim_call *call)
{
    bim_service_checkin_from_url(call);
}
