/* Single files of a worker's directory. The worker may rename, replace and link there what it likes at any
 * moment, so each step is one element below a directory that is held open, and none follows a link. */
#include "base/random.h"
#include "files/copy_file.h"
#include "files/files_private.h"
#include "files/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* -1: there is none. */
static int open_work_dir(struct rb_files *files, rb_str job_id, uint32_t attempt)
{
    struct rb_arena arena = {0};
    int fd =
        openat(files->dir_fd, rb_arena_fmt(&arena, "work/%.*s.%u", RB_STR_FMT(job_id), attempt).p, DIR_FLAGS);
    rb_arena_fini(&arena);
    return fd;
}

rb_err rb_files_open_work_file(struct rb_files *files, rb_str job_id, uint32_t attempt, rb_str name,
                               int *out_fd, uint64_t *out_bytes)
{
    struct rb_arena arena = {0};
    const char *text = rb_arena_copy(&arena, name).p;
    int dir_fd = open_work_dir(files, job_id, attempt);
    int results_fd = dir_fd >= 0 ? openat(dir_fd, "out", DIR_FLAGS) : -1;
    bool is_found = results_fd >= 0 && file_open_at(results_fd, text, out_fd, out_bytes) == RB_OK;
    if (!is_found && dir_fd >= 0) is_found = file_open_at(dir_fd, text, out_fd, out_bytes) == RB_OK;
    if (results_fd >= 0) close(results_fd);
    if (dir_fd >= 0) close(dir_fd);
    rb_arena_fini(&arena);
    return is_found ? RB_OK : RB_NOT_FOUND;
}

static rb_err move_over(int dir_fd, const char *from, const char *name)
{
    if (renameat(dir_fd, from, dir_fd, name) == 0) return RB_OK;
    int error = errno;
    unlinkat(dir_fd, from, 0);
    return error == EISDIR || error == ENOTEMPTY || error == EEXIST ? RB_CONFLICT : file_errno(error);
}

rb_err rb_files_put_work_file(struct rb_files *files, rb_str job_id, uint32_t attempt, rb_str name,
                              int from_fd)
{
    struct rb_arena arena = {0};
    char aside[] = ".ringback-0123456789012345"; /* the worker never sees half a file under the name */
    int dir_fd = open_work_dir(files, job_id, attempt);
    uint64_t bytes;
    rb_random_text(aside + sizeof aside - 17, 16);
    rb_err err = dir_fd >= 0 ? copy_file(from_fd, dir_fd, aside, UINT64_MAX, &bytes) : RB_NOT_FOUND;
    if (!err) err = move_over(dir_fd, aside, rb_arena_copy(&arena, name).p);
    if (dir_fd >= 0) close(dir_fd);
    rb_arena_fini(&arena);
    return err;
}
