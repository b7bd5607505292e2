#include "files/files.h"

#include "base/mem.h"
#include "files/files_private.h"
#include "files/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

rb_err file_error(struct rb_buf *why, const char *what, const char *path, int error)
{
    rb_buf_add_fmt(why, "Cannot %s %s: %s.", what, path, strerror(error));
    return file_errno(error);
}

rb_err file_errno(int error)
{
    return error == ENOSPC || error == EDQUOT ? RB_DISK_FULL : RB_STORE_FAILED;
}

/* ---- opening ---- */

static rb_err make_dir(int dir_fd, const char *path, struct rb_buf *why)
{
    if (mkdirat(dir_fd, path, 0700) == 0 || errno == EEXIST) return RB_OK;
    return file_error(why, "make", path, errno);
}

/* What is in it belongs to nobody any more; it may be anything, also a link to somewhere else. */
static rb_err make_empty_dir(int dir_fd, const char *path, struct rb_buf *why)
{
    tree_remove(dir_fd, path);
    rb_err err = make_dir(dir_fd, path, why);
    int fd = err ? -1 : openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!err && fd < 0) err = file_error(why, "open", path, errno);
    if (fd >= 0) close(fd);
    return err;
}

rb_err rb_files_open(const char *data_dir, struct rb_files **out_files, struct rb_buf *why)
{
    rb_err err = make_dir(AT_FDCWD, data_dir, why);
    if (err != RB_OK) return err;
    char *text = realpath(data_dir, NULL); /* workers run elsewhere: they need it absolute */
    int fd = text ? open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) err = file_error(why, "open", data_dir, errno);
    if (err == RB_OK) err = make_dir(fd, "results", why);
    if (err == RB_OK) err = make_dir(fd, "work", why);
    if (err == RB_OK) err = make_empty_dir(fd, "spool", why);
    if (err == RB_OK) err = make_empty_dir(fd, "scratch", why);
    if (err == RB_OK) err = make_empty_dir(fd, "links", why);
    if (err == RB_OK && fsync(fd) != 0) err = file_error(why, "sync", data_dir, errno);
    if (err != RB_OK) {
        if (fd >= 0) close(fd);
        free(text);
        return err;
    }
    struct rb_files *files = rb_new(struct rb_files);
    *files = (struct rb_files){.dir = rb_str_of(text), .text = text, .dir_fd = fd};
    *out_files = files;
    return RB_OK;
}

void rb_files_close(struct rb_files *files)
{
    if (!files) return;
    close(files->dir_fd);
    free(files->text);
    rb_free(files);
}

rb_str rb_files_work_root(const struct rb_files *files, struct rb_arena *arena)
{
    return rb_arena_fmt(arena, "%.*s/work", RB_STR_FMT(files->dir));
}

/* ---- work directories ---- */

static rb_str work_path(struct rb_arena *arena, rb_str job_id, uint32_t attempt)
{
    return rb_arena_fmt(arena, "work/%.*s.%u", RB_STR_FMT(job_id), attempt);
}

rb_err rb_files_make_work_dir(struct rb_files *files, struct rb_arena *arena, rb_str job_id, uint32_t attempt,
                              rb_str *out_path, struct rb_buf *why)
{
    rb_str path = work_path(arena, job_id, attempt);
    tree_remove(files->dir_fd, path.p);
    if (mkdirat(files->dir_fd, path.p, 0700) != 0) return file_error(why, "make", path.p, errno);
    rb_str out = rb_arena_fmt(arena, "%.*s/out", RB_STR_FMT(path));
    if (mkdirat(files->dir_fd, out.p, 0700) != 0) return file_error(why, "make", out.p, errno);
    *out_path = rb_arena_fmt(arena, "%.*s/%.*s", RB_STR_FMT(files->dir), RB_STR_FMT(path));
    return RB_OK;
}

