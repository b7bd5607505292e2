/* Directories that are there after a power cut: their parent is synced too. Blocking. */
#include "files/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

rb_err durable_sync(struct rb_files *files, const char *dir, struct rb_buf *why)
{
    int fd = openat(files->dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return file_error(why, "open", dir, errno);
    rb_err err = fsync(fd) == 0 ? RB_OK : file_error(why, "sync", dir, errno);
    close(fd);
    return err;
}

rb_err durable_make(struct rb_files *files, const char *dir, const char *parent, struct rb_buf *why)
{
    if (mkdirat(files->dir_fd, dir, 0700) == 0) return durable_sync(files, parent, why);
    return errno == EEXIST ? RB_OK : file_error(why, "make", dir, errno);
}
