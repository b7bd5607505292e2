#include "files/copy_file.h"

#include "base/mem.h"
#include "files/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024 };

static bool write_piece(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        p += written;
        n -= (size_t)written;
    }
    return true;
}

/* To the end of the source, which may grow meanwhile, but not beyond the limit. */
static rb_err copy_pieces(int from_fd, int to_fd, char *piece, uint64_t bytes_max, uint64_t *out_bytes)
{
    uint64_t bytes = 0;
    for (;;) {
        ssize_t n = pread(from_fd, piece, PIECE_BYTES, (off_t)bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_errno(errno);
        if (n == 0) break;
        if ((uint64_t)n > bytes_max - bytes) return RB_QUOTA_EXCEEDED;
        if (!write_piece(to_fd, piece, (size_t)n)) return file_errno(errno);
        bytes += (uint64_t)n;
    }
    *out_bytes = bytes;
    return RB_OK;
}

static rb_err fill(int from_fd, int to_fd, uint64_t bytes_max, uint64_t *out_bytes)
{
    struct stat stat;
    if (ioctl(to_fd, FICLONE, from_fd) == 0) {
        if (fstat(to_fd, &stat) != 0) return file_errno(errno);
        *out_bytes = (uint64_t)stat.st_size;
        return *out_bytes > bytes_max ? RB_QUOTA_EXCEEDED : RB_OK;
    }
    char *piece = rb_try_alloc(PIECE_BYTES);
    rb_err err = piece ? copy_pieces(from_fd, to_fd, piece, bytes_max, out_bytes) : RB_OUT_OF_MEMORY;
    rb_free(piece);
    return err;
}

rb_err copy_file(int from_fd, int dir_fd, const char *name, uint64_t bytes_max, uint64_t *out_bytes)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return file_errno(errno);
    rb_err err = fill(from_fd, fd, bytes_max, out_bytes);
    if (close(fd) != 0 && !err) err = file_errno(errno);
    if (err) unlinkat(dir_fd, name, 0);
    return err;
}

bool link_file(int from_fd, int dir_fd, const char *name)
{
    char path[32]; /* where the kernel names our descriptors */
    snprintf(path, sizeof path, "/proc/self/fd/%d", from_fd);
    return linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) == 0;
}
