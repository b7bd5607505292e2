#include "crowd.h"

#include "../upgrade.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "data.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 65536, READY_MAX = 1024 };

void crowd_init(struct crowd *crowd, const struct peer *peer, unsigned capacity, int fd_to_watch)
{
    struct epoll_event event = {.events = EPOLLIN}; /* NULL: no member */
    *crowd = (struct crowd){.peer = peer, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .capacity = capacity};
    RB_CHECK(crowd->epoll_fd >= 0);
    RB_CHECK(fd_to_watch < 0 || epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, fd_to_watch, &event) == 0);
    crowd->members = rb_new_array(struct member, capacity);
}

void crowd_fini(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        close(crowd->members[i].fd);
        rb_ws_reader_fini(&crowd->members[i].reader);
        rb_buf_fini(&crowd->members[i].rest);
    }
    rb_free(crowd->members);
    rb_buf_fini(&crowd->data);
    rb_buf_fini(&crowd->model_bytes);
    if (crowd->epoll_fd > 0) close(crowd->epoll_fd);
    *crowd = (struct crowd){0};
}

/* ---- one event ---- */

static uint32_t all_seen(const struct crowd *crowd)
{
    return UINT32_MAX >> (ROUND_EVENTS_MAX - crowd->events);
}

static bool is_as_published(const struct crowd *crowd, uint64_t place, rb_str data)
{
    return place < crowd->events &&
           rb_str_eq(data, rb_str_sub(rb_buf_str(&crowd->data), place * DATA_BYTES, DATA_BYTES));
}

static void take_event(struct crowd *crowd, struct member *member, rb_str data)
{
    uint64_t number, place;
    if (!data_read(data, &number)) {
        crowd->faults.bad++;
        return;
    }
    place = number - crowd->first;
    if (number < crowd->first || (place < crowd->events && (member->seen >> place & 1))) {
        crowd->faults.repeated++;
    } else if (!is_as_published(crowd, place, data)) {
        crowd->faults.bad++;
    } else {
        if (member->seen >> place != 0) crowd->faults.reordered++; /* a later one was here first */
        member->seen |= 1u << place;
        crowd->received++;
    }
}

/* ---- parsing ---- */

static void leave(struct crowd *crowd, struct member *member)
{
    epoll_ctl(crowd->epoll_fd, EPOLL_CTL_DEL, member->fd, NULL);
    crowd->faults.closed++;
}

static void answer(struct crowd *crowd, struct member *member, struct rb_buf *reply)
{
    enum rb_ws_opcode opcode = crowd->peer->is_binary ? RB_WS_BINARY : RB_WS_TEXT;
    if (reply->n > 0) frame_send(member->fd, opcode, rb_buf_str(reply));
    rb_buf_fini(reply);
}

/* True: there may be more in the stream. *is_plain: nothing but events. */
static bool take_one(struct crowd *crowd, struct member *member, rb_str *stream, bool *is_plain)
{
    struct rb_buf reply = {0};
    rb_str data;
    enum peer_take taken = crowd->peer->take(stream, &data, &reply);
    if (taken != PEER_EVENT) *is_plain = false;
    switch (taken) {
    case PEER_EVENT: take_event(crowd, member, data); return true;
    case PEER_READY: member->is_ready = true; return true;
    case PEER_OTHER: answer(crowd, member, &reply); return true;
    case PEER_MORE: return false;
    case PEER_BAD: break;
    }
    crowd->faults.bad++;
    *stream = RB_STR_NONE;
    return false;
}

static void take_message(struct crowd *crowd, struct member *member, rb_str message, bool *is_plain)
{
    struct rb_buf whole = member->rest; /* empty for all but a few */
    rb_str stream = message;
    member->rest = (struct rb_buf){0};
    if (whole.n > 0) {
        rb_buf_add_str(&whole, message);
        stream = rb_buf_str(&whole);
    }
    while (stream.n > 0 && take_one(crowd, member, &stream, is_plain)) continue;
    if (stream.n > 0) rb_buf_add_str(&member->rest, stream);
    rb_buf_fini(&whole);
}

/* True: nothing but events came. */
static bool parse(struct crowd *crowd, struct member *member, struct rb_ws_input input)
{
    bool is_plain = true;
    struct rb_ws_event event;
    enum rb_ws_step step;
    rb_err err;
    member->is_between = false;
    while ((step = rb_ws_next(&member->reader, &input, &event, &err)) == RB_WS_EVENT) {
        if (event.opcode == RB_WS_TEXT || event.opcode == RB_WS_BINARY)
            take_message(crowd, member, event.payload, &is_plain);
        else
            is_plain = false;
        if (event.opcode == RB_WS_PING) frame_send(member->fd, RB_WS_PONG, event.payload);
        member->is_between = input.n == 0 && member->rest.n == 0;
        if (member->is_between) break; /* else the reader would only say that there is no more */
    }
    if (step == RB_WS_FAILED) leave(crowd, member);
    return is_plain && step != RB_WS_FAILED;
}

/* ---- the model ---- */

static void stop_comparing(struct crowd *crowd, struct member *member)
{
    struct rb_buf bytes = {0};
    member->is_like_model = false;
    if (member->alike == 0) return;
    rb_buf_add(&bytes, crowd->model_bytes.p, member->alike);
    parse(crowd, member, (struct rb_ws_input){bytes.p, bytes.n});
    rb_buf_fini(&bytes);
}

