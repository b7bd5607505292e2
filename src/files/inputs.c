#include "files/inputs.h"

#include "base/check.h"
#include "files/files_private.h"
#include "files/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIR_BYTES = sizeof "inputs/XX" };

static void dir_of(rb_str job_id, char out[DIR_BYTES])
{
    RB_CHECK(job_id.n > 2);
    snprintf(out, DIR_BYTES, "inputs/%.2s", job_id.p);
}

static rb_str path_of(struct rb_arena *arena, rb_str job_id)
{
    char dir[DIR_BYTES];
    dir_of(job_id, dir);
    return rb_arena_fmt(arena, "%s/%.*s", dir, RB_STR_FMT(job_id));
}

/* ---- into its place ---- */

static rb_err put_in_place(struct rb_files *files, rb_str job_id, const char *from, struct rb_buf *why)
{
    struct rb_arena arena = {0};
    char dir[DIR_BYTES];
    dir_of(job_id, dir);
    rb_err err = durable_make(files, "inputs", ".", why);
    if (err == RB_OK) err = durable_make(files, dir, "inputs", why);
    if (err == RB_OK && chmod(from, 0400) != 0) err = file_error(why, "make read-only", from, errno);
    if (err == RB_OK && renameat(AT_FDCWD, from, files->dir_fd, path_of(&arena, job_id).p) != 0)
        err = file_error(why, "move to its place", from, errno);
    if (err == RB_OK) err = durable_sync(files, dir, why);
    rb_arena_fini(&arena);
    return err;
}

rb_err rb_inputs_put(struct rb_files *files, rb_str job_id, rb_str path, struct rb_buf *why)
{
    struct rb_arena arena = {0};
    const char *from = rb_arena_copy(&arena, path).p;
    rb_err err = put_in_place(files, job_id, from, why);
    if (err != RB_OK) {
        unlink(from);
        rb_inputs_remove(files, job_id);
    }
    rb_arena_fini(&arena);
    return err;
}

rb_str rb_inputs_find(struct rb_files *files, struct rb_arena *arena, rb_str job_id)
{
    rb_str path = path_of(arena, job_id);
    if (faccessat(files->dir_fd, path.p, F_OK, 0) != 0) return RB_STR_NONE;
    return rb_arena_fmt(arena, "%.*s/%.*s", RB_STR_FMT(files->dir), RB_STR_FMT(path));
}

void rb_inputs_remove(struct rb_files *files, rb_str job_id)
{
    struct rb_arena arena = {0};
    unlinkat(files->dir_fd, path_of(&arena, job_id).p, 0);
    rb_arena_fini(&arena);
}

/* ---- sweeping ---- */

static DIR *open_listing(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir && fd >= 0) close(fd);
    return dir;
}

/* The next name that is not one of the two dots; NULL at the end. */
static const char *next_name(DIR *dir)
{
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return entry->d_name;
    return NULL;
}

void rb_inputs_sweep(struct rb_files *files, bool (*is_known)(void *arg, rb_str job_id), void *arg)
{
    DIR *all = open_listing(files->dir_fd, "inputs");
    const char *name;
    while (all && (name = next_name(all)) != NULL) {
        DIR *some = open_listing(dirfd(all), name);
        while (some && (name = next_name(some)) != NULL)
            if (!is_known(arg, rb_str_of(name))) tree_remove(dirfd(some), name);
        if (some) closedir(some);
    }
    if (all) closedir(all);
}
