/* Events by HTTP, from outside: publishing, pages, streams. */
#include "clients.h"

#include <poll.h>

static struct answer get_page(int loop, const char *topic, const char *query, const char *token)
{
    char target[300];
    struct answer answer = get(loop, topic_target(target, topic, query), token);
    expect_status(&answer, 200);
    return answer;
}

static struct stream stream_topic(int loop, const char *topic, const char *query, const char *more)
{
    char target[300];
    return stream_open(loop, topic_target(target, topic, query), "acme-ann", more);
}

/* The data of a page's events, "1 2 3". */
static void expect_data(struct answer *answer, const char *text)
{
    struct rb_json doc;
    struct rb_buf got = {0};
    assert_int_equal(rb_json_parse(&doc, answer->body, NULL), RB_OK);
    rb_json_val event = rb_json_first(rb_json_get(rb_json_root(&doc), "events"));
    for (; rb_json_type(event) != RB_JSON_NONE; event = rb_json_next(event))
        rb_buf_add_fmt(&got, "%s%.*s", got.n ? " " : "", RB_STR_FMT(rb_json_raw(rb_json_get(event, "data"))));
    assert_string_equal(rb_buf_text(&got), text);
    rb_buf_fini(&got);
    rb_json_fini(&doc);
}

static void expect_page(int loop, const char *topic, const char *query, const char *text)
{
    struct answer answer = get_page(loop, topic, query, "acme-ann");
    expect_data(&answer, text);
    answer_fini(&answer);
}

/* ---- publishing ---- */

static void test_publish(void **state)
{
    (void)state;
    static const char *const topics[] = {"a", "durable/a"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        rb_free(publish(0, topics[t], "{\"name\":\"n\",\"data\":[ 1 ]}"));
        char *positions =
            publish(1, topics[t],
                    "[{\"name\":\"x\",\"data\":2},{\"name\":\"y\",\"data\":\"3\",\"final\":true},"
                    "{\"name\":\"z\",\"audience\":\"bob\"}]");
        struct rb_json doc;
        rb_json_parse(&doc, rb_str_of(positions), NULL);
        assert_int_equal(rb_json_count(rb_json_root(&doc)), 3);
        rb_json_fini(&doc);
        rb_free(positions);
        expect_page(0, topics[t], "", "[ 1 ] 2 \"3\"");
        struct answer bobs = get_page(1, topics[t], "", "acme-bob");
        expect_data(&bobs, "[ 1 ] 2 \"3\" null");
        expect_has(&bobs, "\"name\":\"y\",\"data\":\"3\",\"final\":true}");
        answer_fini(&bobs);
    }
    char *none = publish(0, "a", "[]");
    assert_string_equal(none, "[]");
    rb_free(none);
}

static void test_publish_refused(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *body;
        int status;
        const char *reason;
    } table[] = {
        {"a", "", 400, "bad_json"},
        {"a", "{", 400, "bad_json"},
        {"a", "7", 422, "unprocessable"},
        {"a", "{}", 400, "bad_name"},
        {"a", "[{\"name\":\"n\"},{}]", 400, "bad_name"},
        {"a", "[{\"name\":\"n\"},[]]", 422, "unprocessable"},
        {"a", "{\"name\":\"n\\u000d\"}", 400, "bad_name"},
        {"a", "{\"name\":\"n\",\"audience\":\"a b\"}", 400, "bad_name"},
        {"jobs/x", "{\"name\":\"n\"}", 403, "forbidden"},
        {"a\n", "{\"name\":\"n\"}", 400, "bad_name"},
    };
    char target[300];
    for (size_t i = 0; i < RB_COUNT(table); i++)
        expect_problem(http(0, "POST", topic_target(target, table[i].topic, ""), "acme-crm", "",
                            table[i].body),
                       table[i].status, table[i].reason);
    expect_page(0, "a", "", ""); /* nothing of an array with a fault in it */
    expect_problem(http(0, "POST", "/v1/topics/a/events", NULL, "", "{}"), 401, "unauthenticated");

    struct rb_buf many = {0};
    rb_buf_add_text(&many, "[{\"name\":\"n\"}");
    for (int i = 0; i < 1000; i++) rb_buf_add_text(&many, ",{\"name\":\"n\"}");
    rb_buf_add_text(&many, "]");
    expect_problem(http(0, "POST", "/v1/topics/a/events", "acme-crm", "", rb_buf_text(&many)), 422,
                   "unprocessable");
    rb_buf_clear(&many);
    for (int i = 0; i < MESSAGE_MAX / 8 + 1; i++) rb_buf_add_text(&many, "        ");
    expect_problem(http(0, "POST", "/v1/topics/a/events", "acme-crm", "", rb_buf_text(&many)), 413,
                   "body_too_large");
    rb_buf_fini(&many);
}

