/* /v1/socket, from outside. */
#include "clients.h"

/* ---- who it is ---- */

static void test_auth_by_header(void **state)
{
    (void)state;
    struct ws *ws = ws_open(0, "acme-ann");
    ws_subscribe(ws, "a", NULL);
    ws_say(ws, "{\"op\":\"auth\",\"id\":2,\"token\":\"acme-ann\"}");
    ws_expect_error(ws, "2", "conflict");
    ws_close(ws);
    int fd = client_open(0);
    struct answer answer = upgrade(fd, "/v1/socket", "nobody", "");
    expect_status(&answer, 401);
    close(fd);
    answer_fini(&answer);
}

static void test_auth_by_message(void **state)
{
    (void)state;
    struct ws *ws = ws_open(1, NULL);
    ws_say(ws, "{\"op\":\"subscribe\",\"id\":1,\"topic\":\"a\"}");
    ws_expect_error(ws, "1", "unauthenticated");
    ws_say(ws, "{\"op\":\"auth\",\"id\":2,\"token\":\"wrong\"}");
    ws_expect_error(ws, "2", "unauthenticated");
    ws_say(ws, "{\"op\":\"auth\",\"id\":3,\"token\":4}");
    ws_expect_error(ws, "3", "unauthenticated");
    /* Everything at once: it is handled in order, though tokens are looked up. */
    ws_say(ws, "{\"op\":\"auth\",\"id\":4,\"token\":\"wrong too\"}");
    ws_say(ws, "{\"op\":\"subscribe\",\"id\":5,\"topic\":\"a\"}");
    ws_say(ws, "{\"op\":\"auth\",\"id\":6,\"token\":\"acme-crm\"}");
    ws_say(ws, "{\"op\":\"subscribe\",\"id\":7,\"topic\":\"a\"}");
    ws_expect_error(ws, "4", "unauthenticated");
    ws_expect_error(ws, "5", "unauthenticated");
    ws_expect(ws, "\"ok\"", "6");
    ws_expect(ws, "\"ok\"", "7");
    ws_say(ws, "{\"op\":\"publish\",\"id\":8,\"topic\":\"b\",\"name\":\"n\"}");
    ws_expect(ws, "\"ok\"", "8");
    ws_close(ws);
}

static void test_auth_timeout(void **state)
{
    (void)state;
    struct ws *ws = ws_open(0, NULL);
    rb_clock_test_advance_ms(AUTH_TIMEOUT_MS - 1000);
    ws_say(ws, "{\"op\":\"auth\",\"id\":1,\"token\":\"wrong\"}");
    ws_expect_error(ws, "1", "unauthenticated");
    rb_clock_test_advance_ms(1500);
    ws_expect_close(ws, 4408, "connect_timeout");
    ws_close(ws);
}

static void test_origin(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int status;
    } table[] = {{"Origin: http://localhost\r\n", 101},
                 {"Origin: https://app.example\r\n", 101},
                 {"Origin: https://evil.example\r\n", 403},
                 {"Origin: null\r\n", 403}};
    static const char *const targets[] = {"/v1/socket", "/echo"};
    for (size_t i = 0; i < RB_COUNT(table) * RB_COUNT(targets); i++) {
        int fd = client_open(0);
        struct answer answer = upgrade(fd, targets[i % 2], NULL, table[i / 2].line);
        expect_status(&answer, table[i / 2].status);
        close(fd);
        answer_fini(&answer);
    }
    expect_problem(http(0, "GET", "/v1/jobs", "acme-ann", "Origin: https://evil.example\r\n", NULL), 403,
                   "origin_refused");
}

/* ---- messages ---- */

