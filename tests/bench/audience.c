/* Reading and checking. A subscriber that follows the script needs one comparison for all that a read
 * brought. One that gets something else (the first to get an event, a ping, a fault) is read frame by frame
 * from its last whole event on, until it is where the script is again. */
#include "audience.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 1 << 20,     /* bytes */
    SCRIPT_KEEP_MAX = 1 << 20, /* bytes; beyond, it begins anew with the next round */
    READ_BYTES = 65536,
    READY_MAX = 1024,
};

void event_data_put(struct rb_buf *out, uint64_t number, unsigned data_bytes)
{
    rb_buf_reserve(out, data_bytes);
    size_t begun = out->n;
    rb_buf_add_fmt(out, "{\"number\":%llu,\"fill\":\"", (unsigned long long)number);
    size_t fill = data_bytes - 2 - (out->n - begun);
    memset(out->p + out->n, 'x', fill);
    out->n += fill;
    rb_buf_add_text(out, "\"}");
}

void audience_init(struct audience *audience, unsigned capacity)
{
    *audience = (struct audience){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                                  .data_bytes = EVENT_BYTES_DEFAULT,
                                  .capacity = capacity,
                                  .next = 1,
                                  .round_first = 1,
                                  .script_first = 1};
    RB_CHECK(audience->epoll_fd >= 0);
    audience->subscribers = rb_new_array(struct subscriber, capacity);
}

static void follow(struct subscriber *subscriber, size_t at)
{
    if (subscriber->pending) rb_buf_fini(subscriber->pending);
    rb_free(subscriber->pending);
    subscriber->pending = NULL;
    subscriber->at = at;
}

void audience_leave(struct audience *audience, unsigned rest)
{
    while (audience->count > rest) {
        struct subscriber *subscriber = &audience->subscribers[--audience->count];
        close(subscriber->fd);
        follow(subscriber, 0);
    }
}

void audience_fini(struct audience *audience)
{
    audience_leave(audience, 0);
    rb_buf_fini(&audience->script);
    rb_free(audience->ends);
    rb_free(audience->subscribers);
    if (audience->epoll_fd > 0) close(audience->epoll_fd);
    *audience = (struct audience){0};
}

/* ---- the script ---- */

static size_t script_place(const struct audience *audience, uint64_t number)
{
    uint64_t index = number - audience->script_first;
    return index == 0 ? 0 : audience->ends[index - 1];
}

static void extend_script(struct audience *audience, rb_str message)
{
    rb_ws_put_frame(&audience->script, RB_WS_TEXT, message);
    if (audience->script_count == audience->script_capacity) {
        audience->script_capacity = audience->script_capacity ? 2 * audience->script_capacity : 1024;
        audience->ends = rb_realloc(audience->ends, audience->script_capacity * sizeof *audience->ends);
    }
    audience->ends[audience->script_count++] = audience->script.n;
}

/* Anew, when it is long and nobody needs it any more. */
static void trim_script(struct audience *audience)
{
    if (audience->script.n < SCRIPT_KEEP_MAX) return;
    for (unsigned i = 0; i < audience->count; i++)
        if (audience->subscribers[i].next != audience->next || audience->subscribers[i].pending) return;
    for (unsigned i = 0; i < audience->count; i++) audience->subscribers[i].at = 0;
    rb_buf_clear(&audience->script);
    audience->script_count = 0;
    audience->script_first = audience->next;
}

/* ---- checking ---- */

/* The event's number when the message is an event as it was published. */
static bool read_event(const struct audience *audience, rb_str message, uint64_t *out_number)
{
    struct rb_json doc = {0};
    struct rb_arena arena = {0};
    struct rb_buf data = {0};
    rb_str op = RB_STR_NONE, topic = RB_STR_NONE;
    if (rb_json_parse(&doc, message, NULL) != RB_OK) return false;
    rb_json_val root = rb_json_root(&doc);
    bool is_good = rb_json_string(rb_json_get(root, "op"), &arena, &op) && rb_str_is(op, "event") &&
                   rb_json_string(rb_json_get(root, "topic"), &arena, &topic) &&
                   rb_str_is(topic, BENCH_TOPIC) &&
                   rb_json_u64(rb_json_get(rb_json_get(root, "data"), "number"), out_number);
    if (is_good) event_data_put(&data, *out_number, audience->data_bytes);
    is_good = is_good && rb_str_eq(rb_json_raw(rb_json_get(root, "data")), rb_buf_str(&data));
    rb_buf_fini(&data);
    rb_arena_fini(&arena);
    rb_json_fini(&doc);
    return is_good;
}

