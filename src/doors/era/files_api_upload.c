/* Files that come into a session's directory: POST brings several new ones, PUT replaces one.
 *
 * With POST each file is put in place as soon as it is complete; what became of it stands in the answer, file
 * by file. So a body that breaks off leaves whole files and no part of one. PUT waits for the end of the
 * body, and then replaces in one step. Who asks is found out before anything is read: the body is held
 * meanwhile. */
#include "doors/era/files_api.h"

#include "files/upload.h"

struct placing {
    struct era_claim claim;
    struct rb_upload *upload;
    unsigned stored, failed;
    rb_err err; /* the first */
    /* POST: the answer so far. */
    struct rb_buf body;
    struct rb_json_out out;
    /* PUT */
    rb_str name, path;
    unsigned count; /* of files in the body */
    struct rb_scratch_file file;
};

static struct placing *placing_of(struct rb_upload *upload)
{
    return upload->arg;
}

static rb_str id_of(const struct placing *placing)
{
    return rb_str_of(placing->claim.session->id);
}

static struct rb_scratches *scratches_of(const struct placing *placing)
{
    return placing->claim.door->setup.scratches;
}

/* ---- both ---- */

static void forget(const void *arg)
{
    struct placing *placing = (struct placing *)(uintptr_t)arg;
    rb_buf_fini(&placing->body);
}

/* With the answer the request goes, and this with it. */
static void answer(struct placing *placing)
{
    struct era_claim *claim = &placing->claim;
    struct rb_buf body = placing->body;
    placing->body = (struct rb_buf){0};
    era_files_look_after(claim->door, rb_request_loop(claim->request), claim->session);
    era_answer_json(claim->request, 200, &body);
}

static void on_gone(struct rb_upload *upload)
{
    era_claim_cancel(&placing_of(upload)->claim);
}

static void on_claimed(struct era_claim *claim, rb_err err, rb_str detail)
{
    struct placing *placing = RB_OUTER(claim, struct placing, claim);
    struct rb_scratch_file former;
    if (!err && placing->name.p)
        err = rb_scratch_find(scratches_of(placing), id_of(placing), placing->name, &former);
    if (err)
        era_answer_error(claim->request, err, detail);
    else
        rb_request_hold_body(claim->request, false);
}

static void begin(struct rb_request *request, struct rb_era_door *door, const struct rb_upload_ops *ops)
{
    if (!era_is_from_here(door, request)) return;
    struct placing *placing = rb_arena_new(&request->arena, struct placing);
    placing->claim = (struct era_claim){.door = door, .request = request, .done = on_claimed};
    placing->name = rb_request_param(request, "filename");
    placing->out.buf = &placing->body;
    rb_arena_at_end(&request->arena, forget, placing);
    placing->upload = rb_upload_begin(door->setup.files, request, ops, placing);
    rb_request_hold_body(request, true);
    era_claim_start(&placing->claim);
}

/* Before on_head there is no upload. */
static void on_refused(struct rb_request *request, void *arg, rb_err err)
{
    if (request->arg)
        rb_upload_refused(request, arg, err);
    else
        era_refused(request, arg, err);
}

static void limit(struct rb_upload_file *file, uint64_t bytes_max)
{
    if (file->bytes_max > bytes_max) file->bytes_max = bytes_max;
}

/* ---- POST: new files ---- */

static rb_err on_new_file(struct rb_upload *upload, struct rb_upload_file *file)
{
    const struct placing *placing = placing_of(upload);
    if (!rb_scratch_name_is_valid(file->name)) return RB_BAD_NAME;
    limit(file, rb_scratch_room(scratches_of(placing), id_of(placing)));
    return RB_OK;
}

static rb_err commit(struct rb_upload *upload, struct rb_upload_file *file)
{
    const struct placing *placing = placing_of(upload);
    return rb_scratch_put(scratches_of(placing), id_of(placing), RB_SCRATCH_CREATE, file->name, file->path,
                          NULL);
}

static void put_failure(struct placing *placing, rb_err err, rb_str message)
{
    era_put_str(&placing->out, "status", RB_STR("error"));
    rb_json_put_key(&placing->out, "error_code");
    rb_json_put_u64(&placing->out, era_code(err));
    era_put_str(&placing->out, "error_message", message.n ? message : rb_str_of(rb_reason(err)->sentence));
    if (!placing->err) placing->err = err;
    placing->failed++;
}

static rb_str explain(rb_err err)
{
    return err == RB_CONFLICT ? RB_STR("A file of this name is there already.") : RB_STR_NONE;
}

static void begin_item(struct placing *placing)
{
    if (placing->stored + placing->failed == 0) rb_json_begin_array(&placing->out);
    rb_json_begin_object(&placing->out);
}

