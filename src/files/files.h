/* Files: results of jobs, and the directories that all other files are in. Written aside, fsynced, renamed;
 * names on disk are ours, names that clients or workers gave are labels.
 *
 * Layout below the data directory: `results/XX/<job id>.<attempt>` (XX: two characters of the id, so that
 * directories stay small), `work/<job id>.<attempt>/` with `out/` inside for running workers. `spool/`
 * (uploads), `scratch/` and `links/` go with the process: they are emptied at the start. Blocking functions
 * run on the worker pool or at start-up, never on a loop. */
#ifndef RB_FILES_FILES_H
#define RB_FILES_FILES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"
#include "loop/loop.h"

struct rb_files;
rb_err rb_files_open(const char *data_dir, struct rb_files **out_files, struct rb_buf *why);
void rb_files_close(struct rb_files *files);
rb_str rb_files_work_root(const struct rb_files *files,
                          struct rb_arena *arena); /* absolute; work directories are below it */

/* A fresh, empty work directory with out/ inside; the path goes to the arena. Blocking. */
rb_err rb_files_make_work_dir(struct rb_files *files, struct rb_arena *arena, rb_str job_id, uint32_t attempt,
                              rb_str *out_path, struct rb_buf *why);
void rb_files_drop_work_dir(struct rb_files *files, rb_str job_id,
                            uint32_t attempt); /* with all that is in it; blocking */

/* Bytes of all files below a directory so far (apparent size); stops counting beyond max. Blocking. */
uint64_t rb_files_usage(const char *path, uint64_t max);

struct rb_result {
    rb_str label; /* download name: the one file's own name, or KIND.zip */
    rb_str type;  /* media type by ending */
    rb_str path;  /* relative to the data directory */
    uint64_t bytes;
    unsigned file_count; /* 0: the worker left nothing; then there is no result */
};
/* Makes the result of what a worker left in out/: nothing, the one file itself, or a ZIP of the tree (sorted,
 * relative names, deflated). Only regular files count; links and special files are left out (a link could
 * lead outside). RB_JOB_OUTPUT_FULL beyond bytes_max, RB_DISK_FULL, RB_STORE_FAILED. On return with RB_OK the
 * result is in its final place, fsynced, its directory too. Blocking. */
struct rb_collect {
    rb_str work_dir, job_id, kind;
    uint32_t attempt;
    uint64_t bytes_max;
    bool always_zip; /* also of a single file */
};
rb_err rb_files_collect(struct rb_files *files, struct rb_arena *arena, const struct rb_collect *wanted,
                        struct rb_result *out, struct rb_buf *why);
/* Removes a result; fine when it is not there. Blocking. */
void rb_files_remove(struct rb_files *files, rb_str path);
/* At start-up: removes all work directories and all results that the caller does not know (is_known says).
 * Blocking. */
void rb_files_sweep(struct rb_files *files, bool (*is_known)(void *arg, rb_str result_path), void *arg);

/* Opens a result for download on the pool; done on the caller's loop gets the descriptor (its own to close)
 * or RB_EXPIRED / RB_STORE_FAILED. `path` is copied. */
struct rb_file_open {
    void (*done)(struct rb_file_open *open); /* frees it with rb_free */
    void *arg;
    rb_err err;
    int fd;
    uint64_t bytes;
};
void rb_files_open_result(struct rb_files *files, struct rb_loop *loop, rb_str path,
                          void (*done)(struct rb_file_open *), void *arg);
/* The same for who is on the pool already. RB_EXPIRED, RB_STORE_FAILED. Blocking. */
rb_err rb_files_open_now(struct rb_files *files, rb_str path, int *out_fd, uint64_t *out_bytes);

/* One file of a running worker, by its name (rb_scratch_name_is_valid), whatever the worker makes of its
 * directory: links are not followed, and only regular files count. Open looks into `out/` first, then into
 * the work directory; put writes a copy of what from_fd holds into the latter, and replaces. RB_NOT_FOUND: no
 * such directory or file; put: RB_CONFLICT: there is a directory of that name, RB_DISK_FULL, RB_STORE_FAILED.
 * Blocking. */
rb_err rb_files_open_work_file(struct rb_files *files, rb_str job_id, uint32_t attempt, rb_str name,
                               int *out_fd, uint64_t *out_bytes);
rb_err rb_files_put_work_file(struct rb_files *files, rb_str job_id, uint32_t attempt, rb_str name,
                              int from_fd);

/* A fresh path in spool/, absolute and terminated by zero, where nothing is yet. Any thread. */
rb_str rb_files_spool_path(const struct rb_files *files, struct rb_arena *arena);

/* By the ending of a name; static; "application/octet-stream" when unknown. */
rb_str rb_files_media_type(rb_str name);

#endif
