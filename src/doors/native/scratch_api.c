/* GET, HEAD and DELETE /v1/scratch/{id}: what is in a scratch directory, and its files. Putting:
 * scratch_put.c. */
#include "base/clock.h"
#include "doors/native/scratch_private.h"

/* One request, on its way to the pool and back. */
struct visit {
    struct scratch_place place;
    rb_str name;
    rb_err err;
    int fd;
    struct rb_scratch_file file;
};

static struct rb_scratches *scratches_of(const struct visit *visit)
{
    return visit->place.errand->door->setup.scratches;
}

static void begin(struct errand *errand, void (*found)(struct scratch_place *place, rb_err err))
{
    struct visit *visit = rb_arena_new(&errand->request->arena, struct visit);
    visit->name = rb_request_param(errand->request, "name");
    scratch_place_find(&visit->place, errand, rb_request_param(errand->request, "id"), found, visit);
}

/* False: it was answered. */
static bool is_all_right(struct visit *visit, rb_err err)
{
    if (!err && visit->name.p && !rb_scratch_name_is_valid(visit->name)) err = RB_BAD_NAME;
    if (err) errand_fail(visit->place.errand, err, NULL);
    return !err;
}

static void to_pool(struct visit *visit, void (*work)(void *), void (*done)(void *))
{
    rb_loop_work(rb_request_loop(visit->place.errand->request), work, done, visit);
}

/* ---- as JSON ---- */

void scratch_file_put(struct rb_json_out *out, const struct scratch_place *place,
                      const struct rb_scratch_file *file)
{
    char modified[RB_CLOCK_TEXT_BYTES];
    struct rb_buf url = {0};
    rb_clock_format(file->modified_ms, modified);
    rb_buf_add_fmt(&url, "/v1/scratch/%.*s/", RB_STR_FMT(rb_request_param(place->errand->request, "id")));
    rb_url_encode(&url, file->name);
    rb_json_begin_object(out);
    rb_json_put_key(out, "name");
    rb_json_put_str(out, file->name);
    rb_json_put_key(out, "bytes");
    rb_json_put_u64(out, file->bytes);
    rb_json_put_key(out, "modified");
    rb_json_put_text(out, modified);
    rb_json_put_key(out, "url");
    rb_json_put_str(out, rb_buf_str(&url));
    rb_json_end_object(out);
    rb_buf_fini(&url);
}

/* ---- the list ---- */

static void on_place_to_list(struct scratch_place *place, rb_err err)
{
    struct visit *visit = place->arg;
    struct rb_scratch_file *files;
    uint32_t count;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    if (!is_all_right(visit, err)) return;
    rb_scratch_list(scratches_of(visit), place->session, &place->errand->request->arena, &files, &count);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "files");
    rb_json_begin_array(&out);
    for (uint32_t i = 0; i < count; i++) scratch_file_put(&out, place, &files[i]);
    rb_json_end_array(&out);
    rb_json_put_key(&out, "room");
    rb_json_put_u64(&out, rb_scratch_room(scratches_of(visit), place->session));
    rb_json_end_object(&out);
    errand_answer_json(place->errand, 200, &body);
}

void handle_scratch_list(struct errand *errand)
{
    begin(errand, on_place_to_list);
}

/* ---- a file ---- */

static void open_on_pool(void *arg)
{
    struct visit *visit = arg;
    visit->err =
        rb_scratch_open(scratches_of(visit), visit->place.session, visit->name, &visit->fd, &visit->file);
}

static void on_opened(void *arg)
{
    struct visit *visit = arg;
    struct rb_request *request = visit->place.errand->request;
    if (visit->err) {
        errand_fail(visit->place.errand, visit->err, NULL);
        return;
    }
    rb_answer_header(request, "Cache-Control", RB_STR("private, no-cache"));
    rb_answer_with_file(request,
                        &(struct rb_answer_file){.take_fd = visit->fd,
                                                 .bytes = visit->file.bytes,
                                                 .label = visit->name,
                                                 .type = rb_files_media_type(visit->name),
                                                 .etag = scratch_etag(&request->arena, visit->file.version),
                                                 .modified_ms = visit->file.modified_ms});
}

static void on_place_to_get(struct scratch_place *place, rb_err err)
{
    if (is_all_right(place->arg, err)) to_pool(place->arg, open_on_pool, on_opened);
}

void handle_scratch_get(struct errand *errand)
{
    begin(errand, on_place_to_get);
}

rb_str scratch_etag(struct rb_arena *arena, uint64_t version)
{
    return rb_arena_fmt(arena, "\"%016llx\"", (unsigned long long)version);
}

/* ---- away with it ---- */

static void delete_on_pool(void *arg)
{
    struct visit *visit = arg;
    visit->err = rb_scratch_delete(scratches_of(visit), visit->place.session, visit->name);
}

static void on_deleted(void *arg)
{
    struct visit *visit = arg;
    if (visit->err)
        errand_fail(visit->place.errand, visit->err, NULL);
    else
        rb_answer(visit->place.errand->request, 204, RB_STR_NONE, RB_STR_NONE);
}

static void on_place_to_delete(struct scratch_place *place, rb_err err)
{
    if (is_all_right(place->arg, err)) to_pool(place->arg, delete_on_pool, on_deleted);
}

void handle_scratch_delete(struct errand *errand)
{
    begin(errand, on_place_to_delete);
}
