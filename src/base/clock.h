/* Time. All of Ringback reads it here, so that tests can make minutes pass at once.
 *
 * Two readings: monotonic milliseconds for waits and deadlines, wall-clock milliseconds (since 1970, UTC) for
 * what people and files see. The test clock shifts and speeds up both alike. Any thread. */
#ifndef RB_BASE_CLOCK_H
#define RB_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t rb_clock_ms(void);
uint64_t rb_clock_wall_ms(void);
uint64_t rb_clock_real_ns(void); /* monotonic and never shifted: for measuring */

/* Tests only. The last three make it a test clock, which loops watch more closely. */
bool rb_clock_is_test(void);
void rb_clock_test_enable(void);
void rb_clock_test_speed(double factor);    /* at least 1; before any thread starts */
void rb_clock_test_advance_ms(uint64_t ms); /* time jumps ahead */

/* RFC 3339 in UTC with milliseconds, "2026-11-22T03:07:45.123Z"; out has RB_CLOCK_TEXT_BYTES. */
#define RB_CLOCK_TEXT_BYTES 32
void rb_clock_format(uint64_t wall_ms, char *out);

#endif
