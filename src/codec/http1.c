/* Reading a head.
 *
 * Two passes. The first looks at every byte once, eight at a time, while the head comes in: it knows only
 * control characters, finds the blank line, and fails as soon as a CR or LF stands alone. It keeps no state
 * but a position, so a head that drips in byte by byte costs what a whole one costs. The second pass runs
 * once, when the head is complete, and can trust that every line ends with CRLF: it splits lines and fields
 * with no look at what they mean (that is http1_judge.c).
 *
 * What is decided early (a lone LF, a target that is too long) depends on nothing but the bytes before it. So
 * the same bytes give the same answer however the network cuts them; the tests and the fuzzer hold us to
 * that. */
#include "codec/http1.h"

#include "codec/http1_private.h"

#include <string.h>

enum { VERSION_BYTES = sizeof "HTTP/1.1" - 1 };

const bool rb_http1_token_chars[256] = {
    ['!'] = true, ['#' ... '\''] = true, ['*'] = true,         ['+'] = true, ['-'] = true,
    ['.'] = true, ['0' ... '9'] = true,  ['A' ... 'Z'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['a' ... 'z'] = true,  ['|'] = true,         ['~'] = true,
};

bool rb_http1_is_token(rb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!rb_http1_token_chars[(unsigned char)s.p[i]]) return false;
    return s.n > 0;
}

/* Any byte below blank, or DEL? A borrow can flag the byte above a hit, never a word without one. */
static bool has_control(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, highs = ones << 7;
    uint64_t below_blank = (word - ones * 0x20) & ~word;
    uint64_t del = word ^ (ones * 0x7f);
    return ((below_blank | ((del - ones) & ~del)) & highs) != 0;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static size_t skip_text(const char *p, size_t i, size_t n)
{
    for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        if (has_control(word)) break;
    }
    while (i < n && !is_control(p[i])) i++;
    return i;
}

/* Looks for the blank line in p[*at..n). DONE: *at is the end of the head. Otherwise *at is where to go on,
 * never between a CR and its LF; FAILED: *at is the byte that may not be there, or the CR before it. */
static enum rb_http1_step scan(const char *p, size_t n, size_t *at)
{
    size_t i = *at;
    for (;;) {
        i = *at = skip_text(p, i, n);
        if (i == n) return RB_HTTP1_MORE;
        if (p[i] == '\t') {
            i++;
            continue;
        }
        if (p[i] != '\r') return RB_HTTP1_FAILED;
        if (i + 1 == n) return RB_HTTP1_MORE;
        if (p[i + 1] != '\n') return RB_HTTP1_FAILED;
        bool is_blank_line = i > 0 && p[i - 1] == '\n';
        i = *at = i + 2;
        if (is_blank_line) return RB_HTTP1_DONE;
    }
}

/* The next line, without its CRLF; whatever is left when no CR follows. Where a CR is, scan has seen the LF.
 */
static rb_str take_line(rb_str *rest)
{
    ptrdiff_t end = rb_str_find(*rest, '\r');
    rb_str line = rb_str_sub(*rest, 0, end < 0 ? rest->n : (size_t)end);
    *rest = rb_str_from(*rest, end < 0 ? rest->n : (size_t)end + 2);
    return line;
}

static rb_str without_leading_line(rb_str head)
{
    return head.n > 0 && head.p[0] == '\r' ? rb_str_from(head, 2) : head;
}

/* The limits of the request line, on as much of it as has come. */
static rb_err check_request_line(rb_str seen, const struct rb_http1_limits *limits)
{
    rb_str rest = without_leading_line(seen);
    rb_str line = take_line(&rest);
    ptrdiff_t method_n = rb_str_find(rb_str_sub(line, 0, RB_HTTP1_METHOD_MAX + 1), ' ');
    if (method_n < 0) return line.n > RB_HTTP1_METHOD_MAX ? RB_BAD_REQUEST : RB_OK;
    rb_str target = rb_str_from(line, (size_t)method_n + 1);
    if (target.n <= limits->target_max) return RB_OK;
    return rb_str_find(rb_str_sub(target, 0, limits->target_max + 1), ' ') < 0 ? RB_TARGET_TOO_LONG : RB_OK;
}

/* DONE: *out_head is the whole head. target limits apply when is_request. */
static enum rb_http1_step find_head(rb_str input, size_t *scanned, bool is_request,
                                    const struct rb_http1_limits *limits, rb_str *out_head, rb_err *out_err)
{
    rb_str allowed = rb_str_sub(input, 0, limits->head_max);
    enum rb_http1_step step = scan(allowed.p, allowed.n, scanned);
    rb_str seen = rb_str_sub(allowed, 0, *scanned);
    rb_err err = is_request ? check_request_line(seen, limits) : RB_OK;
    if (!err && step == RB_HTTP1_FAILED) err = RB_BAD_REQUEST;
    if (!err && step == RB_HTTP1_MORE && input.n >= limits->head_max) err = RB_HEAD_TOO_LARGE;
    if (err) {
        *out_err = err;
        return RB_HTTP1_FAILED;
    }
    *out_head = seen;
    return step;
}

