/* Any bytes as a long-polling body, in the form the first byte says. What is read is written again, read
 * again and the same; the sizes said are the sizes written; and the packets of a whole body make a WebSocket
 * message each. */
#include "base/check.h"
#include "codec/engineio_payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The packet as a writer wants it: text has its digit in front. */
static rb_str packet_of(const struct rb_eio_item *item, struct rb_buf *text)
{
    if (item->is_binary) return item->data;
    rb_buf_clear(text);
    rb_eio_put(text, item->type, item->data);
    return rb_buf_str(text);
}

static void check_frame(const struct rb_eio_item *item, bool is_v3, rb_str packet)
{
    struct rb_buf frame = {0}, scratch = {0};
    struct rb_eio_item again;
    if (item->is_binary) {
        rb_eio_put_binary(&frame, is_v3, packet);
        RB_CHECK(rb_eio_read_frame(rb_buf_str(&frame), false, is_v3, &scratch, &again) == RB_OK);
        RB_CHECK(again.is_binary && rb_str_eq(again.data, item->data));
        rb_buf_clear(&frame);
        rb_eio_put_base64(&frame, is_v3, packet);
        packet = rb_buf_str(&frame);
    }
    RB_CHECK(rb_eio_read_frame(packet, true, is_v3, &scratch, &again) == RB_OK);
    RB_CHECK(again.is_binary == item->is_binary && again.type == item->type);
    RB_CHECK(rb_str_eq(again.data, item->data));
    rb_buf_fini(&frame);
    rb_buf_fini(&scratch);
}

static void check_same(enum rb_eio_form form, char *body, size_t n, struct rb_buf *written)
{
    struct rb_eio_payload first, second;
    struct rb_eio_item a, b;
    rb_eio_payload_begin(&first, form, body, n);
    rb_eio_payload_begin(&second, form, written->p, written->n);
    while (rb_eio_payload_next(&first, &a)) {
        RB_CHECK(rb_eio_payload_next(&second, &b));
        RB_CHECK(a.is_binary == b.is_binary && a.type == b.type && rb_str_eq(a.data, b.data));
    }
    RB_CHECK(!rb_eio_payload_next(&second, &b) && second.err == RB_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    enum rb_eio_form form = (enum rb_eio_form)(data[0] % (RB_EIO_V3_BYTES + 1));
    size_t n = size - 1;
    /* Of just this size, one to be read and one to compare: reading changes it. */
    char *body = malloc(n + (n == 0)), *copy = malloc(n + (n == 0));
    memcpy(body, data + 1, n);
    memcpy(copy, data + 1, n);
    struct rb_buf text = {0}, written = {0};
    struct rb_eio_payload payload;
    struct rb_eio_item item;
    bool is_first = true;
    rb_eio_payload_begin(&payload, form, body, n);
    for (; rb_eio_payload_next(&payload, &item); is_first = false) {
        RB_CHECK(item.data.n <= n && (item.data.n == 0 || (item.data.p >= body && item.data.p < body + n)));
        rb_str packet = packet_of(&item, &text);
        size_t before = written.n;
        rb_eio_payload_put(&written, form, is_first, item.is_binary, packet);
        RB_CHECK(written.n - before == rb_eio_payload_size(form, is_first, item.is_binary, packet));
        check_frame(&item, form != RB_EIO_V4, packet);
    }
    RB_CHECK(payload.err == RB_OK || payload.err == RB_PROTOCOL_ERROR);
    if (!is_first) check_same(form, copy, n, &written);
    rb_buf_fini(&text);
    rb_buf_fini(&written);
    free(body);
    free(copy);
    return 0;
}
