#include "codec/url.h"

#include "codec/utf8.h"

#include <string.h>

/* "http://host:port" in front of a path, as proxies send it; the Host header, not this, says who is meant. */
static rb_err skip_authority(rb_str *target)
{
    size_t scheme = rb_str_ieq(rb_str_sub(*target, 0, 7), RB_STR("http://"))    ? 7
                    : rb_str_ieq(rb_str_sub(*target, 0, 8), RB_STR("https://")) ? 8
                                                                                : 0;
    if (scheme == 0) return RB_BAD_REQUEST;
    rb_str rest = rb_str_from(*target, scheme);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?') {
        if (rest.p[n] == '@') return RB_BAD_REQUEST; /* user information: RFC 9110 section 4.2.4 */
        n++;
    }
    *target = rb_str_from(rest, n);
    return n > 0 ? RB_OK : RB_BAD_REQUEST;
}

rb_err rb_url_split(struct rb_url *out, rb_str target)
{
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] > '~' || target.p[i] == '#') return RB_BAD_REQUEST;
    if (target.n == 0) return RB_BAD_REQUEST;
    if (target.p[0] != '/') {
        rb_err err = skip_authority(&target);
        if (err != RB_OK) return err;
    }
    ptrdiff_t mark = rb_str_find(target, '?');
    out->path = mark < 0 ? target : rb_str_sub(target, 0, (size_t)mark);
    out->query = mark < 0 ? RB_STR_NONE : rb_str_from(target, (size_t)mark + 1);
    if (out->path.n == 0) out->path = RB_STR("/"); /* "http://host" */
    return RB_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The byte that "%XX" at s.p[at] stands for; -1 when it is broken. */
static int coded_byte(rb_str s, size_t at)
{
    if (s.n - at < 3) return -1;
    int high = hex_digit(s.p[at + 1]), low = hex_digit(s.p[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_coded(rb_str s, bool plus_is_space)
{
    return rb_str_find(s, '%') >= 0 || (plus_is_space && rb_str_find(s, '+') >= 0);
}

rb_err rb_url_decode(struct rb_arena *arena, rb_str s, bool plus_is_space, rb_str *out_decoded)
{
    rb_str decoded = s;
    if (is_coded(s, plus_is_space)) {
        char *p = rb_arena_alloc(arena, s.n);
        size_t n = 0;
        for (size_t i = 0; i < s.n; i++) {
            int byte = (unsigned char)s.p[i];
            if (byte == '%') {
                byte = coded_byte(s, i);
                if (byte < 0) return RB_BAD_REQUEST;
                i += 2;
            } else if (byte == '+' && plus_is_space) {
                byte = ' ';
            }
            p[n++] = (char)byte;
        }
        decoded = (rb_str){p, n};
    }
    if (rb_str_find(decoded, '\0') >= 0 || !rb_utf8_is_valid(decoded)) return RB_BAD_REQUEST;
    *out_decoded = decoded;
    return RB_OK;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void rb_url_encode(struct rb_buf *out, rb_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i]))
            rb_buf_add_char(out, s.p[i]);
        else
            rb_buf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

bool rb_url_query_next(struct rb_arena *arena, rb_str *rest, rb_str *out_name, rb_str *out_value)
{
    rb_str pair;
    do {
        if (!rb_str_split(rest, '&', &pair)) return false;
    } while (pair.n == 0);
    ptrdiff_t equals = rb_str_find(pair, '=');
    rb_str name = equals < 0 ? pair : rb_str_sub(pair, 0, (size_t)equals);
    rb_str value = rb_str_from(pair, equals < 0 ? pair.n : (size_t)equals + 1);
    if (rb_url_decode(arena, name, true, out_name) != RB_OK ||
        rb_url_decode(arena, value, true, out_value) != RB_OK) {
        *out_name = name;
        *out_value = value;
    }
    return true;
}

bool rb_url_query_get(struct rb_arena *arena, rb_str query, rb_str name, rb_str *out_value)
{
    bool is_found = false;
    rb_str each, value;
    while (rb_url_query_next(arena, &query, &each, &value)) {
        if (!rb_str_eq(each, name)) continue;
        *out_value = value;
        is_found = true;
    }
    return is_found;
}
