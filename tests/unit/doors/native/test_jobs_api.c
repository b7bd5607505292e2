/* Jobs by HTTP, from outside, with real workers. */
#include "clients.h"

#include <poll.h>

static struct answer start(int loop, const char *kind, const char *more, const char *body)
{
    char target[100];
    snprintf(target, sizeof target, "/v1/jobs/%s", kind);
    return http(loop, "POST", target, "acme-ann", more, body);
}

/* The id of a job that was started. */
static char *start_job(int loop, const char *kind)
{
    struct answer answer = start(loop, kind, "", NULL);
    expect_status(&answer, 202);
    char *id = text_member(answer.body, "id");
    answer_fini(&answer);
    return id;
}

static const char *job_target(char target[200], const char *id, const char *rest)
{
    snprintf(target, 200, "/v1/jobs/%s%s", id, rest);
    return target;
}

/* Waits for the end of a job; its body. */
static struct answer wait_for_end(int loop, const char *id)
{
    char target[200];
    struct answer answer = get(loop, job_target(target, id, "?wait=60"), "acme-ann");
    expect_status(&answer, 200);
    return answer;
}

/* ---- starting ---- */

static void test_start(void **state)
{
    (void)state;
    struct answer answer = start(0, "quick", "Content-Type: application/json\r\n", " {\"a\" : 1.50} ");
    expect_status(&answer, 202);
    expect_has(&answer, "Retry-After: 1\r\n");
    char *id = text_member(answer.body, "id"), location[100];
    snprintf(location, sizeof location, "Location: /v1/jobs/%s\r\n", id);
    expect_has(&answer, location);
    expect_member(answer.body, "params", "{\"a\" : 1.50}");
    expect_member(answer.body, "kind", "\"quick\"");
    expect_member(answer.body, "client", "\"ann\"");
    expect_member(answer.body, "state", "\"queued\"");
    expect_member(answer.body, "ended_at", "null");
    expect_member(answer.body, "result", "null");
    answer_fini(&answer);
    answer = wait_for_end(1, id);
    expect_member(answer.body, "state", "\"finished\"");
    expect_member(answer.body, "attempt", "1");
    expect_member(answer.body, "params", "{\"a\" : 1.50}");
    char *result = member(answer.body, "result"), wanted[200];
    snprintf(wanted, sizeof wanted,
             "{\"name\":\"result.txt\",\"type\":\"text/plain; "
             "charset=utf-8\",\"bytes\":6,\"url\":\"/v1/jobs/%s/result\"}",
             id);
    assert_string_equal(result, wanted);
    char *progress = member(answer.body, "progress");
    assert_non_null(strstr(progress, "\"title\":\"Half\""));
    rb_free(progress);
    rb_free(result);
    answer_fini(&answer);
    rb_free(id);
}

static void test_start_refused(void **state)
{
    (void)state;
    expect_problem(start(0, "unknown", "", NULL), 404, "not_found");
    expect_problem(start(0, "quick", "", "{"), 400, "bad_json");
    expect_problem(start(0, "quick", "", "[]"), 422, "unprocessable");
    expect_problem(start(0, "quick", "Idempotency-Key: \r\n", NULL), 400, "bad_request");
    expect_problem(http(0, "POST", "/v1/jobs/quick", NULL, "", NULL), 401, "unauthenticated");
    expect_problem(http(0, "PUT", "/v1/jobs/quick", "acme-ann", "", NULL), 405, "method_not_allowed");
}

