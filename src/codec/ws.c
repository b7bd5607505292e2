/* Reading frames.
 *
 * The reader is built for connections that are idle and messages that are small. An idle one owns nothing but
 * its struct; a message that came whole is unmasked where it lies and handed out from there. Memory is taken
 * only for what a peer has really sent, never for what a header announces: a header that promises 16 MB costs
 * the peer 16 MB to make us hold them.
 *
 * Everything is refused at the first byte that shows it (an announced length before the payload comes, bad
 * UTF-8 in the middle of a message), and nothing is decided by how the bytes were cut. */
#include "codec/ws.h"

#include "base/mem.h"
#include "codec/utf8.h"

#include <string.h>

_Static_assert(sizeof(struct rb_ws_reader) <= 64, "every idle connection holds one");

enum flags {
    IS_SERVER = 1,
    IN_PAYLOAD = 2, /* the header of a frame is read, its payload is not complete */
    IS_FINAL = 4,
    IS_CLOSED = 8,     /* a close frame was read */
    HAS_GIVEN_OUT = 16 /* the last event lies in partial or control: to be freed by the next call */
};

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f, NO_STATUS = 1005 };

void rb_ws_reader_init(struct rb_ws_reader *reader, bool is_server, uint32_t message_max_bytes)
{
    *reader = (struct rb_ws_reader){.message_max = message_max_bytes, .flags = is_server ? IS_SERVER : 0};
}

static void drop_message(struct rb_ws_reader *reader)
{
    if (reader->partial) rb_buf_fini(reader->partial);
    rb_free(reader->partial);
    reader->partial = NULL;
}

static void drop_control(struct rb_ws_reader *reader)
{
    rb_free(reader->control);
    reader->control = NULL;
    reader->control_n = 0;
}

void rb_ws_reader_fini(struct rb_ws_reader *reader)
{
    drop_message(reader);
    drop_control(reader);
}

static bool is_control(const struct rb_ws_reader *reader)
{
    return reader->opcode >= RB_WS_CLOSE;
}

bool rb_ws_close_code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* The first byte: is it a frame that may come now? */
static rb_err check_kind(const struct rb_ws_reader *reader, unsigned char byte)
{
    bool in_message = reader->message_opcode != 0;
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
    bool must_mask = reader->flags & IS_SERVER;
    if (must_mask != ((header[1] & MASKED) != 0)) return RB_PROTOCOL_ERROR;
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
    uint64_t collected = reader->partial ? reader->partial->n : 0;
    if (is_data && collected + length > reader->message_max) return RB_MESSAGE_TOO_LARGE;
    *out_length = length;
    return RB_OK;
}

static void begin_payload(struct rb_ws_reader *reader, const unsigned char *header, uint64_t length)
{
    reader->opcode = header[0] & OPCODE;
    if (reader->opcode == RB_WS_TEXT || reader->opcode == RB_WS_BINARY)
        reader->message_opcode = reader->opcode;
    reader->flags = (uint8_t)(reader->flags & ~IS_FINAL) | IN_PAYLOAD | (header[0] & FIN ? IS_FINAL : 0);
    reader->frame_left = length;
    reader->mask_at = 0;
    reader->header_n = 0;
    if (reader->flags & IS_SERVER)
        memcpy(reader->mask, header + 2 + length_bytes(header), sizeof reader->mask);
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
    size_t bytes = 2 + length_bytes(header) + (reader->flags & IS_SERVER ? sizeof reader->mask : 0);
    if (err || n < bytes) return err;
    begin_payload(reader, header, length);
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
    size_t kept = reader->header_n, bytes;
    if (kept == 0) {
        rb_err err = read_header(reader, (const unsigned char *)input->p, input->n, &bytes);
        if (err) return err;
        if (bytes) {
            advance(input, bytes);
            return RB_OK;
        }
    }
    size_t n = sizeof reader->header - kept;
    if (n > input->n) n = input->n;
    if (n > 0) memcpy(reader->header + kept, input->p, n);
    reader->header_n = (uint8_t)(kept + n);
    rb_err err = read_header(reader, reader->header, kept + n, &bytes);
    if (err) return err;
    advance(input, bytes ? bytes - kept : n);
    return RB_OK;
}

