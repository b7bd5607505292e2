#include "audience.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/http1.h"
#include "codec/json.h"
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 100,           /* connections that shake hands at the same time */
    PER_SOURCE = 2000,     /* connections from one address */
    MESSAGE_MAX = 1 << 20, /* bytes */
    READ_BYTES = 65536,
    READY_MAX = 1024,
};

#define WS_KEY "cmluZ2JhY2stYmVuY2gtMQ==" /* secret to nobody; caches are not in the way here */

void event_data_put(struct rb_buf *out, uint64_t number)
{
    size_t begun = out->n;
    rb_buf_add_fmt(out, "{\"number\":%llu,\"fill\":\"", (unsigned long long)number);
    while (out->n - begun < EVENT_DATA_BYTES - 2) rb_buf_add_char(out, 'x');
    rb_buf_add_text(out, "\"}");
}

void audience_init(struct audience *audience, unsigned capacity)
{
    *audience = (struct audience){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .capacity = capacity, .next = 1};
    RB_CHECK(audience->epoll_fd >= 0);
    audience->subscribers = rb_new_array(struct subscriber, capacity);
}

void audience_fini(struct audience *audience)
{
    for (unsigned i = 0; i < audience->count; i++) {
        close(audience->subscribers[i].fd);
        rb_ws_reader_fini(&audience->subscribers[i].reader);
    }
    for (unsigned i = 0; i < ROUND_EVENTS_MAX; i++) rb_buf_fini(&audience->copies[i]);
    rb_free(audience->subscribers);
    if (audience->epoll_fd > 0) close(audience->epoll_fd);
    *audience = (struct audience){0};
}

/* ---- checking ---- */

/* The event's number when the message is an event as it was published. */
static bool read_event(rb_str message, uint64_t *out_number)
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
    if (is_good) event_data_put(&data, *out_number);
    is_good = is_good && rb_str_eq(rb_json_raw(rb_json_get(root, "data")), rb_buf_str(&data));
    rb_buf_fini(&data);
    rb_arena_fini(&arena);
    rb_json_fini(&doc);
    return is_good;
}

/* It is not the copy of what must come next. */
static void take_unknown(struct audience *audience, struct subscriber *subscriber, struct rb_buf *copy,
                         rb_str message)
{
    uint64_t number;
    if (!read_event(message, &number)) {
        audience->changed++;
    } else if (number < subscriber->next) {
        audience->repeated++;
    } else if (number > subscriber->next) {
        audience->lost += number - subscriber->next;
        subscriber->next = number + 1;
    } else if (!copy || copy->n > 0) {
        audience->changed++; /* another subscriber got it otherwise, or nobody has published it */
    } else {
        rb_buf_add_str(copy, message);
        subscriber->next++;
        audience->received++;
    }
}

static void take_message(struct audience *audience, struct subscriber *subscriber, rb_str message)
{
    uint64_t place = subscriber->next - audience->round_first;
    struct rb_buf *copy = place < audience->round_count ? &audience->copies[place] : NULL;
    audience->frame_bytes = message.n;
    if (!copy || copy->n == 0 || !rb_str_eq(rb_buf_str(copy), message)) {
        take_unknown(audience, subscriber, copy, message);
        return;
    }
    subscriber->next++;
    audience->received++;
}

bool audience_is_sound(const struct audience *audience, const char *whose, struct report *report)
{
    if (audience->lost + audience->repeated + audience->changed + audience->closed == 0) return true;
    return report_fail(report, "%s: %llu events lost, %llu repeated, %llu changed, %llu connections closed",
                       whose, (unsigned long long)audience->lost, (unsigned long long)audience->repeated,
                       (unsigned long long)audience->changed, (unsigned long long)audience->closed);
}

/* ---- reading ---- */

static bool send_frame(int fd, enum rb_ws_opcode opcode, rb_str payload)
{
    static const unsigned char mask[4] = {0x52, 0x69, 0x6e, 0x67};
    unsigned char header[RB_WS_HEADER_MAX];
    struct rb_buf frame = {0};
    rb_buf_add(&frame, header, rb_ws_put_header(header, opcode, true, payload.n, mask));
    rb_buf_add_str(&frame, payload);
    rb_ws_mask(frame.p + frame.n - payload.n, payload.n, mask, 0);
    bool is_good = link_send(fd, rb_buf_str(&frame));
    rb_buf_fini(&frame);
    return is_good;
}

static void leave(struct audience *audience, struct subscriber *subscriber)
{
    epoll_ctl(audience->epoll_fd, EPOLL_CTL_DEL, subscriber->fd, NULL);
    audience->closed++;
}

static void take_bytes(struct audience *audience, struct subscriber *subscriber, struct rb_ws_input input)
{
    struct rb_ws_event event;
    enum rb_ws_step step;
    rb_err err;
    while ((step = rb_ws_next(&subscriber->reader, &input, &event, &err)) == RB_WS_EVENT) {
        if (event.opcode == RB_WS_TEXT)
            take_message(audience, subscriber, event.payload);
        else if (event.opcode == RB_WS_PING)
            send_frame(subscriber->fd, RB_WS_PONG, event.payload);
        else if (event.opcode == RB_WS_CLOSE)
            fprintf(stderr, "a subscriber was closed: %u %.*s\n", event.close_code,
                    RB_STR_FMT(event.payload));
    }
    if (step == RB_WS_FAILED) leave(audience, subscriber);
}

static void read_ready(struct audience *audience, struct subscriber *subscriber)
{
    static char bytes[READ_BYTES];
    ssize_t n;
    do { /* edge-triggered: until there is no more */
        n = recv(subscriber->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0) take_bytes(audience, subscriber, (struct rb_ws_input){bytes, (size_t)n});
    } while (n == sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN)) leave(audience, subscriber);
}

