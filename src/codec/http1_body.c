/* Reading a body: a state machine over the bytes of chunk framing, with data passed through untouched.
 *
 * Everything between the data is read byte by byte and strictly, since this is where smuggled requests hide:
 * a size has 1 to 16 digits and nothing around it, an extension is skipped but may not hold a lone LF (some
 * servers end the line there), and data is followed by exactly CRLF. Extensions and trailers of the whole
 * body share one limit: else a sender could make us read megabytes that no body limit counts. */
#include "codec/http1_private.h"

enum state {
    OVER, /* zero: an initialised body of nothing is over */
    BROKEN,
    LENGTH,
    UNTIL_CLOSE,
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF
};

void rb_http1_body_init(struct rb_http1_body *body, const struct rb_http1_head *head)
{
    *body = (struct rb_http1_body){.state = OVER};
    switch (head->framing) {
    case RB_HTTP1_NO_BODY: break;
    case RB_HTTP1_LENGTH:
        body->left = head->length;
        body->state = head->length ? LENGTH : OVER;
        break;
    case RB_HTTP1_CHUNKED: body->state = SIZE; break;
    case RB_HTTP1_UNTIL_CLOSE: body->state = UNTIL_CLOSE; break;
    }
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum state after_size(struct rb_http1_body *body, unsigned char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (body->digits == 16) return BROKEN;
        body->digits++;
        body->left = body->left << 4 | (unsigned)digit;
        return SIZE;
    }
    if (body->digits == 0) return BROKEN;
    return c == ';' ? EXTENSION : c == '\r' ? SIZE_LF : BROKEN;
}

static enum state begin_chunk(struct rb_http1_body *body)
{
    body->left = 0;
    body->digits = 0;
    return SIZE;
}

/* A byte of an extension or a trailer: counted against the limit they share. */
static enum state counted(struct rb_http1_body *body, enum state next)
{
    if (body->line_bytes == RB_HTTP1_CHUNK_EXTRA_MAX) return BROKEN;
    body->line_bytes++;
    return next;
}

static enum state after_byte(struct rb_http1_body *body, unsigned char c)
{
    bool is_token = rb_http1_token_chars[c];
    switch ((enum state)body->state) {
    case SIZE: return after_size(body, c);
    case EXTENSION: return c == '\r' ? SIZE_LF : is_text(c) ? counted(body, EXTENSION) : BROKEN;
    case SIZE_LF: return c != '\n' ? BROKEN : body->left > 0 ? DATA : TRAILER_START;
    case DATA_CR: return c == '\r' ? DATA_LF : BROKEN;
    case DATA_LF: return c == '\n' ? begin_chunk(body) : BROKEN;
    case TRAILER_START: return c == '\r' ? LAST_LF : is_token ? counted(body, TRAILER_NAME) : BROKEN;
    case TRAILER_NAME: return counted(body, is_token ? TRAILER_NAME : c == ':' ? TRAILER_VALUE : BROKEN);
    case TRAILER_VALUE: return c == '\r' ? TRAILER_LF : is_text(c) ? counted(body, TRAILER_VALUE) : BROKEN;
    case TRAILER_LF: return c == '\n' ? TRAILER_START : BROKEN;
    case LAST_LF: return c == '\n' ? OVER : BROKEN;
    case OVER:
    case BROKEN:
    case LENGTH:
    case UNTIL_CLOSE:
    case DATA: break;
    }
    return BROKEN;
}

static rb_str take_data(struct rb_http1_body *body, rb_str input)
{
    if (body->state == UNTIL_CLOSE) return input;
    rb_str data = rb_str_sub(input, 0, body->left < input.n ? (size_t)body->left : input.n);
    body->left -= data.n;
    if (body->left == 0) body->state = body->state == DATA ? DATA_CR : OVER;
    return data;
}

enum rb_http1_step rb_http1_body_feed(struct rb_http1_body *body, rb_str input, size_t *out_consumed,
                                      rb_str *out_data, rb_err *out_err)
{
    rb_str data = rb_str_sub(input, 0, 0);
    size_t at = 0;
    while (at < input.n && body->state != OVER && body->state != BROKEN && data.n == 0) {
        if (body->state == LENGTH || body->state == DATA || body->state == UNTIL_CLOSE) {
            data = take_data(body, rb_str_from(input, at));
            at += data.n;
        } else {
            body->state = after_byte(body, (unsigned char)input.p[at++]);
        }
    }
    if (body->state == BROKEN) {
        *out_err = RB_BAD_REQUEST;
        return RB_HTTP1_FAILED;
    }
    *out_consumed = at;
    *out_data = data;
    return body->state == OVER ? RB_HTTP1_DONE : RB_HTTP1_MORE;
}
