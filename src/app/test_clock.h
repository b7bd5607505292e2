/* For tests: `--clock-control` mounts POST /test/clock, whose body {"advance_ms":N} moves the clock ahead.
 * Never in a configuration. */
#ifndef RB_APP_TEST_CLOCK_H
#define RB_APP_TEST_CLOCK_H

#include "http/http.h"

void rb_test_clock_add_route(struct rb_router *router);

#endif
