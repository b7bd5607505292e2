/* The server fetches only from where its configuration says: else whoever may check in could have it ask
 * whatever it can reach. A ".." would lead out of there, and not only one that is seen: servers decode paths,
 * some before they look for dots, some twice. So the path is decoded until nothing is left to be decoded, and
 * looked at then. */
#include "doors/bimserver/source.h"

#include "base/buf.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. What was decoded may complete another triple, so it is looked at again. */
static void decode(struct rb_buf *path)
{
    size_t n = 0;
    for (size_t i = 0; i < path->n; i++) {
        path->p[n++] = path->p[i];
        while (n >= 3 && path->p[n - 3] == '%') {
            int high = digit_of(path->p[n - 2]), low = digit_of(path->p[n - 1]);
            if (high < 0 || low < 0) break;
            path->p[n - 3] = (char)(high << 4 | low);
            n -= 2;
        }
    }
    path->n = n;
}

static bool is_plain(rb_str path)
{
    rb_str part;
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] < ' ' || path.p[i] == '\\' || path.p[i] == 0x7f) return false;
    while (rb_str_split(&path, '/', &part))
        if (rb_str_starts(part, RB_STR("."))) return false;
    return true;
}

/* Behind the address that is listed; the query is the server's business. */
static bool stays_below(rb_str rest)
{
    struct rb_buf path = {0};
    ptrdiff_t end = rb_str_find(rest, '?');
    if (rb_str_find(rest, ' ') >= 0) return false; /* a coded one is fine */
    rb_buf_add_str(&path, end < 0 ? rest : rb_str_sub(rest, 0, (size_t)end));
    decode(&path);
    bool is_below = !path.failed && is_plain(rb_buf_str(&path));
    rb_buf_fini(&path);
    return is_below;
}

bool bim_source_is_listed(rb_str url, const rb_str *addresses, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (rb_str_starts(url, addresses[i]) && stays_below(rb_str_from(url, addresses[i].n))) return true;
    return false;
}