static void test_prefer_wait(void **state)
{
    (void)state;
    struct answer answer = start(0, "quick", "Prefer: respond-async, wait=600\r\n", NULL);
    expect_status(&answer, 200);
    expect_has(&answer, "Preference-Applied: wait=60\r\n");
    expect_member(answer.body, "state", "\"finished\"");
    answer_fini(&answer);
    answer = start(1, "failing", "Prefer: wait=\"30\"\r\n", NULL);
    expect_status(&answer, 200);
    expect_has(&answer, "Preference-Applied: wait=30\r\n");
    expect_member(answer.body, "state", "\"failed\"");
    expect_member(answer.body, "reason", "\"failed\"");
    expect_member(answer.body, "message", "\"broken\"");
    answer_fini(&answer);
    int fd = begin_http(0, "POST", "/v1/jobs/slow", "acme-ann", "Prefer: wait=2\r\n", NULL);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, 5) == 0) rb_clock_test_advance_ms(100);
    answer = read_answer(fd);
    expect_status(&answer, 202);
    expect_has(&answer, "Preference-Applied: wait=2\r\n");
    expect_has(&answer, "Retry-After: 1\r\n");
    answer_fini(&answer);
    /* Who goes while it waits leaves the job alone. */
    close(begin_http(0, "POST", "/v1/jobs/slow", "acme-ann", "Prefer: wait=20\r\n", NULL));
}

static void test_idempotency(void **state)
{
    (void)state;
    struct answer first = start(0, "quick", "Idempotency-Key: k1\r\n", "{\"a\":1}");
    expect_status(&first, 202);
    assert_null(strstr(answer_text(&first), "Idempotent-Replay"));
    char *id = text_member(first.body, "id");
    struct answer done = wait_for_end(0, id);
    struct answer again = start(1, "quick", "Idempotency-Key: k1\r\n", "{\"a\":1}");
    expect_status(&again, 200);
    expect_has(&again, "Idempotent-Replay: true\r\n");
    char *same = text_member(again.body, "id");
    assert_string_equal(same, id);
    expect_member(again.body, "state", "\"finished\"");
    expect_problem(start(0, "quick", "Idempotency-Key: k1\r\n", "{\"a\":2}"), 422, "idempotency_mismatch");
    struct answer other =
        http(0, "POST", "/v1/jobs/quick", "acme-bob", "Idempotency-Key: k1\r\n", "{\"a\":2}");
    expect_status(&other, 202); /* keys are each client's own */
    answer_fini(&other);
    answer_fini(&again);
    answer_fini(&done);
    answer_fini(&first);
    rb_free(same);
    rb_free(id);

    first = start(0, "slow", "Idempotency-Key: k2\r\n", NULL);
    again = start(1, "slow", "Idempotency-Key: k2\r\n", NULL);
    expect_status(&again, 202);
    expect_has(&again, "Idempotent-Replay: true\r\n");
    answer_fini(&first);
    answer_fini(&again);
}

/* ---- reading, cancelling, listing ---- */

static void test_get_and_cancel(void **state)
{
    (void)state;
    char target[200];
    char *id = start_job(0, "slow");
    job_target(target, id, "");
    static const char *const strangers[] = {"acme-bob", "other-eve", "other-erp"};
    for (size_t i = 0; i < RB_COUNT(strangers); i++) {
        expect_problem(get(1, target, strangers[i]), 404, "not_found");
        expect_problem(http(1, "DELETE", target, strangers[i], "", NULL), 404, "not_found");
    }
    struct answer answer = get(1, target, "acme-crm");
    expect_status(&answer, 200);
    answer_fini(&answer);
    expect_problem(get(1, job_target(target, id, "?wait=soon"), "acme-ann"), 400, "bad_request");

    int waiting = begin_http(1, "GET", job_target(target, id, "?wait=60"), "acme-ann", "", NULL);
    answer = http(0, "DELETE", job_target(target, id, ""), "acme-ann", "", NULL);
    assert_true(answer.status == 200 || answer.status == 202);
    answer_fini(&answer);
    answer = read_answer(waiting);
    expect_status(&answer, 200);
    expect_member(answer.body, "state", "\"cancelled\"");
    answer_fini(&answer);
    expect_problem(http(0, "DELETE", target, "acme-ann", "", NULL), 409, "conflict");
    expect_problem(get(0, "/v1/jobs/nothing", "acme-ann"), 404, "not_found");
    rb_free(id);
}

