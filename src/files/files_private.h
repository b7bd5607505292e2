/* What the files of this room share. */
#ifndef RB_FILES_PRIVATE_H
#define RB_FILES_PRIVATE_H

#include "files/files.h"

struct rb_files {
    rb_str dir; /* the data directory, absolute */
    char *text; /* what dir borrows */
    int dir_fd;
};

/* The reason for an errno of a file operation: RB_DISK_FULL or RB_STORE_FAILED. `why` gets one sentence. */
rb_err file_error(struct rb_buf *why, const char *what, const char *path, int error);
rb_err file_errno(int error); /* without the sentence */

/* A regular file for reading, never through a link. RB_EXPIRED: it is not there. RB_STORE_FAILED. Blocks. */
rb_err file_open_at(int dir_fd, const char *name, int *out_fd, uint64_t *out_bytes);

/* durable.c: relative to the data directory. What has happened in it survives a power cut; one that is there
 * already is fine. Both block. */
rb_err durable_sync(struct rb_files *files, const char *dir, struct rb_buf *why);
rb_err durable_make(struct rb_files *files, const char *dir, const char *parent, struct rb_buf *why);

/* label.c: names that workers gave, as names that clients may see */
rb_str label_of(struct rb_arena *arena,
                rb_str name); /* valid UTF-8 without control characters and backslashes */

/* zip.c: entries in the order given, from files below out_dir into a new file at zip_path. */
struct zip_entry {
    rb_str path; /* relative, terminated by zero */
};
rb_err zip_pack(const char *out_dir, const struct zip_entry *entries, size_t count, const char *zip_path,
                struct rb_buf *why);

#endif
