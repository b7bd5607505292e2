/* Random bytes for secrets and ids, from the kernel (getrandom). Any thread; never fails, aborts instead.
 * Small pieces are cut from a stock of the thread's; a child that goes on after fork without exec must not
 * draw. */
#ifndef RB_BASE_RANDOM_H
#define RB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void rb_random_bytes(void *out, size_t n);
uint64_t rb_random_u64(void);

/* n characters of [0-9A-Za-z_-], 6 random bits each, and a terminating zero: out has n + 1 bytes. */
void rb_random_text(char *out, size_t n);

#endif