/* ---- pages ---- */

static void test_pages(void **state)
{
    (void)state;
    static const char *const topics[] = {"p", "durable/p"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        char query[100], target[300];
        for (unsigned i = 1; i <= 5; i++) publish_number(0, topics[t], i);
        for (int loop = 0; loop < LOOPS; loop++) {
            struct answer page = get_page(loop, topics[t], "?limit=2", "acme-ann");
            expect_data(&page, "1 2");
            char *position = text_member(page.body, "position");
            answer_fini(&page);
            snprintf(query, sizeof query, "?after=%s", position);
            expect_page(1 - loop, topics[t], query, "3 4 5");
            snprintf(query, sizeof query, "?after=%s&limit=1", position);
            expect_page(1 - loop, topics[t], query, "3");
            rb_free(position);
        }
        expect_page(0, topics[t], "?after=start", "1 2 3 4 5");
        expect_page(1, topics[t], "?after=now", "");
        static const char *const wrong[] = {"?limit=0", "?limit=1001", "?limit=x", "?wait=-1", "?wait=x"};
        for (size_t i = 0; i < RB_COUNT(wrong); i++)
            expect_problem(get(0, topic_target(target, topics[t], wrong[i]), "acme-ann"), 400, "bad_request");
        expect_problem(get(0, topic_target(target, topics[t], "?after=x"), "acme-ann"), 400, "bad_position");
    }
    struct answer others = get_page(0, "p", "", "other-erp");
    expect_data(&others, "");
    answer_fini(&others);
    expect_problem(get(0, "/v1/topics/p/events", NULL), 401, "unauthenticated");
}

static void test_page_gap(void **state)
{
    (void)state;
    char query[100];
    char *first = publish(0, "last/g", "{\"name\":\"n\",\"data\":1}");
    rb_free(publish(0, "last/g", "{\"name\":\"n\",\"data\":2}"));
    char *third = publish(0, "last/g", "{\"name\":\"n\",\"data\":3}");
    snprintf(query, sizeof query, "?after=%s", first);
    for (int loop = 0; loop < LOOPS; loop++) {
        struct answer page = get_page(loop, "last/g", query, "acme-ann");
        expect_data(&page, "3");
        char *gap = member(page.body, "gap"), *after = text_member(rb_str_of(gap), "after");
        assert_string_equal(after, first);
        char *position = text_member(page.body, "position");
        assert_string_equal(position, third);
        rb_free(position);
        rb_free(after);
        rb_free(gap);
        answer_fini(&page);
    }
    rb_free(first);
    rb_free(third);
}

/* Nothing there: it waits for the first event, or for its time. */
static void test_long_poll(void **state)
{
    (void)state;
    char target[300];
    for (int loop = 0; loop < LOOPS; loop++) {
        expect_page(loop, "lp", "?after=now",
                    ""); /* its token is known from here on: no request overtakes another */
        int fd =
            begin_http(loop, "GET", topic_target(target, "lp", "?after=now&wait=30"), "acme-ann", "", NULL);
        expect_page(loop, "lp", "?after=now", "");
        settle();
        publish_number(0, "lp", 7);
        struct answer answer = read_answer(fd);
        expect_status(&answer, 200);
        expect_data(&answer, "7");
        answer_fini(&answer);

        fd = begin_http(loop, "GET", topic_target(target, "lp", "?after=now&wait=30"), "acme-ann", "", NULL);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        while (poll(&ready, 1, 1) == 0) rb_clock_test_advance_ms(1000);
        answer = read_answer(fd);
        expect_status(&answer, 200);
        expect_data(&answer, "");
        answer_fini(&answer);
    }
    /* Who goes while waiting leaves nothing behind; the rig checks it. */
    close(begin_http(0, "GET", topic_target(target, "lp", "?after=now&wait=30"), "acme-ann", "", NULL));
}

/* ---- streams ---- */

