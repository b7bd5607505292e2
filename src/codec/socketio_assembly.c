/* All parts of a packet lie one after the other in one buffer, which is bounded by what the owner allows for
 * the whole, so a client that announces much and sends little takes little. */
#include "base/check.h"
#include "codec/socketio_binary.h"

static rb_err append(struct rb_sio_assembly *assembly, rb_str part)
{
    if (part.n > assembly->bytes_max - assembly->bytes.n) return RB_MESSAGE_TOO_LARGE;
    rb_buf_add_str(&assembly->bytes, part);
    return assembly->bytes.failed ? RB_OUT_OF_MEMORY : RB_OK;
}

rb_err rb_sio_assembly_init(struct rb_sio_assembly *assembly, rb_str text, const struct rb_sio_packet *packet,
                            size_t bytes_max)
{
    RB_CHECK(packet->attachments >= 1 && packet->attachments <= RB_SIO_ATTACHMENTS_MAX);
    *assembly =
        (struct rb_sio_assembly){.bytes_max = bytes_max, .text_bytes = text.n, .wanted = packet->attachments};
    return append(assembly, text);
}

void rb_sio_assembly_fini(struct rb_sio_assembly *assembly)
{
    rb_buf_fini(&assembly->bytes);
    *assembly = (struct rb_sio_assembly){0};
}

bool rb_sio_assembly_is_complete(const struct rb_sio_assembly *assembly)
{
    return assembly->have == assembly->wanted;
}

rb_err rb_sio_assembly_add(struct rb_sio_assembly *assembly, rb_str attachment)
{
    RB_CHECK(!rb_sio_assembly_is_complete(assembly));
    rb_err err = append(assembly, attachment);
    if (err == RB_OK) assembly->ends[assembly->have++] = assembly->bytes.n;
    return err;
}

static struct rb_sio_attachments attachments_of(const struct rb_sio_assembly *assembly)
{
    struct rb_sio_attachments attachments = {.count = assembly->have};
    size_t start = assembly->text_bytes;
    for (uint32_t i = 0; i < assembly->have; i++) {
        attachments.items[i] = rb_str_make(assembly->bytes.p + start, assembly->ends[i] - start);
        start = assembly->ends[i];
    }
    return attachments;
}

rb_err rb_sio_assembly_finish(const struct rb_sio_assembly *assembly, size_t json_bytes_max,
                              struct rb_buf *json_buf, struct rb_sio_packet *out)
{
    RB_CHECK(assembly->wanted > 0 && rb_sio_assembly_is_complete(assembly));
    struct rb_sio_packet packet;
    struct rb_json doc;
    rb_err err = rb_sio_read(rb_str_sub(rb_buf_str(&assembly->bytes), 0, assembly->text_bytes), &packet);
    if (err != RB_OK) return err;
    /* As rb_sio_check parses it, so that what passes there passes here. */
    err = rb_json_parse(&doc, packet.json, &(struct rb_json_limits){.allow_duplicates = true});
    if (err != RB_OK) return err;
    struct rb_sio_attachments attachments = attachments_of(assembly);
    size_t start = json_buf->n;
    err = rb_sio_attachments_inline(rb_json_root(&doc), &attachments, json_bytes_max, json_buf);
    rb_json_fini(&doc);
    if (err != RB_OK) return err;
    packet.type = packet.type == RB_SIO_BINARY_ACK ? RB_SIO_ACK : RB_SIO_EVENT;
    packet.attachments = 0;
    packet.json = rb_str_from(rb_buf_str(json_buf), start);
    *out = packet;
    return RB_OK;
}
