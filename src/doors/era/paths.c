/* From a script-side path to the file, in the name of who asks: the jobs say whether there is such a job for
 * him, the pool opens the file and does with it what is wanted.
 *
 * What is shared is opened element by element from the directory down, each without following links: a name
 * that is checked as text and then opened in one go could be led elsewhere in between. */
#include "doors/era/paths.h"

#include "base/mem.h"
#include "doors/era/rest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the text ---- */

static bool are_names(rb_str elements)
{
    rb_str element;
    if (!elements.p) return false;
    while (rb_str_split(&elements, '/', &element))
        if (!rb_scratch_name_is_valid(element)) return false;
    return true;
}

rb_err era_path_parse(rb_str text, rb_str own_job, struct era_path *out)
{
    struct era_path path = {.kind = ERA_PATH_JOB, .job = own_job, .name = text};
    if (rb_str_starts(text, RB_STR("shared:"))) {
        path = (struct era_path){.kind = ERA_PATH_SHARED, .name = rb_str_from(text, 7)};
        if (!are_names(path.name)) return RB_BAD_NAME;
    } else {
        if (rb_str_starts(text, RB_STR("job:"))) {
            path.name = rb_str_from(text, 4);
            rb_str_split(&path.name, '/', &path.job);
        }
        if (path.job.n == 0 || !rb_scratch_name_is_valid(path.name)) return RB_BAD_NAME;
    }
    *out = path;
    return RB_OK;
}

rb_str era_path_label(const struct era_path *path)
{
    rb_str rest = path->name, element = path->name;
    while (rb_str_split(&rest, '/', &element)) {
    }
    return element;
}

/* ---- the file ---- */

static rb_err reason_of(int error)
{
    bool is_absent = error == ENOENT || error == ENOTDIR || error == ELOOP || error == EACCES ||
                     error == ENAMETOOLONG || error == ENXIO;
    return is_absent ? RB_NOT_FOUND : RB_STORE_FAILED;
}

/* Of one element, in the directory dir_fd, which is used up. -1: errno. */
static int step_down(int take_dir_fd, rb_str element, int flags)
{
    char name[RB_SCRATCH_NAME_BYTES_MAX + 1];
    RB_CHECK(element.n < sizeof name);
    memcpy(name, element.p, element.n);
    name[element.n] = '\0';
    int fd = openat(take_dir_fd, name, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    close(take_dir_fd);
    errno = error;
    return fd;
}

static rb_err judge(int take_fd, int *out_fd, uint64_t *out_bytes)
{
    struct stat stat;
    rb_err err = RB_OK;
    if (fstat(take_fd, &stat) < 0)
        err = RB_STORE_FAILED;
    else if (!S_ISREG(stat.st_mode))
        err = RB_NOT_FOUND;
    if (err) {
        close(take_fd);
        return err;
    }
    *out_fd = take_fd;
    *out_bytes = (uint64_t)stat.st_size;
    return RB_OK;
}

rb_err era_open_below(const char *dir, rb_str name, int *out_fd, uint64_t *out_bytes)
{
    rb_str element;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && rb_str_split(&name, '/', &element)) /* a FIFO must not make us wait */
        fd = step_down(fd, element, name.p ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? reason_of(errno) : judge(fd, out_fd, out_bytes);
}

/* ---- the way there ---- */

struct era_reading *era_reading_new(struct rb_era_door *door, const struct rb_identity *who, rb_str path,
                                    void (*done)(struct era_reading *), void *arg)
{
    struct era_reading *reading = rb_new(struct era_reading);
    *reading = (struct era_reading){.door = door,
                                    .loop = rb_loop_current(),
                                    .who = rb_identity_ref(who),
                                    .done = done,
                                    .arg = arg,
                                    .fd = -1};
    reading->path = rb_arena_new(&reading->arena, struct era_path);
    reading->err = era_path_parse(rb_arena_copy(&reading->arena, path), who->job, reading->path);
    if (!reading->err) reading->label = era_path_label(reading->path);
    return reading;
}

void era_reading_free(struct era_reading *reading)
{
    if (reading->fd >= 0) close(reading->fd);
    if (reading->job) rb_jobs_call_free(reading->job);
    rb_identity_unref(reading->who);
    rb_arena_fini(&reading->arena);
    rb_free(reading);
}

static rb_err open_it(struct era_reading *reading)
{
    const struct rb_era_setup *setup = &reading->door->setup;
    switch (reading->path->kind) {
    case ERA_PATH_JOB:
        return rb_job_open_file(setup->files, &reading->job->job, reading->path->name, &reading->fd,
                                &reading->bytes);
    case ERA_PATH_SHARED:
        if (!setup->shared_dir.n) return RB_NOT_FOUND;
        return era_open_below(setup->shared_dir.p, reading->path->name, &reading->fd, &reading->bytes);
    }
    RB_UNREACHABLE();
}

static void work(void *arg)
{
    struct era_reading *reading = arg;
    if (!reading->err) reading->err = open_it(reading);
    if (!reading->err) reading->err = reading->use(reading);
}

static void on_worked(void *arg)
{
    struct era_reading *reading = arg;
    reading->done(reading);
}

static void on_job(struct rb_jobs_call *call)
{
    struct era_reading *reading = call->arg;
    reading->job = call;
    reading->err = call->err;
    rb_loop_work(reading->loop, work, on_worked, reading);
}

/* One way for all, also for those that have failed already, so that done never comes from inside. */
void era_reading_send(struct era_reading *reading)
{
    if (reading->err || reading->path->kind != ERA_PATH_JOB) {
        rb_loop_work(reading->loop, work, on_worked, reading);
        return;
    }
    struct rb_jobs_call *call = era_jobs_call(reading->door, reading->who, RB_JOBS_GET, on_job, reading);
    call->id = rb_arena_copy(&call->arena, reading->path->job);
    rb_jobs_call_send(call);
}

rb_err era_publish(struct era_reading *reading)
{
    char name[RB_LINK_NAME_BYTES];
    struct rb_link_spec spec = {.fd = reading->fd, .label = reading->label, .ttl_ms = RB_LINK_TTL_MS};
    rb_err err = rb_links_make(reading->door->setup.links, &spec, name);
    if (!err) reading->url = rb_arena_fmt(&reading->arena, "/temp/%s", name);
    return err;
}
