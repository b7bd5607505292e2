/* Reasons and errors: one table (reasons.def) behind HTTP problems (RFC 9457), close frames, logs and job
 * failures.
 *
 * rb_err is a reason; RB_OK (0) is success. Static data; any thread. */
#ifndef RB_BASE_REASON_H
#define RB_BASE_REASON_H

#include "base/str.h"

typedef enum rb_err {
#define RB_REASON(NAME, name, http_status, close_code, retry, sentence, next) RB_##NAME,
#include "base/reasons.def"
#undef RB_REASON
    RB_REASON_COUNT
} rb_err;

struct rb_reason {
    const char *name;
    int http_status;
    int close_code;
    bool is_retryable;
    const char *sentence;
    const char *next_step;
};

const struct rb_reason *rb_reason(rb_err err);
const char *rb_reason_name(rb_err err);
bool rb_reason_find(rb_str name, rb_err *out_err);

#endif
