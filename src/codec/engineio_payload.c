/* Reading is in two steps: cut_x finds where the next packet ends, which is all that the forms differ in, and
 * read_packet says what stands in it, which is the same for a body and for a WebSocket message.
 *
 * A body is bounded by its HTTP request, so lengths in it are only ever compared with what is left of it, and
 * nothing is allocated. */
#include "codec/engineio_payload.h"

#include "base/check.h"
#include "codec/base64.h"
#include "codec/utf8.h"

#include <string.h>

enum {
    SEPARATOR = 0x1e,       /* between packets of v4 */
    MARK_TEXT = 0x00,       /* what begins a packet of the byte form ... */
    MARK_BINARY = 0x01,     /* ... */
    MARK_LENGTH_END = 0xff, /* ... and ends its length */
    BINARY_MESSAGE = 0x04   /* the packet type of v3's binary data, as a byte and no digit */
};

/* A packet where it lies. */
struct cut {
    char *p;
    size_t n;
    bool is_bytes; /* binary data as such, not as base64 */
};

static rb_str str_of(struct cut cut)
{
    return (rb_str){cut.p, cut.n};
}

/* ---- where packets end ---- */

/* Cuts off n bytes after a head. A body ends after a packet; with nothing in it, it holds one empty packet.
 */
static void take(struct rb_eio_payload *payload, size_t head, size_t n, struct cut *out)
{
    out->p = payload->p + head;
    out->n = n;
    payload->p += head + n;
    payload->left -= head + n;
    payload->is_done = payload->left == 0;
}

static bool cut_v4(struct rb_eio_payload *payload, struct cut *out)
{
    const char *separator = payload->left > 0 ? memchr(payload->p, SEPARATOR, payload->left) : NULL;
    take(payload, 0, separator ? (size_t)(separator - payload->p) : payload->left, out);
    if (separator) {
        payload->p++;
        payload->left--;
        payload->is_done = false; /* something must follow, or it is an empty packet */
    }
    return rb_utf8_is_valid(str_of(*out));
}

/* How many bytes at the front of `text` make so many UTF-16 units; false when none do. */
static bool bytes_of_units(rb_str text, size_t units, size_t *out_bytes)
{
    size_t at = 0;
    while (units > 0) {
        size_t n = rb_utf8_length(rb_str_from(text, at));
        size_t width = n == 4 ? 2 : 1; /* beyond U+FFFF: a pair of surrogates */
        if (n == 0 || width > units) return false;
        at += n;
        units -= width;
    }
    *out_bytes = at;
    return true;
}

static bool cut_v3_text(struct rb_eio_payload *payload, struct cut *out)
{
    rb_str rest = {payload->p, payload->left};
    size_t digits = 0, n;
    uint64_t units;
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9') digits++;
    if (digits == rest.n || rest.p[digits] != ':') return false;
    if (!rb_str_u64(rb_str_sub(rest, 0, digits), rest.n, &units)) return false;
    if (!bytes_of_units(rb_str_from(rest, digits + 1), (size_t)units, &n)) return false;
    take(payload, digits + 1, n, out);
    return true;
}

static bool cut_v3_bytes(struct rb_eio_payload *payload, struct cut *out)
{
    const unsigned char *p = (const unsigned char *)payload->p;
    size_t at = 1, length = 0;
    if (payload->left == 0 || (p[0] != MARK_TEXT && p[0] != MARK_BINARY)) return false;
    for (; at < payload->left && p[at] <= 9; at++) {
        length = length * 10 + p[at];
        if (length > payload->left) return false;
    }
    if (at == payload->left || p[at] != MARK_LENGTH_END) return false;
    if (length > payload->left - at - 1) return false;
    out->is_bytes = p[0] == MARK_BINARY;
    take(payload, at + 1, length, out);
    return out->is_bytes || rb_utf8_is_valid(str_of(*out));
}

static bool cut_next(struct rb_eio_payload *payload, struct cut *out)
{
    switch (payload->form) {
    case RB_EIO_V4: return cut_v4(payload, out);
    case RB_EIO_V3_TEXT: return cut_v3_text(payload, out);
    case RB_EIO_V3_BYTES: return cut_v3_bytes(payload, out);
    }
    RB_UNREACHABLE();
}

/* ---- what stands in them ---- */

static struct rb_eio_item binary_item(const char *p, size_t n)
{
    return (struct rb_eio_item){.is_binary = true, .type = RB_EIO_MESSAGE, .data = {p, n}};
}

static rb_err read_bytes(rb_str packet, struct rb_eio_item *out)
{
    if (packet.n == 0 || packet.p[0] != BINARY_MESSAGE) return RB_PROTOCOL_ERROR;
    *out = binary_item(packet.p + 1, packet.n - 1);
    return RB_OK;
}

static rb_err read_text(rb_str packet, struct rb_eio_item *out)
{
    struct rb_eio_packet read;
    rb_err err = rb_eio_read(packet, &read);
    if (err == RB_OK) *out = (struct rb_eio_item){.type = read.type, .data = read.data};
    return err;
}

static rb_str base64_head(bool is_v3)
{
    return is_v3 ? RB_STR("b4") : RB_STR("b");
}

/* Binary data in text, either revision's; then anything but its own head is an error. */
static bool is_base64(rb_str packet)
{
    return packet.n > 0 && packet.p[0] == 'b';
}