static void test_bad_messages(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id, *reason;
    } table[] = {
        {"", "", "bad_json"},
        {"{", "", "bad_json"},
        {"{\"op\":\"auth\",\"op\":\"auth\"}", "", "bad_json"},
        {"[1]", "", "bad_request"},
        {"{}", "", "bad_request"},
        {"{\"id\":1}", "1", "bad_request"},
        {"{\"op\":7,\"id\":1.50}", "1.50", "bad_request"},
        {"{\"op\":\"dance\",\"id\":\"a\\u0041\"}", "\"a\\u0041\"", "bad_request"},
        {"{\"op\":\"reply\",\"id\":null,\"call\":\"c\"}", "null", "bad_request"},
        {"{\"op\":\"subscribe\",\"id\":[1],\"topic\":\"a\"}", "", "bad_request"},
        {"{\"op\":\"subscribe\",\"id\":true}", "true", "bad_name"},
        {"{\"op\":\"subscribe\",\"id\":1,\"topic\":\"\"}", "1", "bad_name"},
        {"{\"op\":\"subscribe\",\"id\":1,\"topic\":\"a\\n\"}", "1", "bad_name"},
        {"{\"op\":\"subscribe\",\"id\":1,\"topic\":\"a\",\"after\":\"x\"}", "1", "bad_position"},
        {"{\"op\":\"subscribe\",\"id\":1,\"topic\":\"a\",\"after\":5}", "1", "bad_position"},
        {"{\"op\":\"unsubscribe\",\"id\":1,\"topic\":\"a\"}", "1", "not_subscribed"},
        {"{\"op\":\"publish\",\"id\":1,\"topic\":\"a\"}", "1", "bad_name"},
        {"{\"op\":\"publish\",\"id\":1,\"topic\":\"a\",\"name\":\"\"}", "1", "bad_name"},
        {"{\"op\":\"publish\",\"id\":1,\"topic\":\"a\",\"name\":\"n\",\"final\":1}", "1", "unprocessable"},
        {"{\"op\":\"publish\",\"id\":1,\"topic\":\"a\",\"name\":\"n\",\"audience\":\"\"}", "1", "bad_name"},
        {"{\"op\":\"publish\",\"id\":1,\"topic\":\"jobs/1\",\"name\":\"n\"}", "1", "forbidden"},
    };
    struct ws *ws = ws_open(0, "acme-crm");
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        ws_say(ws, "%s", table[i].text);
        ws_expect_error(ws, table[i].id, table[i].reason);
    }
    char long_id[400];
    memset(long_id, '1', sizeof long_id);
    ws_say(ws, "{\"op\":\"subscribe\",\"id\":%.300s,\"topic\":\"a\"}", long_id);
    ws_expect_error(ws, "", "bad_request");
    ws_subscribe(ws, "a", NULL); /* it has survived all that */
    ws_send(ws, RB_WS_BINARY, RB_STR("{}"));
    ws_expect_close(ws, 1003, "unsupported_media_type");
    ws_close(ws);
}

static void test_subscribing(void **state)
{
    (void)state;
    struct ws *ws = ws_open(0, "acme-ann");
    ws_subscribe(ws, "t0", NULL);
    ws_say(ws, "{\"op\":\"subscribe\",\"id\":2,\"topic\":\"t0\"}");
    ws_expect_error(ws, "2", "already_subscribed");
    for (int i = 1; i < SUBSCRIPTIONS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        ws_subscribe(ws, name, NULL);
    }
    ws_say(ws, "{\"op\":\"subscribe\",\"id\":3,\"topic\":\"more\"}");
    ws_expect_error(ws, "3", "too_many_subscriptions");
    ws_say(ws, "{\"op\":\"unsubscribe\",\"id\":4,\"topic\":\"t0\"}");
    ws_expect(ws, "\"ok\"", "4");
    rb_free(text_member(ws_text(ws), "position"));
    ws_subscribe(ws, "more", NULL);
    publish_number(0, "t0", 1);
    publish_number(0, "more", 2);
    ws_expect_event(ws, "more", "2");
    /* Both get their answer, in whatever state the subscription is. */
    ws_say(ws, "{\"op\":\"unsubscribe\",\"topic\":\"more\"}");
    ws_expect(ws, "\"ok\"", "");
    ws_send(ws, RB_WS_TEXT, RB_STR("{\"op\":\"subscribe\",\"id\":5,\"topic\":\"durable/x\"}"));
    ws_send(ws, RB_WS_TEXT, RB_STR("{\"op\":\"unsubscribe\",\"id\":6,\"topic\":\"durable/x\"}"));
    ws_next(ws);
    expect_member(ws_text(ws), "id", "5");
    ws_expect(ws, "\"ok\"", "6");
    ws_close(ws);
}

