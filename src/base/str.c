#include "base/str.h"

#include "base/mem.h"

#include <string.h>

rb_str rb_str_of(const char *zero_terminated)
{
    return zero_terminated ? (rb_str){zero_terminated, strlen(zero_terminated)} : RB_STR_NONE;
}

rb_str rb_str_make(const void *p, size_t n)
{
    return (rb_str){p, n};
}

bool rb_str_eq(rb_str a, rb_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool rb_str_ieq(rb_str a, rb_str b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

bool rb_str_is(rb_str a, const char *zero_terminated)
{
    return rb_str_eq(a, rb_str_of(zero_terminated));
}

int rb_str_cmp(rb_str a, rb_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order != 0) return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool rb_str_starts(rb_str s, rb_str head)
{
    return s.n >= head.n && rb_str_eq(rb_str_sub(s, 0, head.n), head);
}

bool rb_str_ends(rb_str s, rb_str tail)
{
    return s.n >= tail.n && rb_str_eq(rb_str_from(s, s.n - tail.n), tail);
}

rb_str rb_str_from(rb_str s, size_t at)
{
    if (at > s.n) at = s.n;
    return (rb_str){s.p ? s.p + at : NULL, s.n - at};
}

rb_str rb_str_sub(rb_str s, size_t at, size_t n)
{
    s = rb_str_from(s, at);
    if (n < s.n) s.n = n;
    return s;
}

ptrdiff_t rb_str_find(rb_str s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? hit - s.p : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

rb_str rb_str_trim(rb_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) s = rb_str_from(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

bool rb_str_split(rb_str *rest, char sep, rb_str *out_head)
{
    if (rest->p == NULL) return false;
    ptrdiff_t at = rb_str_find(*rest, sep);
    if (at < 0) {
        *out_head = *rest;
        *rest = RB_STR_NONE;
        return true;
    }
    *out_head = rb_str_sub(*rest, 0, (size_t)at);
    *rest = rb_str_from(*rest, (size_t)at + 1);
    return true;
}

bool rb_str_lists(rb_str list, rb_str name)
{
    rb_str each;
    if (list.n == 0 || name.n == 0) return false;
    while (rb_str_split(&list, ',', &each))
        if (rb_str_eq(each, name)) return true;
    return false;
}

bool rb_str_u64(rb_str s, uint64_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    if (value > max) return false;
    *out_value = value;
    return true;
}

char *rb_str_dup(rb_str s)
{
    if (s.p == NULL) return NULL;
    char *copy = rb_alloc(s.n + 1);
    if (s.n) memcpy(copy, s.p, s.n);
    return copy;
}

bool rb_str_eq_secret(rb_str a, rb_str b)
{
    if (a.n != b.n) return false;
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.n; i++)
        difference = (unsigned char)(difference | (unsigned char)(a.p[i] ^ b.p[i]));
    return difference == 0;
}
