/* Copies of whole files, as cheap as the file system lets them be. Blocking. */
#ifndef RB_FILES_COPY_FILE_H
#define RB_FILES_COPY_FILE_H

#include "base/reason.h"

#include <stdbool.h>
#include <stdint.h>

/* A new file `name` in dir_fd (mode 0600) with what from_fd holds, from its start, wherever its position is.
 * Blocks are shared where the file system can do that. RB_QUOTA_EXCEEDED: it holds more than bytes_max;
 * RB_DISK_FULL, RB_STORE_FAILED. Nothing is left on failure. */
rb_err copy_file(int from_fd, int dir_fd, const char *name, uint64_t bytes_max, uint64_t *out_bytes);

/* Another name for the same file: only for what nobody writes to any more. False: not here (another file
 * system, or one without). */
bool link_file(int from_fd, int dir_fd, const char *name);

#endif
