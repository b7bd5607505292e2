/* The step that hands buffers to the kernel. One buffer goes by send(), which is cheaper than sendmsg(); a
 * file by sendfile(). */
#include "net/net_private.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

enum { FILE_STEP_BYTES = 1024 * 1024 }; /* so that one download does not hold up the loop */

static bool judge(ssize_t n, size_t offered, size_t *out_sent, bool *out_broken)
{
    if (n >= 0) {
        *out_sent += (size_t)n;
        return (size_t)n == offered;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENOBUFS) *out_broken = true;
    return false;
}

bool transmit(int fd, struct rb_gather *gather, size_t *out_sent, bool *out_broken)
{
    ssize_t n;
    if (gather->count == 1) {
        n = send(fd, gather->parts[0].iov_base, gather->parts[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
        struct msghdr message = {.msg_iov = gather->parts, .msg_iovlen = gather->count};
        n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return judge(n, gather->bytes, out_sent, out_broken);
}

bool transmit_file(int fd, struct out_entry *file, size_t *out_sent, bool *out_broken)
{
    off_t at = (off_t)file->at;
    size_t offered = file->left < FILE_STEP_BYTES ? (size_t)file->left : FILE_STEP_BYTES;
    ssize_t n = sendfile(fd, file->fd, &at, offered);
    if (n == 0 && offered > 0) {
        *out_broken = true; /* the file has become shorter than was promised */
        return false;
    }
    return judge(n, offered, out_sent, out_broken);
}
