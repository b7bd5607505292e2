/* What every cmocka program includes, in the order cmocka wants. */
#ifndef RB_TEST_H
#define RB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(actual, expected)                                                                         \
    do {                                                                                                     \
        rb_str actual_ = (actual), expected_ = rb_str_of(expected);                                          \
        if (!rb_str_eq(actual_, expected_))                                                                  \
            fail_msg("\"%.*s\" is not \"%.*s\"", RB_STR_FMT(actual_), RB_STR_FMT(expected_));                \
    } while (0)

#endif
