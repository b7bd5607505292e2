#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "hub/topic_log.h"

#include <stdio.h>
#include <string.h>

static struct rb_keep keep_all = {.count = 1000, .bytes = 1 << 30, .age_ms = 1000000};
static uint64_t next_offset;

static struct rb_event *event_of(uint32_t flags, uint64_t time_ms)
{
    struct rb_event *event =
        rb_event_new(&(struct rb_event_spec){.name = RB_STR("n"), .data = RB_STR("1"), .flags = flags},
                     time_ms);
    event->offset = ++next_offset;
    return event;
}

static void append(struct rb_topic_log *log, uint32_t flags)
{
    rb_topic_log_append(log, event_of(flags, 100));
}

static void put_offset(struct rb_buf *out, uint64_t offset)
{
    rb_buf_add_fmt(out, "%s%llu", out->n ? " " : "", (unsigned long long)offset);
}

/* The offsets that a cursor meets from here on: "2 3 5", whether it takes one step after the other or walks.
 */
static void expect_after(struct rb_topic_log *log, uint64_t offset, const char *text)
{
    struct rb_buf got = {0};
    struct rb_log_entry *entry;
    for (unsigned i = rb_topic_log_index_after(log, offset); i < log->count; i++) {
        entry = rb_topic_log_at(log, i);
        if (!rb_topic_log_is_superseded(log, entry)) put_offset(&got, entry->event->offset);
    }
    assert_string_equal(rb_buf_text(&got), text);
    rb_buf_clear(&got);
    while ((entry = rb_topic_log_after(log, offset)) != NULL) {
        offset = entry->event->offset;
        put_offset(&got, offset);
    }
    assert_string_equal(rb_buf_text(&got), text);
    rb_buf_fini(&got);
}

static int reset(void **state)
{
    (void)state;
    next_offset = 0;
    return 0;
}

static void test_order(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    expect_after(&log, 0, "");
    for (int i = 0; i < 5; i++) append(&log, 0);
    expect_after(&log, 0, "1 2 3 4 5");
    expect_after(&log, 3, "4 5");
    expect_after(&log, 4, "5");
    expect_after(&log, 5, "");
    expect_after(&log, 9, "");
    assert_int_equal(log.last_offset, 5);
    assert_int_equal(log.trimmed_to, 0);
    rb_topic_log_fini(&log);
}

/* The ring wraps, grows while it is wrapped, and shrinks when it is nearly empty. */
static void test_ring(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    struct rb_keep few = keep_all;
    few.count = 3;
    for (int i = 0; i < 10; i++) {
        append(&log, 0);
        rb_topic_log_trim(&log, &few, false, 100);
    }
    expect_after(&log, 0, "8 9 10");
    assert_int_equal(log.trimmed_to, 7);
    assert_int_equal(log.cap, 4);
    for (int i = 0; i < 500; i++) append(&log, 0);
    assert_int_equal(log.count, 503);
    assert_int_equal(rb_topic_log_at(&log, 0)->event->offset, 8);
    assert_int_equal(rb_topic_log_at(&log, 502)->event->offset, 510);
    rb_topic_log_trim(&log, &few, false, 100);
    assert_int_equal(log.count, 3);
    assert_int_equal(log.trimmed_to, 507);
    assert_true(log.cap < 512);
    few.count = 0;
    rb_topic_log_trim(&log, &few, false, 100);
    assert_int_equal(log.cap, 0);
    assert_int_equal(log.bytes, 0);
    assert_int_equal(log.last_offset, 510);
    rb_topic_log_fini(&log);
}

static void test_replaceable(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    append(&log, 0);                    /* 1 */
    append(&log, RB_EVENT_REPLACEABLE); /* 2, gone at once */
    append(&log, RB_EVENT_REPLACEABLE); /* 3 */
    expect_after(&log, 0, "1 3");
    assert_int_equal(log.count, 2);
    append(&log, 0);                    /* 4 */
    append(&log, RB_EVENT_REPLACEABLE); /* 5: 3 is superseded, though not at the end */
    assert_int_equal(log.count, 4);
    expect_after(&log, 0, "1 4 5");
    expect_after(&log, 2, "4 5");
    append(&log, RB_EVENT_FINAL); /* 6 */
    expect_after(&log, 1, "4 5 6");
    rb_topic_log_fini(&log);
}

/* A superseded event that is dropped is no loss, so no cursor behind it has a gap. */
static void test_superseded_is_no_loss(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    struct rb_keep two = keep_all;
    two.count = 2;
    append(&log, RB_EVENT_REPLACEABLE); /* 1 */
    append(&log, 0);                    /* 2 */
    append(&log, RB_EVENT_REPLACEABLE); /* 3 */
    rb_topic_log_trim(&log, &two, false, 100);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.trimmed_to, 0);
    append(&log, 0); /* 4; 2 goes */
    rb_topic_log_trim(&log, &two, false, 100);
    assert_int_equal(log.trimmed_to, 2);
    rb_topic_log_fini(&log);
}

static void test_trim_limits(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    struct rb_keep keep = keep_all;
    for (uint64_t i = 0; i < 10; i++) rb_topic_log_append(&log, event_of(0, 100 + i));
    rb_topic_log_trim(&log, &keep, false, 200);
    assert_int_equal(log.count, 10);

    keep.age_ms = 95; /* at 200: what is younger than 105 */
    rb_topic_log_trim(&log, &keep, false, 200);
    assert_int_equal(log.trimmed_to, 6);

    keep.bytes = log.bytes / 2; /* two of four */
    rb_topic_log_trim(&log, &keep, false, 200);
    assert_int_equal(log.trimmed_to, 8);

    keep.count = 1;
    rb_topic_log_trim(&log, &keep, true, 200); /* somebody lags: it stays */
    assert_int_equal(log.trimmed_to, 8);
    rb_topic_log_trim(&log, &keep, false, 200);
    assert_int_equal(log.trimmed_to, 9);
    rb_topic_log_fini(&log);
}

