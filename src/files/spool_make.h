/* Files that the server itself puts into the spool: as if they had been received, for whom takes such files.
 * `path` is from rb_files_spool_path. On failure nothing stays: RB_DISK_FULL, RB_STORE_FAILED; `why` gets a
 * sentence. Blocking: the worker pool. */
#ifndef RB_FILES_SPOOL_MAKE_H
#define RB_FILES_SPOOL_MAKE_H

#include "files/files.h"

rb_err rb_spool_write(rb_str path, rb_str bytes, struct rb_buf *why); /* synced */
/* Another name of a file of the data directory that is never changed. RB_EXPIRED: it is not there. */
rb_err rb_spool_link(rb_str path, rb_str from, struct rb_buf *why);
/* A ZIP of the open file `fd`, as `label`; its descriptor stays the caller's. */
rb_err rb_spool_zip(rb_str path, int fd, rb_str label, struct rb_buf *why);
rb_err rb_spool_gzip(rb_str path, int fd, struct rb_buf *why); /* the same, packed with gzip; not synced */

#endif
