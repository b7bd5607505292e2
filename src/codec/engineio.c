#include "codec/engineio.h"

#include "base/check.h"
#include "codec/json.h"

rb_err rb_eio_read(rb_str message, struct rb_eio_packet *out)
{
    if (message.n == 0 || message.p[0] < '0' + RB_EIO_OPEN || message.p[0] > '0' + RB_EIO_NOOP)
        return RB_PROTOCOL_ERROR;
    out->type = (enum rb_eio_packet_type)(message.p[0] - '0');
    out->data = rb_str_from(message, 1);
    return RB_OK;
}

void rb_eio_put(struct rb_buf *out, enum rb_eio_packet_type type, rb_str data)
{
    rb_buf_add_char(out, (char)('0' + type));
    rb_buf_add_str(out, data);
}

void rb_eio_put_open(struct rb_buf *out, const struct rb_eio_open *open)
{
    rb_eio_put(out, RB_EIO_OPEN, RB_STR_NONE);
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "sid");
    rb_json_put_str(&json, open->sid);
    rb_json_put_key(&json, "upgrades");
    rb_json_begin_array(&json);
    if (open->offers_websocket) rb_json_put_text(&json, "websocket");
    rb_json_end_array(&json);
    rb_json_put_key(&json, "pingInterval");
    rb_json_put_u64(&json, open->ping_interval_ms);
    rb_json_put_key(&json, "pingTimeout");
    rb_json_put_u64(&json, open->ping_timeout_ms);
    rb_json_put_key(&json, "maxPayload");
    rb_json_put_u64(&json, open->max_payload_bytes);
    rb_json_end_object(&json);
}

static bool is_v4(rb_str eio)
{
    return rb_str_is(eio, "4");
}

static bool is_v3(rb_str eio)
{
    return rb_str_is(eio, "3");
}

/* The rules for a request that opens a link, in the order of the reference server. */
static enum rb_eio_error check_new(const struct rb_eio_request *request, const struct rb_eio_offer *offer,
                                   bool wants_websocket)
{
    if (!request->is_get) return RB_EIO_BAD_HANDSHAKE_METHOD;
    if (request->is_upgrade != wants_websocket) return RB_EIO_BAD_REQUEST;
    if (request->is_forbidden) return RB_EIO_FORBIDDEN;
    if (!is_v4(request->eio) && !(offer->has_v3 && is_v3(request->eio))) return RB_EIO_UNSUPPORTED_VERSION;
    return RB_EIO_NO_ERROR;
}

/* The rules for a request on a link. One on websocket has its connection already and is not handed over to a
 * second one. */
static enum rb_eio_error check_known(const struct rb_eio_request *request, bool wants_websocket)
{
    if (request->link->is_on_websocket || request->is_upgrade != wants_websocket) return RB_EIO_BAD_REQUEST;
    if (!(request->link->is_v3 ? is_v3(request->eio) : is_v4(request->eio))) return RB_EIO_BAD_REQUEST;
    return RB_EIO_NO_ERROR;
}

enum rb_eio_error rb_eio_check(const struct rb_eio_request *request, const struct rb_eio_offer *offer)
{
    bool wants_websocket = rb_str_is(request->transport, "websocket");
    bool wants_polling = rb_str_is(request->transport, "polling");
    if (!(wants_websocket && offer->has_websocket) && !(wants_polling && offer->has_polling))
        return RB_EIO_TRANSPORT_UNKNOWN;
    if (request->sid.n == 0) return check_new(request, offer, wants_websocket);
    if (!request->link) return RB_EIO_SID_UNKNOWN;
    return check_known(request, wants_websocket);
}

const char *rb_eio_error_text(enum rb_eio_error error)
{
    switch (error) {
    case RB_EIO_TRANSPORT_UNKNOWN: return "Transport unknown";
    case RB_EIO_SID_UNKNOWN: return "Session ID unknown";
    case RB_EIO_BAD_HANDSHAKE_METHOD: return "Bad handshake method";
    case RB_EIO_BAD_REQUEST: return "Bad request";
    case RB_EIO_FORBIDDEN: return "Forbidden";
    case RB_EIO_UNSUPPORTED_VERSION: return "Unsupported protocol version";
    case RB_EIO_NO_ERROR: break;
    }
    RB_UNREACHABLE();
}

int rb_eio_error_status(enum rb_eio_error error, bool is_upgrade)
{
    return error == RB_EIO_FORBIDDEN && !is_upgrade ? 403 : 400;
}

void rb_eio_put_error(struct rb_buf *out, enum rb_eio_error error)
{
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "code");
    rb_json_put_u64(&json, (uint64_t)error);
    rb_json_put_key(&json, "message");
    rb_json_put_text(&json, rb_eio_error_text(error));
    rb_json_end_object(&json);
}
