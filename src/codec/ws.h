/* WebSocket framing (RFC 6455): bytes in, messages out. The server's side reads masked frames and writes
 * unmasked ones; the client's side the other way round. Pure: no sockets, no clock.
 *
 * A message that lies whole in one input is handed out in place (unmasked there, so the input is changed);
 * only for one that is split or fragmented there is memory, which is freed with it. However the bytes are
 * cut, the events are the same. One owner; any thread. */
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

/* A message of which only a part has come. All fields are private. */
struct rb_ws_partial {
    struct rb_buf message;  /* what was collected of it */
    uint64_t frame_left;    /* payload bytes of the current frame still to come */
    uint32_t utf8;          /* state of rb_utf8_feed; 0 between messages */
    uint8_t opcode;         /* of the frame */
    uint8_t message_opcode; /* of the message being read; 0 between messages */
    bool in_payload;        /* the header of a frame is read, its payload is not complete */
    bool is_final;          /* the frame is its message's last */
    bool is_given_out;      /* the last event lies in message or control: to be dropped by the next call */
    uint8_t mask[4];
    uint8_t mask_at;                  /* which mask byte the next payload byte meets */
    uint8_t header[RB_WS_HEADER_MAX]; /* a header that came in pieces */
    uint8_t header_n;
    uint8_t control_n;
    char control[RB_WS_CONTROL_MAX]; /* a control frame's payload that came in pieces */
};

/* Every connection holds one. All fields are private. */
struct rb_ws_reader {
    struct rb_ws_partial *partial; /* NULL between messages */
    uint32_t message_max;          /* bytes of one message, all fragments together */
    bool is_server;
    bool is_closed; /* a close frame was read */
    uint8_t broken; /* the rb_err that ended it; 0 while it works */
};

void rb_ws_reader_init(struct rb_ws_reader *reader, bool is_server, uint32_t message_max_bytes);
void rb_ws_reader_fini(struct rb_ws_reader *reader); /* safe on a zeroed one */

struct rb_ws_event {
    enum rb_ws_opcode opcode; /* TEXT or BINARY (a whole message), CLOSE, PING, PONG */
    rb_str payload;           /* valid until the next call of next or fini */
    uint16_t close_code;      /* with CLOSE: 1005 when the frame had none; payload is then the reason text */
};

/* Bytes that the reader may change. */
struct rb_ws_input {
    char *p;
    size_t n;
};

enum rb_ws_step { RB_WS_MORE, RB_WS_EVENT, RB_WS_FAILED };

/* Takes bytes from *input (advancing it, and unmasking in place) until an event is complete (EVENT; call
 * again for the rest), the input is used up (MORE), or the peer broke the protocol (FAILED: *out_err is
 * RB_PROTOCOL_ERROR, RB_BAD_UTF8, RB_MESSAGE_TOO_LARGE or RB_OUT_OF_MEMORY, whose close_code is what to close
 * with; it fails for ever then). What follows a CLOSE is dropped. Checked: masks, reserved bits and opcodes,
 * control frames (length, not fragmented), fragment order, minimal lengths, UTF-8 of text (fail-fast while it
 * comes in), close codes allowed on the wire. */
enum rb_ws_step rb_ws_next(struct rb_ws_reader *reader, struct rb_ws_input *input, struct rb_ws_event *out,
                           rb_err *out_err);

/* Writing. Header into `out` (RB_WS_HEADER_MAX bytes); the length written is returned. mask NULL on the
 * server's side. */
size_t rb_ws_put_header(unsigned char *out, enum rb_ws_opcode opcode, bool is_final, uint64_t payload_bytes,
                        const unsigned char mask[4]);
/* A whole unmasked frame, header and payload together. */
void rb_ws_put_frame(struct rb_buf *out, enum rb_ws_opcode opcode, rb_str payload);
/* A close frame; code 0, and codes that may not be sent (1005, 1006), write an empty payload. reason is valid
 * UTF-8 and is cut to fit between two characters. */
void rb_ws_put_close(struct rb_buf *out, uint16_t code, rb_str reason);
/* Masks or unmasks in place, 8 bytes at a time; `at` is the position of p[0] in the payload. */
void rb_ws_mask(char *p, size_t n, const unsigned char mask[4], uint32_t at);
/* May a close frame carry it? 1000-1003, 1007-1014, 3000-4999. */
bool rb_ws_close_code_is_valid(unsigned code);

/* Handshake: Sec-WebSocket-Accept for a key, zero-terminated. False when the key is not base64 of 16 bytes.
 */
enum { RB_WS_ACCEPT_BYTES = 28 };
bool rb_ws_accept(rb_str key, char out[RB_WS_ACCEPT_BYTES + 1]);

#endif
