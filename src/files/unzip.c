/* Archives from strangers. Small ones may unfold to anything, so three things are bounded while they unfold:
 * the bytes of all files, those of each in proportion to what it was packed as, and, before the archive is
 * opened at all, the number of its entries, since libzip keeps a record of each in memory. That number stands
 * in the end record (APPNOTE 4.3.16). What looks like one anywhere in the tail is held to the limit, because
 * which of them is taken for the real one is libzip's business. The 64-bit form can say more than any limit
 * allows, and is not taken. */
#include "files/unzip.h"

#include "base/mem.h"
#include "files/files_private.h"
#include "files/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum {
    PIECE_BYTES = 64 * 1024,
    END_BYTES = 22,
    TAIL_BYTES = 66 * 1024, /* no end record begins further from the end; libzip looks at a little less */
    LOCATOR_BYTES = 20,
    ENTRY_BYTES_MAX = 1024, /* on average, of what stands about one in the directory */
    FREE_BYTES = 1 << 20    /* of the ratio */
};

/* ---- before it is opened ---- */

static uint32_t little_endian(const unsigned char *p, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- > 0) value = value << 8 | p[bytes];
    return value;
}

static rb_err judge_end(const unsigned char *tail, size_t at, unsigned entries_max, struct rb_buf *why)
{
    bool is_64 = at >= LOCATOR_BYTES && memcmp(tail + at - LOCATOR_BYTES, "PK\6\7", 4) == 0;
    uint32_t entries = little_endian(tail + at + 10, 2), bytes = little_endian(tail + at + 12, 4);
    if (!is_64 && entries <= entries_max && bytes / ENTRY_BYTES_MAX <= entries_max) return RB_OK;
    rb_buf_add_fmt(why, "The archive may have at most %u entries.", entries_max);
    return RB_BODY_TOO_LARGE;
}

static rb_err judge_tail(const unsigned char *tail, size_t n, unsigned entries_max, struct rb_buf *why)
{
    bool has_end = false;
    rb_err err = RB_OK;
    for (size_t at = 0; at + END_BYTES <= n && !err; at++) {
        if (memcmp(tail + at, "PK\5\6", 4) != 0) continue;
        has_end = true;
        err = judge_end(tail, at, entries_max, why);
    }
    if (has_end) return err;
    rb_buf_add_text(why, "The file is no ZIP archive.");
    return RB_BAD_REQUEST;
}

static rb_err judge(const char *path, unsigned entries_max, struct rb_buf *why)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return file_error(why, "open", path, errno);
    unsigned char *tail = rb_try_alloc(TAIL_BYTES);
    rb_err err = tail ? RB_OK : RB_OUT_OF_MEMORY;
    if (!err && fstat(fd, &stat) != 0) err = file_error(why, "look at", path, errno);
    if (!err) {
        off_t from = stat.st_size > TAIL_BYTES ? stat.st_size - TAIL_BYTES : 0;
        ssize_t n = pread(fd, tail, TAIL_BYTES, from);
        err = n < 0 ? file_error(why, "read", path, errno) : judge_tail(tail, (size_t)n, entries_max, why);
    }
    rb_free(tail);
    close(fd);
    return err;
}

/* ---- its files ---- */

struct unzip {
    struct rb_files *files;
    struct rb_arena *arena;
    const struct rb_unzip_limits *limits;
    zip_t *zip;
    uint64_t bytes_left;
    struct rb_unzipped *entries;
    unsigned count;
    char *piece;
    struct rb_buf *why;
};

static rb_err damaged(struct unzip *unzip, const char *text)
{
    rb_buf_add_fmt(unzip->why, "The archive cannot be read: %s.", text);
    return RB_BAD_REQUEST;
}

static rb_err too_large(struct unzip *unzip)
{
    rb_buf_add_text(unzip->why, "The archive unfolds to more than is allowed.");
    return RB_BODY_TOO_LARGE;
}

static uint64_t room_for(const struct unzip *unzip, uint64_t packed_bytes)
{
    uint64_t ratio = unzip->limits->ratio_max;
    uint64_t room =
        packed_bytes > (UINT64_MAX - FREE_BYTES) / ratio ? UINT64_MAX : packed_bytes * ratio + FREE_BYTES;
    return room < unzip->bytes_left ? room : unzip->bytes_left;
}

