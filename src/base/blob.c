#include "base/blob.h"

#include "base/mem.h"

#include <string.h>

struct rb_blob *rb_blob_new(size_t bytes)
{
    struct rb_blob *blob = rb_try_realloc(NULL, sizeof *blob + bytes); /* not zeroed: it is to be filled */
    if (!blob) return NULL;
    atomic_init(&blob->refs, 1);
    blob->n = bytes;
    return blob;
}

struct rb_blob *rb_blob_copy(rb_str s)
{
    struct rb_blob *blob = rb_blob_new(s.n);
    if (blob && s.n) memcpy(blob->p, s.p, s.n);
    return blob;
}

struct rb_blob *rb_blob_ref(struct rb_blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    return blob;
}

void rb_blob_unref(struct rb_blob *blob)
{
    if (blob && atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) == 1) rb_free(blob);
}
