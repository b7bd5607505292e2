/* From the pieces of a body to files on the disk.
 *
 * Pieces are gathered into blocks. One block is being looked at: each stretch of a file in it is written
 * where it lies, by the pool, and nothing is looked at meanwhile; the other one fills. When that one is full
 * the body is held, so a client that is faster than the disk is stopped by its own kernel, and an upload
 * needs two blocks of memory whatever its size.
 *
 * What comes from outside (a piece, the end of the body, a refusal, the client's going, work that is done) is
 * only noted; advance() then does step after step until something has to be waited for. There is one way out,
 * give_up and finish: a file that was begun is always ended on the pool, its owner is told, and then, once,
 * how the whole ended. Work keeps the request, so that a client that goes in the middle of it takes no memory
 * away from under it. */
#include "files/upload.h"

#include "base/log.h"
#include "base/mem.h"
#include "codec/multipart.h"
#include "files/spool.h"

#include <string.h>
#include <unistd.h>

enum { MAGIC = 0x75706c64, BLOCK_BYTES = 256 * 1024 };

_Static_assert((int)RB_UPLOAD_PARTS_MAX == (int)RB_MULTIPART_PARTS_MAX, "what is promised is kept there");
_Static_assert((int)RB_UPLOAD_PART_HEAD_MAX == (int)RB_MULTIPART_HEAD_MAX, "likewise");

enum state {
    COMING, /* the body */
    CAME,   /* nothing more of it will */
    OVER    /* on_done or on_gone was called */
};
enum part { NO_PART, FIELD, IN_FILE };
enum work { NO_WORK, WRITING, ENDING };

struct upload {
    uint32_t magic;
    struct rb_upload pub;
    struct rb_files *files;
    rb_err err; /* why it ends before its end */
    enum state state;
    enum part part;
    enum work work; /* on the pool */
    bool is_multipart;
    bool is_gone;                  /* the client */
    unsigned file_count;           /* begun */
    struct rb_buf filling;         /* the block that pieces go to */
    struct rb_buf block;           /* the one that is looked at */
    rb_str rest;                   /* what has not been, of it */
    struct rb_multipart multipart; /* its `data` is what is being written */
    struct rb_buf field;
    struct rb_upload_file file;
    struct spool spool;   /* where it goes; the pool's while there is work */
    rb_err work_err;      /* of the disk, or of what came */
    struct rb_buf detail; /* of the disk's errors, for the log */
    struct rb_buf stayed; /* paths of files that nobody has put anywhere, each with its zero byte */
};

static void advance(struct upload *upload);

static void fail(struct upload *upload, rb_err err, rb_str why)
{
    if (upload->err) return;
    upload->err = err;
    if (why.p) upload->pub.why = why;
}

/* ---- on the pool ---- */

static void end_on_pool(struct upload *upload)
{
    struct rb_upload_file *file = &upload->file;
    const struct rb_upload_ops *ops = upload->pub.ops;
    struct spool *spool = &upload->spool;
    if (!file->err) file->err = upload->work_err = spool_finish(spool, &upload->detail);
    file->bytes = spool->bytes;
    spool_fini(spool);
    if (!file->err && !ops->commit) return;
    if (!file->err) file->err = ops->commit(&upload->pub, file);
    spool_remove(spool);
}

static void work_on_pool(void *arg)
{
    struct upload *upload = RB_RECOVER(struct upload, arg, MAGIC);
    upload->work_err = RB_OK;
    if (upload->work == WRITING)
        upload->work_err = spool_write(&upload->spool, upload->multipart.data, &upload->detail);
    else
        end_on_pool(upload);
}

static void file_done(struct upload *upload)
{
    const struct rb_upload_ops *ops = upload->pub.ops;
    upload->part = NO_PART;
    if (!upload->file.err && !ops->commit)
        rb_buf_add(&upload->stayed, upload->file.path.p, upload->file.path.n + 1);
    if (ops->on_file_done) ops->on_file_done(&upload->pub, &upload->file);
}

/* Of this disk, or this process, not of what came. */
static bool is_ours(rb_err err)
{
    return err == RB_DISK_FULL || err == RB_STORE_FAILED || err == RB_OUT_OF_MEMORY;
}

static void on_worked(void *arg)
{
    struct upload *upload = RB_RECOVER(struct upload, arg, MAGIC);
    struct rb_request *request = upload->pub.request;
    enum work work = upload->work;
    upload->work = NO_WORK;
    if (!upload->file.err) upload->file.err = upload->work_err;
    if (is_ours(upload->work_err)) {
        RB_LOG_ERROR("upload.failed", RB_KV_REASON(upload->work_err),
                     RB_KV("detail", rb_buf_str(&upload->detail)));
        fail(upload, upload->work_err, RB_STR_NONE);
    }
    if (work == ENDING) file_done(upload);
    advance(upload);
    rb_request_let_go(request);
}

