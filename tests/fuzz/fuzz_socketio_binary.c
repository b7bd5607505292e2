/* A packet and its attachments: the input is cut at each 0xff byte, which no valid text holds; the first
 * piece is the packet's text, the others come one by one. What is put together passes for a packet that came
 * in one piece, and what is taken apart again for sending and put together once more is the same. */
#include "base/check.h"
#include "codec/socketio_binary.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUT = 0xff, ASSEMBLY_MAX = 4096, JSON_MAX = 65536 };

static rb_err parse(struct rb_json *doc, rb_str json)
{
    return rb_json_parse(doc, json, &(struct rb_json_limits){.allow_duplicates = true});
}

/* `json` is one JSON value. What held placeholders by itself need not come back as it was. */
static void check_out_and_in(rb_str json)
{
    struct rb_arena arena = {0};
    struct rb_buf once = {0}, twice = {0};
    rb_str out, again;
    struct rb_sio_attachments found, second;
    struct rb_json doc;
    RB_CHECK(parse(&doc, json) == RB_OK);
    json = rb_json_raw(rb_json_root(&doc)); /* without blanks around, as it comes back */
    rb_json_fini(&doc);
    rb_err err = rb_sio_attachments_extract(json, &arena, &out, &found);
    RB_CHECK(err == RB_OK || err == RB_MESSAGE_TOO_LARGE);
    if (err == RB_OK) {
        RB_CHECK(found.count <= RB_SIO_ATTACHMENTS_MAX && (found.count > 0 || out.p == json.p));
        RB_CHECK(parse(&doc, out) == RB_OK);
        err = rb_sio_attachments_inline(rb_json_root(&doc), &found, JSON_MAX, &once);
        rb_json_fini(&doc);
    }
    /* Once more: base64 is in its one form now, so this time nothing may change. */
    if (err == RB_OK && !memmem(json.p, json.n, "placeholder", 11) && !memmem(json.p, json.n, "\\", 1)) {
        RB_CHECK(rb_sio_attachments_extract(rb_buf_str(&once), &arena, &again, &second) == RB_OK);
        RB_CHECK(rb_str_eq(again, out) && second.count == found.count);
        for (uint32_t i = 0; i < found.count; i++) RB_CHECK(rb_str_eq(found.items[i], second.items[i]));
        RB_CHECK(parse(&doc, again) == RB_OK);
        RB_CHECK(rb_sio_attachments_inline(rb_json_root(&doc), &second, JSON_MAX, &twice) == RB_OK);
        RB_CHECK(rb_str_eq(rb_buf_str(&once), rb_buf_str(&twice)));
        rb_json_fini(&doc);
    }
    rb_buf_fini(&once);
    rb_buf_fini(&twice);
    rb_arena_fini(&arena);
}

static void finish(const struct rb_sio_assembly *assembly, enum rb_sio_packet_type type)
{
    struct rb_buf json = {0};
    struct rb_sio_packet whole;
    struct rb_json doc;
    if (rb_sio_assembly_finish(assembly, JSON_MAX, &json, &whole) == RB_OK) {
        RB_CHECK(whole.attachments == 0 && whole.json.n <= JSON_MAX);
        RB_CHECK(whole.type == (type == RB_SIO_BINARY_ACK ? RB_SIO_ACK : RB_SIO_EVENT));
        RB_CHECK(rb_sio_check(&whole, &doc) == RB_OK);
        rb_json_fini(&doc);
        check_out_and_in(whole.json);
    }
    rb_buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rb_str rest = rb_str_make(data, size), text, piece;
    struct rb_sio_packet packet;
    struct rb_json doc;
    struct rb_arena arena = {0};
    rb_str any;
    struct rb_sio_attachments found;
    (void)rb_sio_attachments_extract(rest, &arena, &any, &found); /* no harm, whatever it is */
    rb_arena_fini(&arena);
    if (!rb_str_split(&rest, (char)CUT, &text)) return 0;
    if (rb_sio_read(text, &packet) != RB_OK || rb_sio_check(&packet, &doc) != RB_OK) return 0;
    rb_json_fini(&doc);
    if (packet.attachments == 0) {
        if (packet.json.n > 0) check_out_and_in(packet.json);
        return 0;
    }
    struct rb_sio_assembly assembly;
    rb_err err = rb_sio_assembly_init(&assembly, text, &packet, ASSEMBLY_MAX);
    while (err == RB_OK && !rb_sio_assembly_is_complete(&assembly) && rb_str_split(&rest, (char)CUT, &piece))
        err = rb_sio_assembly_add(&assembly, piece);
    RB_CHECK(assembly.bytes.n <= ASSEMBLY_MAX);
    if (err == RB_OK && rb_sio_assembly_is_complete(&assembly)) finish(&assembly, packet.type);
    rb_sio_assembly_fini(&assembly);
    return 0;
}
