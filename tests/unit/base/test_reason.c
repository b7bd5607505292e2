#include "test.h"

#include "base/reason.h"

#include <string.h>

static void test_round_trip(void **state)
{
    (void)state;
    for (rb_err err = 0; err < RB_REASON_COUNT; err++) {
        rb_err found = RB_REASON_COUNT;
        assert_string_equal(rb_reason_name(err), rb_reason(err)->name);
        assert_true(rb_reason_find(rb_str_of(rb_reason_name(err)), &found));
        assert_int_equal(found, err); /* so no name occurs twice */
    }
    rb_err found = RB_IDLE;
    assert_false(rb_reason_find(RB_STR("no_such_reason"), &found));
    assert_false(rb_reason_find(RB_STR("OK"), &found));
    assert_false(rb_reason_find(RB_STR(""), &found));
    assert_int_equal(found, RB_IDLE);
    assert_int_equal(RB_OK, 0);
}

/* What the manual, HTTP and WebSocket ask of every row. */
static void test_rows(void **state)
{
    (void)state;
    for (rb_err err = 0; err < RB_REASON_COUNT; err++) {
        const struct rb_reason *reason = rb_reason(err);
        assert_true(strlen(reason->name) > 0);
        assert_int_equal(strspn(reason->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(reason->name));
        assert_in_range(reason->http_status, err == RB_OK ? 200 : 400, 599);
        /* RFC 6455 section 7.4: 1000 to 1014 are registered, 4000 to 4999 are ours; 1004 to 1006 are not
         * sent, and only a connection that broke has 1006. */
        if (reason->close_code >= 4000)
            assert_in_range(reason->close_code, 4000, 4999);
        else if (err == RB_CLIENT_GONE)
            assert_int_equal(reason->close_code, 1006);
        else
            assert_true((reason->close_code >= 1000 && reason->close_code <= 1003) ||
                        (reason->close_code >= 1007 && reason->close_code <= 1014));
        assert_int_equal(reason->sentence[strlen(reason->sentence) - 1], '.');
        assert_non_null(reason->next_step);
        assert_true(strlen(reason->next_step) == 0 ||
                    reason->next_step[strlen(reason->next_step) - 1] == '.');
    }
}

static void test_known_rows(void **state)
{
    (void)state;
    assert_string_equal(rb_reason_name(RB_OK), "ok");
    assert_string_equal(rb_reason_name(RB_PROTOCOL_ERROR), "protocol_error");
    assert_int_equal(rb_reason(RB_PROTOCOL_ERROR)->close_code, 1002);
    assert_int_equal(rb_reason(RB_TOO_MANY_REQUESTS)->http_status, 429);
    assert_true(rb_reason(RB_TOO_MANY_REQUESTS)->is_retryable);
    assert_false(rb_reason(RB_FORBIDDEN)->is_retryable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_known_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
