#include "base/mem.h"

#include "base/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local long fail_after = -1;

void rb_mem_fail_after(long count)
{
    fail_after = count;
}

static bool must_fail(void)
{
    if (fail_after < 0) return false;
    if (fail_after == 0) return true;
    fail_after--;
    return false;
}

enum { SMALL_BYTES = 1024 };

/* glibc's calloc passes by the thread's cache of freed pieces (up to 2.40), which malloc begins with. So for
 * small pieces malloc and clearing take half the time; larger ones are not cached, and may come cleared from
 * the kernel. Without the barrier the compiler would make a calloc of the two. */
static void *zeroed(size_t bytes)
{
    if (bytes > SMALL_BYTES) return calloc(1, bytes);
    void *memory = malloc(bytes ? bytes : 1);
    __asm__("" : "+r"(memory));
    return memory ? memset(memory, 0, bytes) : NULL;
}

void *rb_alloc(size_t bytes)
{
    void *memory = zeroed(bytes);
    RB_CHECK(memory != NULL);
    return memory;
}

void *rb_realloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes ? bytes : 1);
    RB_CHECK(memory != NULL);
    return memory;
}

void *rb_try_alloc(size_t bytes)
{
    return must_fail() ? NULL : zeroed(bytes);
}

void *rb_try_realloc(void *old, size_t bytes)
{
    return must_fail() ? NULL : realloc(old, bytes ? bytes : 1);
}

void rb_free(void *memory)
{
    free(memory);
}
