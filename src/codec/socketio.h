/* Socket.IO protocol v5: packets inside Engine.IO messages. Pure: slices in, bytes out; no sockets, no clock.
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
 *
 * Reading is in two steps, so that who only routes a packet pays for no JSON: rb_sio_read cuts it into its
 * parts, rb_sio_check parses the JSON once, judges it and leaves the document to the caller. Every error
 * below ends the link, as the specification says. */
#ifndef RB_CODEC_SOCKETIO_H
#define RB_CODEC_SOCKETIO_H

#include "base/buf.h"
#include "base/reason.h"
#include "codec/json.h"

enum rb_sio_packet_type {
    RB_SIO_CONNECT = 0,
    RB_SIO_DISCONNECT = 1,
    RB_SIO_EVENT = 2,
    RB_SIO_ACK = 3,
    RB_SIO_CONNECT_ERROR = 4,
    RB_SIO_BINARY_EVENT = 5,
    RB_SIO_BINARY_ACK = 6
};

enum { RB_SIO_ATTACHMENTS_MAX = 10 };
#define RB_SIO_ACK_ID_MAX ((UINT64_C(1) << 53) - 1) /* what every client's number type holds */

struct rb_sio_packet {
    enum rb_sio_packet_type type;
    uint32_t attachments; /* 1..10 binary messages follow, with the BINARY types; else 0 */
    rb_str nsp;           /* "/" when the packet names none; a query string in it is part of the name */
    bool has_ack_id;
    uint64_t ack_id; /* 0..RB_SIO_ACK_ID_MAX */
    rb_str json;     /* the rest, not looked at yet; empty when there is none */
};

/* `text` is the data of an Engine.IO message, without its '4'; the slices of `out` are borrowed from it.
 * RB_PROTOCOL_ERROR for an unknown type, a count of attachments that is missing or not 1..10, an ack id above
 * the maximum, and an EVENT or ACK (binary or not) without JSON; `out` is then untouched. An ACK without an
 * id is let through: like one with an unknown id it answers nothing. */
rb_err rb_sio_read(rb_str text, struct rb_sio_packet *out);

/* Parses packet->json and holds it against what a client may send: CONNECT an object or nothing; DISCONNECT
 * nothing; EVENT an array that begins with the event's name, a number or a string that is no name of the
 * libraries' own events; ACK an array; CONNECT_ERROR never. RB_PROTOCOL_ERROR, or what rb_json_parse returns.
 * Keys may repeat, the last one wins, as clients' own JSON has it. Placeholders of binary data are not looked
 * at.
 *
 * With RB_OK the caller owns *out_doc and frees it with rb_json_fini; it borrows from the packet's text, and
 * is zeroed (its root is RB_JSON_NONE) when there was no JSON. Otherwise *out_doc is untouched. */
rb_err rb_sio_check(const struct rb_sio_packet *packet, struct rb_json *out_doc);

/* Writing. All packets begin with the Engine.IO '4'. A namespace begins with '/' and has no ','; "/" is not
 * written. */

/* Any packet; attachments count with the BINARY types only. json is empty or one JSON value that the caller
 * vouches for. */
void rb_sio_put(struct rb_buf *out, const struct rb_sio_packet *packet);

void rb_sio_put_connect(struct rb_buf *out, rb_str nsp, rb_str sid);
/* With a private id, by which the client may recover its state: {"sid":"...","pid":"..."}. */
void rb_sio_put_connect_pid(struct rb_buf *out, rb_str nsp, rb_str sid, rb_str pid);
void rb_sio_put_connect_error(struct rb_buf *out, rb_str nsp, rb_str message);
/* {"message":"...","data":<data>}: one JSON value, spliced as it is. */
void rb_sio_put_connect_error_data(struct rb_buf *out, rb_str nsp, rb_str message, rb_str data);
void rb_sio_put_disconnect(struct rb_buf *out, rb_str nsp);

/* args: JSON values joined by commas, spliced as they are, or empty. Ids that we make are at most 2^31-1:
 * clients read them as 32-bit. ack_id counts only with has_ack_id. */
void rb_sio_put_event(struct rb_buf *out, rb_str nsp, bool has_ack_id, uint64_t ack_id, rb_str name,
                      rb_str args);
void rb_sio_put_ack(struct rb_buf *out, rb_str nsp, uint64_t ack_id, rb_str args);

/* The same with so many attachments (codec/socketio_binary.h) announced. They follow as binary messages, in
 * order, with nothing but Engine.IO's own packets in between. With none these write what the two above
 * write, so nobody has to look first. */
void rb_sio_put_binary_event(struct rb_buf *out, rb_str nsp, bool has_ack_id, uint64_t ack_id, rb_str name,
                             rb_str args, uint32_t attachments);
void rb_sio_put_binary_ack(struct rb_buf *out, rb_str nsp, uint64_t ack_id, rb_str args,
                           uint32_t attachments);

/* What the older revision (Socket.IO protocol v4, over Engine.IO v3) has otherwise. Events, acks, binary and
 * DISCONNECT are the same there, and rb_sio_read and rb_sio_check read them. */

/* A CONNECT there has no JSON, but its namespace may have a query string ("/nsp?token=1"), which stands for
 * the auth data: *out_name is what stands before the '?', *out_query what comes after it, still
 * percent-coded, RB_STR_NONE without one. Both borrow from nsp. */
void rb_sio_split_query(rb_str nsp, rb_str *out_name, rb_str *out_query);

/* The answer to CONNECT is bare ("40" or "40/nsp,"): socket ids follow from the link's. */
void rb_sio_put_connect_v4(struct rb_buf *out, rb_str nsp);
/* A refusal is any one JSON value, spliced as it is: 44/nsp,"Not authorized". */
void rb_sio_put_connect_error_v4(struct rb_buf *out, rb_str nsp, rb_str json);

#endif
