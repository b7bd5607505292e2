/* WebSocket framing (RFC 6455): bytes in, messages out. The server's side reads masked frames and writes unmasked ones; the
 * client's side the other way round. Pure: no sockets, no clock.
 *
 * A reader holds only the state of a partial frame; a message that lies whole in one input is handed out in place (unmasked
 * there, so the input is changed), and only one that is split or fragmented is collected in memory that is freed with it. */
#ifndef RB_CODEC_WS_H
#define RB_CODEC_WS_H

#include "base/buf.h"
#include "base/reason.h"

enum rb_ws_opcode {
    RB_WS_CONTINUATION = 0x0,
    RB_WS_TEXT = 0x1,
    RB_WS_BINARY = 0x2,
    RB_WS_CLOSE = 0x8,
    RB_WS_PING = 0x9,
    RB_WS_PONG = 0xa
};

enum { RB_WS_HEADER_MAX = 14, RB_WS_CONTROL_MAX = 125 };

struct rb_ws_reader {
    struct rb_buf *partial;   /* the message being collected; NULL while there is none */
    uint64_t frame_left;      /* payload bytes of the current frame still to come */
    uint8_t mask[4];
    uint8_t header[RB_WS_HEADER_MAX]; /* a header that came in pieces; later control payload lives in control */
    uint8_t header_n;
    uint8_t flags; /* private */
    uint8_t opcode; /* private */
    uint8_t message_opcode; /* private */
    uint32_t mask_at; /* private */
    uint32_t utf8; /* private */
    uint32_t message_max; /* bytes of one message, all fragments together */
    struct rb_buf *control;   /* a control payload that came in pieces; NULL while there is none */
};

void rb_ws_reader_init(struct rb_ws_reader *reader, bool is_server, uint32_t message_max_bytes);
void rb_ws_reader_fini(struct rb_ws_reader *reader); /* safe on a zeroed one */

struct rb_ws_event {
    enum rb_ws_opcode opcode; /* TEXT or BINARY (a whole message), CLOSE, PING, PONG */
    rb_str payload; /* valid until the next call of next or fini */
    uint16_t close_code; /* with CLOSE: 1005 when the frame had none; payload is then the reason text */
};

/* Bytes that the reader may change. */
struct rb_ws_input {
    char *p;
    size_t n;
};

enum rb_ws_step { RB_WS_MORE, RB_WS_EVENT, RB_WS_FAILED };

/* Takes bytes from *input (advancing it, and unmasking in place) until an event is complete (EVENT; call again for the rest), the
 * input is used up (MORE), or the peer broke the protocol (FAILED: *out_err is RB_PROTOCOL_ERROR, RB_BAD_UTF8, RB_MESSAGE_TOO_LARGE or
 * RB_OUT_OF_MEMORY, whose close_code is what to close with). Checked: masks, reserved bits and opcodes, control frames (length,
 * not fragmented), fragment order, minimal lengths, UTF-8 of text (fail-fast while it comes in), close codes allowed on the wire. */
enum rb_ws_step rb_ws_next(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out, rb_err *out_err);

/* Writing. Header into `out` (RB_WS_HEADER_MAX bytes); the length written is returned. mask NULL on the server's side. */
size_t rb_ws_put_header(unsigned char *out, enum rb_ws_opcode opcode, bool is_final, uint64_t payload_bytes,
                        const unsigned char mask[4]);
/* A whole unmasked frame, header and payload together. */
void rb_ws_put_frame(struct rb_buf *out, enum rb_ws_opcode opcode, rb_str payload);
/* A close frame; code 0 writes an empty payload. reason is cut to fit at a UTF-8 boundary. */
void rb_ws_put_close(struct rb_buf *out, uint16_t code, rb_str reason);
void rb_ws_mask(char *p, size_t n, const unsigned char mask[4], uint32_t at); /* 8 bytes at a time */

/* Handshake: Sec-WebSocket-Accept for a key. False when the key is not base64 of 16 bytes. */
enum { RB_WS_ACCEPT_BYTES = 28 };
bool rb_ws_accept(rb_str key, char out[RB_WS_ACCEPT_BYTES + 1]);

#endif
