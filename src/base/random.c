#include "base/random.h"

#include "base/check.h"

#include <errno.h>
#include <sys/random.h>

void rb_random_bytes(void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        RB_CHECK(got > 0);
        p += got;
        n -= (size_t)got;
    }
}

uint64_t rb_random_u64(void)
{
    uint64_t value;
    rb_random_bytes(&value, sizeof value);
    return value;
}

void rb_random_text(char *out, size_t n)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    rb_random_bytes(out, n);
    for (size_t i = 0; i < n; i++) out[i] = alphabet[(unsigned char)out[i] & 63];
    out[n] = '\0';
}
