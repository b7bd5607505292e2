/* HTTP/1.1 messages (RFC 9112, RFC 9110), strictly: what two parties could read in two ways is refused. CRLF
 * only, no bare CR or LF, no folding, no space before the colon, exactly one Host in 1.1, exactly one way to
 * frame the body. Pure: slices over the caller's bytes, no allocation. */
#ifndef RB_CODEC_HTTP1_H
#define RB_CODEC_HTTP1_H

#include "base/buf.h"
#include "base/reason.h"

enum {
    RB_HTTP1_HEADERS_MAX = 64,
    RB_HTTP1_METHOD_MAX = 32,        /* bytes; longer: RB_BAD_REQUEST */
    RB_HTTP1_CHUNK_EXTRA_MAX = 8192, /* bytes of chunk extensions and trailers of one body, together */
};

struct rb_http1_limits {
    size_t head_max;   /* bytes of the whole head incl. the blank line: RB_HEAD_TOO_LARGE */
    size_t target_max; /* RB_TARGET_TOO_LONG */
};

enum rb_http1_method {
    RB_HTTP1_GET,
    RB_HTTP1_HEAD,
    RB_HTTP1_POST,
    RB_HTTP1_PUT,
    RB_HTTP1_DELETE,
    RB_HTTP1_PATCH,
    RB_HTTP1_OPTIONS,
    RB_HTTP1_OTHER /* a valid token that is none of these */
};

struct rb_http1_header {
    rb_str name;  /* as sent; compare with rb_str_ieq */
    rb_str value; /* without blanks around; no control characters but tab */
};

enum rb_http1_framing {
    RB_HTTP1_NO_BODY,
    RB_HTTP1_LENGTH,
    RB_HTTP1_CHUNKED,
    RB_HTTP1_UNTIL_CLOSE /* answers only */
};

struct rb_http1_head {
    enum rb_http1_method method; /* requests */
    int status;                  /* answers */
    rb_str method_text;
    rb_str target;
    struct rb_http1_header *headers; /* the caller's; for reading, room for RB_HTTP1_HEADERS_MAX */
    unsigned header_count;           /* more than there is room for: RB_HEAD_TOO_LARGE */
    int minor;                       /* 0 or 1 */
    enum rb_http1_framing framing;
    bool keep_alive;       /* by version and Connection */
    bool expects_continue; /* Expect: 100-continue in a 1.1 request with a body */
    uint64_t length;       /* with RB_HTTP1_LENGTH */
    rb_str upgrade;        /* value of Upgrade, when Connection lists it; else NONE */
};

enum rb_http1_step { RB_HTTP1_MORE, RB_HTTP1_DONE, RB_HTTP1_FAILED };

/* Reads a request head from the start of `input` into *out, whose `headers` has been set.
 *
 * MORE: call again with more bytes appended; *scanned (0 at first) remembers how far it looked, so that a
 * head that drips in costs no square time. Limits are checked as early as they can be, and however the bytes
 * are cut, the outcome is the same.
 *
 * DONE: *out_consumed bytes were the head (leading empty line included, one is tolerated), slices point into
 * `input`. The target is origin-form, absolute-form (whose authority must then be the Host) or "*" (OPTIONS
 * only).
 *
 * FAILED: *out_err is RB_BAD_REQUEST, RB_HEAD_TOO_LARGE, RB_TARGET_TOO_LONG, RB_UNSUPPORTED_VERSION,
 * RB_NOT_IMPLEMENTED (transfer coding) or RB_EXPECTATION_FAILED; `out` means nothing, and the connection
 * cannot be read any further. */
enum rb_http1_step rb_http1_request(struct rb_http1_head *out, rb_str input, size_t *scanned,
                                    const struct rb_http1_limits *limits, size_t *out_consumed,
                                    rb_err *out_err);

/* The same for an answer (target_max does not matter); is_head_request says that it has no body whatever its
 * headers say. 1xx, 204 and 304 have none either. */
enum rb_http1_step rb_http1_answer(struct rb_http1_head *out, rb_str input, size_t *scanned,
                                   bool is_head_request, const struct rb_http1_limits *limits,
                                   size_t *out_consumed, rb_err *out_err);

/* The value of the first header of that name, or NONE. */
rb_str rb_http1_find(const struct rb_http1_head *head, const char *name);
/* Whether a comma-separated header (all of its lines) lists the token; ASCII case does not count. */
bool rb_http1_lists(const struct rb_http1_head *head, const char *name, const char *token);

/* Body reader. Init from the head, then feed what comes; small (fits in a connection). */
struct rb_http1_body {
    uint64_t left; /* of the length or the current chunk */
    uint8_t state;
    uint8_t digits;
    uint16_t line_bytes; /* of chunk extensions and trailers, limited */
};

void rb_http1_body_init(struct rb_http1_body *body, const struct rb_http1_head *head);

/* Takes some of `input`: *out_consumed bytes are used up, *out_data is the body data among them (may be
 * empty; borrowed from input). MORE: call again with the rest of the input, or with more. DONE: the body
 * (with trailers, which are dropped) is over. FAILED: RB_BAD_REQUEST in *out_err. Feeding empty input to a
 * finished body gives DONE. */
enum rb_http1_step rb_http1_body_feed(struct rb_http1_body *body, rb_str input, size_t *out_consumed,
                                      rb_str *out_data, rb_err *out_err);

/* Writing. Values with CR, LF or zero are a bug of ours and abort. */
void rb_http1_put_status(struct rb_buf *out, int status); /* "HTTP/1.1 200 OK\r\n" */
void rb_http1_put_header(struct rb_buf *out, const char *name, rb_str value);
void rb_http1_put_header_u64(struct rb_buf *out, const char *name, uint64_t value);
void rb_http1_put_end(struct rb_buf *out);                /* the blank line */
void rb_http1_put_chunk(struct rb_buf *out, rb_str data); /* not empty */
void rb_http1_put_last_chunk(struct rb_buf *out);
const char *rb_http1_status_text(int status); /* "Not Found"; "" when unknown */

#endif
