/* ServiceInterface: downloads. A download is a job whose work is done elsewhere: by whoever fetches it. Its
 * file is there already, so it is prepared from its start on, and over when it has been fetched.
 *
 * Queries are not looked at: a model is given as a whole. Methods that want a part of it say that there is no
 * such thing here. */
#include "codec/base64.h"
#include "doors/bimserver/fetch.h"
#include "doors/bimserver/news.h"
#include "doors/bimserver/plugins.h"

#include <unistd.h>

enum { DATA_BYTES_MAX = 64 << 20 };

/* ---- starting one ---- */

struct starting {
    struct bim_call *call;
    int64_t roid, serializer_oid;
    struct rb_job_record revision;
};

static void on_started(struct rb_jobs_call *job)
{
    struct bim_call *call = job->arg;
    uint64_t number = job->job.number;
    if (job->err) {
        bim_fail_reason(call, job->err);
    } else {
        bim_news_tell_topic(call->host->door, call->who->tenant, (struct bim_place){-1, -1}, number);
        bim_result_long(call, (int64_t)number);
    }
    rb_jobs_call_free(job);
}

static rb_err read_revision(struct rb_reader *reader, void *arg)
{
    struct starting *starting = arg;
    struct bim_call *call = starting->call;
    return bim_revision_read(reader, call->host->door, &call->arena, call->who->tenant, starting->roid,
                             &starting->revision);
}

static void on_revision(struct bim_call *call, rb_err err, void *arg)
{
    const struct starting *starting = arg;
    if (err == RB_NOT_FOUND) {
        bim_fail(call, "Revision with roid %lld not found", (long long)starting->roid);
        return;
    }
    if (err) {
        bim_fail_reason(call, err);
        return;
    }
    struct rb_jobs_call *job = bim_jobs_call(call->host->door, call->who, RB_JOBS_START, on_started, call);
    job->kind = RB_STR(RB_BIMSERVER_DOWNLOAD_KIND);
    job->params = rb_arena_fmt(&job->arena, "{\"roid\":%lld,\"serializerOid\":%lld}",
                               (long long)starting->roid, (long long)starting->serializer_oid);
    job->announce = bim_announce_text(&job->arena, (struct bim_place){-1, -1});
    rb_jobs_call_send(job);
}

static void start(struct bim_call *call, int64_t roid)
{
    int64_t serializer_oid = bim_long(call, "serializerOid");
    if (!bim_plugin_find(bim_serializers, serializer_oid)) {
        bim_fail(call, "Serializer with oid %lld not found", (long long)serializer_oid);
        return;
    }
    struct starting *starting = rb_arena_new(&call->arena, struct starting);
    *starting = (struct starting){.call = call, .roid = roid, .serializer_oid = serializer_oid};
    bim_read(call, read_revision, on_revision, starting);
}

void bim_service_download(struct bim_call *call)
{
    unsigned count = 1;
    int64_t *roids = bim_has(call, "roids") ? bim_longs(call, "roids", &count) : NULL;
    if (roids && count != 1)
        bim_fail(call, "Exactly one revision can be downloaded at a time");
    else if (roids)
        start(call, roids[0]);
    else if (bim_has(call, "roid"))
        start(call, bim_long(call, "roid"));
    else
        bim_fail(call, "No revision given");
}

void bim_service_checkout(struct bim_call *call)
{
    start(call, bim_long(call, "roid"));
}

void bim_service_download_part(struct bim_call *call)
{
    bim_fail(call, "This server gives models as a whole; call download");
}

/* ---- its data ---- */

struct giving {
    struct bim_call *call;
    struct bim_fetch fetch;
    struct rb_buf json;
    rb_err err;
};

static rb_err read_file(int fd, uint64_t bytes, struct rb_buf *out)
{
    if (bytes > DATA_BYTES_MAX) return RB_BODY_TOO_LARGE;
    if (!rb_buf_reserve(out, bytes)) return RB_OUT_OF_MEMORY;
    while (out->n < bytes) {
        ssize_t n = pread(fd, out->p + out->n, bytes - out->n, (off_t)out->n);
        if (n <= 0) return RB_STORE_FAILED;
        out->n += (size_t)n;
    }
    return RB_OK;
}

static void put_result(struct giving *giving, rb_str bytes)
{
    const struct bim_file *file = &giving->fetch.file;
    struct rb_json_out out = {.buf = &giving->json};
    struct bim_object object;
    bim_object_begin(&object, &out, &bim_SCheckoutResult);
    bim_object_key(&object, "file");
    struct rb_buf text = {0}; /* letters that need no escaping */
    rb_buf_add_char(&text, '"');
    rb_base64_encode(&text, bytes);
    rb_buf_add_char(&text, '"');
    rb_json_put_raw(&out, rb_buf_str(&text));
    if (text.failed) giving->json.failed = true;
    rb_buf_fini(&text);
    bim_object_text(&object, "projectName", file->label);
    bim_object_long(&object, "revisionNr", (int64_t)file->roid);
    bim_object_long(&object, "serializerOid", file->serializer_oid);
    bim_object_end(&object);
}

static void give_on_pool(void *arg)
{
    struct giving *giving = arg;
    const struct bim_file *file = &giving->fetch.file;
    struct rb_buf bytes = {0};
    giving->err = read_file(file->fd, file->bytes, &bytes);
    close(file->fd);
    if (!giving->err) put_result(giving, rb_buf_str(&bytes));
    rb_buf_fini(&bytes);
}

static void on_given(void *arg)
{
    struct giving *giving = arg;
    struct bim_call *call = giving->call;
    if (!giving->err) {
        bim_fetch_tell(call->host->door, call->who, &giving->fetch.file.job, true);
        bim_result(call, &giving->json);
        return;
    }
    rb_buf_fini(&giving->json);
    if (giving->err == RB_BODY_TOO_LARGE)
        bim_fail(call, "The file is too large for this call; GET /download?topicId=%llu",
                 (unsigned long long)giving->fetch.topic);
    else
        bim_fail_reason(call, giving->err);
}

static void on_fetched(struct bim_fetch *fetch)
{
    struct giving *giving = fetch->arg;
    struct bim_call *call = giving->call;
    call->on_gone = NULL;
    if (!fetch->err)
        rb_loop_work(call->loop, give_on_pool, on_given, giving);
    else if (fetch->err == RB_CLIENT_GONE)
        bim_fail_reason(call, fetch->err);
    else
        bim_fail(call, "No data found for topicId %lld", (long long)bim_long(call, "topicId"));
}

static void on_gone(struct bim_call *call)
{
    bim_fetch_gone(call->wait);
}

void bim_service_get_download_data(struct bim_call *call)
{
    struct giving *giving = rb_arena_new(&call->arena, struct giving);
    int64_t topic = bim_long(call, "topicId");
    giving->call = call;
    giving->fetch = (struct bim_fetch){.door = call->host->door,
                                       .who = call->who,
                                       .arena = &call->arena,
                                       .topic = topic > 0 ? (uint64_t)topic : 0,
                                       .done = on_fetched,
                                       .arg = giving};
    call->wait = &giving->fetch;
    call->on_gone = on_gone;
    bim_fetch_start(&giving->fetch);
}
