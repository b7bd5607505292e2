/* What a head means, once its lines are split: which host, where the body ends, whether the connection stays.
 *
 * Request smuggling lives here: a front server and we read the same head, and disagree about where the next
 * request begins. Being lenient in the way the RFC permits (identical Content-Length lines, Transfer-Encoding
 * winning over Content-Length, the target's host winning over Host) is being lenient differently from
 * somebody. So whatever two servers might settle in two ways is refused, and one header line must say it
 * alone. */
#include "codec/http1_private.h"

#include <string.h>

/* The length first: most names differ in it, and a head asks for a dozen names. */
static bool is_named(const struct rb_http1_header *header, rb_str name)
{
    return header->name.n == name.n && rb_str_ieq(header->name, name);
}

/* How many lines bear the name; *out_value is the value of the first, NONE without. */
static unsigned count_lines(const struct rb_http1_head *head, const char *name, rb_str *out_value)
{
    rb_str wanted = rb_str_of(name);
    unsigned count = 0;
    *out_value = RB_STR_NONE;
    for (unsigned i = 0; i < head->header_count; i++) {
        if (!is_named(&head->headers[i], wanted)) continue;
        if (count++ == 0) *out_value = head->headers[i].value;
    }
    return count;
}

rb_str rb_http1_find(const struct rb_http1_head *head, const char *name)
{
    rb_str value;
    count_lines(head, name, &value);
    return value;
}