static rb_err read_cut(struct cut cut, bool is_v3, struct rb_eio_item *out)
{
    rb_str packet = str_of(cut), head = base64_head(is_v3);
    size_t n;
    if (cut.is_bytes) return read_bytes(packet, out);
    if (!is_base64(packet)) return read_text(packet, out);
    if (!rb_str_starts(packet, head) || !rb_base64_decode_in_place(cut.p + head.n, cut.n - head.n, &n))
        return RB_PROTOCOL_ERROR;
    *out = binary_item(cut.p + head.n, n);
    return RB_OK;
}

void rb_eio_payload_begin(struct rb_eio_payload *payload, enum rb_eio_form form, char *body, size_t n)
{
    *payload = (struct rb_eio_payload){.form = form, .p = body, .left = n};
}

bool rb_eio_payload_next(struct rb_eio_payload *payload, struct rb_eio_item *out)
{
    struct cut cut = {0};
    if (payload->err || payload->is_done) return false;
    payload->err =
        cut_next(payload, &cut) ? read_cut(cut, payload->form != RB_EIO_V4, out) : RB_PROTOCOL_ERROR;
    return payload->err == RB_OK;
}

rb_err rb_eio_read_frame(rb_str message, bool is_text, bool is_v3, struct rb_buf *scratch,
                         struct rb_eio_item *out)
{
    if (!is_text && is_v3) return read_bytes(message, out);
    if (!is_text) {
        *out = binary_item(message.p, message.n);
        return RB_OK;
    }
    if (!is_base64(message)) return read_text(message, out);
    rb_str head = base64_head(is_v3);
    if (!rb_str_starts(message, head)) return RB_PROTOCOL_ERROR;
    rb_buf_clear(scratch);
    rb_err err = rb_base64_decode(scratch, rb_str_from(message, head.n));
    if (err != RB_OK) return err == RB_BAD_REQUEST ? RB_PROTOCOL_ERROR : err;
    *out = binary_item(scratch->p, scratch->n);
    return RB_OK;
}

/* ---- writing ---- */

static size_t count_units(rb_str text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        units += (byte & 0xc0) != 0x80; /* each character counts at its first byte, */
        units += byte >= 0xf0;          /* and once more when it takes a pair of surrogates */
    }
    return units;
}

static size_t count_digits(size_t value)
{
    size_t digits = 1;
    for (; value >= 10; value /= 10) digits++;
    return digits;
}

/* The length as the v3 forms say it. */
static size_t stated_length(enum rb_eio_form form, bool is_binary, rb_str packet)
{
    if (form == RB_EIO_V3_BYTES) return packet.n + (is_binary ? 1 : 0);
    return is_binary ? base64_head(true).n + rb_base64_size(packet.n) : count_units(packet);
}

static void put_length_bytes(struct rb_buf *out, size_t length)
{
    char digits[20];
    size_t n = count_digits(length);
    for (size_t i = n; i > 0; i--, length /= 10) digits[i - 1] = (char)(length % 10);
    rb_buf_add(out, digits, n);
}

static void put_packet(struct rb_buf *out, bool is_v3, bool is_binary, rb_str packet)
{
    if (is_binary)
        rb_eio_put_base64(out, is_v3, packet);
    else
        rb_buf_add_str(out, packet);
}

void rb_eio_payload_put(struct rb_buf *out, enum rb_eio_form form, bool is_first, bool is_binary,
                        rb_str packet)
{
    RB_CHECK(is_binary || packet.n > 0);
    switch (form) {
    case RB_EIO_V4:
        if (!is_first) rb_buf_add_char(out, SEPARATOR);
        put_packet(out, false, is_binary, packet);
        return;
    case RB_EIO_V3_TEXT:
        rb_buf_add_u64(out, stated_length(form, is_binary, packet));
        rb_buf_add_char(out, ':');
        put_packet(out, true, is_binary, packet);
        return;
    case RB_EIO_V3_BYTES:
        rb_buf_add_char(out, is_binary ? MARK_BINARY : MARK_TEXT);
        put_length_bytes(out, stated_length(form, is_binary, packet));
        rb_buf_add_char(out, (char)MARK_LENGTH_END);
        if (is_binary) rb_buf_add_char(out, BINARY_MESSAGE);
        rb_buf_add_str(out, packet);
        return;
    }
    RB_UNREACHABLE();
}

size_t rb_eio_payload_size(enum rb_eio_form form, bool is_first, bool is_binary, rb_str packet)
{
    size_t length = form == RB_EIO_V4 ? 0 : stated_length(form, is_binary, packet);
    switch (form) {
    case RB_EIO_V4:
        return (is_first ? 0 : 1) + (is_binary ? base64_head(false).n + rb_base64_size(packet.n) : packet.n);
    case RB_EIO_V3_TEXT: return count_digits(length) + 1 + (is_binary ? length : packet.n);
    case RB_EIO_V3_BYTES: return 1 + count_digits(length) + 1 + length;
    }
    RB_UNREACHABLE();
}

enum rb_eio_form rb_eio_form_of(bool is_v3, bool has_binary, bool wants_base64)
{
    if (!is_v3) return RB_EIO_V4;
    return has_binary && !wants_base64 ? RB_EIO_V3_BYTES : RB_EIO_V3_TEXT;
}

const char *rb_eio_form_media_type(enum rb_eio_form form)
{
    return form == RB_EIO_V3_BYTES ? "application/octet-stream" : "text/plain; charset=UTF-8";
}

void rb_eio_put_binary(struct rb_buf *out, bool is_v3, rb_str bytes)
{
    if (is_v3) rb_buf_add_char(out, BINARY_MESSAGE);
    rb_buf_add_str(out, bytes);
}

void rb_eio_put_base64(struct rb_buf *out, bool is_v3, rb_str bytes)
{
    rb_buf_add_str(out, base64_head(is_v3));
    rb_base64_encode(out, bytes);
}