/* Those that have been compared with it must not wait for what it will not tell. */
static void give_up_model(struct crowd *crowd)
{
    crowd->model = MODEL_USELESS;
    for (unsigned i = 0; i < crowd->count; i++) {
        struct member *member = &crowd->members[i];
        if (member->round == crowd->round && member->is_like_model) stop_comparing(crowd, member);
    }
}

static void take_model(struct crowd *crowd, struct member *member, struct rb_ws_input input)
{
    uint64_t faults = crowd->faults.bad + crowd->faults.repeated + crowd->faults.reordered;
    rb_buf_add(&crowd->model_bytes, input.p, input.n);
    bool is_plain = parse(crowd, member, input) &&
                    faults == crowd->faults.bad + crowd->faults.repeated + crowd->faults.reordered;
    bool is_done = member->seen == all_seen(crowd);
    if (!is_plain || (is_done && !member->is_between))
        give_up_model(crowd);
    else if (is_done)
        crowd->model = MODEL_WHOLE;
}

/* False: it is not like the model, and none of the bytes is taken. */
static bool take_alike(struct crowd *crowd, struct member *member, struct rb_ws_input input)
{
    rb_str rest = rb_str_from(rb_buf_str(&crowd->model_bytes), member->alike);
    if (input.n > rest.n || memcmp(input.p, rest.p, input.n) != 0) return false;
    member->alike += input.n;
    if (crowd->model == MODEL_WHOLE && input.n == rest.n) {
        member->is_like_model = false;
        member->seen = all_seen(crowd);
        crowd->received += crowd->events;
    }
    return true;
}

static void enter_round(struct crowd *crowd, struct member *member)
{
    bool is_clean = member->is_between && crowd->events > 0;
    member->round = crowd->round;
    member->seen = 0;
    member->alike = 0;
    member->is_like_model = is_clean && (crowd->model == MODEL_GROWING || crowd->model == MODEL_WHOLE);
    if (is_clean && crowd->model == MODEL_NONE) {
        crowd->model = MODEL_GROWING;
        crowd->model_member = member;
    }
}

void crowd_take_bytes(struct crowd *crowd, struct member *member, struct rb_ws_input input)
{
    if (member->round != crowd->round) enter_round(crowd, member);
    if (member->is_like_model && take_alike(crowd, member, input)) return;
    if (member->is_like_model) stop_comparing(crowd, member);
    if (member == crowd->model_member && crowd->model == MODEL_GROWING)
        take_model(crowd, member, input);
    else
        parse(crowd, member, input);
}

/* ---- reading ---- */

static void read_ready(struct crowd *crowd, struct member *member)
{
    static char bytes[READ_BYTES];
    ssize_t n;
    do { /* edge-triggered: until there is no more */
        n = recv(member->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) crowd_take_bytes(crowd, member, (struct rb_ws_input){bytes, (size_t)n});
    } while (n == sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN)) leave(crowd, member);
}

/* True: fd_to_watch can be read. */
static bool read_some(struct crowd *crowd, int timeout_ms)
{
    static struct epoll_event ready[READY_MAX];
    bool is_watched_ready = false;
    int n = epoll_wait(crowd->epoll_fd, ready, READY_MAX, timeout_ms);
    for (int i = 0; i < n; i++) {
        if (ready[i].data.ptr)
            read_ready(crowd, ready[i].data.ptr);
        else
            is_watched_ready = true;
    }
    return is_watched_ready;
}

void crowd_begin_round(struct crowd *crowd, unsigned events)
{
    RB_CHECK(events <= ROUND_EVENTS_MAX);
    crowd->first += crowd->events;
    crowd->events = events;
    crowd->round++;
    crowd->received = 0;
    crowd->model = MODEL_NONE;
    crowd->model_member = NULL;
    rb_buf_clear(&crowd->model_bytes);
    rb_buf_clear(&crowd->data);
    for (unsigned i = 0; i < events; i++) data_put(&crowd->data, crowd->first + i);
}

bool crowd_await_round(struct crowd *crowd, unsigned timeout_ms)
{
    uint64_t wanted = (uint64_t)crowd->events * crowd->count, turns = 0;
    uint64_t until_ns = rb_clock_real_ns() + (uint64_t)timeout_ms * 1000000;
    while (crowd->received < wanted && crowd->faults.closed == 0) {
        /* Looking at the clock now and then is enough: a turn takes 100 ms at most. */
        if (++turns % 8 == 0 && rb_clock_real_ns() > until_ns) break;
        read_some(crowd, 100);
    }
    if (crowd->received == wanted) return true;
    give_up_model(crowd);
    crowd->faults.lost += wanted - crowd->received;
    return false;
}

void crowd_listen(struct crowd *crowd, int ms)
{
    uint64_t until_ns = rb_clock_real_ns() + (uint64_t)(ms < 0 ? 0 : ms) * 1000000, now_ns;
    crowd_begin_round(crowd, 0);
    while (ms < 0 || (now_ns = rb_clock_real_ns()) < until_ns) {
        bool is_watched_ready = read_some(crowd, ms < 0 ? -1 : (int)((until_ns - now_ns) / 1000000) + 1);
        if (ms < 0 && is_watched_ready) return;
    }
}
