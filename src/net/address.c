#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, TAKEN_WAIT_MS = 500, TAKEN_STEP_MS = 10 };

static bool say(struct rb_buf *why, rb_str host, unsigned port, const char *what)
{
    rb_buf_add_fmt(why, "cannot listen on %.*s:%u: %s", RB_STR_FMT(host), port, what);
    return false;
}

/* NULL, with the reason in `why`, when the name means nothing. */
static struct addrinfo *resolve(rb_str host, uint16_t port, struct rb_buf *why)
{
    char host_text[256], port_text[8];
    if (host.n >= sizeof host_text) {
        say(why, host, port, "the host name is too long");
        return NULL;
    }
    memcpy(host_text, host.p, host.n);
    host_text[host.n] = '\0';
    snprintf(port_text, sizeof port_text, "%u", port);
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    int failed = getaddrinfo(host_text, port_text, &hints, &found);
    if (failed) say(why, host, port, gai_strerror(failed));
    return failed ? NULL : found;
}

static int bind_socket(const struct addrinfo *info, bool is_shared)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The resolver's order is that in which to connect, and has ::1 before 127.0.0.1. An address that this
 * machine does not have is passed over. One that is taken is not: who listened on another instead would leave
 * the clients of this one to whoever has it. */
static int bind_first(const struct addrinfo *found, bool is_shared)
{
    static const int families[] = {AF_INET, AF_INET6};
    errno = EADDRNOTAVAIL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        for (const struct addrinfo *info = found; info; info = info->ai_next) {
            if (info->ai_family != families[i]) continue;
            int fd = bind_socket(info, is_shared);
            if (fd >= 0 || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT)) return fd;
        }
    }
    return -1;
}

bool rb_listen_is_free(rb_str host, uint16_t port, struct rb_buf *why)
{
    struct addrinfo *found = resolve(host, port, why);
    if (!found) return false;
    int fd, error = 0;
    /* A server that was killed may leave a child between fork and exec, which holds its sockets for another
     * moment. */
    for (int waited_ms = 0; (fd = bind_first(found, false)) < 0; waited_ms += TAKEN_STEP_MS) {
        error = errno;
        if (error != EADDRINUSE || waited_ms >= TAKEN_WAIT_MS) break;
        nanosleep(&(struct timespec){.tv_nsec = TAKEN_STEP_MS * 1000000}, NULL);
    }
    freeaddrinfo(found);
    if (fd < 0) return say(why, host, port, strerror(error));
    close(fd);
    return true;
}

/* Linux gives accepted sockets the options of the one that listens, so it need not be told for each. */
static void set_inherited_options(int fd, uint32_t send_buffer_bytes)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (send_buffer_bytes)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
}

bool rb_listen_socket(rb_str host, uint16_t port, uint32_t send_buffer_bytes, int *out_fd, uint16_t *out_port,
                      struct rb_buf *why)
{
    struct addrinfo *found = resolve(host, port, why);
    if (!found) return false;
    int fd = bind_first(found, true);
    if (fd >= 0) set_inherited_options(fd, send_buffer_bytes);
    bool is_listening = fd >= 0 && listen(fd, BACKLOG) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (!is_listening) {
        if (fd >= 0) close(fd);
        return say(why, host, port, strerror(error));
    }
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    RB_CHECK(getsockname(fd, (struct sockaddr *)&bound, &n) == 0);
    *out_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    *out_fd = fd;
    return true;
}

void rb_address_text(const struct sockaddr_storage *address, char out[RB_ADDRESS_TEXT_BYTES])
{
    const void *bytes = address->ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (!inet_ntop(address->ss_family, bytes, out, RB_ADDRESS_TEXT_BYTES)) out[0] = '\0';
}

uint16_t rb_address_of_peer(const struct rb_stream *stream, char out[RB_ADDRESS_TEXT_BYTES])
{
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    out[0] = '\0';
    if (getpeername(stream->watch.fd, (struct sockaddr *)&address, &bytes)) return 0;
    rb_address_text(&address, out);
    if (!out[0]) return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}
