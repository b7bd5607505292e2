/* Writing answers. Head and body leave in one frame. */
#include "codec/json.h"
#include "http/http_private.h"

#include <string.h>

/* ---- headers ---- */

void put_clean_header(struct rb_buf *out, const char *name, rb_str value)
{
    rb_buf_add_text(out, name);
    rb_buf_add_text(out, ": ");
    size_t at = out->n;
    rb_buf_add_str(out, value);
    for (; at < out->n; at++)
        if ((unsigned char)out->p[at] < 0x20 || out->p[at] == 0x7f) out->p[at] = ' ';
    rb_buf_add_text(out, "\r\n");
}

void rb_answer_header(struct rb_request *request, const char *name, rb_str value)
{
    put_clean_header(&request_of(request)->lines, name, value);
}

void rb_answer_will_close(struct rb_request *pub)
{
    struct request *request = request_of(pub);
    if (request->conn) request->conn->must_close = true;
}

bool answer_has_header(const struct request *request, const char *name)
{
    rb_str lines = rb_buf_str(&request->lines), line, own_name, wanted = rb_str_of(name);
    while (rb_str_split(&lines, '\n', &line))
        if (rb_str_split(&line, ':', &own_name) && rb_str_ieq(own_name, wanted)) return true;
    return false;
}

/* ---- the whole ---- */

static struct rb_buf *begin_head(struct rb_http *http, int status, rb_str lines)
{
    struct rb_buf *out = &http->answer_head;
    rb_buf_clear(out);
    rb_http1_put_status(out, status);
    rb_http1_put_header(out, "Date", http_date(http));
    rb_buf_add_str(out, lines);
    return out;
}

static bool may_have_length(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* connection NULL: no such header. */
static struct rb_blob *make(struct rb_http *http, const struct answer *answer, rb_str lines,
                            const char *connection, rb_str body)
{
    struct rb_buf *out = begin_head(http, answer->status, lines);
    if (connection) rb_http1_put_header(out, "Connection", rb_str_of(connection));
    if (answer->type.p) put_clean_header(out, "Content-Type", answer->type);
    if (answer->length != LENGTH_UNKNOWN && may_have_length(answer->status))
        rb_http1_put_header_u64(out, "Content-Length", (uint64_t)answer->length);
    rb_http1_put_end(out);
    struct rb_blob *blob = out->failed ? NULL : rb_blob_new(out->n + body.n);
    if (!blob) return NULL;
    memcpy(blob->p, out->p, out->n);
    if (body.n > 0) memcpy(blob->p + out->n, body.p, body.n);
    return blob;
}

static const char *connection_text(const struct request *request)
{
    if (!request->keep_alive) return "close";
    return request->pub.head.minor == 0 ? "keep-alive" : NULL; /* 1.0 closes unless told otherwise */
}

static bool has_client(const struct request *request)
{
    return request->conn && request->conn->stream.state == RB_STREAM_OPEN;
}

bool answer_send(struct request *request, const struct answer *answer)
{
    if (!has_client(request)) return false;
    bool has_body = request->pub.head.method != RB_HTTP1_HEAD && may_have_length(answer->status);
    request->keep_alive = conn_keeps_alive(request->conn);
    struct rb_blob *blob = NULL;
    if (!request->lines.failed)
        blob = make(request->pub.http, answer, rb_buf_str(&request->lines), connection_text(request),
                    has_body ? answer->body : RB_STR_NONE);
    conn_send(request->conn, blob);
    return true;
}

bool answer_send_head(struct request *request, int status)
{
    if (!has_client(request)) return false;
    struct rb_buf *out = begin_head(request->pub.http, status, rb_buf_str(&request->lines));
    rb_http1_put_end(out);
    bool has_failed = out->failed || request->lines.failed;
    conn_send(request->conn, has_failed ? NULL : rb_blob_copy(rb_buf_str(out)));
    return has_client(request);
}

void rb_answer(struct rb_request *request, int status, rb_str type, rb_str body)
{
    struct answer answer = {.status = status, .type = type, .body = body, .length = (int64_t)body.n};
    answer_send(request_of(request), &answer);
    request_finish(request_of(request));
}

void rb_answer_json(struct rb_request *request, int status, rb_str json)
{
    rb_answer(request, status, RB_STR("application/json"), json);
}

/* ---- problems (RFC 9457) ---- */

static rb_str problem_type(void)
{
    return RB_STR("application/problem+json");
}

static void put_problem(struct rb_buf *buf, rb_err err, rb_str detail)
{
    const struct rb_reason *reason = rb_reason(err);
    struct rb_json_out out = {.buf = buf};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "title");
    rb_json_put_text(&out, reason->sentence);
    rb_json_put_key(&out, "status");
    rb_json_put_u64(&out, (uint64_t)reason->http_status);
    if (detail.n > 0) {
        rb_json_put_key(&out, "detail");
        rb_json_put_str(&out, detail);
    }
    rb_json_put_key(&out, "reason");
    rb_json_put_text(&out, reason->name);
    if (reason->next_step[0]) {
        rb_json_put_key(&out, "next");
        rb_json_put_text(&out, reason->next_step);
    }
    rb_json_end_object(&out);
}

static bool asks_to_come_back(const struct rb_reason *reason)
{
    return reason->is_retryable && (reason->http_status == 429 || reason->http_status == 503);
}

void rb_answer_problem(struct rb_request *pub, rb_err err, rb_str detail)
{
    struct request *request = request_of(pub);
    const struct rb_reason *reason = rb_reason(err);
    if (asks_to_come_back(reason) && !answer_has_header(request, "Retry-After"))
        rb_answer_header(pub, "Retry-After", RB_STR("1"));
    if (reason->http_status == 401 && !answer_has_header(request, "WWW-Authenticate"))
        rb_answer_header(pub, "WWW-Authenticate", RB_STR("Bearer"));
    struct rb_buf body = {0};
    put_problem(&body, err, detail);
    if (body.failed) rb_buf_clear(&body); /* half a JSON text says less than none */
    rb_answer(pub, reason->http_status, problem_type(), rb_buf_str(&body));
    rb_buf_fini(&body);
}

struct rb_blob *answer_refusal(struct rb_http *http, rb_err err)
{
    struct rb_buf body = {0};
    put_problem(&body, err, RB_STR_NONE);
    struct answer answer = {.status = rb_reason(err)->http_status,
                            .type = problem_type(),
                            .length = (int64_t)body.n};
    rb_str lines = asks_to_come_back(rb_reason(err)) ? RB_STR("Retry-After: 1\r\n") : RB_STR_NONE;
    struct rb_blob *blob = make(http, &answer, lines, "close", rb_buf_str(&body));
    rb_buf_fini(&body);
    return blob;
}
