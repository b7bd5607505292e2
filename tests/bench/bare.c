#include "bare_child.h"

#include "base/buf.h"
#include "base/clock.h"
#include "link.h"
#include "measure.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the child ---- */

int bare_accept(struct bare_child *child)
{
    int on = 1, fd = accept4(child->listen_fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

bool bare_watch(struct bare_child *child, int fd, void *what, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(child->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

_Noreturn static void run_child(struct bare_child *child)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the parent's */
    measure_pin(CORES_SERVER);
    child->epoll_fd = epoll_create1(0);
    bool is_good = bare_watch(child, child->listen_fd, &child->listen_fd, EPOLLIN) &&
                   bare_watch(child, child->control, &child->control, EPOLLIN);
    if (!is_good) _exit(1);
    switch (child->form) {
    case BARE_EACH:
    case BARE_COALESCE: bare_run_fanout(child); break;
    case BARE_ECHO:
    case BARE_ANSWER: bare_run_socket(child); break;
    }
    _exit(0);
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

bool bare_open(struct bare *bare, enum bare_form form)
{
    int ends[2];
    struct timeval limit = {.tv_sec = LINK_TIMEOUT_S};
    *bare = (struct bare){.control = -1};
    int listen_fd = listen_somewhere(&bare->port);
    if (listen_fd < 0) return false;
    void *page = mmap(NULL, sizeof *bare->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bare->shared = page == MAP_FAILED ? NULL : page;
    bool is_good = bare->shared && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
    if (is_good && (bare->pid = fork()) == 0) {
        close(ends[0]);
        run_child(&(struct bare_child){
            .form = form, .listen_fd = listen_fd, .control = ends[1], .shared = bare->shared});
    }
    close(listen_fd);
    if (!is_good) return false;
    close(ends[1]);
    bare->control = ends[0];
    setsockopt(bare->control, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return bare->pid > 0;
}

bool bare_await(struct bare *bare, unsigned connections, uint64_t messages)
{
    uint64_t begun_ns = rb_clock_real_ns();
    while (measure_seconds_since(begun_ns) < LINK_TIMEOUT_S) {
        if (bare->shared->connections == connections && bare->shared->messages >= messages) return true;
        measure_pause_ms(1);
    }
    return false;
}

bool bare_send_batch(struct bare *bare, rb_str bytes, unsigned count)
{
    struct bare_batch batch = {count, (uint32_t)(bytes.n / count)};
    struct rb_buf message = {0};
    rb_buf_add(&message, &batch, sizeof batch);
    rb_buf_add_str(&message, bytes);
    bool is_good = link_send(bare->control, rb_buf_str(&message));
    rb_buf_fini(&message);
    return is_good;
}

void bare_stop(struct bare *bare)
{
    if (bare->pid > 0) {
        close(bare->control);
        kill(bare->pid, SIGKILL);
        waitpid(bare->pid, NULL, 0);
    }
    if (bare->shared) munmap(bare->shared, sizeof *bare->shared);
    *bare = (struct bare){.control = -1};
}

/* ---- the short way ---- */

bool bare_start(struct bare *bare, unsigned connections)
{
    bool is_good = bare_open(bare, BARE_EACH);
    bare->wanted = connections;
    return is_good;
}

bool bare_await_all(struct bare *bare)
{
    return bare_await(bare, bare->wanted, 0);
}

bool bare_send(struct bare *bare, rb_str bytes)
{
    return bare_send_batch(bare, bytes, 1);
}