static void test_stream(void **state)
{
    (void)state;
    static const char *const topics[] = {"s", "durable/s"};
    for (size_t t = 0; t < RB_COUNT(topics); t++) {
        publish_number(0, topics[t], 1);
        for (int loop = 0; loop < LOOPS; loop++) {
            char target[300];
            struct stream all = stream_topic(loop, topics[t], "?after=start", "");
            struct stream now = stream_topic(loop, topics[t], "", "");
            assert_int_equal(now.answer.status, 200);
            assert_non_null(strstr(answer_text(&now.answer), "Content-Type: text/event-stream"));
            stream_expect(&all, "n", "1");
            char *position = rb_str_dup(stream_id(&all)), lines[100];
            settle();
            rb_free(publish(1, topics[t], "{\"name\":\"two\",\"data\":{\n\"a\":2}}"));
            stream_expect(&all, "two", "{\ndata: \"a\":2}");
            stream_expect(&now, "two", "{\ndata: \"a\":2}");
            snprintf(lines, sizeof lines, "Last-Event-ID: %s\r\n", position);
            struct stream again = stream_topic(1 - loop, topics[t], "?after=now", lines); /* the id wins */
            stream_expect(&again, "two", "{\ndata: \"a\":2}");
            stream_close(&all);
            stream_close(&now);
            stream_close(&again);
            rb_free(position);
            expect_problem(http(0, "GET", topic_target(target, topics[t], ""), "acme-ann",
                                "Accept: text/event-stream\r\nLast-Event-ID: x\r\n", NULL),
                           400, "bad_position");
            rb_free(publish(1, topics[t], "{\"name\":\"n\",\"data\":1}"));
        }
    }
}

static void test_stream_gap(void **state)
{
    (void)state;
    rb_free(publish(0, "last/g", "{\"name\":\"n\",\"data\":1}"));
    struct stream stream = stream_topic(1, "last/g", "", "Last-Event-ID: 12:3\r\n");
    const char *block = stream_next(&stream);
    assert_non_null(strstr(block, "event: gap\ndata: {\"after\":\"12:3\",\"next\":\""));
    char lines[100];
    snprintf(lines, sizeof lines, "Last-Event-ID: %.*s\r\n", RB_STR_FMT(stream_id(&stream)));
    stream_expect(&stream, "n", "1");
    stream_close(&stream);
    stream = stream_topic(1, "last/g", "", lines); /* the gap is told once */
    stream_expect(&stream, "n", "1");
    stream_close(&stream);
}

/* HTTP/1.0 has no chunks: the same events in the other form. */
static void test_old_http(void **state)
{
    (void)state;
    rb_free(publish(0, "old", "{\"name\":\"n\",\"data\":1}"));
    struct stream new = stream_topic(0, "old", "?after=start", "");
    stream_expect(&new, "n", "1");
    int fd = client_open(0);
    client_send(fd, RB_STR("GET /v1/topics/old/events?after=start HTTP/1.0\r\nHost: x\r\n"
                           "Authorization: Bearer acme-ann\r\nAccept: text/event-stream\r\n\r\n"));
    struct rb_buf in = {0};
    while (!strstr(rb_buf_text(&in), "\nevent: n\ndata: 1\n\n"))
        if (!client_read(fd, &in)) fail_msg("it closed: %s", rb_buf_text(&in));
    assert_null(strstr(rb_buf_text(&in), "chunked"));
    rb_buf_fini(&in);
    close(fd);
    stream_close(&new);
}

/* ---- health ---- */

static void test_health(void **state)
{
    (void)state;
    struct answer answer = get(0, "/livez", NULL);
    expect_status(&answer, 200);
    assert_str(answer.body, "{\"status\":\"ok\"}");
    answer_fini(&answer);
    answer = get(0, "/readyz", NULL);
    expect_status(&answer, 200);
    answer_fini(&answer);
    atomic_store(&rig.is_ready, false);
    answer = get(0, "/readyz", NULL);
    expect_has(&answer, "It is only a test.");
    expect_problem(answer, 503, "not_ready");
}

static int tests(void)
{
    const struct CMUnitTest table[] = {
        ON_A_RIG(test_publish),    ON_A_RIG(test_publish_refused), ON_A_RIG(test_pages),
        ON_A_RIG(test_page_gap),   ON_A_RIG(test_long_poll),       ON_A_RIG(test_stream),
        ON_A_RIG(test_stream_gap), ON_A_RIG(test_old_http),        ON_A_RIG(test_health),
    };
    return cmocka_run_group_tests(table, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