static void count_event(struct audience *audience, struct subscriber *subscriber, uint64_t now_ns)
{
    if (audience->latencies)
        samples_add(audience->latencies, now_ns - audience->due_ns[subscriber->next % DUE_TIMES]);
    subscriber->next++;
    audience->received++;
}

/* One that the script does not have; the number says what is wrong with it, if anything. */
static void take_unknown(struct audience *audience, struct subscriber *subscriber, rb_str message)
{
    uint64_t number;
    bool is_first = subscriber->next - audience->script_first == audience->script_count;
    if (!read_event(audience, message, &number)) {
        audience->changed++;
    } else if (number < subscriber->next) {
        audience->repeated++;
    } else if (number > subscriber->next) {
        audience->lost += number - subscriber->next;
        subscriber->next = number + 1;
    } else if (!is_first || number >= audience->next) {
        audience->changed++; /* another subscriber got it otherwise, or nobody has published it */
    } else {
        extend_script(audience, message);
        count_event(audience, subscriber, rb_clock_real_ns());
    }
}

static void take_message(struct audience *audience, struct subscriber *subscriber, rb_str message)
{
    if (subscriber->next - audience->script_first < audience->script_count) {
        size_t begin = script_place(audience, subscriber->next);
        size_t end = script_place(audience, subscriber->next + 1);
        rb_str frame = rb_str_make(audience->script.p + begin, end - begin);
        if (rb_str_ends(frame, message) && frame.n - message.n <= RB_WS_HEADER_MAX) {
            count_event(audience, subscriber, rb_clock_real_ns());
            return;
        }
    }
    take_unknown(audience, subscriber, message);
}

bool audience_is_sound(const struct audience *audience, const char *whose, struct report *report)
{
    if (audience->lost + audience->repeated + audience->changed + audience->closed == 0) return true;
    return report_fail(report, "%s: %llu events lost, %llu repeated, %llu changed, %llu connections closed",
                       whose, (unsigned long long)audience->lost, (unsigned long long)audience->repeated,
                       (unsigned long long)audience->changed, (unsigned long long)audience->closed);
}

void audience_account(const struct audience *audience, struct report *report)
{
    report->checked += audience->checked + audience->received;
    report->faults += audience->lost + audience->repeated + audience->changed + audience->closed;
}

/* ---- reading ---- */

static void lose(struct audience *audience, struct subscriber *subscriber)
{
    epoll_ctl(audience->epoll_fd, EPOLL_CTL_DEL, subscriber->fd, NULL);
    audience->closed++;
}

static void take_frame(struct audience *audience, struct subscriber *subscriber,
                       const struct rb_ws_event *event)
{
    if (event->opcode == RB_WS_TEXT)
        take_message(audience, subscriber, event->payload);
    else if (event->opcode == RB_WS_PING)
        frame_send(subscriber->fd, RB_WS_PONG, event->payload);
    else if (event->opcode == RB_WS_CLOSE)
        fprintf(stderr, "a subscriber was closed: %u %.*s\n", event->close_code, RB_STR_FMT(event->payload));
}

/* Frame by frame. The reader begins with each frame anew: what is incomplete is read again with the rest. */
static void take_pending(struct audience *audience, struct subscriber *subscriber)
{
    struct rb_buf *pending = subscriber->pending;
    size_t used = 0;
    enum rb_ws_step step;
    do {
        struct rb_ws_reader reader;
        struct rb_ws_input input = {pending->p + used, pending->n - used};
        struct rb_ws_event event;
        rb_err err;
        rb_ws_reader_init(&reader, false, MESSAGE_MAX);
        step = rb_ws_next(&reader, &input, &event, &err);
        if (step == RB_WS_EVENT) {
            take_frame(audience, subscriber, &event);
            used = pending->n - input.n;
        }
        rb_ws_reader_fini(&reader);
    } while (step == RB_WS_EVENT);
    rb_buf_drop_front(pending, used);
    if (step == RB_WS_FAILED)
        lose(audience, subscriber);
    else if (pending->n == 0 && subscriber->next - audience->script_first <= audience->script_count)
        follow(subscriber, script_place(audience, subscriber->next));
}

