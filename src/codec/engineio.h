/* Engine.IO protocol v4 and v3: the packets that carry Socket.IO, and the rules for opening a link. Pure:
 * slices in, bytes out; no sockets, no clock, no allocation but the output buffer's.
 *
 * A packet is one digit and its data. On WebSocket each packet is one text message, on long-polling several
 * share a body (codec/engineio_payload.h). Reading and writing of one packet is the same for both, so it
 * knows of neither. Binary data has no digit (a binary message, or text that begins with 'b') and is none of
 * these packets. */
#ifndef RB_CODEC_ENGINEIO_H
#define RB_CODEC_ENGINEIO_H

#include "base/buf.h"
#include "base/reason.h"

enum rb_eio_packet_type {
    RB_EIO_OPEN = 0,
    RB_EIO_CLOSE = 1,
    RB_EIO_PING = 2,
    RB_EIO_PONG = 3,
    RB_EIO_MESSAGE = 4,
    RB_EIO_UPGRADE = 5,
    RB_EIO_NOOP = 6
};

struct rb_eio_packet {
    enum rb_eio_packet_type type;
    rb_str data; /* borrowed from the message; may be empty */
};

/* RB_PROTOCOL_ERROR, and `out` untouched, when the message does not begin with a digit 0..6. */
rb_err rb_eio_read(rb_str message, struct rb_eio_packet *out);
void rb_eio_put(struct rb_buf *out, enum rb_eio_packet_type type, rb_str data);

/* What the server tells in its first packet. */
struct rb_eio_open {
    rb_str sid;            /* secret: whoever knows it speaks for the link */
    bool offers_websocket; /* whether a link on polling may move to websocket; false on websocket */
    uint32_t ping_interval_ms;
    uint32_t ping_timeout_ms;
    uint32_t max_payload_bytes;
};

/* The whole open packet, with its digit. Clients' test suites want these five keys and no other; clients read
 * the numbers as 32-bit signed. */
void rb_eio_put_open(struct rb_buf *out, const struct rb_eio_open *open);

/* Why a request is refused; the numbers go over the wire. */
enum rb_eio_error {
    RB_EIO_NO_ERROR = -1,
    RB_EIO_TRANSPORT_UNKNOWN = 0,
    RB_EIO_SID_UNKNOWN = 1,
    RB_EIO_BAD_HANDSHAKE_METHOD = 2,
    RB_EIO_BAD_REQUEST = 3,
    RB_EIO_FORBIDDEN = 4,
    RB_EIO_UNSUPPORTED_VERSION = 5
};

/* What the server offers. */
struct rb_eio_offer {
    bool has_polling;
    bool has_websocket;
    bool has_v3; /* also EIO=3; every other revision but 4 is refused in any case */
};

/* A link that exists. */
struct rb_eio_link {
    bool is_on_websocket; /* now; else it is on polling */
    bool is_v3;
};

/* A request on the door's path. Query values are percent-decoded; RB_STR_NONE when a name does not occur. */
struct rb_eio_request {
    rb_str transport;
    rb_str eio;
    rb_str sid;                     /* absent or empty: the request opens a link */
    const struct rb_eio_link *link; /* what sid names, NULL when nothing; not looked at without a sid */
    bool is_get;
    bool is_upgrade;   /* to WebSocket */
    bool is_forbidden; /* the server's own rules (origin, limits) refuse a new link to this caller */
};

/* Which rule the request breaks first, or RB_EIO_NO_ERROR. An upgrade is to be judged before it is answered
 * by 101. Not checked here: control characters in Origin (no HTTP head with them gets this far), methods
 * other than GET and POST on a known link (405). */
enum rb_eio_error rb_eio_check(const struct rb_eio_request *request, const struct rb_eio_offer *offer);

/* How a refusal is said. A plain request gets `status` with the JSON body, an upgrade the text as its body
 * and always 400. */
const char *rb_eio_error_text(enum rb_eio_error error);             /* error is not RB_EIO_NO_ERROR */
int rb_eio_error_status(enum rb_eio_error error, bool is_upgrade);  /* HTTP status */
void rb_eio_put_error(struct rb_buf *out, enum rb_eio_error error); /* {"code":3,"message":"Bad request"} */

#endif
