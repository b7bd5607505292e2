/* A ZIP of one file that is open, whatever its name on disk. */
#include "files/files_private.h"
#include "files/spool_make.h"

#include <zip.h>

static rb_err give_up(zip_t *zip, struct rb_buf *why)
{
    rb_buf_add_fmt(why, "Cannot make a ZIP: %s.", zip_error_strerror(zip_get_error(zip)));
    zip_discard(zip);
    return RB_STORE_FAILED;
}

rb_err rb_spool_zip(rb_str path, int fd, rb_str label, struct rb_buf *why)
{
    struct rb_arena arena = {0};
    int code;
    rb_err err = RB_OK;
    zip_t *zip = zip_open(path.p, ZIP_CREATE | ZIP_EXCL, &code);
    if (!zip) {
        rb_buf_add_fmt(why, "Cannot make a ZIP: error %d.", code);
        return RB_STORE_FAILED;
    }
    /* Opened anew by its descriptor: libzip closes what it has, and reads from the start. */
    rb_str self = rb_arena_fmt(&arena, "/proc/self/fd/%d", fd);
    zip_source_t *source = zip_source_file(zip, self.p, 0, -1);
    zip_int64_t index = -1;
    if (source) index = zip_file_add(zip, label_of(&arena, label).p, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source); /* NULL is fine */
        err = give_up(zip, why);
    } else if (zip_close(zip) != 0) {
        err = give_up(zip, why);
    }
    rb_arena_fini(&arena);
    return err;
}