static void start_work(struct upload *upload, enum work work)
{
    upload->work = work;
    rb_request_keep(upload->pub.request);
    rb_loop_work(rb_request_loop(upload->pub.request), work_on_pool, on_worked, upload);
}

/* ---- parts ---- */

static rb_str copy(struct upload *upload, rb_str s)
{
    return s.p ? rb_arena_copy(&upload->pub.request->arena, s) : RB_STR_NONE;
}

static void begin_file(struct upload *upload, const struct rb_multipart_part *part)
{
    const struct rb_upload_ops *ops = upload->pub.ops;
    struct rb_upload_file *file = &upload->file;
    *file = (struct rb_upload_file){
        .field = copy(upload, part->name),
        .name = copy(upload, part->file_name),
        .type = copy(upload, part->type),
        .bytes_max = rb_request_body_max(upload->pub.request),
        .path = rb_files_spool_path(upload->files, &upload->pub.request->arena),
    };
    upload->part = IN_FILE;
    upload->file_count++;
    if (ops->on_file) file->err = ops->on_file(&upload->pub, file);
    spool_begin(&upload->spool, file);
}

static void begin_part(struct upload *upload, const struct rb_multipart_part *part)
{
    rb_buf_clear(&upload->field);
    if (part->has_file_name)
        begin_file(upload, part);
    else
        upload->part = FIELD;
}

static void add_to_field(struct upload *upload, rb_str data)
{
    if (!upload->pub.ops->on_field) return;
    if (data.n > RB_UPLOAD_FIELD_BYTES_MAX - upload->field.n) {
        fail(upload, RB_BODY_TOO_LARGE, RB_STR("A field is larger than 64 KiB."));
        return;
    }
    rb_buf_add_str(&upload->field, data);
    if (upload->field.failed) fail(upload, RB_OUT_OF_MEMORY, RB_STR_NONE);
}

static void add_to_part(struct upload *upload, rb_str data)
{
    if (upload->part == FIELD)
        add_to_field(upload, data);
    else if (!upload->file.err)
        start_work(upload, WRITING);
}

static void end_file(struct upload *upload)
{
    if (upload->file.err && !upload->spool.is_there)
        file_done(upload); /* nothing of it is anywhere */
    else
        start_work(upload, ENDING);
}

static void end_part(struct upload *upload)
{
    const struct rb_upload_ops *ops = upload->pub.ops;
    if (upload->part == IN_FILE) {
        end_file(upload);
        return;
    }
    upload->part = NO_PART;
    rb_err err = RB_OK;
    if (ops->on_field)
        err = ops->on_field(&upload->pub, upload->multipart.part.name, rb_buf_str(&upload->field));
    if (err) fail(upload, err, RB_STR_NONE);
}

/* ---- the end ---- */

static void finish(struct upload *upload)
{
    struct rb_request *request = upload->pub.request;
    const struct rb_upload_ops *ops = upload->pub.ops;
    upload->state = OVER;
    rb_buf_fini(&upload->filling);
    rb_buf_fini(&upload->block);
    rb_buf_fini(&upload->field);
    rb_request_on_gone(request, NULL);
    if (upload->is_gone) {
        if (ops->on_gone) ops->on_gone(&upload->pub);
        rb_answer_problem(request, RB_CLIENT_CLOSED,
                          RB_STR_NONE); /* which is due, though nobody may get it */
        return;
    }
    rb_request_stop_body(request);
    ops->on_done(&upload->pub, upload->err);
}

static void give_up(struct upload *upload)
{
    if (upload->part != IN_FILE) {
        finish(upload);
        return;
    }
    if (!upload->file.err) upload->file.err = upload->err;
    end_file(upload);
}

/* ---- step by step ---- */

static bool take_block(struct upload *upload)
{
    bool is_due = upload->filling.n >= BLOCK_BYTES || (upload->state == CAME && upload->filling.n > 0);
    if (!is_due) return false;
    struct rb_buf used = upload->block;
    upload->block = upload->filling;
    upload->filling = used;
    rb_buf_clear(&upload->filling);
    upload->rest = rb_buf_str(&upload->block);
    return true;
}

/* A body that is one file, in the words of one that is taken apart. */
static enum rb_multipart_event next_of_plain(struct upload *upload)
{
    struct rb_multipart *as_if = &upload->multipart;
    if (upload->file_count == 0) {
        as_if->part = (struct rb_multipart_part){
            .name = RB_STR(""),
            .file_name = RB_STR(""),
            .has_file_name = true,
            .type = rb_request_header(upload->pub.request, "Content-Type"),
        };
        return RB_MULTIPART_PART;
    }
    as_if->data = upload->rest;
    upload->rest = RB_STR_NONE;
    if (as_if->data.n > 0) return RB_MULTIPART_DATA;
    if (upload->part == NO_PART) return RB_MULTIPART_OVER;
    return upload->state == CAME && upload->filling.n == 0 ? RB_MULTIPART_PART_END : RB_MULTIPART_MORE;
}

