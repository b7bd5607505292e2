#include "codec/sse.h"

#include "base/check.h"

#include <string.h>

static void put_line(struct rb_buf *out, const char *field, rb_str value)
{
    rb_buf_add_text(out, field);
    rb_buf_add(out, ": ", 2); /* one space is the reader's to drop, so that the value keeps its own */
    rb_buf_add_str(out, value);
    rb_buf_add_char(out, '\n');
}

static void put_name(struct rb_buf *out, const char *field, rb_str value)
{
    if (!value.p) return;
    RB_CHECK(rb_str_find(value, '\n') < 0 && rb_str_find(value, '\r') < 0 && rb_str_find(value, '\0') < 0);
    put_line(out, field, value);
}

static void put_lines(struct rb_buf *out, const char *field, rb_str text)
{
    for (;;) {
        size_t n = 0;
        while (n < text.n && text.p[n] != '\n' && text.p[n] != '\r') n++;
        put_line(out, field, rb_str_sub(text, 0, n));
        if (n == text.n) return;
        bool is_crlf = text.p[n] == '\r' && n + 1 < text.n && text.p[n + 1] == '\n';
        text = rb_str_from(text, n + (is_crlf ? 2 : 1));
    }
}

void rb_sse_put_event(struct rb_buf *out, rb_str id, rb_str event, rb_str data)
{
    put_name(out, "id", id);
    put_name(out, "event", event);
    put_lines(out, "data", data);
    rb_buf_add_char(out, '\n');
}

void rb_sse_put_comment(struct rb_buf *out, rb_str text)
{
    put_lines(out, "", text);
    rb_buf_add_char(out, '\n');
}

void rb_sse_put_retry(struct rb_buf *out, uint64_t retry_ms)
{
    rb_buf_add_text(out, "retry: ");
    rb_buf_add_u64(out, retry_ms);
    rb_buf_add_text(out, "\n\n");
}
