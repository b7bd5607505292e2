/* A file packed with gzip, for who accepts that in place of the file itself. */
#include "base/mem.h"
#include "codec/deflate.h"
#include "files/files_private.h"
#include "files/spool_make.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

static rb_err write_all(int fd, const char *p, size_t n, const char *path, struct rb_buf *why)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return file_error(why, "write", path, errno);
        p += written;
        n -= (size_t)written;
    }
    return RB_OK;
}

struct packing {
    struct rb_deflate *deflate;
    const char *path;
    int from, to;
    char in[PIECE_BYTES], out[PIECE_BYTES];
};

static rb_err pack_piece(struct packing *packing, rb_str piece, bool is_last, struct rb_buf *why)
{
    size_t n = sizeof packing->out;
    rb_err err = RB_OK;
    while (!err && (piece.n > 0 || n == sizeof packing->out)) {
        rb_deflate_next(packing->deflate, &piece, is_last, packing->out, sizeof packing->out, &n);
        err = write_all(packing->to, packing->out, n, packing->path, why);
    }
    return err;
}

static rb_err pack(struct packing *packing, struct rb_buf *why)
{
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(packing->from, packing->in, sizeof packing->in, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_error(why, "read", "a file to be packed", errno);
        rb_err err = pack_piece(packing, rb_str_make(packing->in, (size_t)n), n == 0, why);
        if (err || n == 0) return err;
        at += n;
    }
}

rb_err rb_spool_gzip(rb_str path, int fd, struct rb_buf *why)
{
    int to = open(path.p, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0) return file_error(why, "make", path.p, errno);
    struct packing *packing = rb_try_alloc(sizeof *packing);
    rb_err err = RB_OUT_OF_MEMORY;
    if (packing) {
        *packing = (struct packing){.deflate = rb_deflate_new(), .path = path.p, .from = fd, .to = to};
        if (packing->deflate) err = pack(packing, why);
        rb_deflate_free(packing->deflate);
    }
    rb_free(packing);
    close(to);
    if (err) unlink(path.p);
    return err;
}
