/* /download: the file of a topic. Errors are a status and a line of text.
 *
 * What is asked for packed, as a ZIP or by gzip, is packed on the pool into a file without a name, and sent
 * as any other. Large files are not packed for who only accepts it: sending them as they are is sooner begun,
 * and can be resumed. The topic of a download is told when sending begins, and is over when the kernel has
 * all of it. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/bimserver/fetch.h"
#include "doors/bimserver/files_web.h"
#include "doors/bimserver/reference.h"
#include "files/spool_make.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GZIP_BYTES_MIN = 1024, GZIP_BYTES_MAX = 32 << 20, MIME_BYTES_MAX = 200 };

enum packing { AS_IT_IS, AS_ZIP, AS_GZIP };

struct download {
    struct rb_request *request;
    struct bim_fetch fetch;
    enum packing packing;
    rb_err err;
    struct rb_buf why;
};

/* ---- when it has been sent ---- */

struct sending {
    struct rb_mark mark;
    struct rb_task task;
    struct rb_bimserver_door *door;
    const struct rb_identity *who;
    struct rb_job_record job; /* what bim_fetch_tell looks at */
};

static void sending_free(struct sending *sending)
{
    rb_identity_unref(sending->who);
    rb_free(sending);
}

static void on_sent(struct rb_task *task)
{
    struct sending *sending = RB_OUTER(task, struct sending, task);
    bim_fetch_tell(sending->door, sending->who, &sending->job, true);
    sending_free(sending);
}

static void on_reached(struct rb_mark *mark, bool is_written)
{
    struct sending *sending = RB_OUTER(mark, struct sending, mark);
    if (is_written)
        rb_loop_before_sleep(rb_loop_current(), &sending->task);
    else
        sending_free(sending);
}

/* Of a download; NULL: nobody wants to know of any other file. */
static struct rb_mark *mark_of(const struct bim_fetch *fetch)
{
    if (!rb_str_is(fetch->file.job.kind, RB_BIMSERVER_DOWNLOAD_KIND)) return NULL;
    struct sending *sending = rb_new(struct sending);
    sending->mark.reached = on_reached;
    sending->task.run = on_sent;
    sending->door = fetch->door;
    sending->who = rb_identity_ref(fetch->who);
    sending->job = (struct rb_job_record){.number = fetch->file.job.number,
                                          .kind = RB_STR(RB_BIMSERVER_DOWNLOAD_KIND),
                                          .state = fetch->file.job.state};
    return &sending->mark;
}

/* ---- sending ---- */

static bool is_media_type(rb_str type)
{
    ptrdiff_t slash = rb_str_find(type, '/');
    for (size_t i = 0; i < type.n; i++)
        if (type.p[i] < ' ' || type.p[i] > '~') return false;
    return slash > 0 && (size_t)slash + 1 < type.n && type.n <= MIME_BYTES_MAX;
}

static void add_headers(struct download *download)
{
    struct rb_request *request = download->request;
    rb_answer_header(request, "Cache-Control", RB_STR("private, no-cache"));
    if (download->packing == AS_ZIP) return;
    rb_answer_header(request, "Vary", RB_STR("Accept-Encoding"));
    if (download->packing == AS_GZIP) rb_answer_header(request, "Content-Encoding", RB_STR("gzip"));
}

static rb_str etag_of(const struct download *download)
{
    static const char *const kinds[] = {"", "-zip", "-gzip"};
    const struct rb_job_record *job = &download->fetch.file.job;
    return rb_arena_fmt(&download->request->arena, "\"%.*s.%u%s\"", RB_STR_FMT(job->id), job->attempt,
                        kinds[download->packing]);
}

static void answer(struct download *download)
{
    struct rb_request *request = download->request;
    const struct bim_file *from = &download->fetch.file;
    rb_str mime;
    struct rb_answer_file file = {.take_fd = from->fd,
                                  .bytes = from->bytes,
                                  .label = from->label,
                                  .type = from->type.n ? from->type : rb_files_media_type(from->label),
                                  .etag = etag_of(download),
                                  .is_inline = true,
                                  .sent = mark_of(&download->fetch)};
    if (rb_request_query(request, "mime", &mime) && is_media_type(mime)) {
        file.type = mime;
        file.label = RB_STR_NONE;
    }
    add_headers(download);
    rb_answer_with_file(request, &file);
}

/* ---- packing ---- */

static rb_err pack(struct download *download, rb_str path)
{
    const struct bim_file *file = &download->fetch.file;
    if (download->packing == AS_ZIP) return rb_spool_zip(path, file->fd, file->label, &download->why);
    return rb_spool_gzip(path, file->fd, &download->why);
}