static void leave_script(struct audience *audience, struct subscriber *subscriber)
{
    size_t begin = script_place(audience, subscriber->next);
    subscriber->pending = rb_new(struct rb_buf);
    rb_buf_add(subscriber->pending, audience->script.p + begin, subscriber->at - begin);
}

static void advance(struct audience *audience, struct subscriber *subscriber, size_t n, uint64_t now_ns)
{
    subscriber->at += n;
    uint64_t index = subscriber->next - audience->script_first;
    for (; index < audience->script_count && audience->ends[index] <= subscriber->at; index++)
        count_event(audience, subscriber, now_ns);
}

static void take_bytes(struct audience *audience, struct subscriber *subscriber, rb_str bytes)
{
    uint64_t now_ns = audience->latencies ? rb_clock_real_ns() : 0;
    if (!subscriber->pending) {
        size_t left = audience->script.n - subscriber->at, same = bytes.n < left ? bytes.n : left;
        if (same > 0 && memcmp(bytes.p, audience->script.p + subscriber->at, same) == 0) {
            advance(audience, subscriber, same, now_ns);
            bytes = rb_str_from(bytes, same);
        }
        if (bytes.n == 0) return;
        leave_script(audience, subscriber);
    }
    rb_buf_add_str(subscriber->pending, bytes);
    take_pending(audience, subscriber);
}

static void read_ready(struct audience *audience, struct subscriber *subscriber)
{
    static char bytes[READ_BYTES];
    ssize_t n;
    do { /* edge-triggered: until there is no more */
        n = recv(subscriber->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) take_bytes(audience, subscriber, rb_str_make(bytes, (size_t)n));
    } while (n == sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN)) lose(audience, subscriber);
}

void audience_read(struct audience *audience, uint64_t timeout_ns)
{
    static struct epoll_event ready[READY_MAX];
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                               .tv_nsec = (long)(timeout_ns % 1000000000)};
    int n = epoll_pwait2(audience->epoll_fd, ready, READY_MAX, &timeout, NULL);
    for (int i = 0; i < n; i++) read_ready(audience, ready[i].data.ptr);
}

/* ---- rounds ---- */

void audience_begin_round(struct audience *audience, unsigned events)
{
    trim_script(audience);
    audience->round_first = audience->next;
    audience->next += events;
    audience->checked += audience->received;
    audience->received = 0;
}

void audience_add_event(struct audience *audience, uint64_t due_ns)
{
    audience->due_ns[audience->next % DUE_TIMES] = due_ns;
    audience->next++;
}

bool audience_await_round(struct audience *audience, unsigned timeout_ms)
{
    enum { WAIT_NS = 100000000 };
    uint64_t until_ns = rb_clock_real_ns() + (uint64_t)timeout_ms * 1000000, turns = 0;
    uint64_t wanted = (audience->next - audience->round_first) * audience->count;
    while (audience->received < wanted) {
        bool is_unsound = audience->lost + audience->repeated + audience->changed + audience->closed > 0;
        /* Looking at the clock now and then is enough: a turn takes 100 ms at most. */
        if (is_unsound || (++turns % 16 == 0 && rb_clock_real_ns() > until_ns)) {
            audience->lost += is_unsound ? 0 : wanted - audience->received;
            return false;
        }
        audience_read(audience, WAIT_NS);
    }
    return true;
}

void audience_listen(struct audience *audience, unsigned ms)
{
    uint64_t until_ns = rb_clock_real_ns() + (uint64_t)ms * 1000000, now_ns;
    while ((now_ns = rb_clock_real_ns()) < until_ns) audience_read(audience, until_ns - now_ns);
}
