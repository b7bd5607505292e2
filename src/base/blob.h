/* Immutable bytes shared by reference: event bodies between threads, encoded frames between connections.
 *
 * Made once, filled by its maker, then never changed. The count is atomic; any thread may hold references. */
#ifndef RB_BASE_BLOB_H
#define RB_BASE_BLOB_H

#include "base/buf.h"

#include <stdatomic.h>

struct rb_blob {
    _Atomic uint32_t refs;
    size_t n;
    char p[];
};

struct rb_blob *rb_blob_new(size_t bytes); /* to be filled; one reference; NULL when memory is out */
struct rb_blob *rb_blob_copy(rb_str s);    /* NULL when memory is out */
struct rb_blob *rb_blob_ref(struct rb_blob *blob);
void rb_blob_unref(struct rb_blob *blob); /* NULL is fine */

static inline rb_str rb_blob_str(const struct rb_blob *blob)
{
    return blob ? (rb_str){blob->p, blob->n} : RB_STR_NONE;
}

#endif
