#include "data.h"

#define HEAD "{\"number\":\""
#define MIDDLE "\",\"fill\":\""
#define TAIL "\"}"

enum { DIGITS = 12, HEAD_BYTES = sizeof HEAD - 1 };

void data_put(struct rb_buf *out, uint64_t number)
{
    size_t begun = out->n;
    rb_buf_add_fmt(out, HEAD "%0*llu" MIDDLE, DIGITS, (unsigned long long)number);
    while (out->n - begun < DATA_BYTES - (sizeof TAIL - 1)) rb_buf_add_char(out, 'x');
    rb_buf_add_text(out, TAIL);
}

bool data_read(rb_str data, uint64_t *out_number)
{
    return data.n == DATA_BYTES && rb_str_starts(data, RB_STR(HEAD)) &&
           rb_str_u64(rb_str_sub(data, HEAD_BYTES, DIGITS), UINT64_MAX, out_number);
}
