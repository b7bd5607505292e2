/* The token is looked up while the form comes in, since it stands in it. Nothing begins before it is known to
 * be good; what a stranger sends is not kept, and not read any further than it takes to know. */
#include "doors/bimserver/form.h"

/* ---- answers ---- */

static void answer_json(struct rb_request *request, struct rb_buf *json)
{
    rb_answer(request, 200, RB_STR("text/json"), rb_buf_str(json));
    rb_buf_fini(json);
}

static void answer_exception(struct rb_request *request, const char *type, rb_str message)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "exception");
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "__type");
    rb_json_put_text(&out, type);
    rb_json_put_key(&out, "message");
    rb_json_put_str(&out, message);
    rb_json_end_object(&out);
    rb_json_end_object(&out);
    answer_json(request, &json);
}

static void answer_reason(struct rb_request *request, rb_err err, rb_str why)
{
    if (err == RB_UNAUTHENTICATED)
        answer_exception(request, "InvalidTokenException", RB_STR("Invalid token"));
    else
        answer_exception(request, "UserException", why.n ? why : rb_str_of(rb_reason(err)->sentence));
}

static void answer_nothing(struct rb_request *request)
{
    rb_answer(request, 200, RB_STR("text/json"), RB_STR("{}"));
}

void bim_form_answer(struct bim_form *form, struct rb_buf *take_json)
{
    answer_json(form->request, take_json);
}

void bim_form_fail(struct bim_form *form, rb_str message)
{
    answer_exception(form->request, "UserException", message);
}

void bim_form_fail_reason(struct bim_form *form, rb_err err, rb_str why)
{
    answer_reason(form->request, err, why);
}

/* ---- when all of it is there ---- */

static void decide(struct bim_form *form)
{
    if (!form->has_token)
        answer_nothing(form->request);
    else if (form->err)
        answer_reason(form->request, form->err, form->why);
    else if (form->file_err)
        answer_reason(form->request, form->file_err, form->file_why);
    else if (!form->path.p)
        bim_form_fail(form, RB_STR("No file given"));
    else
        form->done(form);
}

/* ---- the token ---- */

static void take_identity(struct bim_form *form, rb_err err, const struct rb_identity *who)
{
    if (who) form->who = rb_identity_ref(who);
    if (err) form->err = err; /* before anything else that is wrong */
}

static void on_token(void *arg, rb_err err, const struct rb_identity *who)
{
    struct bim_form *form = arg;
    bool is_later = form->check != NULL;
    form->check = NULL;
    take_identity(form, err, who);
    if (!is_later) return; /* told at once: on_field says it */
    if (form->is_over)
        decide(form);
    else if (err)
        rb_upload_refused(form->request, NULL, err); /* ends it */
}

static rb_err take_token(struct bim_form *form, rb_str token)
{
    if (form->has_token || !token.n) return RB_OK; /* the first one counts */
    form->has_token = true;
    form->check = rb_auth_check(form->door->setup.auth, token, on_token, form);
    return form->err;
}

/* ---- fields ---- */

static bool is_true(rb_str value)
{
    return rb_str_ieq(rb_str_trim(value), RB_STR("true"));
}

static int64_t number_of(rb_str value)
{
    uint64_t number;
    return rb_str_u64(rb_str_trim(value), INT64_MAX, &number) ? (int64_t)number : -1;
}

static void take_compression(struct bim_form *form, rb_str value)
{
    form->coding = rb_str_ieq(value, RB_STR("gzip"))      ? RB_UPLOAD_GZIP
                   : rb_str_ieq(value, RB_STR("deflate")) ? RB_UPLOAD_DEFLATE
                                                          : RB_UPLOAD_PLAIN;
    form->is_coding_unknown = form->coding == RB_UPLOAD_PLAIN && value.n > 0;
}

static rb_err on_field(struct rb_upload *upload, rb_str name, rb_str value)
{
    struct bim_form *form = upload->arg;
    struct rb_arena *arena = &form->request->arena;
    if (rb_str_is(name, "token")) return take_token(form, value);
    if (rb_str_is(name, "poid")) {
        form->has_poid = true;
        form->poid = number_of(value);
    } else if (rb_str_is(name, "deserializerOid")) {
        form->deserializer_oid = number_of(value);
    } else if (rb_str_is(name, "topicId")) {
        form->topic = number_of(value);
    } else if (rb_str_is(name, "comment")) {
        if (!form->comment.n) form->comment = rb_arena_copy(arena, value); /* once: it may be large */
    } else if (rb_str_is(name, "action")) {
        form->is_kept = rb_str_is(value, "file");
    } else if (rb_str_is(name, "sync")) {
        form->is_sync = is_true(value);
    } else if (rb_str_is(name, "merge")) {
        form->does_merge = is_true(value);
    } else if (rb_str_is(name, "compression")) {
        take_compression(form, value);
    }
    return RB_OK;
}

/* ---- its file ---- */

static rb_err on_file(struct rb_upload *upload, struct rb_upload_file *file)
{
    struct bim_form *form = upload->arg;
    file->coding = form->coding;
    if (!form->has_token)
        form->file_why = RB_STR("The token comes before the file");
    else if (form->is_coding_unknown)
        form->file_why = RB_STR("compression is gzip, deflate, or left away");
    else if (form->path.p)
        form->file_why = RB_STR("A form has one file");
    return form->file_why.p ? RB_UNPROCESSABLE : RB_OK;
}

static void on_file_done(struct rb_upload *upload, const struct rb_upload_file *file)
{
    struct bim_form *form = upload->arg;
    if (file->err) {
        form->file_err = file->err;
        if (file->err == RB_BAD_REQUEST) form->file_why = RB_STR("The file is not packed as the form says");
    } else {
        form->path = file->path;
        form->file_name = file->name;
        form->file_type = file->type;
        form->file_bytes = file->bytes;
    }
}

static void on_done(struct rb_upload *upload, rb_err err)
{
    struct bim_form *form = upload->arg;
    form->is_over = true;
    if (err && !form->err) { /* that of the token counts first */
        form->err = err;
        form->why = upload->why;
    }
    if (!form->check) decide(form); /* else the token does it */
}

static void on_gone(struct rb_upload *upload)
{
    struct bim_form *form = upload->arg;
    rb_auth_cancel(form->check);
    form->check = NULL;
}

/* ---- its beginning ---- */

static void let_go(const void *arg)
{
    const struct bim_form *form = arg;
    rb_identity_unref(form->who);
}

void bim_form_begin(struct rb_request *request, const struct bim_web *web,
                    void (*done)(struct bim_form *form))
{
    static const struct rb_upload_ops ops = {.on_field = on_field,
                                             .on_file = on_file,
                                             .on_file_done = on_file_done,
                                             .on_done = on_done,
                                             .on_gone = on_gone};
    if (!rb_upload_is_multipart(request)) {
        answer_nothing(request);
        return;
    }
    struct bim_form *form = rb_arena_new(&request->arena, struct bim_form);
    *form = (struct bim_form){.door = web->host->door,
                              .request = request,
                              .poid = -1,
                              .deserializer_oid = -1,
                              .topic = -1,
                              .comment = RB_STR(""),
                              .file_name = RB_STR(""),
                              .done = done};
    rb_arena_at_end(&request->arena, let_go, form);
    rb_upload_begin(form->door->setup.files, request, &ops, form);
}

void bim_form_refused(struct rb_request *request, void *web, rb_err err)
{
    if (request->arg)
        rb_upload_refused(request, NULL, err);
    else if (bim_is_admitted(request, web)) /* its on_head was not called */
        answer_reason(request, err, RB_STR_NONE);
}
