/* From what a worker left to a result that survives a power cut.
 *
 * The files are listed first, so that limits hold before anything is copied. One file is moved as it is;
 * several are packed beside out/, on the same file system. Then the order that makes the name of the result
 * mean "complete": contents to the disk, rename, directory to the disk. */
#include "files/files_private.h"
#include "files/tree.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILES_MAX = 10000 };

/* ---- what is there ---- */

static bool add_bytes(void *arg, int dir_fd, const char *name, rb_str path, const struct stat *stat)
{
    (void)dir_fd, (void)name, (void)path;
    uint64_t *left = arg;
    if ((uint64_t)stat->st_size > *left) return false;
    *left -= (uint64_t)stat->st_size;
    return true;
}

uint64_t rb_files_usage(const char *path, uint64_t max)
{
    uint64_t left = max;
    switch (tree_walk(path, add_bytes, &left)) {
    case TREE_DONE:
    case TREE_FAILED:
        return max - left; /* a directory that cannot be read is found when the result is made */
    case TREE_STOPPED:
    case TREE_TOO_DEEP: break;
    }
    return max < UINT64_MAX ? max + 1 : max;
}

struct listing {
    struct rb_arena arena;
    struct zip_entry *entries;
    size_t count, cap;
    uint64_t bytes_left;
    bool has_too_many;
};

static bool list_file(void *arg, int dir_fd, const char *name, rb_str path, const struct stat *stat)
{
    struct listing *list = arg;
    if (list->count == FILES_MAX) {
        list->has_too_many = true;
        return false;
    }
    if ((uint64_t)stat->st_size > list->bytes_left) return false;
    list->bytes_left -= (uint64_t)stat->st_size;
    if (!(stat->st_mode & S_IRUSR)) {
        int ignored = fchmodat(dir_fd, name, 0600, 0); /* reading it finds out whether that helped */
        (void)ignored;
    }
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->entries = rb_realloc(list->entries, list->cap * sizeof list->entries[0]);
    }
    list->entries[list->count++].path = rb_arena_copy(&list->arena, path);
    return true;
}

static rb_err list_files(struct listing *list, const char *out_dir, struct rb_buf *why)
{
    uint64_t bytes_max = list->bytes_left;
    switch (tree_walk(out_dir, list_file, list)) {
    case TREE_DONE: return RB_OK;
    case TREE_FAILED: return file_error(why, "read", out_dir, errno);
    case TREE_TOO_DEEP:
        rb_buf_add_text(why, "the results are nested too deeply, or have too long a name");
        break;
    case TREE_STOPPED:
        if (list->has_too_many)
            rb_buf_add_fmt(why, "the results are more than %u files", FILES_MAX);
        else
            rb_buf_add_fmt(why, "the results are larger than %llu bytes", (unsigned long long)bytes_max);
        break;
    }
    return RB_JOB_OUTPUT_FULL;
}

static int compare_entries(const void *a, const void *b)
{
    const struct zip_entry *left = a, *right = b;
    return rb_str_cmp(left->path, right->path);
}

/* ---- into place ---- */

/* Syncs the file and learns its size, which for a ZIP is known only now. */
static rb_err settle_file(const char *path, uint64_t *out_bytes, struct rb_buf *why)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return file_error(why, "open", path, errno);
    struct stat stat;
    rb_err err = RB_OK;
    if (fchmod(fd, 0600) != 0 || fstat(fd, &stat) != 0 || fsync(fd) != 0)
        err = file_error(why, "sync", path, errno);
    else
        *out_bytes = (uint64_t)stat.st_size;
    close(fd);
    return err;
}

static rb_err put_in_place(struct rb_files *files, const char *from, rb_str job_id, struct rb_result *result,
                           struct rb_buf *why)
{
    RB_CHECK(job_id.n > 2);
    char dir[16];
    snprintf(dir, sizeof dir, "results/%.2s", job_id.p);
    rb_err err = durable_make(files, dir, "results", why);
    if (err == RB_OK) err = settle_file(from, &result->bytes, why);
    if (err != RB_OK) return err;
    if (renameat(AT_FDCWD, from, files->dir_fd, result->path.p) != 0)
        return file_error(why, "move to its place", from, errno);
    return durable_sync(files, dir, why);
}

static rb_str last_element(rb_str path)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/') return rb_str_from(path, i);
    return path;
}

/* One file is the result as it is, unless a ZIP is wanted in any case. *out_from: what is to be moved into
 * place. */
static rb_err make_result(const struct rb_collect *wanted, struct listing *list, rb_str out_dir,
                          struct rb_arena *arena, struct rb_result *result, rb_str *out_from,
                          struct rb_buf *why)
{
    rb_err err = RB_OK;
    if (list->count == 1 && !wanted->always_zip) {
        result->label = label_of(arena, last_element(list->entries[0].path));
        *out_from = rb_arena_fmt(arena, "%.*s/%.*s", RB_STR_FMT(out_dir), RB_STR_FMT(list->entries[0].path));
    } else {
        result->label = rb_arena_fmt(arena, "%.*s.zip", RB_STR_FMT(wanted->kind));
        *out_from = rb_arena_fmt(arena, "%.*s/.result.zip", RB_STR_FMT(wanted->work_dir));
        qsort(list->entries, list->count, sizeof list->entries[0], compare_entries);
        unlink(out_from->p); /* should the worker have had the same idea */
        err = zip_pack(out_dir.p, list->entries, list->count, out_from->p, why);
    }
    result->type = rb_files_media_type(result->label);
    return err;
}

rb_err rb_files_collect(struct rb_files *files, struct rb_arena *arena, const struct rb_collect *wanted,
                        struct rb_result *out, struct rb_buf *why)
{
    rb_str out_dir = rb_arena_fmt(arena, "%.*s/out", RB_STR_FMT(wanted->work_dir)), from;
    struct listing list = {.bytes_left = wanted->bytes_max};
    struct rb_result result = {0};
    rb_err err = list_files(&list, out_dir.p, why);
    result.file_count = (unsigned)list.count;
    if (err == RB_OK && list.count > 0) {
        result.path = rb_arena_fmt(arena, "results/%.2s/%.*s.%u", wanted->job_id.p,
                                   RB_STR_FMT(wanted->job_id), wanted->attempt);
        err = make_result(wanted, &list, out_dir, arena, &result, &from, why);
        if (err == RB_OK) err = put_in_place(files, from.p, wanted->job_id, &result, why);
    }
    rb_free(list.entries);
    rb_arena_fini(&list.arena);
    if (err == RB_OK) *out = result;
    return err;
}
