#include "codec/inflate.h"

#include "codec/zlib_memory.h"

#include <limits.h>

struct rb_inflate {
    z_stream zlib;
    uint64_t left; /* of the limit */
    bool is_complete;
    bool has_members; /* another may follow */
};

struct rb_inflate *rb_inflate_new(enum rb_inflate_form form, uint64_t output_bytes_max)
{
    enum { GZIP = 16 }; /* zlib's way to say it */
    struct rb_inflate *decoder = rb_new(struct rb_inflate);
    zlib_use_our_memory(&decoder->zlib);
    decoder->left = output_bytes_max;
    decoder->has_members = form == RB_INFLATE_GZIP;
    int bits = form == RB_INFLATE_GZIP ? MAX_WBITS + GZIP : MAX_WBITS;
    if (inflateInit2(&decoder->zlib, bits) == Z_OK) return decoder;
    rb_free(decoder);
    return NULL;
}

void rb_inflate_free(struct rb_inflate *decoder)
{
    if (!decoder) return;
    inflateEnd(&decoder->zlib);
    rb_free(decoder);
}

bool rb_inflate_is_complete(const struct rb_inflate *decoder)
{
    return decoder->is_complete;
}

static uInt at_most(uint64_t n)
{
    return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

static rb_err read_some(struct rb_inflate *decoder)
{
    switch (inflate(&decoder->zlib, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR: return RB_OK; /* the latter: for want of input or room */
    case Z_STREAM_END: decoder->is_complete = true; return RB_OK;
    case Z_MEM_ERROR: return RB_OUT_OF_MEMORY;
    default: return RB_BAD_REQUEST;
    }
}

/* Behind the end of a member, with more input. */
static rb_err begin_member(struct rb_inflate *decoder)
{
    if (!decoder->has_members) return RB_BAD_REQUEST;
    decoder->is_complete = false;
    return inflateReset(&decoder->zlib) == Z_OK ? RB_OK : RB_BAD_REQUEST;
}

rb_err rb_inflate_next(struct rb_inflate *decoder, rb_str *input, char *room, size_t room_n, size_t *out_n)
{
    z_stream *zlib = &decoder->zlib;
    uint64_t wanted = room_n > decoder->left ? decoder->left + 1 : room_n; /* one more is enough to know */
    rb_err err = RB_OK;
    if (decoder->is_complete && input->n > 0) err = begin_member(decoder);
    zlib->next_in = (z_const Bytef *)(uintptr_t)input->p;
    zlib->avail_in = at_most(input->n);
    uInt offered = zlib->avail_in;
    zlib->next_out = (Bytef *)room;
    zlib->avail_out = at_most(wanted);
    if (!err && !decoder->is_complete) err = read_some(decoder);
    *input = rb_str_from(*input, offered - zlib->avail_in);
    size_t n = (size_t)((char *)zlib->next_out - room);
    *out_n = n < decoder->left ? n : (size_t)decoder->left;
    if (!err && n > decoder->left) err = RB_BODY_TOO_LARGE;
    decoder->left -= *out_n;
    return err;
}
