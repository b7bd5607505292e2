/* A multipart body as a stream.
 *
 * A delimiter is a line end, two dashes and the boundary, and may be cut anywhere. How much of one has been
 * seen is a number: the bytes themselves need not be kept, since they are those of the delimiter; if it turns
 * out to be none, its beginning is handed out from our own copy. No boundary holds a CR, so what has begun
 * and failed can begin anew only at the byte that failed: no byte is looked at twice.
 *
 * The line end belongs to the delimiter, not to the content before it. At the start of the body and right
 * behind a part's head it has been seen already, as the end of the line before. */
#include "codec/multipart_private.h"

#include <string.h>

enum state {
    PREAMBLE, /* zero: nothing has come yet */
    DELIMITED,
    DASH,
    PADDING,
    DELIMITER_LF,
    HEAD,
    CONTENT,
    OVER,
    BROKEN
};

rb_err rb_multipart_init(struct rb_multipart *m, rb_str content_type)
{
    rb_str boundary = rb_multipart_boundary(content_type);
    *m = (struct rb_multipart){.state = boundary.p ? PREAMBLE : BROKEN, .matched = 2, .implied = 2};
    if (!boundary.p) {
        m->err = RB_BAD_REQUEST;
        m->why = RB_STR("The Content-Type has no valid boundary.");
        return m->err;
    }
    rb_buf_init(&m->head, RB_MULTIPART_HEAD_MAX);
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.p, boundary.n);
    m->delimiter_n = (uint8_t)(4 + boundary.n);
    return RB_OK;
}

void rb_multipart_fini(struct rb_multipart *m)
{
    rb_buf_fini(&m->head);
}

static enum rb_multipart_event fail(struct rb_multipart *m, rb_err err, const char *why)
{
    m->state = BROKEN;
    m->err = err;
    m->why = rb_str_of(why);
    return RB_MULTIPART_FAILED;
}

static void take(rb_str *input, size_t n)
{
    *input = rb_str_from(*input, n);
}

/* ---- delimiters ---- */

static size_t count_same(rb_str a, rb_str b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n]) n++;
    return n;
}

/* Some more of it is there. */
static enum rb_multipart_event match(struct rb_multipart *m, rb_str *input, size_t n)
{
    take(input, n);
    m->matched = (uint8_t)(m->matched + n);
    if (m->matched < m->delimiter_n) return RB_MULTIPART_MORE;
    bool ends_part = m->state == CONTENT;
    m->matched = m->implied = 0;
    m->state = DELIMITED;
    return ends_part ? RB_MULTIPART_PART_END : RB_MULTIPART_MORE;
}

static enum rb_multipart_event hand_out(struct rb_multipart *m, rb_str data)
{
    if (m->state == PREAMBLE || data.n == 0) return RB_MULTIPART_MORE;
    m->data = data;
    return RB_MULTIPART_DATA;
}

static enum rb_multipart_event go_on_matching(struct rb_multipart *m, rb_str *input)
{
    rb_str delimiter = {m->delimiter, m->delimiter_n};
    size_t n = count_same(rb_str_from(delimiter, m->matched), *input);
    if (n == input->n || m->matched + n == delimiter.n) return match(m, input, n);
    take(input, n);
    rb_str mistaken = rb_str_sub(delimiter, m->implied, m->matched + n - m->implied);
    m->matched = m->implied = 0;
    return hand_out(m, mistaken);
}

/* Up to where a delimiter may be. */
static enum rb_multipart_event scan(struct rb_multipart *m, rb_str *input)
{
    if (m->matched > 0) return go_on_matching(m, input);
    rb_str delimiter = {m->delimiter, m->delimiter_n};
    size_t at = 0, same = 0;
    while (at < input->n) {
        const char *cr = memchr(input->p + at, '\r', input->n - at);
        at = cr ? (size_t)(cr - input->p) : input->n;
        same = count_same(delimiter, rb_str_from(*input, at));
        if (same == delimiter.n || at + same == input->n) break;
        at += same;
    }
    if (at == 0) return match(m, input, same);
    rb_str data = rb_str_sub(*input, 0, at);
    take(input, at);
    return hand_out(m, data);
}

