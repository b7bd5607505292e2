/* One file that is being received: in `spool/`, under a name of ours, decoded on its way. Blocking; the
 * worker pool, one call at a time. */
#ifndef RB_FILES_SPOOL_H
#define RB_FILES_SPOOL_H

#include "files/upload.h"

struct rb_inflate;

struct spool {
    rb_str path; /* terminated by zero */
    enum rb_upload_coding coding;
    uint64_t bytes_max;
    uint64_t bytes; /* decoded */
    int fd;         /* -1: not open */
    bool is_there;  /* the file, that is */
    struct rb_inflate *inflate;
    char *room; /* what it decodes into */
};

void spool_begin(struct spool *spool, const struct rb_upload_file *file);
/* RB_BODY_TOO_LARGE, RB_BAD_REQUEST (damaged); RB_DISK_FULL, RB_STORE_FAILED with `why`, RB_OUT_OF_MEMORY. */
rb_err spool_write(struct spool *spool, rb_str data, struct rb_buf *why);
/* Nothing more will come: the file is complete, and on the disk. Errors as above. */
rb_err spool_finish(struct spool *spool, struct rb_buf *why);
/* Lets go of what it holds; the file stays as it is. Of a zeroed one nothing. */
void spool_fini(struct spool *spool);
void spool_remove(const struct spool *spool); /* fine when it has been taken */

#endif
