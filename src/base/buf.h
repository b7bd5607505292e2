/* A byte buffer that grows. Appending never fails half-way: when memory is out or `limit` would be passed,
 * the buffer turns `failed`, keeps what it has and ignores further appends, so that a writer checks once, at
 * the end.
 *
 * Zeroed storage is an empty buffer without a limit. `fini` frees it; safe on a zeroed one. One owner, any
 * thread. */
#ifndef RB_BASE_BUF_H
#define RB_BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct rb_buf {
    char *p;
    size_t n;
    size_t cap;
    size_t limit; /* bytes at most; 0 = no limit */
    bool failed;
};

void rb_buf_init(struct rb_buf *buf, size_t limit_bytes);
void rb_buf_fini(struct rb_buf *buf);
void rb_buf_clear(struct rb_buf *buf); /* empty and not failed; keeps the memory */

bool rb_buf_reserve(struct rb_buf *buf, size_t more_bytes); /* room for so many more; false = failed */
void rb_buf_add(struct rb_buf *buf, const void *p, size_t n);
void rb_buf_add_str(struct rb_buf *buf, rb_str s);
void rb_buf_add_text(struct rb_buf *buf, const char *zero_terminated);
void rb_buf_add_char(struct rb_buf *buf, char c);
void rb_buf_add_u64(struct rb_buf *buf, uint64_t value);
void rb_buf_add_i64(struct rb_buf *buf, int64_t value);
void rb_buf_add_fmt(struct rb_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rb_buf_drop_front(struct rb_buf *buf, size_t n); /* moves the rest down; n <= buf->n */

rb_str rb_buf_str(const struct rb_buf *buf); /* valid until the next change */
const char *
rb_buf_text(struct rb_buf *buf);       /* zero-terminated view, valid until the next change; "" when failed */
char *rb_buf_take(struct rb_buf *buf); /* zero-terminated; the caller frees it; the buffer is empty again */

#endif
