/* A pause is over when its cause is. Its episode lasts until nothing has made accepting pause for another
 * second: whoever was waiting is let in at once, and if that is too much again, it is still the same trouble
 * and needs no other line in the log. */
#include "net/listener.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 64, LACK_PAUSE_MS = 100, GATE_PAUSE_MS = 50, CALM_MS = 1000 };

enum accepting { ACCEPTING, PAUSED, RECOVERING };

struct cause {
    unsigned bit; /* in rb_listener.causes_said */
    uint32_t pause_ms;
    const char *remedy;
};

static const struct cause no_descriptors = {1, LACK_PAUSE_MS,
                                            "raise the limit of open files (ulimit -n, LimitNOFILE)"};
static const struct cause no_memory = {2, LACK_PAUSE_MS, "give the machine or net.ipv4.tcp_mem more memory"};
static const struct cause gate_is_shut = {4, GATE_PAUSE_MS, "none needed unless it lasts: they wait"};

struct rb_listener {
    struct rb_watch watch;
    struct rb_timer timer; /* of a pause, or of recovering */
    struct rb_loop *loop;
    rb_accept_fn *on_accept;
    void *arg;
    rb_may_accept_fn *may_accept; /* NULL: always */
    void *gate_arg;
    enum accepting state;
    unsigned causes_said; /* of this episode */
    uint64_t episode_from_ms;
};

static void on_time(struct rb_timer *timer);

static void pause_accepting(struct rb_listener *listener, const struct cause *cause, const char *why)
{
    if (!(listener->causes_said & cause->bit))
        RB_LOG_WARN("net.accept_paused", RB_KV_TEXT("why", why), RB_KV_TEXT("remedy", cause->remedy));
    if (!listener->causes_said) listener->episode_from_ms = rb_loop_now_ms(listener->loop);
    listener->causes_said |= cause->bit;
    listener->state = PAUSED;
    rb_watch_set(listener->loop, &listener->watch, 0);
    rb_timer_start(listener->loop, &listener->timer, cause->pause_ms, on_time);
}

static bool pass_gate(struct rb_listener *listener)
{
    if (!listener->may_accept || listener->may_accept(listener->gate_arg)) return true;
    pause_accepting(listener, &gate_is_shut, "the server has as much to do as it can");
    return false;
}

static void accept_again(struct rb_listener *listener)
{
    if (!pass_gate(listener)) return;
    listener->state = RECOVERING;
    rb_watch_set(listener->loop, &listener->watch, RB_READABLE);
    rb_timer_start(listener->loop, &listener->timer, CALM_MS, on_time);
}

static void end_episode(struct rb_listener *listener)
{
    uint64_t ms = rb_loop_now_ms(listener->loop) - listener->episode_from_ms;
    RB_LOG_INFO("net.accept_resumed", RB_KV_U64("after_ms", ms));
    listener->state = ACCEPTING;
    listener->causes_said = 0;
}

static void on_time(struct rb_timer *timer)
{
    struct rb_listener *listener = RB_OUTER(timer, struct rb_listener, timer);
    switch (listener->state) {
    case PAUSED: accept_again(listener); break;
    case RECOVERING: end_episode(listener); break;
    case ACCEPTING: RB_UNREACHABLE();
    }
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct rb_listener *listener)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    int fd = accept4(listener->watch.fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        listener->on_accept(listener->arg, fd, &peer);
        return true;
    }
    switch (errno) {
    case EAGAIN: return false;
    case EMFILE:
    case ENFILE: pause_accepting(listener, &no_descriptors, strerror(errno)); return false;
    case ENOBUFS:
    case ENOMEM: pause_accepting(listener, &no_memory, strerror(errno)); return false;
    }
    return true; /* anything else concerns the one connection that was not got */
}

static void on_connection(struct rb_watch *watch, unsigned events)
{
    (void)events;
    struct rb_listener *listener = RB_OUTER(watch, struct rb_listener, watch);
    for (int i = 0; i < ACCEPT_BATCH && pass_gate(listener); i++)
        if (!accept_one(listener)) return;
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

void rb_listener_set_gate(struct rb_listener *listener, rb_may_accept_fn *may_accept, void *arg)
{
    listener->may_accept = may_accept;
    listener->gate_arg = arg;
}

void rb_listener_resume(struct rb_listener *listener)
{
    if (listener->state == PAUSED) accept_again(listener);
}

void rb_listener_close(struct rb_listener *listener)
{
    if (!listener) return;
    rb_timer_stop(&listener->timer);
    rb_watch_set(listener->loop, &listener->watch, 0);
    close(listener->watch.fd);
    rb_free(listener);
}
