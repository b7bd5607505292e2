/* /bulkupload: a ZIP of models, each of which is checked in with the project, in the archive's order.
 *
 * They are started one after the other, each as soon as the one before has its place in the queue, and the
 * answer names them all; what becomes of them the topics tell. Only the first is refused when another
 * check-in of the project is under way: the others are beside the first. */
#include "doors/bimserver/checkin.h"
#include "doors/bimserver/form.h"
#include "doors/bimserver/plugins.h"
#include "files/unzip.h"

enum { MODELS_MAX = 1000, RATIO_MAX = 100 };

struct bulk {
    struct bim_form *form;
    struct rb_unzipped *models;
    unsigned count, at;
    rb_err err;
    struct rb_buf why;
    uint64_t *topics; /* 0: it was refused */
    rb_str *failures; /* why */
    struct bim_checkin checkin;
};

/* ---- the answer ----
 * {"topicIds":[1,2],"files":[{"name":"a.ifc","topicId":1},{"name":"b.ifc","exception":"..."}]} */

static void put_topics(struct rb_json_out *out, const struct bulk *bulk)
{
    rb_json_put_key(out, "topicIds");
    rb_json_begin_array(out);
    for (unsigned i = 0; i < bulk->count; i++)
        if (bulk->topics[i]) rb_json_put_u64(out, bulk->topics[i]);
    rb_json_end_array(out);
}

static void put_file(struct rb_json_out *out, const struct bulk *bulk, unsigned at)
{
    rb_json_begin_object(out);
    rb_json_put_key(out, "name");
    rb_json_put_str(out, bulk->models[at].name);
    if (bulk->topics[at]) {
        rb_json_put_key(out, "topicId");
        rb_json_put_u64(out, bulk->topics[at]);
    } else {
        rb_json_put_key(out, "exception");
        rb_json_put_str(out, bulk->failures[at]);
    }
    rb_json_end_object(out);
}

static void answer(struct bulk *bulk)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_object(&out);
    put_topics(&out, bulk);
    rb_json_put_key(&out, "files");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < bulk->count; i++) put_file(&out, bulk, i);
    rb_json_end_array(&out);
    rb_json_end_object(&out);
    bim_form_answer(bulk->form, &json);
}

/* ---- one after the other ---- */

static int64_t deserializer_of(const struct bim_form *form, rb_str name)
{
    if (form->deserializer_oid > 0) return form->deserializer_oid;
    for (const struct bim_plugin *plugin = bim_deserializers; plugin->name; plugin++) {
        rb_str extension = rb_str_of(plugin->extension);
        bool has_it = name.n > extension.n + 1 && name.p[name.n - extension.n - 1] == '.' &&
                      rb_str_ieq(rb_str_from(name, name.n - extension.n), extension);
        if (has_it) return plugin->oid;
    }
    return -1;
}

static void next(struct bulk *bulk);

/* What refuses the first one refuses all. */
static void refuse(struct bulk *bulk, rb_str why)
{
    for (unsigned i = 1; i < bulk->count; i++)
        bim_spool_drop(rb_request_loop(bulk->form->request), bulk->models[i].path);
    bim_form_fail(bulk->form, why);
}

static void on_checked_in(struct bim_checkin *checkin)
{
    struct bulk *bulk = checkin->arg;
    bool has_failed = checkin->failure.p != NULL;
    if (has_failed && bulk->at == 0) {
        refuse(bulk, checkin->failure);
        return;
    }
    bulk->topics[bulk->at] = has_failed ? 0 : checkin->number;
    bulk->failures[bulk->at] = checkin->failure;
    bulk->at++;
    next(bulk);
}

static void next(struct bulk *bulk)
{
    struct bim_form *form = bulk->form;
    if (bulk->at == bulk->count) {
        answer(bulk);
        return;
    }
    const struct rb_unzipped *model = &bulk->models[bulk->at];
    bulk->checkin = (struct bim_checkin){.door = form->door,
                                         .who = form->who,
                                         .arena = &form->request->arena,
                                         .poid = form->poid,
                                         .deserializer_oid = deserializer_of(form, model->name),
                                         .topic = -1,
                                         .path = model->path,
                                         .file_name = model->name,
                                         .comment = form->comment,
                                         .bytes = model->bytes,
                                         .does_merge = form->does_merge,
                                         .is_beside = bulk->at > 0,
                                         .done = on_checked_in,
                                         .arg = bulk};
    bim_checkin_start(&bulk->checkin);
}

/* ---- the archive ---- */

/* What stands beside models in an archive is not one of them. */
static bool is_model(void *form, rb_str name)
{
    return deserializer_of(form, name) > 0;
}

static void unzip_on_pool(void *arg)
{
    struct bulk *bulk = arg;
    struct bim_form *form = bulk->form;
    const struct rb_unzip_limits limits = {.entries_max = MODELS_MAX,
                                           .bytes_max = form->door->setup.upload_bytes_max,
                                           .ratio_max = RATIO_MAX};
    bulk->err = rb_unzip(form->door->setup.files, &form->request->arena, form->path, &limits, is_model, form,
                         &bulk->models, &bulk->count, &bulk->why);
}

static void on_unzipped(void *arg)
{
    struct bulk *bulk = arg;
    struct rb_arena *arena = &bulk->form->request->arena;
    rb_str why = rb_arena_copy(arena, rb_buf_str(&bulk->why));
    rb_buf_fini(&bulk->why);
    if (bulk->err) {
        bim_form_fail_reason(bulk->form, bulk->err, why);
    } else if (bulk->count == 0) {
        bim_form_fail(bulk->form, RB_STR("There are no models in the archive"));
    } else {
        bulk->topics = rb_arena_array(arena, uint64_t, bulk->count);
        bulk->failures = rb_arena_array(arena, rb_str, bulk->count);
        next(bulk);
    }
}

static void on_form(struct bim_form *form)
{
    struct rb_request *request = form->request;
    if (!form->has_poid) {
        rb_answer(request, 200, RB_STR("text/json"), RB_STR("{\"exception\":\"No poid\"}"));
        return;
    }
    struct bulk *bulk = rb_arena_new(&request->arena, struct bulk);
    bulk->form = form;
    rb_loop_work(rb_request_loop(request), unzip_on_pool, on_unzipped, bulk);
}

static void on_head(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    if (bim_is_admitted(request, web)) bim_form_begin(request, web, on_form);
}

rb_err bim_add_bulk_routes(const struct bim_web *web, struct rb_router *router)
{
    const struct rb_route route = {.handler = rb_upload_handle,
                                   .on_head = on_head,
                                   .on_refused = bim_form_refused,
                                   .body_max = web->host->door->setup.upload_bytes_max};
    return bim_add_route(web, router, RB_HTTP1_POST, "bulkupload", &route);
}
