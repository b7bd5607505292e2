/* Operations 1 and 2: a file published for a client, and the directory of its session.
 *
 * Both begin with the connection: is it there, may who asks reach it, of which session is it. */
#include "doors/era/operation.h"

#include <unistd.h>

static void succeed(struct operation *operation, struct rb_buf *take_json)
{
    rb_str result = rb_arena_copy(&operation->arena, rb_buf_str(take_json));
    bool is_lost = take_json->failed;
    rb_buf_fini(take_json);
    if (is_lost)
        operation_fail(operation, RB_OUT_OF_MEMORY, RB_STR_NONE);
    else
        operation_succeed(operation, result);
}

static void succeed_with_text(struct operation *operation, rb_str text)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_put_str(&out, text);
    succeed(operation, &json);
}

static rb_str explain(rb_err err)
{
    if (err == RB_NOT_FOUND) return RB_STR("There is no such file.");
    if (err == RB_BAD_NAME) return RB_STR("The path is none of job:<id>/<file> and shared:<name>.");
    return RB_STR_NONE;
}

static void fail(struct operation *operation, rb_err err)
{
    operation_fail(operation, err, explain(err));
}

/* ---- files of the script's side ---- */

static void on_published(struct era_reading *reading)
{
    struct operation *operation = reading->arg;
    if (operation_next(operation)) {
        if (reading->err)
            fail(operation, reading->err);
        else
            succeed_with_text(operation, reading->url);
    }
    era_reading_free(reading);
}

/* On the pool: nobody else touches the operation meanwhile but for its request and timer. */
static rb_err place(struct era_reading *reading)
{
    struct operation *operation = reading->arg;
    return rb_scratch_put_copy(operation->door->setup.scratches, operation->session, RB_SCRATCH_PUT,
                               operation->form.name, reading->fd, &operation->file);
}

static void succeed_with_stored(struct operation *operation)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_object(&out);
    era_put_stored(&out, operation->form.name, operation->file.bytes);
    rb_json_end_object(&out);
    succeed(operation, &json);
}

/* A session that has ended meanwhile takes its directory with it, the new file too. */
static void look_after(struct operation *operation, const struct era_reading *reading)
{
    const struct rb_era_setup *setup = &operation->door->setup;
    struct rb_session *session = rb_session_find(setup->sessions, operation->session);
    if (!session && !reading->err) rb_scratch_drop(setup->scratches, reading->loop, operation->session);
    rb_session_unref(session);
}

static void on_placed(struct era_reading *reading)
{
    struct operation *operation = reading->arg;
    look_after(operation, reading);
    if (operation_next(operation)) {
        if (reading->err)
            fail(operation, reading->err);
        else
            succeed_with_stored(operation);
    }
    era_reading_free(reading);
}

static void read_path(struct operation *operation, rb_err (*use)(struct era_reading *),
                      void (*done)(struct era_reading *))
{
    struct era_reading *reading =
        era_reading_new(operation->door, operation->who, operation->form.path, done, operation);
    reading->use = use;
    era_reading_send(reading);
}

/* ---- files of the session's directory ---- */

static void list(struct operation *operation)
{
    struct rb_scratch_file *files;
    uint32_t count;
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_scratch_list(operation->door->setup.scratches, operation->session, &operation->arena, &files, &count);
    rb_json_begin_array(&out);
    for (uint32_t i = 0; i < count; i++) {
        rb_json_begin_object(&out);
        era_put_str(&out, "name", files[i].name);
        rb_json_put_key(&out, "size");
        rb_json_put_u64(&out, files[i].bytes);
        era_put_time(&out, "last_modified", files[i].modified_ms);
        rb_json_end_object(&out);
    }
    rb_json_end_array(&out);
    succeed(operation, &json);
}

static void delete_it(void *arg)
{
    struct operation *operation = arg;
    operation->err =
        rb_scratch_delete(operation->door->setup.scratches, operation->session, operation->form.name);
}

