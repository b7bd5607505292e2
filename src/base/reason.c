#include "base/reason.h"

#include "base/check.h"

static const struct rb_reason reasons[] = {
#define RB_REASON(NAME, name, http_status, close_code, retry, sentence, next)                                \
    {name, http_status, close_code, retry, sentence, next},
#include "base/reasons.def"
#undef RB_REASON
};

const struct rb_reason *rb_reason(rb_err err)
{
    RB_CHECK((size_t)err < RB_COUNT(reasons));
    return &reasons[err];
}

const char *rb_reason_name(rb_err err)
{
    return rb_reason(err)->name;
}

bool rb_reason_find(rb_str name, rb_err *out_err)
{
    for (size_t i = 0; i < RB_COUNT(reasons); i++) {
        if (!rb_str_is(name, reasons[i].name)) continue;
        *out_err = (rb_err)i;
        return true;
    }
    return false;
}
