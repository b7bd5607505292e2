#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void rb_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "ringback: broken assumption at %s:%d: %s\n", file, line, what);
    fflush(stderr);
    abort();
}

void *rb_recover(void *object, uint32_t magic, const char *file, int line)
{
    uint32_t found = 0;
    if (object) __builtin_memcpy(&found, object, sizeof found);
    if (found != magic) rb_panic(file, line, "object of another kind, or freed");
    return object;
}
