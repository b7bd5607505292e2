#include "files/spool_make.h"

#include "files/files_private.h"
#include "files/spool.h"

#include <errno.h>
#include <unistd.h>

rb_err rb_spool_write(rb_str path, rb_str bytes, struct rb_buf *why)
{
    struct spool spool;
    struct rb_upload_file file = {.path = path, .bytes_max = bytes.n, .coding = RB_UPLOAD_PLAIN};
    spool_begin(&spool, &file);
    rb_err err = spool_write(&spool, bytes, why);
    if (!err) err = spool_finish(&spool, why);
    spool_fini(&spool);
    if (err) spool_remove(&spool);
    return err;
}

rb_err rb_spool_link(rb_str path, rb_str from, struct rb_buf *why)
{
    if (link(from.p, path.p) == 0) return RB_OK;
    return errno == ENOENT ? RB_EXPIRED : file_error(why, "link", path.p, errno);
}