static void on_new_file_done(struct rb_upload *upload, const struct rb_upload_file *file)
{
    struct placing *placing = placing_of(upload);
    begin_item(placing);
    if (file->err) {
        era_put_str(&placing->out, "name", file->name);
        put_failure(placing, file->err, explain(file->err));
    } else {
        era_put_stored(&placing->out, file->name, file->bytes);
        placing->stored++;
    }
    rb_json_end_object(&placing->out);
}

/* Nothing was stored: the answer is the first error, as if there had been one file only. */
static void on_new_done(struct rb_upload *upload, rb_err err)
{
    struct placing *placing = placing_of(upload);
    struct rb_request *request = upload->request;
    if (err && placing->stored > 0) {
        begin_item(placing);
        put_failure(placing, err, upload->why);
        rb_json_end_object(&placing->out);
    }
    if (placing->stored > 0) {
        rb_json_end_array(&placing->out);
        answer(placing);
    } else if (err) {
        era_answer_error(request, err, upload->why);
    } else if (placing->err) {
        era_answer_error(request, placing->err, explain(placing->err));
    } else {
        era_answer_error(request, RB_BAD_REQUEST, RB_STR("There is no file in the body."));
    }
}

static void on_post_head(struct rb_request *request, void *arg)
{
    static const struct rb_upload_ops ops = {.on_file = on_new_file,
                                             .commit = commit,
                                             .on_file_done = on_new_file_done,
                                             .on_done = on_new_done,
                                             .on_gone = on_gone};
    if (rb_upload_is_multipart(request))
        begin(request, arg, &ops);
    else
        era_answer_error(request, RB_UNSUPPORTED_MEDIA, RB_STR("The body is multipart/form-data."));
}

/* ---- PUT: another content ---- */

static rb_err on_other_file(struct rb_upload *upload, struct rb_upload_file *file)
{
    struct placing *placing = placing_of(upload);
    struct rb_scratch_file former = {0};
    if (++placing->count > 1) return RB_BAD_REQUEST;
    rb_err err = rb_scratch_find(scratches_of(placing), id_of(placing), placing->name, &former);
    limit(file, rb_scratch_room(scratches_of(placing), id_of(placing)) + former.bytes);
    return err;
}

static void on_other_file_done(struct rb_upload *upload, const struct rb_upload_file *file)
{
    struct placing *placing = placing_of(upload);
    if (!placing->err) placing->err = file->err;
    if (!file->err) placing->path = rb_arena_copy(&upload->request->arena, file->path);
}

static void replace(void *arg)
{
    struct placing *placing = arg;
    placing->err = rb_scratch_put(scratches_of(placing), id_of(placing), RB_SCRATCH_REPLACE, placing->name,
                                  placing->path, &placing->file);
}

static void on_replaced(void *arg)
{
    struct placing *placing = arg;
    if (placing->err) {
        era_answer_error(placing->claim.request, placing->err, RB_STR_NONE);
        return;
    }
    rb_json_begin_object(&placing->out);
    era_put_stored(&placing->out, placing->name, placing->file.bytes);
    rb_json_end_object(&placing->out);
    answer(placing);
}

static void on_other_done(struct rb_upload *upload, rb_err err)
{
    struct placing *placing = placing_of(upload);
    struct rb_request *request = upload->request;
    if (err)
        era_answer_error(request, err, upload->why);
    else if (placing->count != 1)
        era_answer_error(request, RB_BAD_REQUEST,
                         RB_STR("The body is the file, or multipart with one part."));
    else if (placing->err)
        era_answer_error(request, placing->err, RB_STR_NONE);
    else
        rb_loop_work(rb_request_loop(request), replace, on_replaced, placing);
}

static void on_put_head(struct rb_request *request, void *arg)
{
    static const struct rb_upload_ops ops = {.on_file = on_other_file,
                                             .on_file_done = on_other_file_done,
                                             .on_done = on_other_done,
                                             .on_gone = on_gone};
    begin(request, arg, &ops);
}

/* ---- routes ---- */

rb_err era_add_upload_routes(struct rb_era_door *door, struct rb_router *router)
{
    struct rb_route route = {.handler = rb_upload_handle,
                             .arg = door,
                             .body_max = (size_t)door->setup.upload_bytes_max,
                             .on_refused = on_refused};
    route.on_head = on_post_head;
    rb_err err = rb_router_add_route(router, RB_HTTP1_POST, rb_str_of(ERA_FILES_PATH), &route);
    if (err) return err;
    route.on_head = on_put_head;
    return rb_router_add_route(router, RB_HTTP1_PUT, rb_str_of(ERA_FILE_PATH), &route);
}
