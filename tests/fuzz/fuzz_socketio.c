/* Any bytes as the data of an Engine.IO message. A packet that is right is written and read again as the
 * same, and its document can be walked. */
#include "base/check.h"
#include "codec/engineio.h"
#include "codec/socketio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_slices(const struct rb_sio_packet *packet, rb_str text)
{
    RB_CHECK(packet->nsp.n > 0 && packet->nsp.p[0] == '/');
    RB_CHECK(packet->ack_id <= RB_SIO_ACK_ID_MAX && packet->attachments <= RB_SIO_ATTACHMENTS_MAX);
    RB_CHECK(rb_str_ends(text, packet->json));
}

static void check_round_trip(const struct rb_sio_packet *packet)
{
    struct rb_buf buf = {0};
    rb_sio_put(&buf, packet);
    struct rb_eio_packet message;
    struct rb_sio_packet again;
    RB_CHECK(rb_eio_read(rb_buf_str(&buf), &message) == RB_OK && message.type == RB_EIO_MESSAGE);
    RB_CHECK(rb_sio_read(message.data, &again) == RB_OK);
    RB_CHECK(again.type == packet->type && again.attachments == packet->attachments);
    RB_CHECK(again.has_ack_id == packet->has_ack_id && again.ack_id == packet->ack_id);
    RB_CHECK(rb_str_eq(again.nsp, packet->nsp) && rb_str_eq(again.json, packet->json));
    rb_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rb_str text = rb_str_make(data, size);
    struct rb_sio_packet packet;
    struct rb_json doc;
    if (rb_sio_read(text, &packet) != RB_OK) return 0;
    check_slices(&packet, text);
    if (rb_sio_check(&packet, &doc) != RB_OK) return 0;
    size_t bytes = 0;
    for (rb_json_val v = rb_json_first(rb_json_root(&doc)); rb_json_type(v) != RB_JSON_NONE;
         v = rb_json_next(v))
        bytes += rb_json_raw(v).n;
    RB_CHECK(bytes <= packet.json.n);
    rb_json_fini(&doc);
    check_round_trip(&packet);
    return 0;
}
