/* BIMbots: a model is posted to a service, which is a kind of job, and the result is the answer. Who has a
 * stream open under the same token, and says so, is answered at once instead, and the result is pushed there.
 *
 * Who asks, and for what, is found out before anything is read: the body is held meanwhile. */
#include "doors/bimserver/bots.h"

#include "doors/bimserver/endpoints.h"
#include "doors/bimserver/fetch.h"
#include "files/upload.h"

struct run {
    struct rb_bimserver_door *door;
    struct rb_request *request;
    struct rb_auth_check *check; /* NULL: none is under way */
    const struct rb_identity *who;
    rb_str token, service, context_id;
    bool is_pushed;
    rb_err file_err;
    rb_str path; /* of the input; NONE: there was none */
    struct bim_fetch fetch;
};

/* ---- the list ---- */

static const char *const oauth_urls[] = {"authorizationUrl", "registerUrl", "tokenUrl"};
static const char *const inputs[] = {"IFC_STEP_2X3TC1", "IFC_STEP_4"};

static void put_text(struct rb_json_out *out, const char *key, rb_str text)
{
    rb_json_put_key(out, key);
    rb_json_put_str(out, text);
}

static void put_list(struct rb_json_out *out, const char *key, const char *const *items, size_t count)
{
    rb_json_put_key(out, key);
    rb_json_begin_array(out);
    for (size_t i = 0; i < count; i++) rb_json_put_text(out, items[i]);
    rb_json_end_array(out);
}

/* Clients want a number, and keep it: always the same for the same name (FNV-1a, of which a sign leaves 31
 * bits). */
static uint32_t id_of(rb_str kind)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < kind.n; i++) hash = (hash ^ (unsigned char)kind.p[i]) * 16777619u;
    return hash & 0x7fffffff;
}

/* What a kind gives is its own business, and said with each result. */
static void put_service(struct rb_json_out *out, struct rb_request *request, const struct bim_web *web,
                        rb_str kind)
{
    struct rb_arena *arena = &request->arena;
    rb_str base = bim_base(request, web);
    rb_json_begin_object(out);
    rb_json_put_key(out, "id");
    rb_json_put_u64(out, id_of(kind));
    put_text(out, "name", kind);
    put_text(out, "description", rb_arena_fmt(arena, "Runs a job of the kind %.*s", RB_STR_FMT(kind)));
    put_text(out, "provider", RB_STR("Ringback"));
    put_text(out, "providerIcon", RB_STR(""));
    put_list(out, "inputs", inputs, RB_COUNT(inputs));
    put_list(out, "outputs", NULL, 0);
    rb_json_put_key(out, "oauth");
    rb_json_begin_object(out);
    for (size_t i = 0; i < RB_COUNT(oauth_urls); i++) put_text(out, oauth_urls[i], RB_STR(""));
    rb_json_end_object(out);
    put_text(out, "resourceUrl",
             rb_arena_fmt(arena, "%.*s/services/%.*s", RB_STR_FMT(base), RB_STR_FMT(kind)));
    rb_json_end_object(out);
}

static void handle_list(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    const struct rb_bimserver_setup *setup = &web->host->door->setup;
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "capabilities");
    rb_json_begin_array(&out);
    rb_json_put_text(&out, "WEBSOCKET");
    rb_json_end_array(&out);
    rb_json_put_key(&out, "services");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < setup->service_count; i++) put_service(&out, request, web, setup->services[i]);
    rb_json_end_array(&out);
    rb_json_end_object(&out);
    rb_answer_json(request, 200, rb_buf_str(&json));
    rb_buf_fini(&json);
}

/* ---- the answer ---- */

static void add_header(struct run *run, const char *name, rb_str value)
{
    if (value.n) rb_answer_header(run->request, name, value);
}

static void answer_result(struct run *run)
{
    const struct bim_file *file = &run->fetch.file;
    add_header(run, "Context-Id", run->context_id);
    add_header(run, "Output-Type", file->type);
    add_header(run, "Data-Title", file->label);
    rb_answer_with_file(run->request, &(struct rb_answer_file){.take_fd = file->fd,
                                                               .bytes = file->bytes,
                                                               .label = file->label,
                                                               .type = file->type,
                                                               .is_inline = true});
}

