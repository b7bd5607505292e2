/* zlib's memory comes from our own allocator, which may fail: what peers send decides how much is needed, and
 * tests see it fail. */
#ifndef RB_CODEC_ZLIB_MEMORY_H
#define RB_CODEC_ZLIB_MEMORY_H

#include "base/mem.h"

#include <zlib.h>

static inline voidpf zlib_allocate(voidpf arg, uInt count, uInt bytes)
{
    (void)arg;
    return rb_try_alloc((size_t)count * bytes);
}

static inline void zlib_give_back(voidpf arg, voidpf memory)
{
    (void)arg;
    rb_free(memory);
}

static inline void zlib_use_our_memory(z_stream *zlib)
{
    zlib->zalloc = zlib_allocate;
    zlib->zfree = zlib_give_back;
}

#endif
