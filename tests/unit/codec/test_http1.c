/* Heads: what is read, what is refused and why, and that cutting the input anywhere changes neither. */
#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/http1.h"

#include <stdlib.h>
#include <string.h>

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

enum kind { REQUEST, ANSWER, ANSWER_TO_HEAD };

static const struct rb_http1_limits wide = {.head_max = 16384, .target_max = 8192};

static void render(struct rb_buf *out, const struct rb_http1_head *head, size_t consumed)
{
    static const char *const framings[] = {"none", "length", "chunked", "until-close"};
    if (head->status)
        rb_buf_add_fmt(out, "%d 1.%d", head->status, head->minor);
    else
        rb_buf_add_fmt(out, "%.*s %.*s 1.%d", RB_STR_FMT(head->method_text), RB_STR_FMT(head->target),
                       head->minor);
    rb_buf_add_fmt(out, " %s %s", head->keep_alive ? "keep" : "close", framings[head->framing]);
    if (head->framing == RB_HTTP1_LENGTH) rb_buf_add_fmt(out, " %llu", (unsigned long long)head->length);
    if (head->expects_continue) rb_buf_add_text(out, " continue");
    if (head->upgrade.p) rb_buf_add_fmt(out, " upgrade=%.*s", RB_STR_FMT(head->upgrade));
    for (unsigned i = 0; i < head->header_count; i++)
        rb_buf_add_fmt(out, "|%.*s=%.*s", RB_STR_FMT(head->headers[i].name),
                       RB_STR_FMT(head->headers[i].value));
    rb_buf_add_fmt(out, " (%zu)", consumed);
}

/* One call on an exact copy of the first n bytes, so that reading past them is seen. True unless it wants
 * more. */
static bool feed(struct rb_buf *out, enum kind kind, rb_str input, size_t n, size_t *scanned,
                 const struct rb_http1_limits *limits)
{
    struct rb_http1_head *head = rb_new(struct rb_http1_head);
    head->headers = rb_new_array(struct rb_http1_header, RB_HTTP1_HEADERS_MAX);
    char *copy = malloc(n ? n : 1);
    size_t consumed = 0;
    rb_err err = RB_OK;
    assert_non_null(copy);
    memcpy(copy, input.p, n);
    rb_str seen = {copy, n};
    enum rb_http1_step step = kind == REQUEST ? rb_http1_request(head, seen, scanned, limits, &consumed, &err)
                                              : rb_http1_answer(head, seen, scanned, kind == ANSWER_TO_HEAD,
                                                                limits, &consumed, &err);
    rb_buf_clear(out);
    switch (step) {
    case RB_HTTP1_MORE: rb_buf_add_text(out, "more"); break;
    case RB_HTTP1_DONE: render(out, head, consumed); break;
    case RB_HTTP1_FAILED: rb_buf_add_text(out, rb_reason_name(err)); break;
    }
    free(copy);
    rb_free(head->headers);
    rb_free(head);
    return step != RB_HTTP1_MORE;
}

static void expect_limited(enum kind kind, rb_str input, const char *expected,
                           const struct rb_http1_limits *limits)
{
    struct rb_buf out = {0};
    size_t scanned = 0;
    feed(&out, kind, input, input.n, &scanned, limits);
    assert_str(rb_buf_str(&out), expected);
    scanned = 0;
    for (size_t n = 0; n <= input.n; n++)
        if (feed(&out, kind, input, n, &scanned, limits)) break;
    assert_str(rb_buf_str(&out), expected);
    for (size_t n = 0; n < input.n; n++) {
        scanned = 0;
        if (!feed(&out, kind, input, n, &scanned, limits)) feed(&out, kind, input, input.n, &scanned, limits);
        assert_str(rb_buf_str(&out), expected);
    }
    rb_buf_fini(&out);
}

struct head_case {
    rb_str input;
    const char *expected;
};

static void expect_all(enum kind kind, const struct head_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) expect_limited(kind, cases[i].input, cases[i].expected, &wide);
}

