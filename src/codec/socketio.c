#include "codec/socketio.h"

#include "base/check.h"
#include "codec/engineio.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether the type has a list of arguments; without one it means nothing. */
static bool has_args(enum rb_sio_packet_type type)
{
    switch (type) {
    case RB_SIO_EVENT:
    case RB_SIO_ACK:
    case RB_SIO_BINARY_EVENT:
    case RB_SIO_BINARY_ACK: return true;
    case RB_SIO_CONNECT:
    case RB_SIO_DISCONNECT:
    case RB_SIO_CONNECT_ERROR: return false;
    }
    RB_UNREACHABLE();
}

static bool is_binary(enum rb_sio_packet_type type)
{
    return type == RB_SIO_BINARY_EVENT || type == RB_SIO_BINARY_ACK;
}

/* Each take_ function reads one part from the front of *rest and moves it past; false for a part that must
 * not be. */
static bool take_type(rb_str *rest, struct rb_sio_packet *packet)
{
    if (rest->n == 0 || rest->p[0] < '0' + RB_SIO_CONNECT || rest->p[0] > '0' + RB_SIO_BINARY_ACK)
        return false;
    packet->type = (enum rb_sio_packet_type)(rest->p[0] - '0');
    *rest = rb_str_from(*rest, 1);
    return true;
}

static bool take_attachments(rb_str *rest, struct rb_sio_packet *packet)
{
    if (!is_binary(packet->type)) return true;
    ptrdiff_t dash = rb_str_find(*rest, '-');
    uint64_t count;
    if (dash < 0 || !rb_str_u64(rb_str_sub(*rest, 0, (size_t)dash), RB_SIO_ATTACHMENTS_MAX, &count) ||
        count == 0)
        return false;
    packet->attachments = (uint32_t)count;
    *rest = rb_str_from(*rest, (size_t)dash + 1);
    return true;
}

/* The comma that ends a namespace may be missing at the end of the packet. */
static void take_nsp(rb_str *rest, struct rb_sio_packet *packet)
{
    packet->nsp = RB_STR("/");
    if (rest->n == 0 || rest->p[0] != '/') return;
    ptrdiff_t comma = rb_str_find(*rest, ',');
    size_t n = comma < 0 ? rest->n : (size_t)comma;
    packet->nsp = rb_str_sub(*rest, 0, n);
    *rest = rb_str_from(*rest, comma < 0 ? n : n + 1);
}

static bool take_ack_id(rb_str *rest, struct rb_sio_packet *packet)
{
    size_t n = 0;
    while (n < rest->n && is_digit(rest->p[n])) n++;
    if (n == 0) return true;
    if (!rb_str_u64(rb_str_sub(*rest, 0, n), RB_SIO_ACK_ID_MAX, &packet->ack_id)) return false;
    packet->has_ack_id = true;
    *rest = rb_str_from(*rest, n);
    return true;
}

rb_err rb_sio_read(rb_str text, struct rb_sio_packet *out)
{
    struct rb_sio_packet packet = {0};
    if (!take_type(&text, &packet) || !take_attachments(&text, &packet)) return RB_PROTOCOL_ERROR;
    take_nsp(&text, &packet);
    if (!take_ack_id(&text, &packet)) return RB_PROTOCOL_ERROR;
    if (text.n == 0 && has_args(packet.type)) return RB_PROTOCOL_ERROR;
    packet.json = text;
    *out = packet;
    return RB_OK;
}

/* Names that client and server libraries use for events of their own; the longest has 14 letters. */
static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                       "disconnecting", "newListener",   "removeListener"};
enum { RESERVED_BYTES_MAX = 14, ESCAPE_BYTES = 6 };

static bool is_reserved(rb_json_val name)
{
    /* Even with every letter escaped a reserved name is not longer than this, so no long one is decoded. */
    if (rb_json_raw(name).n > RESERVED_BYTES_MAX * ESCAPE_BYTES + 2) return false;
    struct rb_arena arena = {0};
    rb_str text;
    bool found = false;
    if (rb_json_string(name, &arena, &text))
        for (size_t i = 0; i < RB_COUNT(reserved) && !found; i++) found = rb_str_is(text, reserved[i]);
    rb_arena_fini(&arena);
    return found;
}

static bool is_event_name(rb_json_val name)
{
    enum rb_json_type type = rb_json_type(name);
    return type == RB_JSON_NUMBER || (type == RB_JSON_STRING && !is_reserved(name));
}

/* root is NONE when the packet has no JSON. */
static bool is_right_for(enum rb_sio_packet_type type, rb_json_val root)
{
    enum rb_json_type json = rb_json_type(root);
    switch (type) {
    case RB_SIO_CONNECT: return json == RB_JSON_NONE || json == RB_JSON_OBJECT;
    case RB_SIO_DISCONNECT: return json == RB_JSON_NONE;
    case RB_SIO_EVENT:
    case RB_SIO_BINARY_EVENT: return json == RB_JSON_ARRAY && is_event_name(rb_json_first(root));
    case RB_SIO_ACK:
    case RB_SIO_BINARY_ACK: return json == RB_JSON_ARRAY;
    case RB_SIO_CONNECT_ERROR: return false;
    }
    RB_UNREACHABLE();
}

rb_err rb_sio_check(const struct rb_sio_packet *packet, struct rb_json *out_doc)
{
    struct rb_json doc = {0};
    rb_json_val root = {0};
    if (packet->json.n > 0) {
        rb_err err = rb_json_parse(&doc, packet->json, &(struct rb_json_limits){.allow_duplicates = true});
        if (err != RB_OK) return err;
        root = rb_json_root(&doc);
    }
    if (!is_right_for(packet->type, root)) {
        rb_json_fini(&doc);
        return RB_PROTOCOL_ERROR;
    }
    *out_doc = doc;
    return RB_OK;
}

