#include "net/listener.h"

#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPT_BATCH = 64, PAUSE_MS = 100, TAKEN_WAIT_MS = 500, TAKEN_STEP_MS = 10 };

struct rb_listener {
    struct rb_watch watch;
    struct rb_timer pause; /* runs while descriptors are short */
    struct rb_loop *loop;
    rb_accept_fn *on_accept;
    void *arg;
};

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

bool rb_listen_is_free(rb_str host, uint16_t port, struct rb_buf *why)
{
    struct addrinfo *found = resolve(host, port, why);
    if (!found) return false;
    int fd, error = 0;
    /* A server that was killed may leave a child between fork and exec, which holds its sockets for another
     * moment. */
    for (int waited_ms = 0; (fd = bind_socket(found, false)) < 0; waited_ms += TAKEN_STEP_MS) {
        error = errno;
        if (error != EADDRINUSE || waited_ms >= TAKEN_WAIT_MS) break;
        nanosleep(&(struct timespec){.tv_nsec = TAKEN_STEP_MS * 1000000}, NULL);
    }
    freeaddrinfo(found);
    if (fd < 0) return say(why, host, port, strerror(error));
    close(fd);
    return true;
}

bool rb_listen_socket(rb_str host, uint16_t port, int *out_fd, uint16_t *out_port, struct rb_buf *why)
{
    struct addrinfo *found = resolve(host, port, why);
    if (!found) return false;
    int fd = bind_socket(found, true);
    if (fd >= 0 && listen(fd, BACKLOG) != 0) {
        close(fd);
        fd = -1;
    }
    int error = errno;
    freeaddrinfo(found);
    if (fd < 0) return say(why, host, port, strerror(error));
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    RB_CHECK(getsockname(fd, (struct sockaddr *)&bound, &n) == 0);
    *out_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    *out_fd = fd;
    return true;
}

static void on_pause_over(struct rb_timer *timer)
{
    struct rb_listener *listener = RB_OUTER(timer, struct rb_listener, pause);
    rb_watch_set(listener->loop, &listener->watch, RB_READABLE);
}

static void on_connection(struct rb_watch *watch, unsigned events)
{
    (void)events;
    struct rb_listener *listener = RB_OUTER(watch, struct rb_listener, watch);
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer;
        int fd = accept4(watch->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            listener->on_accept(listener->arg, fd, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            RB_LOG_WARN("net.accept_paused", RB_KV_TEXT("why", strerror(errno)),
                        RB_KV_U64("pause_ms", PAUSE_MS),
                        RB_KV_TEXT("remedy", "raise the limit of open files (ulimit -n, LimitNOFILE)"));
            rb_watch_set(listener->loop, watch, 0);
            rb_timer_start(listener->loop, &listener->pause, PAUSE_MS, on_pause_over);
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        /* anything else concerns the one connection that was not got */
    }
}

struct rb_listener *rb_listener_open(struct rb_loop *loop, int take_fd, rb_accept_fn *on_accept, void *arg)
{
    struct rb_listener *listener = rb_new(struct rb_listener);
    listener->watch = (struct rb_watch){.fd = take_fd, .on_ready = on_connection};
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->arg = arg;
    rb_watch_set(loop, &listener->watch, RB_READABLE);
    return listener;
}

void rb_listener_close(struct rb_listener *listener)
{
    if (!listener) return;
    rb_timer_stop(&listener->pause);
    rb_watch_set(listener->loop, &listener->watch, 0);
    close(listener->watch.fd);
    rb_free(listener);
}

void rb_address_text(const struct sockaddr_storage *address, char out[RB_ADDRESS_TEXT_BYTES])
{
    const void *bytes = address->ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (!inet_ntop(address->ss_family, bytes, out, RB_ADDRESS_TEXT_BYTES)) out[0] = '\0';
}
