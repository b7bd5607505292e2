/* Joining: a batch at a time, each step for all of the batch, so that nobody waits for one another. */
#include "audience.h"
#include "base/check.h"
#include "link.h"
#include "upgrade.h"

#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    BATCH = 100,       /* connections that shake hands at the same time */
    PER_SOURCE = 2000, /* connections from one address */
};

static bool read_subscribed(int fd)
{
    char bytes[1024];
    struct rb_ws_reader reader;
    struct rb_ws_event event;
    enum rb_ws_step step = RB_WS_MORE;
    rb_err err;
    rb_ws_reader_init(&reader, false, sizeof bytes);
    while (step == RB_WS_MORE) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        step =
            n > 0 ? rb_ws_next(&reader, &(struct rb_ws_input){bytes, (size_t)n}, &event, &err) : RB_WS_FAILED;
    }
    bool is_good = step == RB_WS_EVENT && event.opcode == RB_WS_TEXT &&
                   rb_str_starts(event.payload, RB_STR("{\"op\":\"ok\",\"id\":2"));
    rb_ws_reader_fini(&reader);
    return is_good;
}

static bool shake_hands(struct subscriber *batch, unsigned count, const char *token, bool is_answered)
{
    rb_str subscribe = RB_STR("{\"op\":\"subscribe\",\"id\":2,\"topic\":\"" BENCH_TOPIC "\"}");
    bool is_good = true;
    for (unsigned i = 0; i < count && is_good; i++) is_good = upgrade_send(batch[i].fd, "/v1/socket", token);
    for (unsigned i = 0; i < count && is_good; i++)
        is_good = upgrade_read(batch[i].fd) && frame_send(batch[i].fd, RB_WS_TEXT, subscribe);
    for (unsigned i = 0; i < count && is_good && is_answered; i++) is_good = read_subscribed(batch[i].fd);
    return is_good;
}

/* What it adds stays in the audience also when it fails, and is closed with it. */
static bool connect_batch(struct audience *audience, uint16_t port, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct subscriber *subscriber = &audience->subscribers[audience->count];
        *subscriber = (struct subscriber){.fd = link_connect(port, 1 + audience->count / PER_SOURCE),
                                          .next = audience->next,
                                          .at = audience->script.n};
        if (subscriber->fd < 0) return false;
        audience->count++;
    }
    return true;
}

static bool watch_batch(struct audience *audience, struct subscriber *batch, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &batch[i]};
        if (epoll_ctl(audience->epoll_fd, EPOLL_CTL_ADD, batch[i].fd, &event) != 0) return false;
    }
    return true;
}

bool audience_join(struct audience *audience, uint16_t port, const char *token_or_null, unsigned more)
{
    RB_CHECK(audience->count + more <= audience->capacity);
    RB_CHECK(audience->script_first + audience->script_count == audience->next);
    while (more > 0) {
        struct subscriber *batch = &audience->subscribers[audience->count];
        unsigned count = more < BATCH ? more : BATCH;
        bool is_good =
            connect_batch(audience, port, count) &&
            (!token_or_null || shake_hands(batch, count, token_or_null, !audience->is_unanswered)) &&
            watch_batch(audience, batch, count);
        if (!is_good) return false;
        more -= count;
    }
    return true;
}
