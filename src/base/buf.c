#include "base/buf.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void rb_buf_init(struct rb_buf *buf, size_t limit_bytes)
{
    *buf = (struct rb_buf){.limit = limit_bytes};
}

void rb_buf_fini(struct rb_buf *buf)
{
    rb_free(buf->p);
    *buf = (struct rb_buf){.limit = buf->limit};
}

void rb_buf_clear(struct rb_buf *buf)
{
    buf->n = 0;
    buf->failed = false;
}

bool rb_buf_reserve(struct rb_buf *buf, size_t more_bytes)
{
    if (buf->failed) return false;
    if (more_bytes > SIZE_MAX / 2 - buf->n || (buf->limit && buf->n + more_bytes > buf->limit)) {
        buf->failed = true;
        return false;
    }
    size_t wanted = buf->n + more_bytes;
    if (wanted <= buf->cap) return true;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap < wanted) cap += cap / 2 + 16;
    char *grown = rb_try_realloc(buf->p, cap);
    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->p = grown;
    buf->cap = cap;
    return true;
}

void rb_buf_add(struct rb_buf *buf, const void *p, size_t n)
{
    if (n == 0 || !rb_buf_reserve(buf, n)) return;
    memcpy(buf->p + buf->n, p, n);
    buf->n += n;
}

void rb_buf_add_str(struct rb_buf *buf, rb_str s)
{
    rb_buf_add(buf, s.p, s.n);
}

void rb_buf_add_text(struct rb_buf *buf, const char *zero_terminated)
{
    rb_buf_add(buf, zero_terminated, strlen(zero_terminated));
}

void rb_buf_add_char(struct rb_buf *buf, char c)
{
    rb_buf_add(buf, &c, 1);
}

void rb_buf_add_u64(struct rb_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    rb_buf_add(buf, digits + at, sizeof digits - at);
}

void rb_buf_add_i64(struct rb_buf *buf, int64_t value)
{
    if (value < 0) rb_buf_add_char(buf, '-');
    rb_buf_add_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void rb_buf_add_fmt(struct rb_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    RB_CHECK(n >= 0);
    /* vsnprintf wants a place for its zero, which the limit must not count. */
    size_t limit = buf->limit;
    if (rb_buf_reserve(buf, (size_t)n)) {
        buf->limit = 0;
        if (rb_buf_reserve(buf, (size_t)n + 1)) {
            vsnprintf(buf->p + buf->n, (size_t)n + 1, format, again);
            buf->n += (size_t)n;
        }
        buf->limit = limit;
    }
    va_end(again);
}

void rb_buf_drop_front(struct rb_buf *buf, size_t n)
{
    RB_CHECK(n <= buf->n);
    if (n == 0) return;
    memmove(buf->p, buf->p + n, buf->n - n);
    buf->n -= n;
}

rb_str rb_buf_str(const struct rb_buf *buf)
{
    return (rb_str){buf->p ? buf->p : "", buf->n};
}

const char *rb_buf_text(struct rb_buf *buf)
{
    size_t limit = buf->limit;
    buf->limit = 0;
    bool room = rb_buf_reserve(buf, 1);
    buf->limit = limit;
    if (!room) return "";
    buf->p[buf->n] = '\0';
    return buf->p;
}

char *rb_buf_take(struct rb_buf *buf)
{
    char *copy = rb_alloc(buf->n + 1);
    if (buf->n) memcpy(copy, buf->p, buf->n);
    rb_buf_fini(buf);
    return copy;
}
