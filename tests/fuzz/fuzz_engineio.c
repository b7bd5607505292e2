/* Any bytes as an Engine.IO message: what is read is written and read again as the same. */
#include "base/check.h"
#include "codec/engineio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rb_str message = rb_str_make(data, size);
    struct rb_eio_packet packet, again;
    if (rb_eio_read(message, &packet) != RB_OK) return 0;
    struct rb_buf buf = {0};
    rb_eio_put(&buf, packet.type, packet.data);
    RB_CHECK(rb_str_eq(rb_buf_str(&buf), message));
    RB_CHECK(rb_eio_read(rb_buf_str(&buf), &again) == RB_OK);
    RB_CHECK(again.type == packet.type && rb_str_eq(again.data, packet.data));
    rb_buf_fini(&buf);
    return 0;
}
