/* The frames of the socket. Messages need descriptors, which only a door has:
 * unit/doors/bimserver/test_protobuf. */
#include "codec/protobuf.h"

#include "base/check.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static void a_request_at_every_position(void **state)
{
    (void)state;
    static const char bytes[] = "\x00\x02IF\x00\x01m\x00\x00\x83\x00"
                                "abc"
                                "\x00\x01";
    size_t whole = 14;
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct rb_pb_request request;
        size_t used;
        char *copy = malloc(n + 1); /* so that reading beyond the end is seen */
        memcpy(copy, bytes, n);
        enum rb_pb_step step = rb_pb_request_read(rb_str_make(copy, n), 3, &request, &used);
        assert_int_equal(step, n < whole ? RB_PB_MORE : RB_PB_REQUEST);
        if (step == RB_PB_REQUEST) {
            assert_int_equal(used, whole);
            assert_str(request.interface, "IF");
            assert_str(request.method, "m");
            assert_int_equal(request.token.n, 0);
            assert_str(request.message, "abc");
        }
        free(copy);
    }
}

static void lengths_have_limits(void **state)
{
    (void)state;
    static const struct {
        rb_str bytes;
        enum rb_pb_step step;
    } cases[] = {
        {RB_STR("\x01\x00"), RB_PB_MORE},
        {RB_STR("\x01\x01"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x01\x01"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x00\x00\x10\x00"), RB_PB_MORE},
        {RB_STR("\x00\x00\x00\x00\x10\x01"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x00\x00\x00\x00\x00"), RB_PB_REQUEST},
        {RB_STR("\x00\x00\x00\x00\x00\x00\x03"), RB_PB_MORE},
        {RB_STR("\x00\x00\x00\x00\x00\x00\x04"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x00\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), RB_PB_TOO_LARGE},
        {RB_STR("\x00\x00\x00\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), RB_PB_REQUEST},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_pb_request request;
        size_t used;
        assert_int_equal(rb_pb_request_read(cases[i].bytes, 3, &request, &used), cases[i].step);
    }
}

static void varints(void **state)
{
    (void)state;
    struct rb_buf out = {0};
    rb_pb_put_varint(&out, 0);
    rb_pb_put_varint(&out, 127);
    rb_pb_put_varint(&out, 128);
    rb_pb_put_varint(&out, UINT64_MAX);
    assert_true(
        rb_str_eq(rb_buf_str(&out), RB_STR("\x00\x7f\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
    rb_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_at_every_position),
        cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(varints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
