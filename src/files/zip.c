/* One ZIP of several files, with libzip: it reads each file when it writes the archive, one at a time, and
 * needs no memory for them. Two names that differ only in what a label must not have get different entries.
 */
#include "files/files_private.h"

#include <errno.h>
#include <string.h>
#include <zip.h>

static rb_err zip_failure(struct rb_buf *why, zip_error_t *error)
{
    int system = zip_error_system_type(error) == ZIP_ET_SYS ? zip_error_code_system(error) : 0;
    rb_buf_add_fmt(why, "Cannot make the ZIP of the results: %s.", zip_error_strerror(error));
    return system == ENOSPC || system == EDQUOT ? RB_DISK_FULL : RB_STORE_FAILED;
}

/* zip_close may fail and then leaves the archive open: this takes down what is there. */
static rb_err give_up(zip_t *zip, struct rb_buf *why)
{
    rb_err err = zip_failure(why, zip_get_error(zip));
    zip_discard(zip);
    return err;
}

static rb_str other_label(struct rb_arena *arena, rb_str label, unsigned number)
{
    return number == 1 ? label : rb_arena_fmt(arena, "%.*s~%u", RB_STR_FMT(label), number);
}

static bool add_entry(zip_t *zip, struct rb_arena *arena, const char *out_dir, rb_str path)
{
    rb_str file = rb_arena_fmt(arena, "%s/%.*s", out_dir, RB_STR_FMT(path));
    zip_source_t *source = zip_source_file(zip, file.p, 0, -1);
    if (!source) return false;
    rb_str label = label_of(arena, path);
    zip_int64_t index = -1;
    for (unsigned number = 1; index < 0; number++) {
        index = zip_file_add(zip, other_label(arena, label, number).p, source, ZIP_FL_ENC_UTF_8);
        if (index < 0 && zip_error_code_zip(zip_get_error(zip)) != ZIP_ER_EXISTS) {
            zip_source_free(source);
            return false;
        }
    }
    return zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_DEFLATE, 0) == 0;
}

rb_err zip_pack(const char *out_dir, const struct zip_entry *entries, size_t count, const char *zip_path,
                struct rb_buf *why)
{
    int code;
    zip_t *zip = zip_open(zip_path, ZIP_CREATE | ZIP_EXCL, &code);
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        rb_err err = zip_failure(why, &error);
        zip_error_fini(&error);
        return err;
    }
    struct rb_arena arena = {0};
    rb_err err = RB_OK;
    for (size_t i = 0; i < count && err == RB_OK; i++)
        if (!add_entry(zip, &arena, out_dir, entries[i].path)) err = give_up(zip, why);
    if (err == RB_OK && zip_close(zip) != 0) err = give_up(zip, why);
    rb_arena_fini(&arena);
    return err;
}