/* ---- between a delimiter and a head ---- */

static enum state after_byte(enum state state, char c)
{
    bool is_blank = c == ' ' || c == '\t';
    switch (state) {
    case DELIMITED: return c == '-' ? DASH : is_blank ? PADDING : c == '\r' ? DELIMITER_LF : BROKEN;
    case DASH: return c == '-' ? OVER : BROKEN;
    case PADDING: return is_blank ? PADDING : c == '\r' ? DELIMITER_LF : BROKEN;
    case DELIMITER_LF: return c == '\n' ? HEAD : BROKEN;
    case PREAMBLE:
    case HEAD:
    case CONTENT:
    case OVER:
    case BROKEN: break;
    }
    return BROKEN;
}

static enum rb_multipart_event end_delimiter(struct rb_multipart *m, rb_str *input)
{
    m->state = after_byte(m->state, input->p[0]);
    take(input, 1);
    if (m->state == BROKEN) return fail(m, RB_BAD_REQUEST, "A delimiter is followed by something else.");
    if (m->state != HEAD) return m->state == OVER ? RB_MULTIPART_OVER : RB_MULTIPART_MORE;
    if (++m->part_count > RB_MULTIPART_PARTS_MAX) return fail(m, RB_BAD_REQUEST, "There are too many parts.");
    rb_buf_clear(&m->head);
    m->line_at = 0;
    m->part = (struct rb_multipart_part){0};
    return RB_MULTIPART_MORE;
}

/* ---- heads ---- */

static enum rb_multipart_event end_head(struct rb_multipart *m)
{
    const char *why = rb_multipart_read_head(m->head.p, m->head.n, &m->part);
    if (why) return fail(m, RB_BAD_REQUEST, why);
    m->state = CONTENT;
    m->matched = m->implied = 2;
    return RB_MULTIPART_PART;
}

static enum rb_multipart_event read_line(struct rb_multipart *m, rb_str *input)
{
    const char *lf = memchr(input->p, '\n', input->n);
    size_t n = lf ? (size_t)(lf - input->p) + 1 : input->n;
    if (n > RB_MULTIPART_HEAD_MAX - m->head.n)
        return fail(m, RB_BAD_REQUEST, "The head of a part is too long.");
    rb_buf_add(&m->head, input->p, n);
    if (m->head.failed) return fail(m, RB_OUT_OF_MEMORY, "No memory is left for the head of a part.");
    take(input, n);
    if (!lf) return RB_MULTIPART_MORE;
    size_t line_n = m->head.n - m->line_at;
    if (line_n < 2 || m->head.p[m->head.n - 2] != '\r')
        return fail(m, RB_BAD_REQUEST, "A line of the head of a part ends without CRLF.");
    m->line_at = m->head.n;
    return line_n == 2 ? end_head(m) : RB_MULTIPART_MORE;
}

/* ---- the whole ---- */

static enum rb_multipart_event step(struct rb_multipart *m, rb_str *input)
{
    switch ((enum state)m->state) {
    case PREAMBLE:
    case CONTENT: return scan(m, input);
    case DELIMITED:
    case DASH:
    case PADDING:
    case DELIMITER_LF: return end_delimiter(m, input);
    case HEAD: return read_line(m, input);
    case OVER: take(input, input->n); return RB_MULTIPART_OVER;
    case BROKEN: take(input, input->n); return RB_MULTIPART_FAILED;
    }
    return RB_MULTIPART_FAILED;
}

enum rb_multipart_event rb_multipart_next(struct rb_multipart *m, rb_str *input)
{
    enum rb_multipart_event event = RB_MULTIPART_MORE;
    if (m->state == OVER || m->state == BROKEN) return step(m, input);
    while (event == RB_MULTIPART_MORE && input->n > 0) event = step(m, input);
    return event;
}
