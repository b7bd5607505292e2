/* Directory trees that a worker made, and may still be changing or have made on purpose to hurt: links are
 * never followed, depth and length of names are bounded, what vanishes meanwhile is passed over. Blocking. */
#ifndef RB_FILES_TREE_H
#define RB_FILES_TREE_H

#include "base/buf.h"

#include <sys/stat.h>

enum { TREE_DEPTH_MAX = 64, TREE_PATH_BYTES_MAX = 1024 };

enum tree_end {
    TREE_DONE,
    TREE_STOPPED,  /* by the visitor */
    TREE_TOO_DEEP, /* a directory too deep, or a path too long */
    TREE_FAILED    /* errno says why */
};

/* Called for each regular file. path: relative to the root, valid during the call, terminated by zero. False
 * stops the walk. */
typedef bool tree_visit_fn(void *arg, int dir_fd, const char *name, rb_str path, const struct stat *stat);
enum tree_end tree_walk(const char *root, tree_visit_fn *visit, void *arg);

/* Removes `name` in the directory dir_fd with all that is in it, however deep. False when something is left
 * (errno). */
bool tree_remove(int dir_fd, const char *name);

#endif
