/* Assertions that stay in release builds, and checked recovery of objects from void pointers.
 *
 * A failed check is a bug of ours, never of a peer: it prints what it knows and aborts. What a peer or a file
 * can cause is an rb_err, not a check. */
#ifndef RB_BASE_CHECK_H
#define RB_BASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define RB_CHECK(cond)                                                                                       \
    do {                                                                                                     \
        if (__builtin_expect(!(cond), 0)) rb_panic(__FILE__, __LINE__, #cond);                               \
    } while (0)

#define RB_UNREACHABLE() rb_panic(__FILE__, __LINE__, "unreachable")

_Noreturn void rb_panic(const char *file, int line, const char *what);

/* Objects that pass through void * begin with `uint32_t magic` and are recovered by RB_RECOVER, which checks
 * it. */
#define RB_RECOVER(type, ptr, value) ((type *)rb_recover((ptr), (value), __FILE__, __LINE__))

void *rb_recover(void *object, uint32_t magic, const char *file, int line);

/* The object that holds `member` at `ptr`. */
#define RB_OUTER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define RB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
