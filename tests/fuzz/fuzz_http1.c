/* Any bytes as an HTTP/1.1 message, head and body: whole, and in two pieces, they must come out as the same.
 *
 * Byte 0 chooses request, answer, answer to HEAD, and narrow limits; bytes 1 and 2 where to cut the rest.
 * Every piece is an allocation of its own, so that reading past its end is seen. */
#include "base/check.h"
#include "base/mem.h"
#include "codec/http1.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AS_ANSWER = 1, TO_HEAD = 2, NARROW = 4, OPTION_BYTES = 3 };

static void add_head(struct rb_buf *out, const struct rb_http1_head *head)
{
    rb_buf_add_fmt(out, "%d %.*s %.*s %d %d %d %llu %d %d %.*s\n", (int)head->method,
                   RB_STR_FMT(head->method_text), RB_STR_FMT(head->target), head->status, head->minor,
                   (int)head->framing, (unsigned long long)head->length, head->keep_alive,
                   head->expects_continue, RB_STR_FMT(head->upgrade));
    for (unsigned i = 0; i < head->header_count; i++) {
        rb_str name = head->headers[i].name, value = head->headers[i].value;
        RB_CHECK(name.n > 0 && rb_str_find(value, '\r') < 0 && rb_str_find(value, '\n') < 0);
        rb_buf_add_fmt(out, "%.*s=%.*s\n", RB_STR_FMT(name), RB_STR_FMT(value));
    }
}

/* True when the head is complete. */
static bool feed_head(struct rb_buf *out, unsigned options, rb_str seen, size_t *scanned,
                      struct rb_http1_body *body, size_t *out_consumed, bool *out_has_failed)
{
    static const struct rb_http1_limits wide = {65536, 8192}, narrow = {64, 8};
    const struct rb_http1_limits *limits = options & NARROW ? &narrow : &wide;
    struct rb_http1_head *head = rb_new(struct rb_http1_head);
    head->headers = rb_new_array(struct rb_http1_header, RB_HTTP1_HEADERS_MAX);
    char *copy = rb_alloc(seen.n);
    if (seen.n) memcpy(copy, seen.p, seen.n);
    rb_str input = {copy, seen.n};
    rb_err err = RB_OK;
    enum rb_http1_step step =
        options & AS_ANSWER
            ? rb_http1_answer(head, input, scanned, options & TO_HEAD, limits, out_consumed, &err)
            : rb_http1_request(head, input, scanned, limits, out_consumed, &err);
    if (step == RB_HTTP1_DONE) {
        RB_CHECK(*out_consumed <= input.n && *out_consumed <= limits->head_max);
        add_head(out, head);
        rb_http1_body_init(body, head);
    }
    *out_has_failed = step == RB_HTTP1_FAILED;
    if (*out_has_failed) rb_buf_add_text(out, rb_reason_name(err));
    rb_free(copy);
    rb_free(head->headers);
    rb_free(head);
    return step == RB_HTTP1_DONE;
}

static enum rb_http1_step feed_body(struct rb_buf *out, struct rb_http1_body *body, rb_str piece,
                                    size_t *consumed_in_all)
{
    char *copy = rb_alloc(piece.n);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    rb_str rest = {copy, piece.n};
    enum rb_http1_step step;
    do {
        size_t consumed;
        rb_str got;
        rb_err err;
        step = rb_http1_body_feed(body, rest, &consumed, &got, &err);
        if (step == RB_HTTP1_FAILED) break;
        RB_CHECK(step == RB_HTTP1_DONE || consumed > 0 || rest.n == 0);
        rb_buf_add_str(out, got);
        rest = rb_str_from(rest, consumed);
        *consumed_in_all += consumed;
    } while (step == RB_HTTP1_MORE && rest.n > 0);
    rb_free(copy);
    return step;
}

static void run(struct rb_buf *out, unsigned options, rb_str input, size_t cut)
{
    struct rb_http1_body body;
    size_t scanned = 0, at = 0;
    bool has_failed;
    if (!feed_head(out, options, rb_str_sub(input, 0, cut), &scanned, &body, &at, &has_failed)) {
        if (has_failed) return;
        cut = input.n;
        if (!feed_head(out, options, input, &scanned, &body, &at, &has_failed)) return;
    }
    enum rb_http1_step step = feed_body(out, &body, rb_str_sub(input, at, cut - at), &at);
    if (step == RB_HTTP1_MORE) step = feed_body(out, &body, rb_str_from(input, cut), &at);
    if (step != RB_HTTP1_FAILED) rb_buf_add_fmt(out, "\n%zu", at);
    rb_buf_add_fmt(out, "\nbody %d", (int)step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTION_BYTES) return 0;
    rb_str input = rb_str_from(rb_str_make(data, size), OPTION_BYTES);
    size_t cut = (size_t)(data[1] << 8 | data[2]) % (input.n + 1);
    struct rb_buf whole = {0}, pieces = {0};
    run(&whole, data[0], input, input.n);
    run(&pieces, data[0], input, cut);
    RB_CHECK(rb_str_eq(rb_buf_str(&whole), rb_buf_str(&pieces)));
    rb_buf_fini(&whole);
    rb_buf_fini(&pieces);
    return 0;
}