static void test_publish_and_subscribe(void **state)
{
    (void)state;
    static const char *const topics[] = {"a", "durable/a", "last/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        struct ws *ann = ws_open(0, "acme-ann"), *bob = ws_open(1, "acme-bob"), *crm = ws_open(1, "acme-crm");
        ws_subscribe(ann, topics[t], NULL);
        ws_subscribe(bob, topics[t], NULL);
        ws_say(
            crm,
            "{\"op\":\"publish\",\"id\":\"x\",\"topic\":\"%s\",\"name\":\"done\",\"data\": {\"b\" : 1.0e2} ,"
            "\"final\":true}",
            topics[t]);
        ws_expect(crm, "\"ok\"", "\"x\"");
        char *position = text_member(ws_text(crm), "position");
        struct ws *const both[] = {ann, bob};
        for (int i = 0; i < 2; i++) {
            char wanted[200];
            ws_next(both[i]);
            snprintf(wanted, sizeof wanted,
                     "{\"op\":\"event\",\"topic\":\"%s\",\"position\":\"%s\",\"name\":\"done\","
                     "\"data\":{\"b\" : 1.0e2},\"final\":true}",
                     topics[t], position);
            assert_str(ws_text(both[i]), wanted);
        }
        rb_free(position);
        ws_say(crm, "{\"op\":\"publish\",\"topic\":\"%s\",\"name\":\"n\",\"audience\":\"bob\"}", topics[t]);
        ws_expect(crm, "\"ok\"", "");
        publish_number(0, topics[t], 5);
        ws_expect_event(bob, topics[t], "null");
        ws_expect_event(bob, topics[t], "5");
        ws_expect_event(ann, topics[t], "5");
        ws_close(ann);
        ws_close(bob);
        ws_close(crm);
    }
}

static void test_clients_do_not_publish(void **state)
{
    (void)state;
    struct ws *ann = ws_open(0, "acme-ann");
    ws_say(ann, "{\"op\":\"publish\",\"id\":1,\"topic\":\"a\",\"name\":\"n\"}");
    ws_expect_error(ann, "1", "forbidden");
    expect_problem(http(0, "POST", "/v1/topics/a/events", "acme-ann", "", "{\"name\":\"n\"}"), 403,
                   "forbidden");
    ws_close(ann);
}

static void test_tenants_are_apart(void **state)
{
    (void)state;
    for (int loop = 0; loop < LOOPS; loop++) {
        struct ws *ann = ws_open(loop, "acme-ann"), *eve = ws_open(loop, "other-eve");
        ws_subscribe(ann, "a", NULL);
        ws_subscribe(eve, "a", NULL);
        ws_say(eve, "{\"op\":\"subscribe\",\"id\":1,\"topic\":\"acme/a\"}");
        ws_expect(eve, "\"ok\"", "1"); /* of its own tenant */
        publish_number(0, "a", 1);
        settle();
        struct answer answer =
            http(1, "POST", "/v1/topics/a/events", "other-erp", "", "{\"name\":\"n\",\"data\":2}");
        expect_status(&answer, 200);
        answer_fini(&answer);
        ws_expect_event(eve, "a", "2");
        publish_number(0, "a", 3);
        ws_expect_event(ann, "a", "1");
        ws_expect_event(ann, "a", "3");
        ws_close(ann);
        ws_close(eve);
    }
}

/* ---- coming back ---- */

static void test_replay(void **state)
{
    (void)state;
    static const char *const topics[] = {"r", "durable/r"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        for (unsigned i = 1; i <= 3; i++) publish_number(0, topics[t], i);
        for (int loop = 0; loop < LOOPS; loop++) {
            struct ws *ws = ws_open(loop, "acme-ann");
            ws_subscribe(ws, topics[t], "start");
            ws_expect_event(ws, topics[t], "1");
            ws_expect_event(ws, topics[t], "2");
            char *position = text_member(ws_text(ws), "position");
            ws_expect_event(ws, topics[t], "3");
            ws_close(ws);
            ws = ws_open(1 - loop, "acme-ann");
            ws_subscribe(ws, topics[t], position);
            expect_member(ws_text(ws), "op", "\"ok\"");
            ws_expect_event(ws, topics[t], "3");
            ws_close(ws);
            rb_free(position);
        }
    }
}

static void test_gap(void **state)
{
    (void)state;
    char *first = publish(0, "last/g", "{\"name\":\"n\",\"data\":1}");
    rb_free(publish(0, "last/g", "{\"name\":\"n\",\"data\":2}"));
    char *third = publish(0, "last/g", "{\"name\":\"n\",\"data\":3}");
    const char *const afters[] = {first, "123:4"};
    for (int i = 0; i < 4; i++) {
        struct ws *ws = ws_open(i % 2, "acme-ann");
        ws_subscribe(ws, "last/g", afters[i / 2]);
        ws_expect(ws, "\"gap\"", "");
        char *after = text_member(ws_text(ws), "after"), *next = text_member(ws_text(ws), "next");
        expect_member(ws_text(ws), "topic", "\"last/g\"");
        assert_string_equal(after, afters[i / 2]);
        ws_expect_event(ws, "last/g", "3");
        rb_free(after);
        ws_close(ws);
        ws = ws_open(i % 2, "acme-ann"); /* where the gap ends there is none */
        ws_subscribe(ws, "last/g", next);
        ws_expect_event(ws, "last/g", "3");
        rb_free(next);
        ws_close(ws);
    }
    rb_free(first);
    rb_free(third);
}