static void on_deleted(void *arg)
{
    struct operation *operation = arg;
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    if (!operation_next(operation)) return;
    if (operation->err) {
        fail(operation, operation->err);
        return;
    }
    rb_json_begin_object(&out);
    era_put_str(&out, "name", operation->form.name);
    era_put_str(&out, "status", RB_STR("ok"));
    rb_json_end_object(&out);
    succeed(operation, &json);
}

/* A worker finds the copy in its directory, anybody else behind a link. */
static rb_err hand_over(struct operation *operation, int fd)
{
    const struct rb_era_setup *setup = &operation->door->setup;
    rb_str name = operation->form.name;
    char link[RB_LINK_NAME_BYTES];
    if (operation->job) {
        operation->url = rb_arena_fmt(&operation->arena, "job:%.*s/%.*s", RB_STR_FMT(operation->who->job),
                                      RB_STR_FMT(name));
        return rb_job_put_file(setup->files, &operation->job->job, name, fd);
    }
    rb_err err =
        rb_links_make(setup->links, &(struct rb_link_spec){.fd = fd, .label = name, .ttl_ms = RB_LINK_TTL_MS},
                      link);
    if (!err) operation->url = rb_arena_fmt(&operation->arena, "/temp/%s", link);
    return err;
}

static void get_it(void *arg)
{
    struct operation *operation = arg;
    int fd;
    operation->err = rb_scratch_open(operation->door->setup.scratches, operation->session,
                                     operation->form.name, &fd, &operation->file);
    if (operation->err) return;
    operation->err = hand_over(operation, fd);
    close(fd);
}

static void on_got(void *arg)
{
    struct operation *operation = arg;
    if (!operation_next(operation)) return;
    if (operation->err)
        fail(operation, operation->err);
    else
        succeed_with_text(operation, operation->url);
}

static void on_own_job(struct rb_jobs_call *call)
{
    struct operation *operation = call->arg;
    operation->job = call;
    if (!operation_next(operation)) return;
    if (call->err)
        operation_fail(operation, call->err, call->why);
    else
        rb_loop_work(operation->loop, get_it, on_got, operation);
}

static void get(struct operation *operation)
{
    if (!operation->who->job.n) {
        rb_loop_work(operation->loop, get_it, on_got, operation);
        return;
    }
    struct rb_jobs_call *call =
        era_jobs_call(operation->door, operation->who, RB_JOBS_GET, on_own_job, operation);
    call->id = rb_arena_copy(&call->arena, operation->who->job);
    rb_jobs_call_send(call);
}

static void use_directory(struct operation *operation)
{
    switch (operation->form.files) {
    case FILES_LIST: list(operation); return;
    case FILES_GET: get(operation); return;
    case FILES_PUT: read_path(operation, place, on_placed); return;
    case FILES_DELETE: rb_loop_work(operation->loop, delete_it, on_deleted, operation); return;
    }
}

/* ---- the connection ---- */

static void on_shown(struct rb_conn_errand *errand)
{
    struct operation *operation = errand->arg;
    if (operation_next(operation)) {
        const struct rb_conn_row *row = errand->row;
        rb_err err = errand->err;
        if (!err && !operation_may_reach(operation->who, row->facts.client)) err = RB_NO_SUCH_CONNECTION;
        if (!err) operation->session = rb_arena_copy(&operation->arena, row->facts.session);
        if (err)
            operation_fail(operation, err, RB_STR_NONE);
        else if (operation->form.kind == OPERATION_LINK)
            read_path(operation, era_publish, on_published);
        else if (operation->session.n)
            use_directory(operation);
        else
            operation_fail(operation, RB_CALL_UNSUPPORTED, RB_STR("The connection has no session."));
    }
    rb_conn_errand_free(errand);
}

void operation_files(struct operation *operation)
{
    rb_conn_errand_send(operation_errand(operation, RB_CONN_SHOW, on_shown));
}
