/* Random bytes for secrets and ids, from the kernel (getrandom). Any thread, also in a child after fork;
 * never fails, aborts instead. */
#ifndef RB_BASE_RANDOM_H
#define RB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void rb_random_bytes(void *out, size_t n);
uint64_t rb_random_u64(void);

/* n characters of [0-9A-Za-z_-], 6 random bits each, and a terminating zero: out has n + 1 bytes. */
void rb_random_text(char *out, size_t n);

#endif