/* The worker has left nothing. */
static void answer_empty(struct run *run)
{
    add_header(run, "Context-Id", run->context_id);
    rb_answer(run->request, 200, RB_STR_NONE, RB_STR_NONE);
}

static void on_fetched(struct bim_fetch *fetch)
{
    struct run *run = fetch->arg;
    const struct rb_job_record *job = &fetch->file.job;
    bool is_over = fetch->err == RB_NO_RESULT;
    rb_request_on_gone(run->request, NULL);
    if (!fetch->err)
        answer_result(run);
    else if (is_over && job->state == RB_JOB_STATE_FINISHED)
        answer_empty(run);
    else
        bim_web_fail(run->request, is_over ? RB_JOB_FAILED : fetch->err,
                     is_over ? job->message : RB_STR_NONE);
}

static void on_waiting_gone(struct rb_request *request)
{
    struct run *run = request->arg;
    bim_fetch_gone(&run->fetch);
}

static void wait_for_result(struct run *run, uint64_t number)
{
    struct rb_request *request = run->request;
    run->fetch = (struct bim_fetch){.door = run->door,
                                    .who = run->who,
                                    .arena = &request->arena,
                                    .topic = number,
                                    .done = on_fetched,
                                    .arg = run};
    request->arg = run;
    rb_request_on_gone(request, on_waiting_gone);
    bim_fetch_start(&run->fetch);
}

static void answer_later(struct run *run, const struct rb_job_record *job)
{
    struct rb_request *request = run->request;
    bim_bot_push(run->door,
                 &(struct bim_bot_run){
                     .who = run->who, .token = run->token, .context_id = run->context_id, .job = job});
    rb_answer_header(request, "Output-Type", RB_STR("Async"));
    rb_answer_header(request, "Topic-Id",
                     rb_arena_fmt(&request->arena, "%llu", (unsigned long long)job->number));
    add_header(run, "Context-Id", run->context_id);
    rb_answer(request, 200, RB_STR_NONE, RB_STR_NONE);
}

/* ---- the job ---- */

static void on_started(struct rb_jobs_call *job)
{
    struct run *run = job->arg;
    if (job->err)
        bim_web_fail(run->request, job->err, job->why);
    else if (run->is_pushed)
        answer_later(run, &job->job);
    else
        wait_for_result(run, job->job.number);
    rb_jobs_call_free(job);
}

static void start_job(struct run *run)
{
    struct rb_buf params = {0};
    struct rb_json_out out = {.buf = &params};
    rb_str input_type = rb_request_header(run->request, "Input-Type");
    struct rb_jobs_call *job = bim_jobs_call(run->door, run->who, RB_JOBS_START, on_started, run);
    rb_json_begin_object(&out);
    put_text(&out, "inputType", input_type.p ? input_type : RB_STR(""));
    put_text(&out, "contextId", run->context_id.p ? run->context_id : RB_STR(""));
    rb_json_end_object(&out);
    job->kind = rb_arena_copy(&job->arena, run->service);
    job->params = rb_arena_copy(&job->arena, rb_buf_str(&params));
    job->input = rb_arena_copy(&job->arena, run->path);
    rb_buf_fini(&params);
    rb_jobs_call_send(job);
}

/* ---- its input ---- */

static rb_err on_file(struct rb_upload *upload, struct rb_upload_file *file)
{
    const struct run *run = upload->arg;
    (void)file;
    return run->path.p ? RB_BAD_REQUEST : RB_OK;
}

static void on_file_done(struct rb_upload *upload, const struct rb_upload_file *file)
{
    struct run *run = upload->arg;
    if (file->err)
        run->file_err = file->err;
    else
        run->path = file->path;
}

static void on_done(struct rb_upload *upload, rb_err err)
{
    struct run *run = upload->arg;
    if (!err) err = run->file_err;
    if (err)
        bim_web_fail(run->request, err, upload->why);
    else if (!run->path.p)
        bim_web_fail(run->request, RB_BAD_REQUEST, RB_STR("The body is the input, or a form with one file."));
    else
        start_job(run);
}

static void on_gone(struct rb_upload *upload)
{
    struct run *run = upload->arg;
    rb_auth_cancel(run->check);
    run->check = NULL;
}

/* ---- who asks, and for what ---- */