void rb_files_drop_work_dir(struct rb_files *files, rb_str job_id, uint32_t attempt)
{
    struct rb_arena arena = {0};
    tree_remove(files->dir_fd, work_path(&arena, job_id, attempt).p); /* what is left the next start sweeps */
    rb_arena_fini(&arena);
}

/* ---- results ---- */

void rb_files_remove(struct rb_files *files, rb_str path)
{
    char *text = rb_str_dup(path);
    if (text) unlinkat(files->dir_fd, text, 0);
    rb_free(text);
}

rb_err file_open_at(int dir_fd, const char *name, int *out_fd, uint64_t *out_bytes)
{
    struct stat stat;
    /* Without waiting: a pipe that nobody writes to would never be opened. */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? RB_EXPIRED : RB_STORE_FAILED;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        close(fd);
        return RB_STORE_FAILED;
    }
    *out_fd = fd;
    *out_bytes = (uint64_t)stat.st_size;
    return RB_OK;
}

rb_err rb_files_open_now(struct rb_files *files, rb_str path, int *out_fd, uint64_t *out_bytes)
{
    char *text = rb_str_dup(path.p ? path : RB_STR(""));
    rb_err err = text ? file_open_at(files->dir_fd, text, out_fd, out_bytes) : RB_OUT_OF_MEMORY;
    rb_free(text);
    return err;
}

struct opening {
    struct rb_files *files;
    char *path;
    struct rb_file_open *open;
};

static void open_on_pool(void *arg)
{
    struct opening *opening = arg;
    struct rb_file_open *result = opening->open;
    result->err = file_open_at(opening->files->dir_fd, opening->path, &result->fd, &result->bytes);
}

static void on_opened(void *arg)
{
    struct opening *opening = arg;
    struct rb_file_open *result = opening->open;
    rb_free(opening->path);
    rb_free(opening);
    result->done(result);
}

void rb_files_open_result(struct rb_files *files, struct rb_loop *loop, rb_str path,
                          void (*done)(struct rb_file_open *), void *arg)
{
    struct rb_file_open *result = rb_new(struct rb_file_open);
    *result = (struct rb_file_open){.done = done, .arg = arg, .fd = -1};
    struct opening *opening = rb_new(struct opening);
    *opening =
        (struct opening){.files = files, .path = rb_str_dup(path.p ? path : RB_STR("")), .open = result};
    rb_loop_work(loop, open_on_pool, on_opened, opening);
}

/* ---- sweeping ---- */

/* Calls visit for each name in the directory. Names may be removed meanwhile. */
static void each_name(struct rb_files *files, const char *dir_path, void (*visit)(void *arg, rb_str path),
                      void *arg)
{
    int fd = openat(files->dir_fd, dir_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct rb_arena arena = {0};
        visit(arg, rb_arena_fmt(&arena, "%s/%s", dir_path, entry->d_name));
        rb_arena_fini(&arena);
    }
    closedir(dir);
}

struct sweep {
    struct rb_files *files;
    bool (*is_known)(void *arg, rb_str result_path);
    void *arg;
};

static void sweep_work_dir(void *arg, rb_str path)
{
    struct sweep *sweep = arg;
    tree_remove(sweep->files->dir_fd, path.p);
}

static void sweep_result(void *arg, rb_str path)
{
    struct sweep *sweep = arg;
    if (!sweep->is_known(sweep->arg, path)) tree_remove(sweep->files->dir_fd, path.p);
}

static void sweep_results_dir(void *arg, rb_str path)
{
    struct sweep *sweep = arg;
    each_name(sweep->files, path.p, sweep_result, sweep);
}

void rb_files_sweep(struct rb_files *files, bool (*is_known)(void *arg, rb_str result_path), void *arg)
{
    struct sweep sweep = {files, is_known, arg};
    each_name(files, "work", sweep_work_dir, &sweep);
    each_name(files, "results", sweep_results_dir, &sweep);
}