/* What there is of the frame's payload, unmasked. */
static rb_str take_payload(struct rb_ws_reader *reader, struct rb_ws_input *input)
{
    size_t n = reader->frame_left < input->n ? (size_t)reader->frame_left : input->n;
    char *p = input->p;
    if (reader->flags & IS_SERVER) rb_ws_mask(p, n, reader->mask, reader->mask_at);
    reader->mask_at = (reader->mask_at + n) & 3;
    reader->frame_left -= n;
    advance(input, n);
    if (reader->frame_left == 0) reader->flags &= (uint8_t)~IN_PAYLOAD;
    return (rb_str){p, n};
}

static bool collect(struct rb_ws_reader *reader, rb_str piece)
{
    if (!reader->partial) {
        reader->partial = rb_try_alloc(sizeof *reader->partial);
        if (!reader->partial) return false;
        rb_buf_init(reader->partial, reader->message_max);
    }
    rb_buf_add_str(reader->partial, piece);
    return !reader->partial->failed;
}

/* Data comes in: a whole message is given out in place, a piece is kept. *out_is_event says which. */
static rb_err take_data(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                        bool *out_is_event)
{
    rb_str payload = take_payload(reader, input);
    bool is_complete = !(reader->flags & IN_PAYLOAD) && (reader->flags & IS_FINAL);
    if (reader->message_opcode == RB_WS_TEXT) {
        if (!rb_utf8_feed(&reader->utf8, payload)) return RB_BAD_UTF8;
        if (is_complete && reader->utf8 != 0) return RB_BAD_UTF8;
    }
    bool is_piece = reader->partial || !is_complete;
    if (is_piece && payload.n > 0 && !collect(reader, payload)) return RB_OUT_OF_MEMORY;
    if (!is_complete) return RB_OK;
    if (reader->partial) {
        payload = rb_buf_str(reader->partial);
        reader->flags |= HAS_GIVEN_OUT;
    }
    *out = (struct rb_ws_event){.opcode = (enum rb_ws_opcode)reader->message_opcode, .payload = payload};
    reader->message_opcode = 0;
    *out_is_event = true;
    return RB_OK;
}

static rb_err conclude_close(struct rb_ws_reader *reader, rb_str payload, struct rb_ws_event *out)
{
    unsigned code = NO_STATUS;
    reader->flags |= IS_CLOSED;
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
    rb_str payload = take_payload(reader, input);
    bool is_complete = !(reader->flags & IN_PAYLOAD);
    if (payload.n > 0 && (reader->control || !is_complete)) {
        if (!reader->control) reader->control = rb_try_alloc(RB_WS_CONTROL_MAX);
        if (!reader->control) return RB_OUT_OF_MEMORY;
        memcpy(reader->control + reader->control_n, payload.p, payload.n);
        reader->control_n = (uint8_t)(reader->control_n + payload.n);
    }
    if (!is_complete) return RB_OK;
    if (reader->control) {
        payload = (rb_str){reader->control, reader->control_n};
        reader->flags |= HAS_GIVEN_OUT;
    }
    *out_is_event = true;
    if (reader->opcode == RB_WS_CLOSE) return conclude_close(reader, payload, out);
    *out = (struct rb_ws_event){.opcode = (enum rb_ws_opcode)reader->opcode, .payload = payload};
    return RB_OK;
}

/* Frees what the last event lay in. */
static void drop_given_out(struct rb_ws_reader *reader)
{
    if (!(reader->flags & HAS_GIVEN_OUT)) return;
    reader->flags &= (uint8_t)~HAS_GIVEN_OUT;
    if (is_control(reader))
        drop_control(reader);
    else
        drop_message(reader);
}

enum rb_ws_step rb_ws_next(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                           rb_err *out_err)
{
    rb_err err = (rb_err)reader->broken;
    bool is_event = false;
    drop_given_out(reader);
    while (!err && !is_event) {
        if (reader->flags & IS_CLOSED) {
            advance(input, input->n);
            return RB_WS_MORE;
        }
        if (!(reader->flags & IN_PAYLOAD)) err = take_header(reader, input);
        if (err) break;
        if (!(reader->flags & IN_PAYLOAD)) return RB_WS_MORE;
        err = is_control(reader) ? take_control(reader, input, out, &is_event)
                                 : take_data(reader, input, out, &is_event);
        if (!err && (reader->flags & IN_PAYLOAD)) return RB_WS_MORE;
    }
    if (!err) return RB_WS_EVENT;
    reader->broken = (uint8_t)err;
    *out_err = err;
    return RB_WS_FAILED;
}