static const struct head_case accepted[] = {
    {RB_STR(GET "\r\n"), "GET / 1.1 keep none|Host=a (27)"},
    {RB_STR(GET "\r\nGET /next"), "GET / 1.1 keep none|Host=a (27)"},
    {RB_STR("\r\n" GET "\r\n"), "GET / 1.1 keep none|Host=a (29)"},
    {RB_STR("GET /a?b=c&d=%20 HTTP/1.0\r\n\r\n"), "GET /a?b=c&d=%20 1.0 close none (29)"},
    {RB_STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
     "GET / 1.0 keep none|Connection=Keep-Alive (42)"},
    {RB_STR(GET "Connection: foo, Close\r\n\r\n"), "GET / 1.1 close none|Host=a|Connection=foo, Close (51)"},
    {RB_STR(GET "Connection: a\r\nConnection: close\r\n\r\n"),
     "GET / 1.1 close none|Host=a|Connection=a|Connection=close (61)"},
    {RB_STR("get / HTTP/1.1\r\n" HOST "\r\n"), "get / 1.1 keep none|Host=a (27)"},
    {RB_STR("M-SEARCH! / HTTP/1.1\r\n" HOST "\r\n"), "M-SEARCH! / 1.1 keep none|Host=a (33)"},
    {RB_STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS * 1.1 keep none|Host=a (31)"},
    {RB_STR("GET http://a/x HTTP/1.1\r\n" HOST "\r\n"), "GET http://a/x 1.1 keep none|Host=a (36)"},
    {RB_STR("GET HTTPS://A?x HTTP/1.1\r\n" HOST "\r\n"), "GET HTTPS://A?x 1.1 keep none|Host=a (37)"},
    {RB_STR("GET / HTTP/1.1\r\nhOST:[::1]:8080\r\n\r\n"), "GET / 1.1 keep none|hOST=[::1]:8080 (35)"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a_b-c.D~1:\r\n\r\n"), "GET / 1.1 keep none|Host=a_b-c.D~1: (36)"},
    {RB_STR(GET "X:\r\nY: \t \r\nZ:\tz\ty \r\n\r\n"), "GET / 1.1 keep none|Host=a|X=|Y=|Z=z\ty (47)"},
    {RB_STR(GET "X: caf\xc3\xa9 \xff\r\n\r\n"), "GET / 1.1 keep none|Host=a|X=caf\xc3\xa9 \xff (39)"},
    {RB_STR(POST "Content-Length: 5\r\n\r\nhello"), "POST / 1.1 keep length 5|Host=a|Content-Length=5 (47)"},
    {RB_STR(POST "Content-Length: 0\r\n\r\n"), "POST / 1.1 keep length 0|Host=a|Content-Length=0 (47)"},
    {RB_STR(POST "Content-Length: 9223372036854775807\r\n\r\n"),
     "POST / 1.1 keep length 9223372036854775807|Host=a|Content-Length=9223372036854775807 (65)"},
    {RB_STR(POST "Transfer-Encoding: CHUNKED\r\n\r\n"),
     "POST / 1.1 keep chunked|Host=a|Transfer-Encoding=CHUNKED (56)"},
    {RB_STR(POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n"),
     "POST / 1.1 keep length 1 continue|Host=a|Content-Length=1|Expect=100-Continue (69)"},
    {RB_STR(POST "Expect: 100-continue\r\n\r\n"), "POST / 1.1 keep none|Host=a|Expect=100-continue (50)"},
    {RB_STR("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n"),
     "POST / 1.0 close length 1|Content-Length=1|Expect=tea (51)"},
    {RB_STR(GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"),
     "GET / 1.1 keep none upgrade=websocket|Host=a|Connection=keep-alive, Upgrade|Upgrade=websocket (80)"},
    {RB_STR(GET "Upgrade: websocket\r\n\r\n"), "GET / 1.1 keep none|Host=a|Upgrade=websocket (47)"},
    {RB_STR("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
     "GET / 1.0 close none|Connection=Upgrade|Upgrade=websocket (59)"},
};

/* What smugglers and scanners send: each of these was read in two ways by some pair of servers. */
static const struct head_case refused[] = {
    /* line ends */
    {RB_STR("GET / HTTP/1.1\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X: a\rTransfer-Encoding: chunked\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X: a\nTransfer-Encoding: chunked\r\n\r\n"), "bad_request"},
    {RB_STR(GET "\n"), "bad_request"},
    {RB_STR(GET "\r\r"), "bad_request"},
    {RB_STR("\n" GET "\r\n"), "bad_request"},
    {RB_STR("\r" GET "\r\n"), "bad_request"},
    {RB_STR("\r\n\r\n" GET "\r\n"), "bad_request"},
    /* control characters */
    {RB_STR(GET "X: a\0b\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X: \x0b"
                "chunked\r\n\r\n"),
     "bad_request"},
    {RB_STR(GET "X: a\x7f\r\n\r\n"), "bad_request"},
    {RB_STR("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("\x16\x03\x01\x02"), "bad_request"}, /* TLS on a plain port is told at once */
    /* request line */
    {RB_STR("GET /\r\n\r\n"), "bad_request"},
    {RB_STR("GET\r\n\r\n"), "bad_request"},
    {RB_STR(" GET / HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET  / HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET /  HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1 \r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET /\tx HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GE(T / HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET /a b HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET /#x HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / http/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.10\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1,1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/+.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.2\r\n" HOST "\r\n"), "unsupported_version"},
    {RB_STR("GET / HTTP/0.9\r\n" HOST "\r\n"), "unsupported_version"},
    {RB_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "unsupported_version"},
    /* target forms */
    {RB_STR("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), "bad_request"},
    {RB_STR("GET a HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET * HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET http:/// HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    {RB_STR("GET http://b/ HTTP/1.1\r\n" HOST "\r\n"), "bad_request"},
    /* header lines */
    {RB_STR(GET "X : a\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X\t: a\r\n\r\n"), "bad_request"},
    {RB_STR(GET ": a\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X: a\r\n b\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X: a\r\n\tb\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X\xc3\xa9: a\r\n\r\n"), "bad_request"},
    {RB_STR(GET "X(): a\r\n\r\n"), "bad_request"},
    /* host */
    {RB_STR("GET / HTTP/1.1\r\n\r\n"), "bad_request"},
    {RB_STR(GET HOST "\r\n"), "bad_request"},
    {RB_STR(GET "host: b\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.0\r\n" HOST HOST "\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: [::1%25eth0]\r\n\r\n"), "bad_request"},
    /* framing */
    {RB_STR(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 5, 5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: +5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: -1\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 5 5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 0x5\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length:\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 9223372036854775808\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Content-Length: 18446744073709551617\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: chunked,\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: ,chunked\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding:\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding : chunked\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"), "bad_request"},
    {RB_STR(POST "Transfer-Encoding: xchunked\r\n\r\n"), "not_implemented"},
    {RB_STR(POST "Transfer-Encoding: identity\r\n\r\n"), "not_implemented"},
    {RB_STR(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), "not_implemented"},
    {RB_STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "bad_request"},
    {RB_STR("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n"), "bad_request"},
    /* expectations */
    {RB_STR(POST "Content-Length: 1\r\nExpect: tea\r\n\r\n"), "expectation_failed"},
    {RB_STR(POST "Content-Length: 1\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n"), "expectation_failed"},
};

static const struct head_case answers[] = {
    {RB_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "200 1.1 keep length 2|Content-Length=2 (38)"},
    {RB_STR("HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\n\r\n"),
     "404 1.1 keep chunked|Transfer-Encoding=chunked (45)"},
    {RB_STR("HTTP/1.1 200 Very well\r\n\r\n"), "200 1.1 close until-close (26)"},
    {RB_STR("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
     "200 1.0 keep length 0|Connection=keep-alive|Content-Length=0 (62)"},
    {RB_STR("HTTP/1.1 204 No Content\r\n\r\n"), "204 1.1 keep none (27)"},
    {RB_STR("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
     "304 1.1 keep none|Content-Length=7 (48)"},
    {RB_STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), "100 1.1 keep none (25)"},
    {RB_STR("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01x"),
     "101 1.1 keep none upgrade=websocket|Connection=upgrade|Upgrade=websocket (77)"},
    {RB_STR("HTTP/1.1 200\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 20 OK\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 2000 OK\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 +20 OK\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 099 OK\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 600 OK\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1\t200 OK\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1\r\n\r\n"), "bad_request"},
    {RB_STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/2.0 200 OK\r\n\r\n"), "unsupported_version"},
    {RB_STR("HTTP/1.1 200 OK\nX: a\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 204 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"), "bad_request"},
    {RB_STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), "not_implemented"},
};

static const struct head_case answers_to_head[] = {
    {RB_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), "200 1.1 keep none|Content-Length=2 (38)"},
    {RB_STR("HTTP/1.1 200 OK\r\n\r\n"), "200 1.1 keep none (19)"},
};

static void reads_requests(void **state)
{
    (void)state;
    expect_all(REQUEST, accepted, RB_COUNT(accepted));
}

static void refuses_requests(void **state)
{
    (void)state;
    expect_all(REQUEST, refused, RB_COUNT(refused));
}

static void reads_answers(void **state)
{
    (void)state;
    expect_all(ANSWER, answers, RB_COUNT(answers));
    expect_all(ANSWER_TO_HEAD, answers_to_head, RB_COUNT(answers_to_head));
}

static void limits_head(void **state)
{
    (void)state;
    rb_str head = RB_STR("\r\n" GET "\r\n"); /* 29 bytes */
    const char *expected = "GET / 1.1 keep none|Host=a (29)";
    expect_limited(REQUEST, head, expected, &(struct rb_http1_limits){.head_max = 29, .target_max = 9});
    expect_limited(REQUEST, head, "head_too_large",
                   &(struct rb_http1_limits){.head_max = 28, .target_max = 9});
    expect_limited(ANSWER, RB_STR("HTTP/1.1 204 x\r\n\r\n"), "204 1.1 keep none (18)",
                   &(struct rb_http1_limits){18, 0});
    expect_limited(ANSWER, RB_STR("HTTP/1.1 204 x\r\n\r\n"), "head_too_large",
                   &(struct rb_http1_limits){17, 0});
    /* Nothing that may become a head has to come: the limit alone decides, at its very byte. */
    expect_limited(REQUEST, RB_STR("GET / HTTP/1.1\r\nX"), "head_too_large",
                   &(struct rb_http1_limits){17, 9});
    expect_limited(REQUEST, RB_STR("GET / HTTP/1.1\r\nX"), "more", &(struct rb_http1_limits){18, 9});
}

static void limits_target(void **state)
{
    (void)state;
    struct rb_http1_limits limits = {.head_max = 100, .target_max = 4};
    expect_limited(REQUEST, RB_STR("GET /123 HTTP/1.0\r\n\r\n"), "GET /123 1.0 close none (21)", &limits);
    expect_limited(REQUEST, RB_STR("GET /1234 HTTP/1.0\r\n\r\n"), "target_too_long", &limits);
    expect_limited(REQUEST, RB_STR("\r\nGET /1234"), "target_too_long", &limits);
    expect_limited(REQUEST, RB_STR("GET /123"), "more", &limits);
    expect_limited(REQUEST, RB_STR("GET /1234\n"), "target_too_long", &limits); /* what comes first decides */
    expect_limited(REQUEST, RB_STR("GET /123\n"), "bad_request", &limits);
    limits.head_max = 9;
    expect_limited(REQUEST, RB_STR("GET /1234 HTTP"), "target_too_long", &limits);
    expect_limited(REQUEST, RB_STR("GET /123 HTTP"), "head_too_large", &limits);
}

static void limits_method(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    for (int i = 0; i < RB_HTTP1_METHOD_MAX; i++) rb_buf_add_char(&text, 'M');
    rb_buf_add_text(&text, " / HTTP/1.0\r\n\r\n");
    expect_limited(REQUEST, rb_buf_str(&text), "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM / 1.0 close none (47)",
                   &wide);
    rb_buf_clear(&text);
    for (int i = 0; i <= RB_HTTP1_METHOD_MAX; i++) rb_buf_add_char(&text, 'M');
    expect_limited(REQUEST, rb_buf_str(&text), "bad_request", &wide);
    rb_buf_fini(&text);
}

static void limits_header_count(void **state)
{
    (void)state;
    for (unsigned lines = RB_HTTP1_HEADERS_MAX - 1; lines <= RB_HTTP1_HEADERS_MAX; lines++) {
        struct rb_buf text = {0}, expected = {0};
        rb_buf_add_text(&text, GET);
        rb_buf_add_text(&expected, "GET / 1.1 keep none|Host=a");
        for (unsigned i = 0; i < lines; i++) rb_buf_add_text(&text, "X:y\r\n");
        for (unsigned i = 0; i < lines; i++) rb_buf_add_text(&expected, "|X=y");
        rb_buf_add_text(&text, "\r\n");
        rb_buf_add_fmt(&expected, " (%zu)", text.n);
        bool fits = lines < RB_HTTP1_HEADERS_MAX;
        expect_limited(REQUEST, rb_buf_str(&text), fits ? rb_buf_text(&expected) : "head_too_large", &wide);
        rb_buf_fini(&text);
        rb_buf_fini(&expected);
    }
}

static void names_methods(void **state)
{
    (void)state;
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"};
    for (unsigned i = 0; i < RB_COUNT(names); i++) {
        struct rb_buf text = {0};
        struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
        struct rb_http1_head head = {.headers = room};
        size_t scanned = 0, consumed;
        rb_err err;
        rb_buf_add_fmt(&text, "%s / HTTP/1.0\r\n\r\n", names[i]);
        assert_int_equal(rb_http1_request(&head, rb_buf_str(&text), &scanned, &wide, &consumed, &err),
                         RB_HTTP1_DONE);
        assert_int_equal(head.method, i);
        rb_buf_fini(&text);
    }
}

static void finds_headers(void **state)
{
    (void)state;
    struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
    struct rb_http1_head head = {.headers = room};
    size_t scanned = 0, consumed;
    rb_err err;
    rb_str text = RB_STR(GET "Accept: a, b;q=1\r\naccept: ,c ,\r\nX-Empty:\r\n\r\n");
    assert_int_equal(rb_http1_request(&head, text, &scanned, &wide, &consumed, &err), RB_HTTP1_DONE);
    assert_str(rb_http1_find(&head, "ACCEPT"), "a, b;q=1");
    assert_true(rb_http1_find(&head, "X-Empty").p != NULL && rb_http1_find(&head, "X-Empty").n == 0);
    assert_null(rb_http1_find(&head, "X-None").p);
    assert_true(rb_http1_lists(&head, "accept", "A"));
    assert_true(rb_http1_lists(&head, "accept", "c"));
    assert_false(rb_http1_lists(&head, "accept", "b"));
    assert_false(rb_http1_lists(&head, "x-none", "a"));
}

/* Every byte value, at every distance from the start of a machine word, in a header's value. */
static void knows_every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 17; at++) {
            char text[] = "GET / HTTP/1.0\r\nX: ................\xff.\r\n\r\n";
            struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
            struct rb_http1_head head = {.headers = room};
            size_t scanned = 0, consumed;
            rb_err err;
            text[19 + at] = (char)byte;
            bool may = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
            enum rb_http1_step step =
                rb_http1_request(&head, rb_str_of(""), &scanned, &wide, &consumed, &err);
            assert_int_equal(step, RB_HTTP1_MORE);
            step = rb_http1_request(&head, (rb_str){text, sizeof text - 1}, &scanned, &wide, &consumed, &err);
            assert_int_equal(step, may ? RB_HTTP1_DONE : RB_HTTP1_FAILED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_requests),      cmocka_unit_test(refuses_requests),
        cmocka_unit_test(reads_answers),       cmocka_unit_test(limits_head),
        cmocka_unit_test(limits_target),       cmocka_unit_test(limits_method),
        cmocka_unit_test(limits_header_count), cmocka_unit_test(names_methods),
        cmocka_unit_test(finds_headers),       cmocka_unit_test(knows_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
