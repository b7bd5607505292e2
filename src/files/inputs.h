/* Inputs of jobs: files that were received, for workers to read.
 *
 * `inputs/XX/<job id>` below the data directory (XX: two characters of the id), read-only, one a job; goes
 * with its job. Blocking, all of it: the worker pool, or the start. */
#ifndef RB_FILES_INPUTS_H
#define RB_FILES_INPUTS_H

#include "files/files.h"

/* Moves the file at `path`, synced and on the same file system, into the place of the job's input, and syncs
 * its directory; replaces. Removed on failure: RB_DISK_FULL, RB_STORE_FAILED. */
rb_err rb_inputs_put(struct rb_files *files, rb_str job_id, rb_str path, struct rb_buf *why);
/* Its absolute path; NONE: there is none. */
rb_str rb_inputs_find(struct rb_files *files, struct rb_arena *arena, rb_str job_id);
void rb_inputs_remove(struct rb_files *files, rb_str job_id); /* fine when there is none */
/* At start-up: removes all whose job is not known. */
void rb_inputs_sweep(struct rb_files *files, bool (*is_known)(void *arg, rb_str job_id), void *arg);

#endif