static rb_err copy_out(struct unzip *unzip, zip_file_t *file, struct spool *spool)
{
    rb_err err = RB_OK;
    zip_int64_t n = 1;
    while (!err && n > 0) {
        n = zip_fread(file, unzip->piece, PIECE_BYTES);
        if (n > 0) err = spool_write(spool, rb_str_make(unzip->piece, (size_t)n), unzip->why);
    }
    if (!err && n < 0) return damaged(unzip, zip_error_strerror(zip_file_get_error(file)));
    if (err == RB_BODY_TOO_LARGE) return too_large(unzip);
    return err ? err : spool_finish(spool, unzip->why);
}

static rb_err take_out(struct unzip *unzip, zip_uint64_t index, uint64_t packed_bytes, rb_str name)
{
    struct spool spool;
    struct rb_upload_file as_if = {.path = rb_files_spool_path(unzip->files, unzip->arena),
                                   .bytes_max = room_for(unzip, packed_bytes)};
    zip_file_t *file = zip_fopen_index(unzip->zip, index, 0);
    if (!file) return damaged(unzip, zip_error_strerror(zip_get_error(unzip->zip)));
    spool_begin(&spool, &as_if);
    rb_err err = copy_out(unzip, file, &spool);
    zip_fclose(file);
    spool_fini(&spool);
    if (err) {
        spool_remove(&spool);
        return err;
    }
    unzip->bytes_left -= spool.bytes;
    unzip->entries[unzip->count++] = (struct rb_unzipped){name, as_if.path, spool.bytes};
    return RB_OK;
}

/* Whatever is used between folders. */
static rb_str last_part(rb_str name)
{
    for (size_t i = name.n; i-- > 0;)
        if (name.p[i] == '/' || name.p[i] == '\\') return rb_str_from(name, i + 1);
    return name;
}

static rb_err take_all(struct unzip *unzip, bool (*wants)(void *arg, rb_str name), void *arg)
{
    zip_uint64_t count = (zip_uint64_t)zip_get_num_entries(unzip->zip, 0);
    rb_err err = RB_OK;
    unzip->entries = rb_arena_array(unzip->arena, struct rb_unzipped, count);
    for (zip_uint64_t i = 0; i < count && !err; i++) {
        zip_stat_t stat;
        if (zip_stat_index(unzip->zip, i, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME))
            return damaged(unzip, zip_error_strerror(zip_get_error(unzip->zip)));
        rb_str name = label_of(unzip->arena, last_part(rb_str_of(stat.name)));
        bool is_passed_over = !name.n || name.p[0] == '.' || (wants && !wants(arg, name));
        if (is_passed_over) continue;
        err = take_out(unzip, i, stat.valid & ZIP_STAT_COMP_SIZE ? stat.comp_size : 0, name);
    }
    return err;
}

rb_err rb_unzip(struct rb_files *files, struct rb_arena *arena, rb_str zip_path,
                const struct rb_unzip_limits *limits, bool (*wants)(void *arg, rb_str name), void *arg,
                struct rb_unzipped **out, unsigned *out_count, struct rb_buf *why)
{
    struct unzip unzip = {
        .files = files, .arena = arena, .limits = limits, .bytes_left = limits->bytes_max, .why = why};
    int code;
    rb_err err = judge(zip_path.p, limits->entries_max, why);
    if (err) return err;
    unzip.zip = zip_open(zip_path.p, ZIP_RDONLY, &code);
    if (!unzip.zip) return damaged(&unzip, "it is no ZIP, or damaged");
    unzip.piece = rb_try_alloc(PIECE_BYTES);
    err = unzip.piece ? take_all(&unzip, wants, arg) : RB_OUT_OF_MEMORY;
    rb_free(unzip.piece);
    zip_discard(unzip.zip);
    if (err) {
        for (unsigned i = 0; i < unzip.count; i++) unlink(unzip.entries[i].path.p);
        return err;
    }
    *out = unzip.entries;
    *out_count = unzip.count;
    return RB_OK;
}
