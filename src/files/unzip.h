/* What a ZIP archive holds, as files in the spool. Names inside are labels: whatever path one says, nothing
 * is written anywhere else. */
#ifndef RB_FILES_UNZIP_H
#define RB_FILES_UNZIP_H

#include "files/files.h"

struct rb_unzip_limits {
    unsigned entries_max; /* in the archive, whether wanted or not */
    uint64_t bytes_max;   /* of all that is taken out */
    unsigned ratio_max;   /* of a file's size to what it takes in the archive, beyond its first MiB */
};

struct rb_unzipped {
    rb_str name; /* the last part of what it is called; a label */
    rb_str path; /* absolute, in the spool, ends with a zero; the caller's to take or to remove */
    uint64_t bytes;
};

/* Takes out what `wants` wants (NULL: all), in the archive's order, synced. Directories, and files whose
 * names begin with a dot, are passed over. RB_BAD_REQUEST (no archive, damaged, encrypted), RB_BODY_TOO_LARGE
 * (a limit), RB_OUT_OF_MEMORY, RB_DISK_FULL, RB_STORE_FAILED, with `why` in one sentence; nothing stays then.
 * Slices go to the arena. Blocking: the worker pool. */
rb_err rb_unzip(struct rb_files *files, struct rb_arena *arena, rb_str zip_path,
                const struct rb_unzip_limits *limits, bool (*wants)(void *arg, rb_str name), void *arg,
                struct rb_unzipped **out, unsigned *out_count, struct rb_buf *why);

#endif