bool bim_flow_lists(rb_str list, rb_str flow)
{
    rb_str item;
    while (rb_str_split(&list, ',', &item))
        if (rb_str_ieq(rb_str_trim(item), flow)) return true;
    return false;
}

/* By its number or its name; NONE: there is none. */
static rb_str find_service(const struct rb_bimserver_setup *setup, rb_str wanted)
{
    uint64_t id;
    bool is_number = rb_str_u64(wanted, UINT32_MAX, &id);
    for (unsigned i = 0; i < setup->service_count; i++) {
        rb_str kind = setup->services[i];
        if (rb_str_eq(kind, wanted) || (is_number && id_of(kind) == id)) return kind;
    }
    return RB_STR_NONE;
}

/* False: it can be answered in no way that the client takes. */
static bool choose_flow(struct run *run)
{
    struct rb_handle stream;
    rb_str flows = rb_request_header(run->request, "Accept-Flow");
    bool may_push = bim_flow_lists(flows, RB_STR("ASYNC_WS"));
    run->is_pushed = may_push && bim_endpoints_find_by_token(run->door->endpoints, run->token, &stream);
    return run->is_pushed || !flows.n || bim_flow_lists(flows, RB_STR("SYNC"));
}

static void on_token(void *arg, rb_err err, const struct rb_identity *who)
{
    struct run *run = arg;
    run->check = NULL;
    run->service = find_service(&run->door->setup, run->service);
    if (who) run->who = rb_identity_ref(who);
    if (err)
        bim_web_fail(run->request, err, err == RB_UNAUTHENTICATED ? RB_STR("Invalid token") : RB_STR_NONE);
    else if (!run->service.n)
        bim_web_fail(run->request, RB_NOT_FOUND, RB_STR("There is no such service."));
    else if (!choose_flow(run))
        bim_web_fail(run->request, RB_CONFLICT, RB_STR("No stream is open under this token."));
    else
        rb_request_hold_body(run->request, false);
}

static void let_go(const void *arg)
{
    const struct run *run = arg;
    rb_identity_unref(run->who);
}

static void begin(struct rb_request *request, struct rb_bimserver_door *door, rb_str token)
{
    static const struct rb_upload_ops ops = {
        .on_file = on_file, .on_file_done = on_file_done, .on_done = on_done, .on_gone = on_gone};
    struct run *run = rb_arena_new(&request->arena, struct run);
    rb_str in_path = rb_request_param(request, "service");
    *run = (struct run){.door = door,
                        .request = request,
                        .token = token,
                        .service = in_path.n ? in_path : rb_request_header(request, "ServiceName"),
                        .context_id = rb_request_header(request, "Context-Id")};
    rb_arena_at_end(&request->arena, let_go, run);
    rb_upload_begin(door->setup.files, request, &ops, run);
    rb_request_hold_body(request, true);
    struct rb_auth_check *check = rb_auth_check(door->setup.auth, token, on_token, run);
    if (check) run->check = check; /* else the request may be gone */
}

static void on_head(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    if (!bim_is_admitted(request, web)) return;
    rb_str token = bim_web_token(request);
    if (token.n)
        begin(request, web->host->door, token);
    else
        bim_web_fail(request, RB_UNAUTHENTICATED, RB_STR("No token given"));
}

static void on_refused(struct rb_request *request, void *web, rb_err err)
{
    if (request->arg)
        rb_upload_refused(request, NULL, err);
    else if (bim_is_admitted(request, web)) /* its on_head was not called */
        bim_web_fail(request, err, RB_STR_NONE);
}

/* ---- routes ---- */

rb_err bim_add_bots_routes(const struct bim_web *web, struct rb_router *router)
{
    static const struct rb_route list = {.handler = handle_list, .on_head = bim_on_head};
    const struct rb_route run = {.handler = rb_upload_handle,
                                 .on_head = on_head,
                                 .on_refused = on_refused,
                                 .body_max = web->host->door->setup.upload_bytes_max};
    rb_err err = bim_add_route(web, router, RB_HTTP1_GET, "servicelist", &list);
    if (!err) err = bim_add_route(web, router, RB_HTTP1_POST, "services", &run);
    return err ? err : bim_add_route(web, router, RB_HTTP1_POST, "services/{service}", &run);
}
