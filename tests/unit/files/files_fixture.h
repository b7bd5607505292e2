/* A data directory of its own, and short words for making trees in it. */
#ifndef FILES_FIXTURE_H
#define FILES_FIXTURE_H

#include "test.h"

#include "files/files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[200];
    struct rb_files *files;
    struct rb_arena arena;
    struct rb_buf why;
    rb_str work_dir; /* of job "abcdef", attempt 1 */
    bool always_zip;
};

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/rb-files-XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(f->dir)) return -1;
    *state = f;
    if (rb_files_open(f->dir, &f->files, &f->why) != RB_OK) return -1;
    return rb_files_make_work_dir(f->files, &f->arena, RB_STR("abcdef"), 1, &f->work_dir, &f->why) == RB_OK
               ? 0
               : -1;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    rb_files_close(f->files);
    rb_arena_fini(&f->arena);
    rb_buf_fini(&f->why);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static inline const char *below(struct fixture *f, const char *path)
{
    return rb_arena_fmt(&f->arena, "%s/%s", f->dir, path).p;
}

static inline const char *in_out(struct fixture *f, const char *path)
{
    return rb_arena_fmt(&f->arena, "%.*s/out/%s", RB_STR_FMT(f->work_dir), path).p;
}

static inline void make_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static inline void make_dir(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static inline bool exists(const char *path)
{
    struct stat stat;
    return lstat(path, &stat) == 0;
}

static inline rb_str read_all(struct fixture *f, const char *path)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    char *text = rb_arena_alloc(&f->arena, 65536);
    ssize_t n = read(fd, text, 65536);
    assert_true(n >= 0);
    close(fd);
    return (rb_str){text, (size_t)n};
}

#endif