static void test_list(void **state)
{
    (void)state;
    char *ids[5];
    for (int i = 0; i < 5; i++) {
        ids[i] = start_job(i % 2, "quick");
        struct answer done = wait_for_end(0, ids[i]);
        answer_fini(&done);
    }
    struct answer page = get(0, "/v1/jobs?limit=2&kind=quick&state=finished", "acme-ann");
    expect_status(&page, 200);
    expect_has(&page, ids[4]);
    expect_has(&page, ids[3]);
    assert_null(strstr(answer_text(&page), ids[2]));
    char *next = text_member(page.body, "next"), target[200];
    snprintf(target, sizeof target, "/v1/jobs?limit=3&before=%s", next);
    answer_fini(&page);
    page = get(1, target, "acme-ann");
    for (int i = 0; i < 3; i++) expect_has(&page, ids[i]);
    expect_member(page.body, "next", "null");
    answer_fini(&page);

    static const struct {
        const char *target, *token;
        bool has_jobs;
    } table[] = {
        {"/v1/jobs", "acme-ann", true},
        {"/v1/jobs", "acme-crm", true},
        {"/v1/jobs?client=ann", "acme-crm", true},
        {"/v1/jobs?client=bob", "acme-crm", false},
        {"/v1/jobs?client=ann", "acme-ann", true},
        {"/v1/jobs", "acme-bob", false},
        {"/v1/jobs?client=ann", "acme-bob", false},
        {"/v1/jobs?client=bob", "acme-ann", false},
        {"/v1/jobs", "other-erp", false},
        {"/v1/jobs?state=failed", "acme-ann", false},
        {"/v1/jobs?kind=slow", "acme-ann", false},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        page = get((int)i % 2, table[i].target, table[i].token);
        expect_status(&page, 200);
        bool has_jobs = !rb_str_eq(page.body, RB_STR("{\"jobs\":[],\"next\":null}"));
        if (has_jobs != table[i].has_jobs)
            fail_msg("%s %s: %s", table[i].target, table[i].token, answer_text(&page));
        answer_fini(&page);
    }
    static const char *const wrong[] = {"?limit=0", "?limit=101", "?state=odd", "?before=x", "?before=0"};
    for (size_t i = 0; i < RB_COUNT(wrong); i++) {
        snprintf(target, sizeof target, "/v1/jobs%s", wrong[i]);
        expect_problem(get(0, target, "acme-ann"), 400, "bad_request");
    }
    rb_free(next);
    for (int i = 0; i < 5; i++) rb_free(ids[i]);
}

/* ---- what it leaves ---- */

static void test_result_and_log(void **state)
{
    (void)state;
    char target[200];
    char *id = start_job(0, "quick");
    struct answer answer = wait_for_end(0, id);
    answer_fini(&answer);
    answer = get(1, job_target(target, id, "/result"), "acme-ann");
    expect_status(&answer, 200);
    assert_str(answer.body, "result");
    expect_has(&answer, "filename=\"result.txt\"");
    const char *etag = strstr(answer_text(&answer), "ETag: ");
    char lines[200];
    snprintf(lines, sizeof lines, "If-None-Match: %.*s\r\n", (int)strcspn(etag + 6, "\r"), etag + 6);
    answer_fini(&answer);
    answer = http(0, "GET", target, "acme-ann", lines, NULL);
    expect_status(&answer, 304);
    answer_fini(&answer);
    answer = http(0, "GET", target, "acme-ann", "Range: bytes=2-3\r\n", NULL);
    expect_status(&answer, 206);
    assert_str(answer.body, "su");
    answer_fini(&answer);
    expect_problem(get(1, target, "acme-bob"), 404, "not_found");
    answer = get(1, job_target(target, id, "/log"), "acme-ann");
    expect_status(&answer, 200);
    assert_str(answer.body, "working\n");
    answer_fini(&answer);
    expect_problem(get(1, target, "other-eve"), 404, "not_found");
    rb_free(id);

    id = start_job(0, "failing");
    answer = wait_for_end(0, id);
    answer_fini(&answer);
    expect_problem(get(1, job_target(target, id, "/result"), "acme-ann"), 404, "no_result");
    rb_free(id);
}

/* ---- its events ---- */

