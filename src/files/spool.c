#include "files/spool.h"

#include "base/mem.h"
#include "base/random.h"
#include "codec/inflate.h"
#include "files/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ROOM_BYTES = 64 * 1024 };

/* The number keeps names of one process apart, the random part those of two that meet in one directory. */
rb_str rb_files_spool_path(const struct rb_files *files, struct rb_arena *arena)
{
    static _Atomic uint64_t count;
    char text[13];
    rb_random_text(text, sizeof text - 1);
    unsigned long long number = atomic_fetch_add(&count, 1);
    return rb_arena_fmt(arena, "%.*s/spool/%llu.%s", RB_STR_FMT(files->dir), number, text);
}

void spool_begin(struct spool *spool, const struct rb_upload_file *file)
{
    *spool =
        (struct spool){.path = file->path, .coding = file->coding, .bytes_max = file->bytes_max, .fd = -1};
}

static rb_err open_file(struct spool *spool, struct rb_buf *why)
{
    if (spool->fd >= 0) return RB_OK;
    spool->fd = open(spool->path.p, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (spool->fd < 0) return file_error(why, "make", spool->path.p, errno);
    spool->is_there = true;
    return RB_OK;
}

static rb_err write_plain(struct spool *spool, rb_str data, struct rb_buf *why)
{
    if (data.n > spool->bytes_max - spool->bytes) return RB_BODY_TOO_LARGE;
    spool->bytes += data.n;
    while (data.n > 0) {
        ssize_t n = write(spool->fd, data.p, data.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_error(why, "write", spool->path.p, errno);
        data = rb_str_from(data, (size_t)n);
    }
    return RB_OK;
}

static rb_err begin_decoding(struct spool *spool)
{
    enum rb_inflate_form form = spool->coding == RB_UPLOAD_GZIP ? RB_INFLATE_GZIP : RB_INFLATE_ZLIB;
    if (spool->inflate) return RB_OK;
    spool->inflate = rb_inflate_new(form, spool->bytes_max);
    spool->room = spool->inflate ? rb_try_alloc(ROOM_BYTES) : NULL;
    return spool->room ? RB_OK : RB_OUT_OF_MEMORY;
}

static rb_err write_decoded(struct spool *spool, rb_str data, struct rb_buf *why)
{
    rb_err err = begin_decoding(spool);
    size_t n = ROOM_BYTES;
    while (!err && (data.n > 0 || n == ROOM_BYTES)) {
        err = rb_inflate_next(spool->inflate, &data, spool->room, ROOM_BYTES, &n);
        if (!err) err = write_plain(spool, rb_str_make(spool->room, n), why);
    }
    return err;
}

rb_err spool_write(struct spool *spool, rb_str data, struct rb_buf *why)
{
    rb_err err = open_file(spool, why);
    if (err) return err;
    return spool->coding == RB_UPLOAD_PLAIN ? write_plain(spool, data, why) : write_decoded(spool, data, why);
}

rb_err spool_finish(struct spool *spool, struct rb_buf *why)
{
    bool is_whole =
        spool->coding == RB_UPLOAD_PLAIN || (spool->inflate && rb_inflate_is_complete(spool->inflate));
    if (!is_whole) return RB_BAD_REQUEST;
    rb_err err = open_file(spool, why);
    if (!err && fsync(spool->fd) != 0) err = file_error(why, "sync", spool->path.p, errno);
    return err;
}

void spool_fini(struct spool *spool)
{
    if (spool->is_there && spool->fd >= 0) close(spool->fd);
    spool->fd = -1;
    rb_inflate_free(spool->inflate);
    rb_free(spool->room);
    spool->inflate = NULL;
    spool->room = NULL;
}

void spool_remove(const struct spool *spool)
{
    if (spool->is_there) unlink(spool->path.p);
}
