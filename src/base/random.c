#include "base/random.h"

#include "base/check.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { SMALL = 64, STOCK = 1024 };

static void ask_kernel(char *p, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        RB_CHECK(got > 0);
        p += got;
        n -= (size_t)got;
    }
}

/* Ids are drawn in small pieces, and often: they are cut from a larger one. What was given out is wiped, and
 * a child does not go on with what its parent has left. */
static _Thread_local char stock[STOCK];
static _Thread_local size_t left;

static void forget_stock(void)
{
    left = 0;
}

static void watch_forks(void)
{
    RB_CHECK(pthread_atfork(NULL, NULL, forget_stock) == 0);
}

void rb_random_bytes(void *out, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (n > SMALL) {
        ask_kernel(out, n);
        return;
    }
    if (left < n) {
        pthread_once(&once, watch_forks);
        ask_kernel(stock, STOCK);
        left = STOCK;
    }
    left -= n;
    memcpy(out, stock + left, n);
    explicit_bzero(stock + left, n);
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
