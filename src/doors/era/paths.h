/* Script-side paths, as operations and keys name files:
 *
 *     job:<id>/<file>    a file of a job (rb_job_open_file)
 *     shared:<a/b/c>     below the directory that the configuration shares
 *     <file>             for the worker of a job: the job's
 *
 * Nothing else can be reached: each element is a name by the rules of scratch directories, and links are not
 * followed. */
#ifndef RB_ERA_PATHS_H
#define RB_ERA_PATHS_H

#include "doors/era/era_private.h"

struct era_path {
    enum { ERA_PATH_JOB, ERA_PATH_SHARED } kind;
    rb_str job;  /* its id */
    rb_str name; /* of the file; SHARED: elements joined by '/' */
};

/* Slices of the text, and of own_job (whose worker asks; NONE: nobody's). RB_BAD_NAME. Pure. */
rb_err era_path_parse(rb_str text, rb_str own_job, struct era_path *out);
rb_str era_path_label(const struct era_path *path); /* the last element. Pure */

/* A regular file below dir for reading; no element may be a link. RB_NOT_FOUND, RB_STORE_FAILED. Blocking. */
rb_err era_open_below(const char *dir, rb_str name, int *out_fd, uint64_t *out_bytes);

#endif