static rb_err read_version(rb_str text, int *out_minor)
{
    if (text.n != VERSION_BYTES || !rb_str_starts(text, RB_STR("HTTP/"))) return RB_BAD_REQUEST;
    char major = text.p[5], minor = text.p[7];
    if (major < '0' || major > '9' || text.p[6] != '.' || minor < '0' || minor > '9') return RB_BAD_REQUEST;
    if (major != '1' || minor > '1') return RB_UNSUPPORTED_VERSION;
    *out_minor = minor - '0';
    return RB_OK;
}

static enum rb_http1_method method_of(rb_str text)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    for (unsigned i = 0; i < RB_HTTP1_OTHER; i++)
        if (rb_str_is(text, names[i])) return (enum rb_http1_method)i;
    return RB_HTTP1_OTHER;
}

static rb_err read_request_line(struct rb_http1_head *out, rb_str line)
{
    rb_str method, target, version = line;
    if (!rb_str_split(&version, ' ', &method) || !rb_http1_is_token(method)) return RB_BAD_REQUEST;
    if (!rb_str_split(&version, ' ', &target) || version.p == NULL) return RB_BAD_REQUEST;
    out->method = method_of(method);
    out->method_text = method;
    out->target = target;
    out->status = 0;
    return read_version(version, &out->minor);
}

static rb_err read_status_line(struct rb_http1_head *out, rb_str line)
{
    rb_str code = rb_str_sub(line, VERSION_BYTES + 1, 3);
    uint64_t status;
    rb_err err = read_version(rb_str_sub(line, 0, VERSION_BYTES), &out->minor);
    if (err) return err;
    if (line.n < VERSION_BYTES + 5 || line.p[VERSION_BYTES] != ' ' || line.p[VERSION_BYTES + 4] != ' ')
        return RB_BAD_REQUEST;
    if (!rb_str_u64(code, 599, &status) || status < 100) return RB_BAD_REQUEST;
    out->method = RB_HTTP1_OTHER;
    out->method_text = out->target = RB_STR_NONE;
    out->status = (int)status;
    return RB_OK;
}

/* Folded lines, blanks before the colon and empty names all end the name on a character that is no colon. */
static rb_err read_fields(struct rb_http1_head *out, rb_str lines)
{
    out->header_count = 0;
    for (;;) {
        rb_str line = take_line(&lines);
        if (line.n == 0) return RB_OK;
        size_t name_n = 0;
        while (name_n < line.n && rb_http1_token_chars[(unsigned char)line.p[name_n]]) name_n++;
        if (name_n == 0 || name_n == line.n || line.p[name_n] != ':') return RB_BAD_REQUEST;
        if (out->header_count == RB_HTTP1_HEADERS_MAX) return RB_HEAD_TOO_LARGE;
        struct rb_http1_header *header = &out->headers[out->header_count++];
        header->name = rb_str_sub(line, 0, name_n);
        header->value = rb_str_trim(rb_str_from(line, name_n + 1));
    }
}

static enum rb_http1_step conclude(rb_err err, rb_str head, size_t *out_consumed, rb_err *out_err)
{
    if (err) {
        *out_err = err;
        return RB_HTTP1_FAILED;
    }
    *out_consumed = head.n;
    return RB_HTTP1_DONE;
}

enum rb_http1_step rb_http1_request(struct rb_http1_head *out, rb_str input, size_t *scanned,
                                    const struct rb_http1_limits *limits, size_t *out_consumed,
                                    rb_err *out_err)
{
    rb_str head;
    enum rb_http1_step step = find_head(input, scanned, true, limits, &head, out_err);
    if (step != RB_HTTP1_DONE) return step;
    rb_str lines = without_leading_line(head);
    rb_err err = read_request_line(out, take_line(&lines));
    if (!err) err = read_fields(out, lines);
    if (!err) err = rb_http1_judge_request(out);
    return conclude(err, head, out_consumed, out_err);
}

enum rb_http1_step rb_http1_answer(struct rb_http1_head *out, rb_str input, size_t *scanned,
                                   bool is_head_request, const struct rb_http1_limits *limits,
                                   size_t *out_consumed, rb_err *out_err)
{
    rb_str head;
    enum rb_http1_step step = find_head(input, scanned, false, limits, &head, out_err);
    if (step != RB_HTTP1_DONE) return step;
    rb_str lines = without_leading_line(head);
    rb_err err = read_status_line(out, take_line(&lines));
    if (!err) err = read_fields(out, lines);
    if (!err) err = rb_http1_judge_answer(out, is_head_request);
    return conclude(err, head, out_consumed, out_err);
}