static void test_lag_bounds(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    struct rb_keep none = {0};
    for (int i = 0; i < RB_LAG_COUNT_MAX + 10; i++) {
        append(&log, 0);
        rb_topic_log_trim(&log, &none, true, 100);
    }
    assert_int_equal(log.count, RB_LAG_COUNT_MAX);
    assert_int_equal(log.trimmed_to, 10);
    rb_topic_log_fini(&log);

    char *large = rb_alloc(1024 * 1024);
    memset(large, '1', 1024 * 1024);
    for (int i = 0; i < 10; i++) {
        struct rb_event_spec spec = {.name = RB_STR("n"), .data = {large, 1024 * 1024}};
        struct rb_event *event = rb_event_new(&spec, 100);
        event->offset = ++next_offset;
        rb_topic_log_append(&log, event);
        rb_topic_log_trim(&log, &none, true, 100);
    }
    assert_int_equal(log.count, 3); /* with what is beside the data */
    rb_topic_log_fini(&log);
    rb_free(large);
}

static void test_since(void **state)
{
    (void)state;
    struct rb_topic_log log = {0};
    assert_int_equal(rb_topic_log_since(&log, 0), 0);
    for (uint64_t i = 1; i <= 5; i++) rb_topic_log_append(&log, event_of(0, i * 10));
    assert_int_equal(rb_topic_log_since(&log, 0), 0);
    assert_int_equal(rb_topic_log_since(&log, 30), 2);
    assert_int_equal(rb_topic_log_since(&log, 31), 3);
    assert_int_equal(rb_topic_log_since(&log, 51), 5);
    rb_topic_log_fini(&log);
}

/* ---- events and positions ---- */

static void test_positions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rb_err err;
        struct rb_position position;
    } table[] = {
        {"0:0", RB_OK, {0, 0}},
        {"a1:7", RB_OK, {0xa1, 7}},
        {"ffffffffffffffff:18446744073709551615", RB_OK, {UINT64_MAX, UINT64_MAX}},
        {"", RB_BAD_POSITION, {0}},
        {":", RB_BAD_POSITION, {0}},
        {":1", RB_BAD_POSITION, {0}},
        {"a:", RB_BAD_POSITION, {0}},
        {"A:1", RB_BAD_POSITION, {0}},
        {"a:-1", RB_BAD_POSITION, {0}},
        {"a:1 ", RB_BAD_POSITION, {0}},
        {"a:1:2", RB_BAD_POSITION, {0}},
        {"1ffffffffffffffff:1", RB_BAD_POSITION, {0}},
        {"1:18446744073709551616", RB_BAD_POSITION, {0}},
        {"start", RB_BAD_POSITION, {0}},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_position position = {1, 2};
        char text[RB_POSITION_TEXT_BYTES];
        assert_int_equal(rb_position_parse(rb_str_of(table[i].text), &position), table[i].err);
        if (table[i].err) {
            assert_int_equal(position.epoch, 1); /* left alone */
            continue;
        }
        assert_int_equal(position.epoch, table[i].position.epoch);
        assert_int_equal(position.offset, table[i].position.offset);
        assert_str(rb_position_text(position, text), table[i].text);
    }
}

static void test_names(void **state)
{
    (void)state;
    char long_name[256];
    memset(long_name, 'a', sizeof long_name);
    assert_true(rb_topic_name_is_valid(RB_STR("rooms/12")));
    assert_true(rb_topic_name_is_valid(RB_STR("\xc3\xa4 b")));
    assert_true(rb_topic_name_is_valid(rb_str_make(long_name, 255)));
    assert_false(rb_topic_name_is_valid(rb_str_make(long_name, 256)));
    assert_false(rb_topic_name_is_valid(RB_STR("")));
    assert_false(rb_topic_name_is_valid(RB_STR("a\nb")));
    assert_false(rb_topic_name_is_valid(RB_STR("a\x7f")));
    assert_false(rb_topic_name_is_valid(RB_STR("a\xff")));
    assert_true(rb_event_name_is_valid(rb_str_make(long_name, 128)));
    assert_false(rb_event_name_is_valid(rb_str_make(long_name, 129)));
}

static void test_event(void **state)
{
    (void)state;
    struct rb_event *event =
        rb_event_new(&(struct rb_event_spec){.name = RB_STR("done"), .audience = RB_STR("c")}, 7);
    assert_str(event->name, "done");
    assert_str(event->data, "null");
    assert_str(event->audience, "c");
    assert_int_equal(event->time_ms, 7);
    rb_event_unref(rb_event_ref(event));
    rb_event_unref(event);
    rb_mem_fail_after(0);
    assert_null(rb_event_new(&(struct rb_event_spec){.name = RB_STR("n")}, 7));
    rb_mem_fail_after(-1);
    rb_event_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order, reset),
        cmocka_unit_test_setup(test_ring, reset),
        cmocka_unit_test_setup(test_replaceable, reset),
        cmocka_unit_test_setup(test_superseded_is_no_loss, reset),
        cmocka_unit_test_setup(test_trim_limits, reset),
        cmocka_unit_test_setup(test_lag_bounds, reset),
        cmocka_unit_test_setup(test_since, reset),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
