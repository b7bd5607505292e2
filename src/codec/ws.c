/* Reading frames.
 *
 * The reader is built for connections that are idle and messages that are small. An idle one owns nothing but
 * its struct, which is why all that is known of the message being read lies apart: on the stack while one
 * call reads it from its first byte to its last, and on the heap only when a call ends in its middle. A
 * message that came whole is unmasked where it lies and handed out from there. Memory is taken only for what
 * a peer has really sent, never for what a header announces: a header that promises 16 MB costs the peer 16
 * MB to make us hold them.
 *
 * Everything is refused at the first byte that shows it (an announced length before the payload comes, bad
 * UTF-8 in the middle of a message), and nothing is decided by how the bytes were cut. */
#include "codec/ws.h"

#include "base/mem.h"
#include "codec/utf8.h"

#include <string.h>

_Static_assert(sizeof(struct rb_ws_reader) <= 16, "every idle connection holds one");

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f, NO_STATUS = 1005 };

void rb_ws_reader_init(struct rb_ws_reader *reader, bool is_server, uint32_t message_max_bytes)
{
    *reader = (struct rb_ws_reader){.message_max = message_max_bytes, .is_server = is_server};
}

static void drop_partial(struct rb_ws_reader *reader)
{
    if (reader->partial) rb_buf_fini(&reader->partial->message);
    rb_free(reader->partial);
    reader->partial = NULL;
}

void rb_ws_reader_fini(struct rb_ws_reader *reader)
{
    drop_partial(reader);
}

static bool is_control(const struct rb_ws_partial *partial)
{
    return partial->opcode >= RB_WS_CLOSE;
}

bool rb_ws_close_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* The first byte: is it a frame that may come now? */
static rb_err check_kind(const struct rb_ws_reader *reader, unsigned char byte)
{
    bool in_message = reader->partial->message_opcode != 0;
    if (byte & RESERVED) return RB_PROTOCOL_ERROR;
    switch (byte & OPCODE) {
    case RB_WS_CONTINUATION: return in_message ? RB_OK : RB_PROTOCOL_ERROR;
    case RB_WS_TEXT:
    case RB_WS_BINARY: return in_message ? RB_PROTOCOL_ERROR : RB_OK;
    case RB_WS_CLOSE:
    case RB_WS_PING:
    case RB_WS_PONG: return byte & FIN ? RB_OK : RB_PROTOCOL_ERROR;
    }
    return RB_PROTOCOL_ERROR;
}

/* The second byte: masked as the side demands, and short if it is a control frame. */
static rb_err check_mask_and_size(const struct rb_ws_reader *reader, const unsigned char *header)
{
    if (reader->is_server != ((header[1] & MASKED) != 0)) return RB_PROTOCOL_ERROR;
    bool is_short = (header[1] & LENGTH) <= RB_WS_CONTROL_MAX;
    return (header[0] & OPCODE) < RB_WS_CLOSE || is_short ? RB_OK : RB_PROTOCOL_ERROR;
}

static unsigned length_bytes(const unsigned char *header)
{
    unsigned n = header[1] & LENGTH;
    return n < 126 ? 0 : n == 126 ? 2 : 8;
}

/* The length: in its shortest form, without the high bit, and within what the message may still have. */
static rb_err check_length(const struct rb_ws_reader *reader, const unsigned char *header,
                           uint64_t *out_length)
{
    unsigned extra = length_bytes(header);
    uint64_t length = extra ? 0 : header[1] & LENGTH;
    for (unsigned i = 0; i < extra; i++) length = length << 8 | header[2 + i];
    if ((extra == 2 && length < 126) || (extra == 8 && length <= UINT16_MAX)) return RB_PROTOCOL_ERROR;
    if (length > INT64_MAX) return RB_PROTOCOL_ERROR;
    bool is_data = (header[0] & OPCODE) < RB_WS_CLOSE;
    if (is_data && reader->partial->message.n + length > reader->message_max) return RB_MESSAGE_TOO_LARGE;
    *out_length = length;
    return RB_OK;
}

