/* PUT /v1/scratch/{id}/{name}: from the socket to the disk, piece by piece.
 *
 * Who asks, whose scratch it is, and how much still fits into it is known before a byte of the body is read:
 * the body is held until then. A client that goes meanwhile ends the request under us, so each question can
 * be called back. */
#include "doors/native/scratch_private.h"
#include "files/upload.h"

struct putting {
    struct errand *errand;
    struct scratch_place place;
    struct rb_auth_check *check; /* under way */
    rb_str name;
    uint64_t bytes_max;
    rb_err err;        /* of the check, then of the file */
    bool is_beginning; /* on_head has not returned */
    bool has_place;
    struct rb_scratch_file file;
};

static void fail(struct putting *putting, rb_err err)
{
    errand_fail(putting->errand, err, NULL);
}

/* ---- before the body ---- */

/* The file of that name, should there be one, makes room. */
static uint64_t bytes_allowed(struct putting *putting)
{
    struct rb_scratches *scratches = putting->errand->door->setup.scratches;
    struct rb_scratch_file former;
    uint64_t room = rb_scratch_room(scratches, putting->place.session);
    bool has_former = rb_scratch_find(scratches, putting->place.session, putting->name, &former) == RB_OK;
    return has_former ? room + former.bytes : room;
}

static void on_place(struct scratch_place *place, rb_err err)
{
    struct putting *putting = place->arg;
    const struct rb_http1_head *head = &putting->errand->request->head;
    if (!err && !rb_scratch_name_is_valid(putting->name)) err = RB_BAD_NAME;
    if (!err) putting->bytes_max = bytes_allowed(putting);
    if (!err && head->framing == RB_HTTP1_LENGTH && head->length > putting->bytes_max)
        err = RB_QUOTA_EXCEEDED;
    putting->has_place = !err;
    if (err)
        fail(putting, err);
    else
        rb_request_hold_body(putting->errand->request, false);
}

static void go_on(struct putting *putting)
{
    rb_str id = rb_request_param(putting->errand->request, "id");
    if (putting->err)
        fail(putting, putting->err);
    else
        scratch_place_find(&putting->place, putting->errand, id, on_place, putting);
}

static void let_go(const void *identity)
{
    rb_identity_unref(identity);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *who)
{
    struct putting *putting = arg;
    putting->check = NULL;
    putting->err = err;
    putting->errand->who = who ? rb_identity_ref(who) : NULL;
    if (who) rb_arena_at_end(&putting->errand->request->arena, let_go, putting->errand->who);
    if (!putting->is_beginning) go_on(putting);
}

/* ---- the body ---- */

static rb_err on_file(struct rb_upload *upload, struct rb_upload_file *file)
{
    const struct putting *putting = upload->arg;
    if (file->bytes_max > putting->bytes_max) file->bytes_max = putting->bytes_max;
    return RB_OK;
}

static rb_err commit(struct rb_upload *upload, struct rb_upload_file *file)
{
    struct putting *putting = upload->arg;
    return rb_scratch_put(putting->errand->door->setup.scratches, putting->place.session, RB_SCRATCH_PUT,
                          putting->name, file->path, &putting->file);
}

static void on_file_done(struct rb_upload *upload, const struct rb_upload_file *file)
{
    struct putting *putting = upload->arg;
    bool is_quota = file->err == RB_BODY_TOO_LARGE && file->bytes_max == putting->bytes_max;
    putting->err = is_quota ? RB_QUOTA_EXCEEDED : file->err;
}

/* The request ends: nobody comes back to it. What is being put may still come to be there. */
static void end(struct putting *putting)
{
    rb_auth_cancel(putting->check);
    scratch_place_leave(&putting->place);
    if (putting->has_place) scratch_place_watch(&putting->place);
}

static void on_done(struct rb_upload *upload, rb_err err)
{
    struct putting *putting = upload->arg;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    end(putting);
    if (!err) err = putting->err;
    if (err) {
        rb_answer_problem(putting->errand->request, err, upload->why);
        return;
    }
    scratch_file_put(&out, &putting->place, &putting->file);
    rb_answer_header(upload->request, "ETag", scratch_etag(&upload->request->arena, putting->file.version));
    errand_answer_json(putting->errand, putting->file.is_replacement ? 200 : 201, &body);
}

static void on_gone(struct rb_upload *upload)
{
    end(upload->arg);
}

void handle_scratch_put(struct errand *errand)
{
    static const struct rb_upload_ops ops = {.on_file = on_file,
                                             .commit = commit,
                                             .on_file_done = on_file_done,
                                             .on_done = on_done,
                                             .on_gone = on_gone};
    struct rb_request *request = errand->request;
    const struct rb_native_setup *setup = &errand->door->setup;
    if (rb_upload_is_multipart(request)) {
        errand_fail(errand, RB_UNSUPPORTED_MEDIA, "The body is the file itself, not a form.");
        return;
    }
    struct putting *putting = rb_arena_new(&request->arena, struct putting);
    *putting =
        (struct putting){.errand = errand, .name = rb_request_param(request, "name"), .is_beginning = true};
    rb_upload_begin(setup->files, request, &ops, putting);
    rb_request_hold_body(request, true);
    rb_str token = rb_auth_bearer(rb_request_header(request, "Authorization"));
    putting->check = rb_auth_check(setup->auth, token, on_checked, putting);
    putting->is_beginning = false;
    if (!putting->check) go_on(putting);
}
