/* The files of a session: list, read, delete. */
#include "doors/era/files_api.h"

#include "base/clock.h"
#include "doors/era/listing.h"

#include <unistd.h>

struct file_errand {
    struct era_claim claim;
    rb_str name;
    struct rb_scratch_file file;
    int fd;
    rb_err err; /* of the work on the pool */
};

static void start(struct rb_request *request, struct rb_era_door *door,
                  void (*done)(struct era_claim *, rb_err, rb_str))
{
    if (!era_is_from_here(door, request)) return;
    struct file_errand *errand = rb_arena_new(&request->arena, struct file_errand);
    errand->claim = (struct era_claim){.door = door, .request = request, .done = done};
    errand->name = rb_request_param(request, "filename");
    era_claim_start(&errand->claim);
}

static struct file_errand *errand_of(struct era_claim *claim)
{
    return RB_OUTER(claim, struct file_errand, claim);
}

static rb_str id_of(const struct file_errand *errand)
{
    return rb_str_of(errand->claim.session->id);
}

static void work_on(struct file_errand *errand, void (*work)(void *), void (*done)(void *))
{
    rb_loop_work(rb_request_loop(errand->claim.request), work, done, errand);
}

void era_files_look_after(struct rb_era_door *door, struct rb_loop *loop, const struct rb_session *session)
{
    if (!rb_session_is_open(session)) rb_scratch_drop(door->setup.scratches, loop, rb_str_of(session->id));
}

/* ---- the list ---- */

struct listed {
    struct rb_scratch_file file;
    char modified[RB_CLOCK_TEXT_BYTES];
};

static bool file_property(const void *thing, rb_str name, struct rb_filter_value *out)
{
    const struct listed *listed = thing;
    if (rb_str_is(name, "name"))
        *out = (struct rb_filter_value){.type = RB_FILTER_TEXT, .text = listed->file.name};
    else if (rb_str_is(name, "size"))
        *out = (struct rb_filter_value){.type = RB_FILTER_NUMBER, .number = (double)listed->file.bytes};
    else if (rb_str_is(name, "last_modified"))
        *out = (struct rb_filter_value){.type = RB_FILTER_TEXT, .text = rb_str_of(listed->modified)};
    else
        return false;
    return true;
}

static const char *const file_fields[] = {"name", "size", "last_modified"};
static const struct era_fields fields = {file_fields, RB_COUNT(file_fields), RB_COUNT(file_fields)};

static uint32_t choose(const struct era_listing *listing, struct rb_arena *arena,
                       const struct rb_scratch_file *files, uint32_t count, const void **out_things)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct listed *listed = rb_arena_new(arena, struct listed);
        listed->file = files[i];
        rb_clock_format(files[i].modified_ms, listed->modified);
        if (era_listing_fits(listing, file_property, listed)) out_things[chosen++] = listed;
    }
    era_listing_sort(listing, file_property, out_things, chosen);
    return chosen;
}

static void on_list(struct era_claim *claim, rb_err err, rb_str detail)
{
    struct file_errand *errand = errand_of(claim);
    struct rb_request *request = claim->request;
    struct rb_arena *arena = &request->arena;
    struct era_listing listing;
    struct rb_scratch_file *files;
    uint32_t count;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    if (!err) err = era_listing_read(request->url.query, arena, &fields, &listing, &detail);
    if (err) {
        era_answer_error(request, err, detail);
        return;
    }
    rb_scratch_list(claim->door->setup.scratches, id_of(errand), arena, &files, &count);
    const void **things = rb_arena_array(arena, const void *, count + 1);
    count = choose(&listing, arena, files, count, things);
    rb_json_begin_array(&out);
    for (uint64_t i = listing.offset; i < count && i - listing.offset < listing.limit; i++)
        era_listing_put(&out, &listing, file_property, things[i]);
    rb_json_end_array(&out);
    era_answer_json(request, 200, &body);
}

static void handle_list(struct rb_request *request, void *arg)
{
    start(request, arg, on_list);
}

/* ---- one file ---- */

static void open_it(void *arg)
{
    struct file_errand *errand = arg;
    errand->err = rb_scratch_open(errand->claim.door->setup.scratches, id_of(errand), errand->name,
                                  &errand->fd, &errand->file);
}

static void on_opened(void *arg)
{
    struct file_errand *errand = arg;
    struct rb_request *request = errand->claim.request;
    rb_str delivery = RB_STR_NONE;
    if (errand->err) {
        era_answer_error(request, errand->err, RB_STR_NONE);
        return;
    }
    rb_request_query(request, "type", &delivery);
    rb_answer_header(request, "Cache-Control", RB_STR("private, no-cache"));
    rb_answer_with_file(
        request, &(struct rb_answer_file){.take_fd = errand->fd,
                                          .bytes = errand->file.bytes,
                                          .label = errand->name,
                                          .type = rb_files_media_type(errand->name),
                                          .etag = rb_arena_fmt(&request->arena, "\"%llx\"",
                                                               (unsigned long long)errand->file.version),
                                          .modified_ms = errand->file.modified_ms,
                                          .is_inline = rb_str_is(delivery, "inline")});
}

static void on_get(struct era_claim *claim, rb_err err, rb_str detail)
{
    if (err)
        era_answer_error(claim->request, err, detail);
    else
        work_on(errand_of(claim), open_it, on_opened);
}

static void handle_get(struct rb_request *request, void *arg)
{
    start(request, arg, on_get);
}

static void delete_it(void *arg)
{
    struct file_errand *errand = arg;
    errand->err = rb_scratch_delete(errand->claim.door->setup.scratches, id_of(errand), errand->name);
}

static void on_deleted(void *arg)
{
    struct file_errand *errand = arg;
    if (errand->err)
        era_answer_error(errand->claim.request, errand->err, RB_STR_NONE);
    else
        rb_answer(errand->claim.request, 204, RB_STR_NONE, RB_STR_NONE);
}

static void on_delete(struct era_claim *claim, rb_err err, rb_str detail)
{
    if (err)
        era_answer_error(claim->request, err, detail);
    else
        work_on(errand_of(claim), delete_it, on_deleted);
}

static void handle_delete(struct rb_request *request, void *arg)
{
    start(request, arg, on_delete);
}

/* ---- routes ---- */

rb_err era_add_files_routes(struct rb_era_door *door, struct rb_router *router)
{
    static const struct era_route routes[] = {{RB_HTTP1_GET, ERA_FILES_PATH, handle_list},
                                              {RB_HTTP1_GET, ERA_FILE_PATH, handle_get},
                                              {RB_HTTP1_DELETE, ERA_FILE_PATH, handle_delete}};
    rb_err err = era_add_routes(door, router, routes, RB_COUNT(routes), 0);
    return err ? err : era_add_upload_routes(door, router);
}
