#include "codec/deflate.h"

#include "base/check.h"
#include "codec/zlib_memory.h"

#include <limits.h>

struct rb_deflate {
    z_stream zlib;
};

struct rb_deflate *rb_deflate_new(void)
{
    enum { GZIP = 16 /* zlib's way to say it */, MEMORY_LEVEL = 8 };
    struct rb_deflate *encoder = rb_new(struct rb_deflate);
    zlib_use_our_memory(&encoder->zlib);
    int status = deflateInit2(&encoder->zlib, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + GZIP, MEMORY_LEVEL,
                              Z_DEFAULT_STRATEGY);
    if (status == Z_OK) return encoder;
    rb_free(encoder);
    return NULL;
}

void rb_deflate_free(struct rb_deflate *encoder)
{
    if (!encoder) return;
    deflateEnd(&encoder->zlib);
    rb_free(encoder);
}

static uInt at_most(size_t n)
{
    return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

void rb_deflate_next(struct rb_deflate *encoder, rb_str *input, bool is_last, char *room, size_t room_n,
                     size_t *out_n)
{
    z_stream *zlib = &encoder->zlib;
    uInt offered = at_most(input->n), wanted = at_most(room_n);
    zlib->next_in = (z_const Bytef *)(uintptr_t)input->p;
    zlib->avail_in = offered;
    zlib->next_out = (Bytef *)room;
    zlib->avail_out = wanted;
    int status = deflate(zlib, is_last && offered == input->n ? Z_FINISH : Z_NO_FLUSH);
    RB_CHECK(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR); /* the last: nothing to do */
    *input = rb_str_from(*input, offered - zlib->avail_in);
    *out_n = wanted - zlib->avail_out;
}
