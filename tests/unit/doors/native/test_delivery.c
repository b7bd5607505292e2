/* Many sockets, slow sockets, and the end of all sockets. */
#include "clients.h"

#include <poll.h>

/* ---- fan-out ---- */

enum { SOCKETS = 50, EVENTS = 600 };

/* Every tenth event is for bob alone. */
static bool is_for_bob(unsigned number)
{
    return number % 10 == 9;
}

/* Numbers from `from` on, as an array of events; the data of each may be filled up to some size. */
static void publish_many(int loop, const char *topic, unsigned from, unsigned count, size_t bytes)
{
    struct rb_buf body = {0};
    for (unsigned i = 0; i < count; i++) {
        rb_buf_add_fmt(&body, "%s{\"name\":\"n\",%s\"data\":[%u,\"", i ? "," : "[",
                       is_for_bob(from + i) ? "\"audience\":\"bob\"," : "", from + i);
        for (size_t at = 0; at < bytes; at++) rb_buf_add_char(&body, 'x');
        rb_buf_add_text(&body, "\"]}");
    }
    rb_buf_add_text(&body, "]");
    rb_free(publish(loop, topic, rb_buf_text(&body)));
    rb_buf_fini(&body);
}

/* The first element of the data of the event read last. */
static uint64_t number_of(struct ws *ws)
{
    struct rb_json doc;
    uint64_t number = 0;
    assert_int_equal(rb_json_parse(&doc, ws_text(ws), NULL), RB_OK);
    rb_json_val data = rb_json_get(rb_json_root(&doc), "data");
    assert_true(rb_json_u64(rb_json_first(data), &number));
    rb_json_fini(&doc);
    return number;
}

static void test_fan_out(void **state)
{
    (void)state;
    static const char *const topics[] = {"fan", "durable/fan"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        struct ws *sockets[LOOPS * SOCKETS];
        for (int i = 0; i < LOOPS * SOCKETS; i++) {
            sockets[i] = ws_open(i % LOOPS, i % 3 ? "acme-ann" : "acme-bob");
            ws_subscribe(sockets[i], topics[t], NULL);
        }
        for (unsigned at = 0; at < EVENTS; at += 100)
            publish_many((int)(at / 100) % 2, topics[t], at, 100, 10);
        for (int i = 0; i < LOOPS * SOCKETS; i++) {
            for (unsigned number = 0; number < EVENTS; number++) {
                if (is_for_bob(number) && i % 3) continue;
                ws_next(sockets[i]);
                expect_member(ws_text(sockets[i]), "op", "\"event\"");
                assert_int_equal(number_of(sockets[i]), number);
            }
            ws_close(sockets[i]);
        }
    }
}

/* Back ends publish on both loops at once, each over a socket; all see all, and of each publisher in order.
 */
static void test_two_publishers(void **state)
{
    (void)state;
    enum { EACH = 300 };
    struct ws *publishers[2] = {ws_open(0, "acme-crm"), ws_open(1, "acme-crm")};
    struct ws *listeners[2] = {ws_open(0, "acme-ann"), ws_open(1, "acme-bob")};
    for (int i = 0; i < 2; i++) ws_subscribe(listeners[i], "both", NULL);
    for (unsigned n = 0; n < EACH; n++)
        for (unsigned i = 0; i < 2; i++)
            ws_say(publishers[i],
                   "{\"op\":\"publish\",\"id\":%u,\"topic\":\"both\",\"name\":\"n\",\"data\":[%u]}", n,
                   i * EACH + n);
    for (int i = 0; i < 2; i++) {
        unsigned next[2] = {0, EACH};
        for (unsigned n = 0; n < 2 * EACH; n++) {
            ws_next(listeners[i]);
            uint64_t number = number_of(listeners[i]);
            assert_int_equal(number, next[number / EACH]++);
        }
    }
    for (int i = 0; i < 2; i++) { /* every publication has its reply, in order */
        for (unsigned n = 0; n < EACH; n++) {
            char id[16];
            snprintf(id, sizeof id, "%u", n);
            ws_expect(publishers[i], "\"ok\"", id);
        }
        ws_close(publishers[i]);
        ws_close(listeners[i]);
    }
}

/* ---- slow readers ---- */