static void pack_on_pool(void *arg)
{
    struct download *download = arg;
    struct bim_file *file = &download->fetch.file;
    struct stat stat;
    rb_str path = rb_files_spool_path(download->fetch.door->setup.files, download->fetch.arena);
    download->err = pack(download, path);
    close(file->fd);
    file->fd = download->err ? -1 : open(path.p, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    unlink(path.p);
    if (download->err) return;
    if (file->fd < 0 || fstat(file->fd, &stat) != 0) {
        if (file->fd >= 0) close(file->fd);
        download->err = RB_STORE_FAILED;
        return;
    }
    file->bytes = (uint64_t)stat.st_size;
}

static void on_packed(void *arg)
{
    struct download *download = arg;
    struct bim_file *file = &download->fetch.file;
    if (download->err) {
        RB_LOG_ERROR("bimserver.packing_failed", RB_KV_REASON(download->err),
                     RB_KV("why", rb_buf_str(&download->why)));
        bim_web_fail(download->request, download->err, RB_STR_NONE);
    } else {
        if (download->packing == AS_ZIP) {
            file->label = rb_arena_fmt(download->fetch.arena, "%.*s.zip", RB_STR_FMT(file->label));
            file->type = RB_STR("application/zip");
        }
        answer(download);
    }
}

/* A part of a packed file is of no use to who wants a part of the file. */
static enum packing packing_of(const struct download *download)
{
    struct rb_request *request = download->request;
    const struct bim_file *file = &download->fetch.file;
    rb_str zip;
    if (rb_request_query(request, "zip", &zip) && rb_str_is(zip, "on")) return AS_ZIP;
    bool is_fit =
        file->bytes >= GZIP_BYTES_MIN && file->bytes <= GZIP_BYTES_MAX && bim_is_packable(file->type);
    bool is_wanted = bim_wants_gzip(rb_request_header(request, "Accept-Encoding")) &&
                     !rb_request_header(request, "Range").p;
    return is_fit && is_wanted ? AS_GZIP : AS_IT_IS;
}

/* ---- its file ---- */

static void fail(struct download *download)
{
    rb_err err = download->fetch.err;
    unsigned long long topic = download->fetch.topic;
    bool has_nothing = err == RB_NOT_FOUND || err == RB_NO_RESULT || err == RB_EXPIRED;
    bim_web_fail(download->request, err,
                 has_nothing ? rb_arena_fmt(download->fetch.arena, "No data found for topicId %llu", topic)
                             : RB_STR_NONE);
}

static void on_fetched(struct bim_fetch *fetch)
{
    struct download *download = fetch->arg;
    rb_request_on_gone(download->request, NULL);
    if (fetch->err) {
        fail(download);
        return;
    }
    download->packing = packing_of(download);
    if (download->request->head.method != RB_HTTP1_HEAD)
        bim_fetch_tell(fetch->door, fetch->who, &fetch->file.job, false);
    if (download->packing == AS_IT_IS)
        answer(download);
    else
        rb_loop_work(rb_request_loop(download->request), pack_on_pool, on_packed, download);
}

static void on_gone(struct rb_request *request)
{
    struct download *download = request->arg;
    bim_fetch_gone(&download->fetch);
}

static uint64_t topic_of(struct rb_request *request)
{
    rb_str action;
    if (rb_request_query(request, "action", &action) && rb_str_is(action, "extendeddata"))
        return bim_web_number(request, "edid");
    uint64_t topic = bim_web_number(request, "topicId");
    return topic ? topic : bim_web_number(request, "longActionId");
}

static void forget(const void *arg)
{
    struct download *download = (struct download *)(uintptr_t)arg;
    rb_buf_fini(&download->why);
}

static void on_known(struct rb_request *request, struct rb_bimserver_door *door, rb_err err,
                     const struct rb_identity *who)
{
    uint64_t topic = topic_of(request);
    if (err) {
        bim_web_fail(request, err, err == RB_UNAUTHENTICATED ? RB_STR("Invalid token") : RB_STR_NONE);
        return;
    }
    if (!topic) {
        bim_web_fail(request, RB_BAD_REQUEST, RB_STR("No valid topicId"));
        return;
    }
    struct download *download = rb_arena_new(&request->arena, struct download);
    download->request = request;
    download->fetch = (struct bim_fetch){.door = door,
                                         .who = who,
                                         .arena = &request->arena,
                                         .topic = topic,
                                         .done = on_fetched,
                                         .arg = download};
    rb_arena_at_end(&request->arena, forget, download);
    request->arg = download;
    rb_request_on_gone(request, on_gone);
    bim_fetch_start(&download->fetch);
}

/* ---- other files ---- */

static void answer_proto(struct rb_request *request)
{
    rb_str wanted = RB_STR("");
    struct rb_buf text = {0};
    const char *name;
    bool is_it = false;
    rb_request_query(request, "name", &wanted);
    wanted = rb_arena_fmt(&request->arena, "%.*s.proto", RB_STR_FMT(wanted));
    for (unsigned i = 0; !is_it; i++) {
        rb_buf_clear(&text);
        if (!rb_bimserver_print_proto(i, &name, &text)) break;
        is_it = rb_str_is(wanted, name);
    }
    if (is_it)
        rb_answer(request, 200, RB_STR("text/plain; charset=utf-8"), rb_buf_str(&text));
    else
        bim_web_fail(request, RB_NOT_FOUND, RB_STR("There is no such interface."));
    rb_buf_fini(&text);
}

static void handle(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    rb_str action = RB_STR(""), type = RB_STR("");
    rb_request_query(request, "action", &action);
    rb_request_query(request, "type", &type);
    bool is_topic = !action.n || rb_str_is(action, "extendeddata");
    if (is_topic)
        bim_web_check(request, web->host->door, bim_web_token(request), on_known);
    else if (rb_str_is(action, "getfile") && rb_str_is(type, "proto"))
        answer_proto(request);
    else if (rb_str_is(action, "getfile") && rb_str_is(type, "serverlog"))
        bim_web_fail(request, RB_FORBIDDEN, RB_STR("The log is not given out."));
    else
        bim_web_fail(request, RB_BAD_REQUEST, RB_STR("No valid action"));
}

rb_err bim_add_download_routes(const struct bim_web *web, struct rb_router *router)
{
    static const struct rb_route route = {.handler = handle, .on_head = bim_on_head};
    static const char *const paths[] = {"download", "download/{rest...}"};
    rb_err err = RB_OK;
    for (size_t i = 0; i < RB_COUNT(paths) && !err; i++) {
        err = bim_add_route(web, router, RB_HTTP1_GET, paths[i], &route);
        if (!err) err = bim_add_route(web, router, RB_HTTP1_POST, paths[i], &route);
    }
    return err;
}
