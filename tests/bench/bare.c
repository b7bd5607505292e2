#include "bare.h"

#include "base/buf.h"
#include "base/mem.h"
#include "link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES_MAX = 1 << 20, READY_MAX = 256 };

/* ---- the child ---- */

struct loop {
    int epoll_fd, listen_fd, control;
    int *fds;
    unsigned count, capacity;
    char *bytes;
};

static bool watch(struct loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool take_connection(struct loop *loop)
{
    int on = 1, fd = accept4(loop->listen_fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0 || loop->count == loop->capacity) return false;
    loop->fds[loop->count++] = fd;
    if (loop->count == loop->capacity && send(loop->control, "!", 1, MSG_NOSIGNAL) != 1) return false;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 && watch(loop, fd);
}

/* Sockets' buffers hold what is under way by far, so a short send is a failure. */
static bool fan_out(struct loop *loop)
{
    uint32_t n;
    if (recv(loop->control, &n, sizeof n, MSG_WAITALL) != sizeof n || n > BYTES_MAX) return false;
    if (recv(loop->control, loop->bytes, n, MSG_WAITALL) != (ssize_t)n) return false;
    for (unsigned i = 0; i < loop->count; i++)
        if (send(loop->fds[i], loop->bytes, n, MSG_NOSIGNAL) != (ssize_t)n) return false;
    return true;
}

/* Until the control connection or one of the others ends. */
_Noreturn static void run_loop(struct loop *loop)
{
    struct epoll_event ready[READY_MAX];
    bool is_good = watch(loop, loop->listen_fd) && watch(loop, loop->control);
    while (is_good) {
        int n = epoll_wait(loop->epoll_fd, ready, READY_MAX, -1);
        for (int i = 0; i < n && is_good; i++) {
            if (ready[i].data.fd == loop->listen_fd)
                is_good = take_connection(loop);
            else
                is_good = ready[i].data.fd == loop->control && fan_out(loop);
        }
    }
    _exit(0);
}

_Noreturn static void run_child(int listen_fd, int control, unsigned connections)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the parent's */
    struct loop loop = {.epoll_fd = epoll_create1(0),
                        .listen_fd = listen_fd,
                        .control = control,
                        .fds = rb_new_array(int, connections),
                        .capacity = connections,
                        .bytes = rb_alloc(BYTES_MAX)};
    run_loop(&loop);
}

/* ---- the parent ---- */

static int listen_somewhere(uint16_t *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, SOMAXCONN) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &bytes) == 0) {
        *out_port = ntohs(address.sin_port);
        return fd;
    }
    close(fd);
    return -1;
}

bool bare_start(struct bare *bare, unsigned connections)
{
    int ends[2];
    struct timeval limit = {.tv_sec = LINK_TIMEOUT_S};
    *bare = (struct bare){.control = -1};
    int listen_fd = listen_somewhere(&bare->port);
    if (listen_fd < 0) return false;
    bool is_good = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
    if (is_good && (bare->pid = fork()) == 0) {
        close(ends[0]);
        run_child(listen_fd, ends[1], connections);
    }
    close(listen_fd);
    if (!is_good) return false;
    close(ends[1]);
    bare->control = ends[0];
    setsockopt(bare->control, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(bare->control, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return bare->pid > 0;
}

bool bare_await_all(struct bare *bare)
{
    char sign;
    return recv(bare->control, &sign, 1, 0) == 1;
}

bool bare_send(struct bare *bare, rb_str bytes)
{
    uint32_t n = (uint32_t)bytes.n;
    struct rb_buf message = {0};
    rb_buf_add(&message, &n, sizeof n);
    rb_buf_add_str(&message, bytes);
    bool is_good = bytes.n <= BYTES_MAX && link_send(bare->control, rb_buf_str(&message));
    rb_buf_fini(&message);
    return is_good;
}

void bare_stop(struct bare *bare)
{
    if (bare->control >= 0) close(bare->control);
    if (bare->pid > 0) {
        kill(bare->pid, SIGKILL);
        waitpid(bare->pid, NULL, 0);
    }
    *bare = (struct bare){.control = -1};
}