static void begin_payload(struct rb_ws_partial *partial, const unsigned char *header, uint64_t length)
{
    partial->opcode = header[0] & OPCODE;
    if (partial->opcode == RB_WS_TEXT || partial->opcode == RB_WS_BINARY)
        partial->message_opcode = partial->opcode;
    partial->is_final = header[0] & FIN;
    partial->in_payload = true;
    partial->frame_left = length;
    partial->mask_at = 0;
    partial->header_n = 0;
    if (header[1] & MASKED) memcpy(partial->mask, header + 2 + length_bytes(header), sizeof partial->mask);
}

/* Looks at the n bytes of a header that are there. When it is complete, *out_bytes is its size and the
 * payload has begun; otherwise *out_bytes is 0. */
static rb_err read_header(struct rb_ws_reader *reader, const unsigned char *header, size_t n,
                          size_t *out_bytes)
{
    uint64_t length = 0;
    *out_bytes = 0;
    if (n == 0) return RB_OK;
    rb_err err = check_kind(reader, header[0]);
    if (err || n == 1) return err;
    err = check_mask_and_size(reader, header);
    if (err || n < 2 + length_bytes(header)) return err;
    err = check_length(reader, header, &length);
    size_t bytes = 2 + length_bytes(header) + (reader->is_server ? sizeof reader->partial->mask : 0);
    if (err || n < bytes) return err;
    begin_payload(reader->partial, header, length);
    *out_bytes = bytes;
    return RB_OK;
}

static void advance(struct rb_ws_input *input, size_t n)
{
    if (n == 0) return;
    input->p += n;
    input->n -= n;
}

/* Reads the header where it lies, or keeps what there is of it. */
static rb_err take_header(struct rb_ws_reader *reader, struct rb_ws_input *input)
{
    struct rb_ws_partial *partial = reader->partial;
    size_t kept = partial->header_n, bytes;
    if (kept == 0) {
        rb_err err = read_header(reader, (const unsigned char *)input->p, input->n, &bytes);
        if (err) return err;
        if (bytes) {
            advance(input, bytes);
            return RB_OK;
        }
    }
    size_t n = sizeof partial->header - kept;
    if (n > input->n) n = input->n;
    if (n > 0) memcpy(partial->header + kept, input->p, n);
    partial->header_n = (uint8_t)(kept + n);
    rb_err err = read_header(reader, partial->header, kept + n, &bytes);
    if (err) return err;
    advance(input, bytes ? bytes - kept : n);
    return RB_OK;
}

/* What there is of the frame's payload, unmasked. */
static rb_str take_payload(struct rb_ws_reader *reader, struct rb_ws_input *input)
{
    struct rb_ws_partial *partial = reader->partial;
    size_t n = partial->frame_left < input->n ? (size_t)partial->frame_left : input->n;
    char *p = input->p;
    if (reader->is_server) rb_ws_mask(p, n, partial->mask, partial->mask_at);
    partial->mask_at = (partial->mask_at + n) & 3;
    partial->frame_left -= n;
    advance(input, n);
    partial->in_payload = partial->frame_left > 0;
    return (rb_str){p, n};
}

/* Data comes in: a whole message is given out in place, a piece is kept. *out_is_event says which. */
static rb_err take_data(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                        bool *out_is_event)
{
    struct rb_ws_partial *partial = reader->partial;
    rb_str payload = take_payload(reader, input);
    bool is_complete = !partial->in_payload && partial->is_final;
    if (partial->message_opcode == RB_WS_TEXT) {
        if (!rb_utf8_feed(&partial->utf8, payload)) return RB_BAD_UTF8;
        if (is_complete && partial->utf8 != 0) return RB_BAD_UTF8;
    }
    if (partial->message.n > 0 || !is_complete) {
        rb_buf_add_str(&partial->message, payload);
        if (partial->message.failed) return RB_OUT_OF_MEMORY;
    }
    if (!is_complete) return RB_OK;
    if (partial->message.n > 0) {
        payload = rb_buf_str(&partial->message);
        partial->is_given_out = true;
    }
    *out = (struct rb_ws_event){.opcode = (enum rb_ws_opcode)partial->message_opcode, .payload = payload};
    partial->message_opcode = 0;
    *out_is_event = true;
    return RB_OK;
}

