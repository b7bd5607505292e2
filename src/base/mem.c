#include "base/mem.h"

#include "base/check.h"

#include <stdbool.h>
#include <stdlib.h>

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

void *rb_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
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
    return must_fail() ? NULL : calloc(1, bytes ? bytes : 1);
}

void *rb_try_realloc(void *old, size_t bytes)
{
    return must_fail() ? NULL : realloc(old, bytes ? bytes : 1);
}

void rb_free(void *memory)
{
    free(memory);
}