static struct ws *open_slow(int loop)
{
    struct ws *ws = ws_open(loop, "acme-bob");
    int bytes = 256 * 1024;
    setsockopt(ws->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return ws;
}

/* A socket that is not read for a long time gets what is left, in order, and is told of each hole. */
static void test_slow_reader(void **state)
{
    (void)state;
    enum { LARGE = 3000, ROUNDS = 30, EACH = 300 };
    for (int loop = 0; loop < LOOPS; loop++) {
        struct ws *slow = open_slow(loop), *quick = ws_open(loop, "acme-bob");
        char topic[20];
        unsigned gaps = 0;
        uint64_t next = 0;
        bool is_behind_gap = false;
        snprintf(topic, sizeof topic, "slow%d", loop);
        ws_subscribe(slow, topic, NULL);
        ws_subscribe(quick, topic, NULL);
        for (unsigned round = 0; round < ROUNDS; round++) {
            publish_many(0, topic, round * EACH, EACH, LARGE);
            for (unsigned i = 0; i < EACH; i++) {
                ws_next(quick);
                assert_int_equal(number_of(quick), round * EACH + i);
            }
        }
        while (next < ROUNDS * EACH) {
            assert_string_not_equal(ws_next(slow), "");
            if (rb_str_starts(ws_text(slow), RB_STR("{\"op\":\"gap\""))) {
                gaps++;
                is_behind_gap = true;
                continue;
            }
            uint64_t number = number_of(slow);
            if (is_behind_gap ? number <= next : number != next)
                fail_msg("%llu instead of %llu", (unsigned long long)number, (unsigned long long)next);
            next = number + 1;
            is_behind_gap = false;
        }
        assert_true(gaps > 0);
        ws_close(slow);
        ws_close(quick);
    }
}

/* Who asks without reading the answers is not read from any more, until it reads; nothing is lost. */
static void test_asks_without_reading(void **state)
{
    (void)state;
    enum { ASKED = 100000, ID_BYTES = 200 };
    struct ws *ws = open_slow(0);
    struct pollfd room = {.fd = ws->fd, .events = POLLOUT};
    char id[ID_BYTES + 20], zeros[ID_BYTES + 1];
    memset(zeros, '0', ID_BYTES);
    zeros[ID_BYTES] = 0;
    unsigned asked = 0;
    for (; asked < ASKED && poll(&room, 1, 200) == 1; asked++)
        ws_say(ws, "{\"op\":\"dance\",\"id\":\"%s%u\"}", zeros, asked);
    assert_true(asked < ASKED);
    for (unsigned i = 0; i < asked; i++) {
        snprintf(id, sizeof id, "\"%s%u\"", zeros, i);
        ws_expect_error(ws, id, "bad_request");
    }
    ws_close(ws);
}

/* ---- the end ---- */

static void act_close_here(void *arg)
{
    (void)arg;
    rb_native_close_all(rig.native, RB_SHUTTING_DOWN);
}

static void test_close_all(void **state)
{
    (void)state;
    for (int loop = 0; loop < LOOPS; loop++) {
        char target[300];
        struct ws *ann = ws_open(loop, "acme-ann"), *nobody = ws_open(loop, NULL);
        struct ws *echo = ws_open_at(loop, "/echo", NULL), *elsewhere = ws_open(1 - loop, "acme-ann");
        ws_subscribe(ann, "a", NULL);
        struct stream stream = stream_open(loop, topic_target(target, "a", ""), "acme-ann", "");
        int page =
            begin_http(loop, "GET", topic_target(target, "a", "?after=now&wait=30"), "acme-ann", "", NULL);
        struct answer started = http(loop, "POST", "/v1/jobs/slow", "acme-ann", "", NULL);
        expect_status(&started, 202);
        char *id = text_member(started.body, "id");
        snprintf(target, sizeof target, "/v1/jobs/%s?wait=60", id);
        int job = begin_http(loop, "GET", target, "acme-ann", "", NULL);
        struct answer other = get(loop, "/v1/jobs", "acme-ann"); /* all before it has been handled by then */
        answer_fini(&other);
        answer_fini(&started);
        rb_free(id);
        settle();
        on(rig.loops[loop], act_close_here, NULL);
        ws_expect_close(ann, 1001, "shutting_down");
        ws_expect_close(nobody, 1001, "shutting_down");
        ws_expect_close(echo, 1001, "shutting_down");
        assert_string_equal(stream_next(&stream), "");
        struct answer answer = read_answer(page);
        expect_status(&answer, 200);
        answer_fini(&answer);
        answer = read_answer(job);
        expect_status(&answer, 200);
        expect_has(&answer, "\"kind\":\"slow\"");
        answer_fini(&answer);
        if (loop == 0) ws_subscribe(elsewhere, "a", NULL); /* which is not touched */
        expect_problem(http(loop, "GET", "/v1/topics/a/events", "acme-ann", "Accept: text/event-stream\r\n",
                            NULL),
                       503, "shutting_down");
        int late = client_open(loop);
        answer = upgrade(late, "/v1/socket", "acme-ann", "");
        expect_status(&answer, 503);
        answer_fini(&answer);
        close(late);
        ws_close(ann);
        ws_close(nobody);
        ws_close(echo);
        ws_close(elsewhere);
        stream_close(&stream);
        if (loop == 0) { /* the other loop's turn, with a door that is open */
            rig_tear_down(NULL);
            rig_set_up(NULL);
        }
    }
}

static int tests(void)
{
    const struct CMUnitTest table[] = {
        ON_A_RIG(test_fan_out),     ON_A_RIG(test_two_publishers),
        ON_A_RIG(test_slow_reader), ON_A_RIG(test_asks_without_reading),
        ON_A_RIG(test_close_all),
    };
    return cmocka_run_group_tests(table, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
