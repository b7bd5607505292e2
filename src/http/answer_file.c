/* Answers that are files: conditions and ranges of RFC 9110 (sections 13 and 14), names of RFC 6266.
 *
 * Several ranges at once are answered with the whole file, as the RFC permits: nobody who downloads needs
 * them, and they have a history of being used to make servers work. */
#include "codec/utf8.h"
#include "http/http_private.h"

#include <unistd.h>

/* ---- Range ---- */

enum range_verdict range_judge(rb_str range, uint64_t bytes, uint64_t *out_at, uint64_t *out_n)
{
    rb_str unit, first;
    if (bytes == 0) return RANGE_WHOLE; /* no range of nothing could be written into Content-Range */
    if (!rb_str_split(&range, '=', &unit) || !rb_str_ieq(unit, RB_STR("bytes"))) return RANGE_WHOLE;
    range = rb_str_trim(range);
    uint64_t from, to = bytes - 1;
    if (!rb_str_split(&range, '-', &first) || !range.p) return RANGE_WHOLE; /* not of the form "a-b" */
    if (first.n == 0) {
        if (!rb_str_u64(range, UINT64_MAX, &from)) return RANGE_WHOLE;
        if (from == 0) return RANGE_NOT_SATISFIABLE;
        from = from < bytes ? bytes - from : 0;
    } else {
        if (!rb_str_u64(first, UINT64_MAX, &from)) return RANGE_WHOLE;
        if (range.n > 0 && (!rb_str_u64(range, UINT64_MAX, &to) || to < from)) return RANGE_WHOLE;
        if (from >= bytes) return RANGE_NOT_SATISFIABLE;
        if (to >= bytes) to = bytes - 1;
    }
    *out_at = from;
    *out_n = to - from + 1;
    return RANGE_PART;
}

/* ---- conditions ---- */

static rb_str without_weakness(rb_str etag)
{
    return rb_str_starts(etag, RB_STR("W/")) ? rb_str_from(etag, 2) : etag;
}

/* If-None-Match compares weakly. An etag may hold commas, which must not cut it: hence the walk from quote to
 * quote. */
static bool is_listed(rb_str list, rb_str etag)
{
    for (;;) {
        ptrdiff_t open = rb_str_find(list, '"');
        if (open < 0) return false;
        list = rb_str_from(list, (size_t)open);
        ptrdiff_t inner = rb_str_find(rb_str_from(list, 1), '"');
        if (inner < 0) return false;
        if (rb_str_eq(rb_str_sub(list, 0, (size_t)inner + 2), etag)) return true;
        list = rb_str_from(list, (size_t)inner + 2);
    }
}

static bool is_known_to_client(const struct rb_request *request, rb_str etag)
{
    rb_str list = rb_request_header(request, "If-None-Match");
    if (rb_str_is(list, "*")) return true;
    return etag.n > 0 && is_listed(list, without_weakness(etag));
}

/* If-Range compares strongly; a date never matches, since what changes within a second has the same. */
static bool is_range_wanted(const struct rb_request *request, rb_str etag)
{
    rb_str condition = rb_request_header(request, "If-Range");
    if (request->head.method != RB_HTTP1_GET) return false;
    return !condition.p || (rb_str_starts(condition, RB_STR("\"")) && rb_str_eq(condition, etag));
}

/* ---- Content-Disposition ---- */

/* What every client takes literally; everything else becomes '_'. */
static void put_plain_name(struct rb_buf *out, rb_str label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        bool is_plain = c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '/' && c != '%';
        bool is_continuation = ((unsigned char)c & 0xc0) == 0x80; /* one '_' a character */
        if (!is_continuation) rb_buf_add_char(out, is_plain ? c : '_');
    }
}

static void add_disposition(struct rb_request *request, rb_str label, bool is_inline)
{
    struct rb_buf value = {0};
    if (is_inline && label.n == 0) return; /* it would say nothing */
    rb_buf_add_text(&value, is_inline ? "inline" : "attachment");
    if (label.n > 0) {
        rb_buf_add_text(&value, "; filename=\"");
        put_plain_name(&value, label);
        rb_buf_add_char(&value, '"');
    }
    if (label.n > 0 && rb_utf8_is_valid(label)) {
        rb_buf_add_text(&value, "; filename*=UTF-8''");
        rb_url_encode(&value, label);
    }
    rb_answer_header(request, "Content-Disposition", rb_buf_str(&value));
    rb_buf_fini(&value);
}

/* ---- the answer ---- */

static void answer_unsatisfiable(struct rb_request *request, uint64_t bytes)
{
    rb_answer_header(request, "Content-Range",
                     rb_arena_fmt(&request->arena, "bytes */%llu", (unsigned long long)bytes));
    rb_answer_problem(request, RB_RANGE_NOT_SATISFIABLE, RB_STR_NONE);
}

/* Nothing of it is sent. */
static void drop_file(const struct rb_answer_file *file)
{
    close(file->take_fd);
    if (file->sent) file->sent->reached(file->sent, false);
}

static void send_part(struct rb_request *pub, int status, const struct rb_answer_file *file, uint64_t at,
                      uint64_t n)
{
    struct request *request = request_of(pub);
    rb_str type = file->type.n > 0 ? file->type : RB_STR("application/octet-stream");
    add_disposition(pub, file->label, file->is_inline);
    rb_answer_header(pub, "X-Content-Type-Options", RB_STR("nosniff"));
    if (file->is_inline) rb_answer_header(pub, "Content-Security-Policy", RB_STR("sandbox"));
    struct answer answer = {.status = status, .type = type, .length = (int64_t)n};
    bool is_sent = answer_send(request, &answer) && pub->head.method != RB_HTTP1_HEAD;
    if (is_sent) {
        rb_stream_send_file(&request->conn->stream, file->take_fd, at, n);
        if (file->sent) rb_stream_mark(&request->conn->stream, file->sent);
        request->conn->is_sending_file = true;
    } else {
        drop_file(file);
    }
    request_finish(request);
}

void rb_answer_with_file(struct rb_request *request, const struct rb_answer_file *file)
{
    uint64_t at = 0, n = file->bytes;
    enum range_verdict verdict = RANGE_WHOLE;
    if (file->etag.n > 0) rb_answer_header(request, "ETag", file->etag);
    if (file->modified_ms > 0) {
        char date[HTTP_DATE_BYTES];
        http_date_format(file->modified_ms / 1000, date);
        rb_answer_header(request, "Last-Modified", rb_str_of(date));
    }
    rb_answer_header(request, "Accept-Ranges", RB_STR("bytes"));
    if (is_known_to_client(request, file->etag)) {
        drop_file(file);
        rb_answer(request, 304, RB_STR_NONE, RB_STR_NONE);
        return;
    }
    if (is_range_wanted(request, file->etag))
        verdict = range_judge(rb_request_header(request, "Range"), file->bytes, &at, &n);
    switch (verdict) {
    case RANGE_WHOLE: send_part(request, 200, file, at, n); break;
    case RANGE_PART:
        rb_answer_header(request, "Content-Range",
                         rb_arena_fmt(&request->arena, "bytes %llu-%llu/%llu", (unsigned long long)at,
                                      (unsigned long long)(at + n - 1), (unsigned long long)file->bytes));
        send_part(request, 206, file, at, n);
        break;
    case RANGE_NOT_SATISFIABLE:
        drop_file(file);
        answer_unsatisfiable(request, file->bytes);
        break;
    }
}