/* ---- signs of life ---- */

static void test_ping(void **state)
{
    (void)state;
    struct ws *alive = ws_open(0, "acme-ann"), *deaf = ws_open(0, "acme-ann"), *busy = ws_open(0, "acme-ann");
    deaf->is_deaf = true;
    ws_subscribe(alive, "a", NULL);
    ws_subscribe(deaf, "a", NULL);
    for (int i = 0; i < 4; i++) {
        rb_clock_test_advance_ms(PING_INTERVAL_MS / 2 + 100);
        settle();
        ws_say(busy, "{\"op\":\"unsubscribe\",\"id\":1,\"topic\":\"a\"}"); /* says something all the time */
        ws_expect_error(busy, "1", "not_subscribed");
        publish_number(0, "a", 1);
        ws_expect_event(alive, "a", "1"); /* and the pings before it are answered */
        settle();
    }
    ws_say(alive, "{\"op\":\"subscribe\",\"id\":2,\"topic\":\"b\"}");
    ws_expect(alive, "\"ok\"", "2");
    assert_true(alive->pings >= 1);
    assert_int_equal(busy->pings, 0);
    while (ws_next(deaf)[0]) {
    }
    assert_int_equal(deaf->close_code, 4408);
    assert_str(ws_text(deaf), "ping_timeout");
    ws_close(alive);
    ws_close(deaf);
    ws_close(busy);
}

/* So many pings have come to it, seen without its saying anything. */
static unsigned pings_of(struct ws *ws, unsigned number)
{
    char data[12];
    snprintf(data, sizeof data, "%u", number);
    ws_expect_event(ws, "a", data);
    return ws->pings;
}

/* Who spoke last is asked last, each in its time, although one timer serves them all. Time goes on by itself,
 * too, so looks are half a step away from what is due. */
static void test_pings_in_turn(void **state)
{
    (void)state;
    enum { STEP_MS = PING_INTERVAL_MS / 5 };
    struct ws *sockets[3];
    for (int i = 0; i < 3; i++) {
        sockets[i] = ws_open(0, "acme-ann");
        sockets[i]->is_deaf = true;
        ws_subscribe(sockets[i], "a", NULL);
        rb_clock_test_advance_ms(STEP_MS);
    }
    ws_subscribe(sockets[0], "b", NULL); /* 3 steps after the beginning */
    static const unsigned pings[][3] = {{0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {1, 1, 1}};
    rb_clock_test_advance_ms(2 * STEP_MS + STEP_MS / 2);
    for (unsigned row = 0; row < RB_COUNT(pings); row++) {
        settle();
        publish_number(0, "a", row);
        for (int i = 0; i < 3; i++)
            if (pings_of(sockets[i], row) != pings[row][i])
                fail_msg("row %u, socket %d: %u pings", row, i, sockets[i]->pings);
        rb_clock_test_advance_ms(STEP_MS);
    }
    for (int i = 0; i < 3; i++) ws_close(sockets[i]);
}

/* ---- echo ---- */

static void test_echo(void **state)
{
    (void)state;
    struct ws *ws = ws_open_at(0, "/echo", NULL);
    enum { LARGE = 3 * 1024 * 1024 };
    char *large = rb_alloc(LARGE);
    memset(large, 'x', LARGE);
    ws_say(ws, "hello");
    assert_string_equal(ws_next(ws), "hello");
    ws_send(ws, RB_WS_BINARY, rb_str_make(large, LARGE));
    ws_next(ws);
    assert_int_equal(ws->text.n, LARGE);
    rb_free(large);
    ws_close(ws);
}

static int tests(void)
{
    const struct CMUnitTest table[] = {
        ON_A_RIG(test_auth_by_header),
        ON_A_RIG(test_auth_by_message),
        ON_A_RIG(test_auth_timeout),
        ON_A_RIG(test_origin),
        ON_A_RIG(test_bad_messages),
        ON_A_RIG(test_subscribing),
        ON_A_RIG(test_publish_and_subscribe),
        ON_A_RIG(test_clients_do_not_publish),
        ON_A_RIG(test_tenants_are_apart),
        ON_A_RIG(test_replay),
        ON_A_RIG(test_gap),
        ON_A_RIG(test_ping),
        ON_A_RIG(test_pings_in_turn),
        ON_A_RIG(test_echo),
    };
    return cmocka_run_group_tests(table, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