bool rb_http1_lists(const struct rb_http1_head *head, const char *name, const char *token)
{
    rb_str wanted_name = rb_str_of(name), wanted = rb_str_of(token), element;
    for (unsigned i = 0; i < head->header_count; i++) {
        if (!is_named(&head->headers[i], wanted_name)) continue;
        rb_str rest = head->headers[i].value;
        while (rb_str_split(&rest, ',', &element))
            if (rb_str_ieq(rb_str_trim(element), wanted)) return true;
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_host_char(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* host [":" port]: a name, an IPv4 address, or an IPv6 address in brackets. Narrower than RFC 3986, whose
 * names may hold commas and percent-codes: no host has them, and lists of hosts do. */
static bool is_authority(rb_str s)
{
    size_t i = 0;
    uint64_t port;
    if (s.n > 0 && s.p[0] == '[') {
        for (i = 1; i < s.n && (is_hex(s.p[i]) || s.p[i] == ':' || s.p[i] == '.');) i++;
        if (i == 1 || i == s.n || s.p[i++] != ']') return false;
    } else {
        while (i < s.n && is_host_char(s.p[i])) i++;
        if (i == 0) return false;
    }
    if (i == s.n) return true;
    return s.p[i] == ':' && (i + 1 == s.n || rb_str_u64(rb_str_from(s, i + 1), 65535, &port));
}

/* The authority of an absolute-form target ("http://host/path"), or NONE for another form. */
static rb_str authority_of(rb_str target)
{
    static const rb_str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!rb_str_ieq(rb_str_sub(target, 0, schemes[i].n), schemes[i])) continue;
        rb_str rest = rb_str_from(target, schemes[i].n);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?') n++;
        return rb_str_sub(rest, 0, n);
    }
    return RB_STR_NONE;
}

/* Origin-form, absolute-form, or "*" for OPTIONS, of visible ASCII without a fragment. The authority-form is
 * for proxies' CONNECT, which is not served. */
static rb_err check_target(const struct rb_http1_head *head)
{
    for (size_t i = 0; i < head->target.n; i++) {
        unsigned char c = (unsigned char)head->target.p[i];
        if (c <= ' ' || c >= 0x7f || c == '#') return RB_BAD_REQUEST;
    }
    if (rb_str_starts(head->target, RB_STR("/"))) return RB_OK;
    if (rb_str_is(head->target, "*")) return head->method == RB_HTTP1_OPTIONS ? RB_OK : RB_BAD_REQUEST;
    return is_authority(authority_of(head->target)) ? RB_OK : RB_BAD_REQUEST;
}

/* Exactly one valid Host in 1.1, at most one in 1.0, and no other one in the target: whoever checks origins
 * or routes by host may then use either. */
static rb_err check_host(const struct rb_http1_head *head)
{
    rb_str host, authority = authority_of(head->target);
    unsigned lines = count_lines(head, "Host", &host);
    if (lines == 0) return head->minor == 0 ? RB_OK : RB_BAD_REQUEST;
    if (lines > 1 || !is_authority(host)) return RB_BAD_REQUEST;
    return authority.p == NULL || rb_str_ieq(authority, host) ? RB_OK : RB_BAD_REQUEST;
}

/* A coding list that is not just "chunked": well-formed and with nothing after chunked it is one we do not
 * know, else it is malformed. */
static rb_err refuse_coding(rb_str codings)
{
    rb_str element;
    bool was_chunked = false;
    while (rb_str_split(&codings, ',', &element)) {
        element = rb_str_trim(element);
        if (was_chunked || !rb_http1_is_token(element)) return RB_BAD_REQUEST;
        was_chunked = rb_str_ieq(element, RB_STR("chunked"));
    }
    return RB_NOT_IMPLEMENTED;
}

/* Where the body ends; without a header that says it, as otherwise says. */
static rb_err judge_framing(struct rb_http1_head *head, enum rb_http1_framing otherwise)
{
    rb_str length, coding;
    unsigned lengths = count_lines(head, "Content-Length", &length);
    unsigned codings = count_lines(head, "Transfer-Encoding", &coding);
    head->framing = otherwise;
    head->length = 0;
    if (lengths + codings == 0) return RB_OK;
    if (lengths + codings > 1 || (codings && head->minor == 0)) return RB_BAD_REQUEST;
    if (codings) {
        head->framing = RB_HTTP1_CHUNKED;
        return rb_str_ieq(coding, RB_STR("chunked")) ? RB_OK : refuse_coding(coding);
    }
    head->framing = RB_HTTP1_LENGTH;
    return rb_str_u64(length, INT64_MAX, &head->length) ? RB_OK : RB_BAD_REQUEST;
}

/* A 1.0 client knows no expectations; what it sends under that name came through somebody else. */
static rb_err judge_expectation(struct rb_http1_head *head)
{
    bool has_body = head->framing == RB_HTTP1_CHUNKED || head->length > 0;
    head->expects_continue = false;
    if (head->minor == 0) return RB_OK;
    for (unsigned i = 0; i < head->header_count; i++) {
        if (!is_named(&head->headers[i], RB_STR("Expect"))) continue;
        if (!rb_str_ieq(head->headers[i].value, RB_STR("100-continue"))) return RB_EXPECTATION_FAILED;
        head->expects_continue = has_body;
    }
    return RB_OK;
}

static void judge_connection(struct rb_http1_head *head)
{
    bool asks_close = rb_http1_lists(head, "Connection", "close");
    head->keep_alive = !asks_close && (head->minor == 1 || rb_http1_lists(head, "Connection", "keep-alive"));
    bool may_upgrade = head->minor == 1 && rb_http1_lists(head, "Connection", "upgrade");
    head->upgrade = may_upgrade ? rb_http1_find(head, "Upgrade") : RB_STR_NONE;
}

rb_err rb_http1_judge_request(struct rb_http1_head *head)
{
    rb_err err = check_target(head);
    if (!err) err = check_host(head);
    if (!err) err = judge_framing(head, RB_HTTP1_NO_BODY);
    if (!err) err = judge_expectation(head);
    if (!err) judge_connection(head);
    return err;
}

rb_err rb_http1_judge_answer(struct rb_http1_head *head, bool is_head_request)
{
    rb_err err = judge_framing(head, RB_HTTP1_UNTIL_CLOSE);
    if (err) return err;
    head->expects_continue = false;
    judge_connection(head);
    if (is_head_request || head->status < 200 || head->status == 204 || head->status == 304) {
        head->framing = RB_HTTP1_NO_BODY;
        head->length = 0;
    }
    if (head->framing == RB_HTTP1_UNTIL_CLOSE) head->keep_alive = false;
    return RB_OK;
}