static void test_job_events(void **state)
{
    (void)state;
    char target[200], lines[100], name[100];
    for (int loop = 0; loop < LOOPS; loop++) {
        char *id = start_job(0, "quick");
        job_target(target, id, "/events");
        struct stream stream = stream_open(loop, target, "acme-ann", "");
        char *last = NULL, *before = NULL;
        unsigned finals = 0;
        for (const char *block; (block = stream_next(&stream))[0];) {
            rb_free(before);
            before = last;
            last = rb_str_dup(stream_id(&stream));
            finals += strstr(block, "event: finished\n") != NULL;
        }
        assert_int_equal(finals, 1); /* and it ended behind it */
        stream_close(&stream);

        /* Whoever comes back is done, or gets the rest. */
        snprintf(lines, sizeof lines, "Accept: text/event-stream\r\nLast-Event-ID: %s\r\n", last);
        struct answer answer = http(1 - loop, "GET", target, "acme-ann", lines, NULL);
        expect_status(&answer, 204);
        answer_fini(&answer);
        snprintf(lines, sizeof lines, "Last-Event-ID: %s\r\n", before);
        stream = stream_open(1 - loop, target, "acme-ann", lines);
        assert_non_null(strstr(stream_next(&stream), "event: finished\n"));
        assert_string_equal(stream_next(&stream), "");
        stream_close(&stream);
        stream = stream_open(loop, target, "acme-crm", ""); /* from the start */
        assert_non_null(strstr(stream_next(&stream), "event: queued\n"));
        stream_close(&stream);

        answer = get(1 - loop, target, "acme-ann");
        expect_status(&answer, 200);
        expect_has(&answer, "\"name\":\"queued\"");
        expect_has(&answer, "\"final\":true");
        answer_fini(&answer);
        expect_problem(get(loop, target, "acme-bob"), 404, "not_found");
        expect_problem(http(loop, "GET", target, "acme-bob", "Accept: text/event-stream\r\n", NULL), 404,
                       "not_found");

        struct ws *ws = ws_open(loop, "acme-bob"); /* who knows the id may listen */
        snprintf(name, sizeof name, "jobs/%s", id);
        ws_subscribe(ws, name, "start");
        ws_expect(ws, "\"event\"", "");
        expect_member(ws_text(ws), "name", "\"queued\"");
        ws_close(ws);
        rb_free(before);
        rb_free(last);
        rb_free(id);
    }
}

static void wait_until_running(const char *id)
{
    struct stream stream;
    char target[200];
    stream = stream_open(0, job_target(target, id, "/events"), "acme-ann", "");
    while (!strstr(stream_next(&stream), "event: running\n")) assert_true(stream.block.n > 0);
    stream_close(&stream);
}

/* When the events of a job are no longer kept, an event source is told not to ask again. */
static void test_events_that_are_gone(void **state)
{
    (void)state;
    char target[200];
    char *id = start_job(0, "slow");
    wait_until_running(id);
    struct answer answer;
    rb_clock_test_advance_ms(3600000); /* its timeout; much more, and the job itself might be forgotten */
    for (;;) {
        answer = get(1, job_target(target, id, ""), "acme-ann");
        expect_status(&answer, 200);
        if (!strstr(answer_text(&answer), "\"state\":\"running\"")) break;
        answer_fini(&answer);
        rb_clock_test_advance_ms(100);
    }
    expect_member(answer.body, "reason", "\"job_timeout\"");
    answer_fini(&answer);
    rb_clock_test_advance_ms(3600001); /* longer than events are kept */
    int fd = begin_http(0, "GET", job_target(target, id, "/events"), "acme-ann",
                        "Accept: text/event-stream\r\n", NULL);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, 5) == 0) rb_clock_test_advance_ms(100);
    answer = read_answer(fd);
    assert_true(answer.status == 204 || answer.status == 404); /* 404: the job's own time is over as well */
    answer_fini(&answer);
    rb_free(id);
}

static int tests(void)
{
    const struct CMUnitTest table[] = {
        ON_A_RIG(test_start),          ON_A_RIG(test_start_refused),  ON_A_RIG(test_prefer_wait),
        ON_A_RIG(test_idempotency),    ON_A_RIG(test_get_and_cancel), ON_A_RIG(test_list),
        ON_A_RIG(test_result_and_log), ON_A_RIG(test_job_events),     ON_A_RIG(test_events_that_are_gone),
    };
    return cmocka_run_group_tests(table, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, tests);
}
