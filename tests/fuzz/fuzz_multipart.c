/* Any bytes as a form body with the boundary B, whole and in two pieces: the same parts with the same
 * content. Bytes 0 and 1 say where to cut. Every piece is an allocation of its own, so that reading past its
 * end is seen. */
#include "base/check.h"
#include "base/mem.h"
#include "codec/multipart.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(struct rb_buf *out, const struct rb_multipart *multipart, enum rb_multipart_event event)
{
    const struct rb_multipart_part *part = &multipart->part;
    switch (event) {
    case RB_MULTIPART_PART:
        RB_CHECK(part->name.p && (part->has_file_name || !part->file_name.p));
        rb_buf_add_fmt(out, "<%zu %d %zu %zu>", part->name.n, part->has_file_name, part->file_name.n,
                       part->type.n);
        rb_buf_add_str(out, part->name);
        rb_buf_add_str(out, part->file_name);
        rb_buf_add_str(out, part->type);
        rb_buf_add_char(out, ':');
        break;
    case RB_MULTIPART_DATA:
        RB_CHECK(multipart->data.n > 0);
        rb_buf_add_str(out, multipart->data);
        break;
    case RB_MULTIPART_PART_END: rb_buf_add_text(out, "</>"); break;
    case RB_MULTIPART_FAILED: rb_buf_add_str(out, multipart->why); break;
    case RB_MULTIPART_OVER:
    case RB_MULTIPART_MORE: break;
    }
}

static enum rb_multipart_event feed(struct rb_buf *out, struct rb_multipart *multipart, rb_str piece)
{
    char *copy = rb_alloc(piece.n);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    rb_str input = {copy, piece.n};
    enum rb_multipart_event event;
    do {
        event = rb_multipart_next(multipart, &input);
        note(out, multipart, event);
    } while (event == RB_MULTIPART_PART || event == RB_MULTIPART_DATA || event == RB_MULTIPART_PART_END);
    RB_CHECK(input.n == 0 || event == RB_MULTIPART_FAILED || event == RB_MULTIPART_OVER);
    rb_free(copy);
    return event;
}

static void run(struct rb_buf *out, rb_str input, size_t cut)
{
    struct rb_multipart multipart;
    RB_CHECK(rb_multipart_init(&multipart, RB_STR("multipart/form-data; boundary=B")) == RB_OK);
    enum rb_multipart_event last = feed(out, &multipart, rb_str_sub(input, 0, cut));
    if (last != RB_MULTIPART_FAILED) last = feed(out, &multipart, rb_str_from(input, cut));
    rb_buf_add_fmt(out, "%d", (int)last);
    rb_multipart_fini(&multipart);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    rb_str input = rb_str_from(rb_str_make(data, size), 2);
    size_t cut = (size_t)(data[0] << 8 | data[1]) % (input.n + 1);
    struct rb_buf whole = {0}, pieces = {0};
    run(&whole, input, input.n);
    run(&pieces, input, cut);
    RB_CHECK(rb_str_eq(rb_buf_str(&whole), rb_buf_str(&pieces)));
    rb_buf_fini(&whole);
    rb_buf_fini(&pieces);

    struct rb_multipart multipart; /* and as a Content-Type */
    if (rb_multipart_init(&multipart, input) == RB_OK) RB_CHECK(rb_str_find(input, '=') >= 0);
    rb_multipart_fini(&multipart);
    return 0;
}