static enum rb_multipart_event next_event(struct upload *upload)
{
    if (upload->is_multipart) return rb_multipart_next(&upload->multipart, &upload->rest);
    return next_of_plain(upload);
}

/* Whether another step may follow. */
static bool step(struct upload *upload)
{
    if (upload->err) {
        give_up(upload);
        return true;
    }
    enum rb_multipart_event event = next_event(upload);
    switch (event) {
    case RB_MULTIPART_PART: begin_part(upload, &upload->multipart.part); break;
    case RB_MULTIPART_DATA: add_to_part(upload, upload->multipart.data); break;
    case RB_MULTIPART_PART_END: end_part(upload); break;
    case RB_MULTIPART_FAILED: fail(upload, upload->multipart.err, upload->multipart.why); break;
    case RB_MULTIPART_MORE:
    case RB_MULTIPART_OVER:
        if (take_block(upload)) break;
        if (upload->state == COMING) return false;
        if (event == RB_MULTIPART_MORE)
            fail(upload, RB_BAD_REQUEST, RB_STR("The body is cut short."));
        else
            finish(upload);
        break;
    }
    return true;
}

static void advance(struct upload *upload)
{
    struct rb_request *request = upload->pub.request;
    rb_request_keep(request);
    while (upload->state != OVER && upload->work == NO_WORK && step(upload)) {
    }
    if (upload->state != OVER) rb_request_hold_body(request, upload->filling.n >= BLOCK_BYTES);
    rb_request_let_go(request);
}

/* ---- what comes from outside ---- */

static void on_data(struct rb_request *request, rb_str data)
{
    struct upload *upload = RB_RECOVER(struct upload, request->arg, MAGIC);
    rb_buf_add_str(&upload->filling, data);
    if (upload->filling.failed) fail(upload, RB_OUT_OF_MEMORY, RB_STR_NONE);
    advance(upload);
}

static void on_gone(struct rb_request *request)
{
    struct upload *upload = RB_RECOVER(struct upload, request->arg, MAGIC);
    upload->is_gone = true;
    fail(upload, RB_CLIENT_CLOSED, RB_STR_NONE);
    advance(upload);
}

void rb_upload_handle(struct rb_request *request, void *arg)
{
    (void)arg;
    struct upload *upload = RB_RECOVER(struct upload, request->arg, MAGIC);
    upload->state = CAME;
    advance(upload);
}

void rb_upload_refused(struct rb_request *request, void *arg, rb_err err)
{
    (void)arg;
    if (!request->arg) { /* before it was begun */
        rb_answer_problem(request, err, RB_STR_NONE);
        return;
    }
    struct upload *upload = RB_RECOVER(struct upload, request->arg, MAGIC);
    upload->state = CAME;
    fail(upload, err, RB_STR_NONE);
    advance(upload);
}

/* ---- beginning, and what is left at the end ---- */

static void remove_on_pool(void *arg)
{
    struct rb_buf *paths = arg;
    for (size_t at = 0; at < paths->n; at += strlen(paths->p + at) + 1) unlink(paths->p + at);
    rb_buf_fini(paths);
    rb_free(paths);
}

static void on_request_freed(const void *arg)
{
    struct upload *upload = RB_RECOVER(struct upload, (void *)(uintptr_t)arg, MAGIC);
    rb_buf_fini(&upload->filling);
    rb_buf_fini(&upload->block);
    rb_buf_fini(&upload->field);
    rb_buf_fini(&upload->detail);
    if (upload->is_multipart) rb_multipart_fini(&upload->multipart);
    if (upload->stayed.n == 0) return;
    struct rb_buf *paths = rb_new(struct rb_buf);
    *paths = upload->stayed;
    rb_loop_work(rb_request_loop(upload->pub.request), remove_on_pool, NULL, paths);
}

bool rb_upload_is_multipart(const struct rb_request *request)
{
    return rb_multipart_is_form(rb_request_header(request, "Content-Type"));
}

struct rb_upload *rb_upload_begin(struct rb_files *files, struct rb_request *request,
                                  const struct rb_upload_ops *ops, void *arg)
{
    struct upload *upload = rb_arena_new(&request->arena, struct upload);
    upload->magic = MAGIC;
    upload->pub = (struct rb_upload){.request = request, .ops = ops, .arg = arg};
    upload->files = files;
    upload->is_multipart = rb_upload_is_multipart(request);
    if (upload->is_multipart) {
        rb_err err = rb_multipart_init(&upload->multipart, rb_request_header(request, "Content-Type"));
        if (err) fail(upload, err, upload->multipart.why);
    }
    rb_arena_at_end(&request->arena, on_request_freed, upload);
    request->arg = upload;
    rb_request_on_gone(request, on_gone);
    rb_request_stream_body(request, on_data);
    return &upload->pub;
}
