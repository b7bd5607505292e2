/* Any bytes as compressed ones, whole and in two pieces: the same comes out, and never more than the limit.
 * Byte 0 chooses the form, bytes 1 and 2 say where to cut. */
#include "base/buf.h"
#include "base/check.h"
#include "codec/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTION_BYTES = 3, OUTPUT_MAX = 20000 };

static rb_err feed(struct rb_inflate *inflate, rb_str input, struct rb_buf *out)
{
    char room[1000];
    size_t n = 0;
    rb_err err;
    do {
        err = rb_inflate_next(inflate, &input, room, sizeof room, &n);
        rb_buf_add(out, room, n);
    } while (!err && (input.n > 0 || n == sizeof room));
    return err;
}

static rb_err run(struct rb_buf *out, enum rb_inflate_form form, rb_str input, size_t cut)
{
    struct rb_inflate *inflate = rb_inflate_new(form, OUTPUT_MAX);
    RB_CHECK(inflate);
    rb_err err = feed(inflate, rb_str_sub(input, 0, cut), out);
    if (!err) err = feed(inflate, rb_str_from(input, cut), out);
    if (!err && !rb_inflate_is_complete(inflate)) rb_buf_add_text(out, "...");
    rb_inflate_free(inflate);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTION_BYTES) return 0;
    rb_str input = rb_str_from(rb_str_make(data, size), OPTION_BYTES);
    enum rb_inflate_form form = data[0] & 1 ? RB_INFLATE_ZLIB : RB_INFLATE_GZIP;
    size_t cut = (size_t)(data[1] << 8 | data[2]) % (input.n + 1);
    struct rb_buf whole = {0}, pieces = {0};
    rb_err err = run(&whole, form, input, input.n);
    RB_CHECK(run(&pieces, form, input, cut) == err);
    RB_CHECK(err || rb_str_eq(rb_buf_str(&whole), rb_buf_str(&pieces)));
    RB_CHECK(whole.n <= OUTPUT_MAX + 3);
    rb_buf_fini(&whole);
    rb_buf_fini(&pieces);
    return 0;
}