static rb_err conclude_close(struct rb_ws_reader *reader, rb_str payload, struct rb_ws_event *out)
{
    unsigned code = NO_STATUS;
    reader->is_closed = true;
    if (payload.n == 1) return RB_PROTOCOL_ERROR;
    if (payload.n >= 2) {
        code = (unsigned)(unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1];
        if (!rb_ws_close_code_is_valid(code)) return RB_PROTOCOL_ERROR;
        payload = rb_str_from(payload, 2);
        if (!rb_utf8_is_valid(payload)) return RB_BAD_UTF8;
    }
    *out = (struct rb_ws_event){.opcode = RB_WS_CLOSE, .payload = payload, .close_code = (uint16_t)code};
    return RB_OK;
}

static rb_err take_control(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                           bool *out_is_event)
{
    struct rb_ws_partial *partial = reader->partial;
    rb_str payload = take_payload(reader, input);
    if (payload.n > 0 && (partial->control_n > 0 || partial->in_payload)) {
        memcpy(partial->control + partial->control_n, payload.p, payload.n);
        partial->control_n = (uint8_t)(partial->control_n + payload.n);
    }
    if (partial->in_payload) return RB_OK;
    if (partial->control_n > 0) {
        payload = (rb_str){partial->control, partial->control_n};
        partial->is_given_out = true;
    }
    *out_is_event = true;
    if (partial->opcode == RB_WS_CLOSE) return conclude_close(reader, payload, out);
    *out = (struct rb_ws_event){.opcode = (enum rb_ws_opcode)partial->opcode, .payload = payload};
    return RB_OK;
}

/* Reads until there is an event or nothing more to read. */
static rb_err read_event(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                         bool *out_is_event)
{
    struct rb_ws_partial *partial = reader->partial;
    rb_err err = RB_OK;
    do {
        if (!partial->in_payload) err = take_header(reader, input);
        if (err || !partial->in_payload) return err;
        err = is_control(partial) ? take_control(reader, input, out, out_is_event)
                                  : take_data(reader, input, out, out_is_event);
    } while (!err && !*out_is_event && !partial->in_payload);
    return err;
}

/* What the last event lay in is of no use any more. */
static void drop_given_out(struct rb_ws_partial *partial)
{
    if (!partial->is_given_out) return;
    partial->is_given_out = false;
    if (is_control(partial))
        partial->control_n = 0;
    else
        rb_buf_fini(&partial->message);
}

static bool is_between_messages(const struct rb_ws_partial *partial)
{
    return !partial->in_payload && partial->message_opcode == 0 && partial->header_n == 0 &&
           !partial->is_given_out;
}

/* A call ends in the middle of a message. */
static rb_err keep_partial(struct rb_ws_reader *reader)
{
    struct rb_ws_partial *kept = rb_try_alloc(sizeof *kept);
    if (kept)
        *kept = *reader->partial;
    else
        rb_buf_fini(&reader->partial->message);
    reader->partial = kept;
    return kept ? RB_OK : RB_OUT_OF_MEMORY;
}

static rb_err read_on(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                      bool *out_is_event)
{
    drop_given_out(reader->partial);
    rb_err err = read_event(reader, input, out, out_is_event);
    if (err || is_between_messages(reader->partial)) drop_partial(reader);
    return err;
}

static rb_err read_anew(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                        bool *out_is_event)
{
    struct rb_ws_partial fresh = {.message.limit = reader->message_max};
    reader->partial = &fresh;
    rb_err err = read_event(reader, input, out, out_is_event);
    if (!err && !is_between_messages(&fresh)) return keep_partial(reader);
    rb_buf_fini(&fresh.message);
    reader->partial = NULL;
    return err;
}

enum rb_ws_step rb_ws_next(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                           rb_err *out_err)
{
    rb_err err = (rb_err)reader->broken;
    bool is_event = false;
    if (!err && reader->is_closed) {
        drop_partial(reader);
        advance(input, input->n);
        return RB_WS_MORE;
    }
    if (!err && reader->partial)
        err = read_on(reader, input, out, &is_event);
    else if (!err && input->n > 0)
        err = read_anew(reader, input, out, &is_event);
    if (!err) return is_event ? RB_WS_EVENT : RB_WS_MORE;
    reader->broken = (uint8_t)err;
    *out_err = err;
    return RB_WS_FAILED;
}
