/* The writer: appends to a buffer and remembers only where it stands. What would not be JSON (a member
 * without a key, a bracket that matches none, a second value) is a bug of ours and stops the process; memory
 * and limits show in the buffer. */
#include "codec/json_tape.h"

#include "base/check.h"
#include "codec/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_in_object(const struct rb_json_out *out)
{
    return out->depth > 0 && (out->objects >> (out->depth - 1) & 1);
}

/* Comma and place for a value, so that after it one of the next may come. */
static void begin_value(struct rb_json_out *out)
{
    if (is_in_object(out)) {
        RB_CHECK(out->has_key);
        out->has_key = false;
    } else {
        RB_CHECK(out->depth > 0 || !out->need_comma);
        if (out->need_comma) rb_buf_add_char(out->buf, ',');
    }
    out->need_comma = true;
}

static void begin_container(struct rb_json_out *out, char bracket)
{
    RB_CHECK(out->depth < RB_JSON_DEPTH_MAX);
    begin_value(out);
    rb_buf_add_char(out->buf, bracket);
    uint64_t level = (uint64_t)1 << out->depth++;
    out->objects = bracket == '{' ? out->objects | level : out->objects & ~level;
    out->need_comma = false;
}

static void end_container(struct rb_json_out *out, char bracket)
{
    RB_CHECK(out->depth > 0 && is_in_object(out) == (bracket == '}') && !out->has_key);
    rb_buf_add_char(out->buf, bracket);
    out->depth--;
    out->need_comma = true;
}

void rb_json_begin_object(struct rb_json_out *out)
{
    begin_container(out, '{');
}

void rb_json_end_object(struct rb_json_out *out)
{
    end_container(out, '}');
}

void rb_json_begin_array(struct rb_json_out *out)
{
    begin_container(out, '[');
}

void rb_json_end_array(struct rb_json_out *out)
{
    end_container(out, ']');
}

/* ---- Strings ---- */

static void add_escape(struct rb_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef", letters[] = "btn.fr";
    if (c == '"' || c == '\\') {
        rb_buf_add(buf, (char[]){'\\', (char)c}, 2);
    } else if (c >= '\b' && c <= '\r' && c != '\v') {
        rb_buf_add(buf, (char[]){'\\', letters[c - '\b']}, 2);
    } else {
        rb_buf_add(buf, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

static void add_quoted(struct rb_buf *buf, rb_str s)
{
    const char *p = s.p, *end = s.n ? s.p + s.n : s.p, *run = p;
    rb_buf_add_char(buf, '"');
    while (p < end) {
        p = rb_json_skip_plain(p, end);
        if (p == end) break;
        size_t character = (unsigned char)*p < 0x80 ? 0 : rb_utf8_length((rb_str){p, (size_t)(end - p)});
        if (character > 0) {
            p += character; /* stays part of the run */
            continue;
        }
        rb_buf_add(buf, run, (size_t)(p - run));
        if ((unsigned char)*p < 0x80)
            add_escape(buf, (unsigned char)*p);
        else
            rb_utf8_add(buf, 0xfffd);
        run = ++p;
    }
    rb_buf_add(buf, run, (size_t)(end - run));
    rb_buf_add_char(buf, '"');
}

static void begin_key(struct rb_json_out *out)
{
    RB_CHECK(is_in_object(out) && !out->has_key);
    if (out->need_comma) rb_buf_add_char(out->buf, ',');
    out->has_key = true;
}

void rb_json_put_key(struct rb_json_out *out, const char *key)
{
    begin_key(out);
    rb_buf_add_char(out->buf, '"');
    rb_buf_add_text(out->buf, key);
    rb_buf_add(out->buf, "\":", 2);
}

void rb_json_put_key_str(struct rb_json_out *out, rb_str key)
{
    begin_key(out);
    add_quoted(out->buf, key);
    rb_buf_add_char(out->buf, ':');
}

void rb_json_put_str(struct rb_json_out *out, rb_str s)
{
    begin_value(out);
    add_quoted(out->buf, s);
}

void rb_json_put_text(struct rb_json_out *out, const char *zero_terminated_or_null)
{
    if (zero_terminated_or_null)
        rb_json_put_str(out, rb_str_of(zero_terminated_or_null));
    else
        rb_json_put_null(out);
}

/* ---- Other scalars ---- */

void rb_json_put_u64(struct rb_json_out *out, uint64_t value)
{
    begin_value(out);
    rb_buf_add_u64(out->buf, value);
}

void rb_json_put_i64(struct rb_json_out *out, int64_t value)
{
    begin_value(out);
    rb_buf_add_i64(out->buf, value);
}

/* 15 digits are enough for what people write, 17 for every double; below DBL_MIN a double holds fewer digits,
 * so all are tried. (Ringback never calls setlocale: the decimal point is a point.) */
void rb_json_put_double(struct rb_json_out *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        rb_json_put_null(out);
        return;
    }
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    do {
        snprintf(text, sizeof text, "%.*g", digits, value);
    } while (digits++ < DBL_DECIMAL_DIG && strtod(text, NULL) != value);
    begin_value(out);
    rb_buf_add_text(out->buf, text);
}

void rb_json_put_bool(struct rb_json_out *out, bool value)
{
    begin_value(out);
    rb_buf_add_text(out->buf, value ? "true" : "false");
}

void rb_json_put_null(struct rb_json_out *out)
{
    begin_value(out);
    rb_buf_add_text(out->buf, "null");
}

void rb_json_put_raw(struct rb_json_out *out, rb_str json)
{
    begin_value(out);
    rb_buf_add_str(out->buf, json);
}