static void read_some(struct audience *audience, int timeout_ms)
{
    static struct epoll_event ready[READY_MAX];
    int n = epoll_wait(audience->epoll_fd, ready, READY_MAX, timeout_ms);
    for (int i = 0; i < n; i++) read_ready(audience, ready[i].data.ptr);
}

void audience_begin_round(struct audience *audience, unsigned events)
{
    RB_CHECK(events > 0 && events <= ROUND_EVENTS_MAX);
    for (unsigned i = 0; i < events; i++) rb_buf_clear(&audience->copies[i]);
    audience->round_first = audience->next;
    audience->round_count = events;
    audience->next += events;
    audience->received = 0;
}

bool audience_await_round(struct audience *audience, unsigned timeout_ms)
{
    uint64_t until_ns = rb_clock_real_ns() + (uint64_t)timeout_ms * 1000000;
    uint64_t wanted = (uint64_t)audience->round_count * audience->count, turns = 0;
    while (audience->received < wanted) {
        bool is_unsound = audience->lost + audience->repeated + audience->changed + audience->closed > 0;
        /* Looking at the clock now and then is enough: a turn takes 100 ms at most. */
        if (is_unsound || (++turns % 16 == 0 && rb_clock_real_ns() > until_ns)) {
            audience->lost += is_unsound ? 0 : wanted - audience->received;
            return false;
        }
        read_some(audience, 100);
    }
    return true;
}

void audience_listen(struct audience *audience, unsigned ms)
{
    uint64_t until_ns = rb_clock_real_ns() + (uint64_t)ms * 1000000, now_ns;
    while ((now_ns = rb_clock_real_ns()) < until_ns)
        read_some(audience, (int)((until_ns - now_ns) / 1000000) + 1);
}

/* ---- joining ---- A batch at a time, each step for all of the batch, so that nobody waits for one another.
 */

static bool send_upgrade(struct subscriber *subscriber, const char *token)
{
    struct rb_buf request = {0};
    rb_buf_add_fmt(&request,
                   "GET /v1/socket HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n",
                   token);
    bool is_good = link_send(subscriber->fd, rb_buf_str(&request));
    rb_buf_fini(&request);
    return is_good;
}

static bool is_upgraded(const struct rb_http1_head *head)
{
    char accept[RB_WS_ACCEPT_BYTES + 1];
    return head->status == 101 && rb_ws_accept(RB_STR(WS_KEY), accept) &&
           rb_str_is(rb_http1_find(head, "Sec-WebSocket-Accept"), accept);
}

/* The server speaks next when it is spoken to, so nothing follows the head. */
static bool read_upgrade(struct subscriber *subscriber)
{
    static const struct rb_http1_limits limits = {.head_max = 4096};
    char bytes[4096];
    size_t n = 0, scanned = 0, used;
    struct rb_http1_head head;
    rb_err err;
    enum rb_http1_step step = RB_HTTP1_MORE;
    while (step == RB_HTTP1_MORE && n < sizeof bytes) {
        ssize_t more = recv(subscriber->fd, bytes + n, sizeof bytes - n, 0);
        if (more <= 0) return false;
        n += (size_t)more;
        step = rb_http1_answer(&head, rb_str_make(bytes, n), &scanned, false, &limits, &used, &err);
    }
    return step == RB_HTTP1_DONE && used == n && is_upgraded(&head);
}

static bool read_subscribed(struct subscriber *subscriber)
{
    char bytes[1024];
    struct rb_ws_event event;
    enum rb_ws_step step = RB_WS_MORE;
    rb_err err;
    while (step == RB_WS_MORE) {
        ssize_t n = recv(subscriber->fd, bytes, sizeof bytes, 0);
        if (n <= 0) return false;
        step = rb_ws_next(&subscriber->reader, &(struct rb_ws_input){bytes, (size_t)n}, &event, &err);
    }
    return step == RB_WS_EVENT && event.opcode == RB_WS_TEXT &&
           rb_str_starts(event.payload, RB_STR("{\"op\":\"ok\",\"id\":2"));
}

static bool shake_hands(struct subscriber *batch, unsigned count, const char *token)
{
    static const rb_str subscribe = {"{\"op\":\"subscribe\",\"id\":2,\"topic\":\"" BENCH_TOPIC "\"}",
                                     sizeof "{\"op\":\"subscribe\",\"id\":2,\"topic\":\"" BENCH_TOPIC "\"}" -
                                         1};
    bool is_good = true;
    for (unsigned i = 0; i < count && is_good; i++) is_good = send_upgrade(&batch[i], token);
    for (unsigned i = 0; i < count && is_good; i++)
        is_good = read_upgrade(&batch[i]) && send_frame(batch[i].fd, RB_WS_TEXT, subscribe);
    for (unsigned i = 0; i < count && is_good; i++) is_good = read_subscribed(&batch[i]);
    return is_good;
}

/* What it adds stays in the audience also when it fails, and is closed with it. */
static bool connect_batch(struct audience *audience, uint16_t port, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct subscriber *subscriber = &audience->subscribers[audience->count];
        *subscriber = (struct subscriber){.fd = link_connect(port, 1 + audience->count / PER_SOURCE),
                                          .next = audience->next};
        if (subscriber->fd < 0) return false;
        rb_ws_reader_init(&subscriber->reader, false, MESSAGE_MAX);
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
    while (more > 0) {
        struct subscriber *batch = &audience->subscribers[audience->count];
        unsigned count = more < BATCH ? more : BATCH;
        bool is_good = connect_batch(audience, port, count) &&
                       (!token_or_null || shake_hands(batch, count, token_or_null)) &&
                       watch_batch(audience, batch, count);
        if (!is_good) return false;
        more -= count;
    }
    return true;
}