void rb_sio_put(struct rb_buf *out, const struct rb_sio_packet *packet)
{
    RB_CHECK(packet->nsp.n > 0 && packet->nsp.p[0] == '/' && rb_str_find(packet->nsp, ',') < 0);
    rb_eio_put(out, RB_EIO_MESSAGE, RB_STR_NONE);
    rb_buf_add_char(out, (char)('0' + packet->type));
    if (is_binary(packet->type)) {
        rb_buf_add_u64(out, packet->attachments);
        rb_buf_add_char(out, '-');
    }
    if (packet->nsp.n > 1) {
        rb_buf_add_str(out, packet->nsp);
        rb_buf_add_char(out, ',');
    }
    if (packet->has_ack_id) rb_buf_add_u64(out, packet->ack_id);
    rb_buf_add_str(out, packet->json);
}

/* An object of one or two keys; the second value is JSON. */
static void put_object(struct rb_buf *out, enum rb_sio_packet_type type, rb_str nsp, const char *key,
                       rb_str value, const char *second_key, rb_str second_json)
{
    rb_sio_put(out, &(struct rb_sio_packet){.type = type, .nsp = nsp});
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, key);
    rb_json_put_str(&json, value);
    if (second_key) {
        rb_json_put_key(&json, second_key);
        rb_json_put_raw(&json, second_json);
    }
    rb_json_end_object(&json);
}

void rb_sio_put_connect(struct rb_buf *out, rb_str nsp, rb_str sid)
{
    put_object(out, RB_SIO_CONNECT, nsp, "sid", sid, NULL, RB_STR_NONE);
}

void rb_sio_put_connect_pid(struct rb_buf *out, rb_str nsp, rb_str sid, rb_str pid)
{
    rb_sio_put(out, &(struct rb_sio_packet){.type = RB_SIO_CONNECT, .nsp = nsp});
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "sid");
    rb_json_put_str(&json, sid);
    rb_json_put_key(&json, "pid");
    rb_json_put_str(&json, pid);
    rb_json_end_object(&json);
}

void rb_sio_put_connect_error(struct rb_buf *out, rb_str nsp, rb_str message)
{
    put_object(out, RB_SIO_CONNECT_ERROR, nsp, "message", message, NULL, RB_STR_NONE);
}

void rb_sio_put_connect_error_data(struct rb_buf *out, rb_str nsp, rb_str message, rb_str data)
{
    put_object(out, RB_SIO_CONNECT_ERROR, nsp, "message", message, "data", data);
}

void rb_sio_put_disconnect(struct rb_buf *out, rb_str nsp)
{
    rb_sio_put(out, &(struct rb_sio_packet){.type = RB_SIO_DISCONNECT, .nsp = nsp});
}

void rb_sio_put_event(struct rb_buf *out, rb_str nsp, bool has_ack_id, uint64_t ack_id, rb_str name,
                      rb_str args)
{
    rb_sio_put_binary_event(out, nsp, has_ack_id, ack_id, name, args, 0);
}

void rb_sio_put_ack(struct rb_buf *out, rb_str nsp, uint64_t ack_id, rb_str args)
{
    rb_sio_put_binary_ack(out, nsp, ack_id, args, 0);
}

void rb_sio_put_binary_event(struct rb_buf *out, rb_str nsp, bool has_ack_id, uint64_t ack_id, rb_str name,
                             rb_str args, uint32_t attachments)
{
    RB_CHECK(attachments <= RB_SIO_ATTACHMENTS_MAX);
    rb_sio_put(out, &(struct rb_sio_packet){.type = attachments > 0 ? RB_SIO_BINARY_EVENT : RB_SIO_EVENT,
                                            .attachments = attachments,
                                            .nsp = nsp,
                                            .has_ack_id = has_ack_id,
                                            .ack_id = ack_id});
    struct rb_json_out json = {.buf = out};
    rb_json_begin_array(&json);
    rb_json_put_str(&json, name);
    if (args.n > 0) rb_json_put_raw(&json, args);
    rb_json_end_array(&json);
}

void rb_sio_put_binary_ack(struct rb_buf *out, rb_str nsp, uint64_t ack_id, rb_str args, uint32_t attachments)
{
    RB_CHECK(attachments <= RB_SIO_ATTACHMENTS_MAX);
    rb_sio_put(out, &(struct rb_sio_packet){.type = attachments > 0 ? RB_SIO_BINARY_ACK : RB_SIO_ACK,
                                            .attachments = attachments,
                                            .nsp = nsp,
                                            .has_ack_id = true,
                                            .ack_id = ack_id});
    rb_buf_add_char(out, '[');
    rb_buf_add_str(out, args);
    rb_buf_add_char(out, ']');
}

void rb_sio_split_query(rb_str nsp, rb_str *out_name, rb_str *out_query)
{
    rb_str rest = nsp, name = nsp;
    rb_str_split(&rest, '?', &name);
    *out_name = name;
    *out_query = rest;
}

/* Without JSON there is nothing after the namespace, and its comma says that it is over. */
void rb_sio_put_connect_v4(struct rb_buf *out, rb_str nsp)
{
    rb_sio_put(out, &(struct rb_sio_packet){.type = RB_SIO_CONNECT, .nsp = nsp});
}

void rb_sio_put_connect_error_v4(struct rb_buf *out, rb_str nsp, rb_str json)
{
    rb_sio_put(out, &(struct rb_sio_packet){.type = RB_SIO_CONNECT_ERROR, .nsp = nsp, .json = json});
}
