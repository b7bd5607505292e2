/* A connection that speaks HTTP/1.1.
 *
 * What happened is only noted (bytes came, the peer ended, the handler answered); advance() then decides,
 * step by step, until nothing more can be done. Handlers may answer from inside it: that changes the state,
 * and the loop in advance() sees it, so ten thousand pipelined requests take no more stack than one. An
 * answer that comes from elsewhere has advance() called before the loop sleeps, never at once: else requests
 * that answer each other's neighbours could pile up calls without end.
 *
 * Input is read where it came in, in the loop's scratch memory; only what cannot be used yet is kept. A
 * request owns its bytes: a head is copied to its arena, a body collected in its buffer. So an idle
 * connection owns no memory but its struct, and a request can outlive its connection.
 *
 * Two things slow a client down that pipelines: while a request is handled, no more than KEPT_MAX waits
 * unread; and while more than QUEUED_MAX of answers, or a file, have not gone out, no further request begins.
 */
#include "base/mem.h"
#include "http/http_private.h"

enum { KEPT_MAX = 64 * 1024, QUEUED_MAX = 64 * 1024, BODY_STEP = 64 * 1024 };

static const struct rb_stream_ops ops;

/* ---- input ---- */

static rb_str unread(const struct conn *conn)
{
    if (conn->fresh) return (rb_str){conn->fresh, conn->fresh_n};
    return rb_str_from((rb_str){conn->kept.p, conn->kept.n}, conn->kept_at);
}

static void drop_kept(struct conn *conn)
{
    rb_buf_fini(&conn->kept);
    conn->kept_at = 0;
}

static void consume(struct conn *conn, size_t n)
{
    if (conn->fresh) {
        conn->fresh += n;
        conn->fresh_n -= n;
        return;
    }
    conn->kept_at += n;
    if (conn->kept_at == conn->kept.n) drop_kept(conn);
}

/* Moves what is left in the scratch memory to our own. */
static void keep_fresh(struct conn *conn)
{
    if (!conn->fresh) return;
    rb_buf_add(&conn->kept, conn->fresh, conn->fresh_n);
    conn->fresh = NULL;
    if (conn->kept.failed) rb_stream_abort(&conn->stream, RB_OUT_OF_MEMORY);
}

/* ---- output ---- */

void conn_send(struct conn *conn, struct rb_blob *take_blob_or_null)
{
    if (take_blob_or_null)
        rb_stream_send(&conn->stream, take_blob_or_null);
    else
        rb_stream_abort(&conn->stream, RB_OUT_OF_MEMORY);
}

bool conn_keeps_alive(const struct conn *conn)
{
    bool is_last = conn->stream.has_ended && unread(conn).n == 0;
    return conn->request->pub.head.keep_alive && !conn->must_close && !conn->http->is_draining && !is_last;
}

void conn_shut(struct conn *conn, rb_err why)
{
    conn->state = CONN_CLOSING;
    rb_timer_stop(&conn->timer);
    rb_stream_close(&conn->stream, why);
}

static void refuse(struct conn *conn, rb_err err)
{
    conn_send(conn, answer_refusal(conn->http, err));
    conn_shut(conn, err);
}

/* ---- deciding ---- */

/* May the next request begin? If not, on_pull will say when. */
static bool has_room(struct conn *conn)
{
    if (!conn->is_sending_file && rb_stream_queued(&conn->stream) <= QUEUED_MAX) return true;
    conn->wants_room = true;
    rb_stream_pull(&conn->stream);
    return false;
}

static void tell_gone(struct request *request)
{
    if (!request->pub.on_gone || request->is_told_gone) return;
    request->is_told_gone = true;
    request->pub.on_gone(&request->pub);
}

static bool handle(struct conn *conn)
{
    struct request *request = conn->request;
    conn->state = CONN_HANDLING;
    request->pub.body = rb_buf_str(&request->body);
    keep_fresh(conn); /* the handler may use the scratch memory */
    request->route->handler(&request->pub, request->route->arg);
    if (conn->state == CONN_HANDLING && conn->stream.has_ended) tell_gone(conn->request);
    return true;
}

static void begin_request(struct conn *conn, size_t head_bytes)
{
    struct request *request = request_begin(conn, rb_str_sub(unread(conn), 0, head_bytes));
    consume(conn, head_bytes);
    conn->scanned = 0;
    conn->deadline = DEADLINE_NONE;
    conn->request = request;
    conn->state = CONN_BODY;
    if (!request_admit(request)) return;
    rb_http1_body_init(&conn->body, &request->pub.head);
    if (request->pub.head.expects_continue && unread(conn).n == 0)
        conn_send(conn, rb_blob_copy(RB_STR("HTTP/1.1 100 Continue\r\n\r\n")));
}

/* The steps: each says whether another may follow. */

static bool read_head(struct conn *conn)
{
    struct rb_http *http = conn->http;
    size_t consumed;
    rb_err err;
    if (!has_room(conn)) return false;
    if (unread(conn).n > 0) {
        struct request *spare = request_spare(http);
        switch (rb_http1_request(&spare->pub.head, unread(conn), &conn->scanned, &http->limits.head,
                                 &consumed, &err)) {
        case RB_HTTP1_MORE: break;
        case RB_HTTP1_DONE: begin_request(conn, consumed); return true;
        case RB_HTTP1_FAILED: refuse(conn, err); return false;
        }
    }
    if (conn->stream.has_ended) conn_shut(conn, RB_CLIENT_CLOSED);
    return false;
}

static rb_err collect(struct conn *conn, rb_str data)
{
    struct request *request = conn->request;
    if (data.n > request_body_max(request) - request->body.n) return RB_BODY_TOO_LARGE;
    rb_buf_add_str(&request->body, data);
    if (request->body.failed) return RB_OUT_OF_MEMORY;
    conn->body_step_bytes += (uint32_t)data.n;
    if (conn->body_step_bytes >= BODY_STEP) conn->deadline = DEADLINE_NONE; /* it gets a new one */
    return RB_OK;
}

static bool read_body(struct conn *conn)
{
    size_t consumed = 0;
    rb_str data = RB_STR_NONE;
    rb_err err = RB_OK;
    enum rb_http1_step step = rb_http1_body_feed(&conn->body, unread(conn), &consumed, &data, &err);
    if (step != RB_HTTP1_FAILED) err = collect(conn, data);
    if (err) {
        conn->must_close = true;
        rb_answer_problem(&conn->request->pub, err, RB_STR_NONE);
        return true;
    }
    consume(conn, consumed);
    if (step == RB_HTTP1_DONE) return handle(conn);
    if (unread(conn).n > 0) return true;
    if (conn->stream.has_ended) conn_shut(conn, RB_CLIENT_CLOSED);
    return false;
}

static bool take_step(struct conn *conn)
{
    if (conn->stream.state != RB_STREAM_OPEN) return false; /* broken; on_closed follows */
    switch ((enum conn_state)conn->state) {
    case CONN_HEAD: return read_head(conn);
    case CONN_BODY: return read_body(conn);
    case CONN_HANDLING:
    case CONN_CLOSING:
    case CONN_LEFT: return false;
    }
    return false;
}

/* ---- waiting for what comes next ---- */

bool conn_is_between_requests(const struct conn *conn)
{
    return conn->state == CONN_HEAD && unread(conn).n == 0;
}

static void on_deadline(struct rb_timer *timer)
{
    struct conn *conn = RB_OUTER(timer, struct conn, timer);
    switch ((enum conn_deadline)conn->deadline) {
    case DEADLINE_IDLE: conn_shut(conn, RB_IDLE); break;
    case DEADLINE_HEAD: refuse(conn, RB_REQUEST_TIMEOUT); break;
    case DEADLINE_BODY:
        conn->must_close = true;
        rb_answer_problem(&conn->request->pub, RB_REQUEST_TIMEOUT, RB_STR_NONE);
        break;
    case DEADLINE_NONE: RB_UNREACHABLE();
    }
}

static void set_deadline(struct conn *conn)
{
    const struct rb_http_limits *limits = &conn->http->limits;
    enum conn_deadline wanted = DEADLINE_NONE;
    uint32_t ms = 0;
    if (conn->state == CONN_BODY) {
        wanted = DEADLINE_BODY;
        ms = limits->body_timeout_ms;
    } else if (conn->state == CONN_HEAD && !conn->wants_room) {
        wanted = unread(conn).n > 0 ? DEADLINE_HEAD : DEADLINE_IDLE;
        ms = wanted == DEADLINE_HEAD ? limits->header_timeout_ms : limits->idle_timeout_ms;
    }
    if (wanted == DEADLINE_NONE)
        rb_timer_stop(&conn->timer);
    else if (conn->deadline != wanted)
        rb_timer_start(conn->http->loop, &conn->timer, ms, on_deadline);
    if (conn->deadline != wanted) conn->body_step_bytes = 0;
    conn->deadline = wanted;
}

static void set_reading(struct conn *conn)
{
    bool is_waiting = conn->state == CONN_HANDLING || conn->wants_room;
    bool want_read = !is_waiting || unread(conn).n <= KEPT_MAX;
    if (want_read != conn->stream.want_read) rb_stream_set_read(&conn->stream, want_read);
}

static void advance(struct conn *conn)
{
    conn->is_advancing = true;
    while (take_step(conn)) {
    }
    conn->is_advancing = false;
    if (conn->state == CONN_LEFT) {
        rb_free(conn);
        return;
    }
    if (conn->state == CONN_CLOSING || conn->stream.state != RB_STREAM_OPEN) {
        rb_timer_stop(&conn->timer);
        conn->fresh = NULL;
        drop_kept(conn);
        return;
    }
    keep_fresh(conn);
    set_deadline(conn);
    set_reading(conn);
}

static void on_resume(struct rb_task *task)
{
    advance(RB_OUTER(task, struct conn, resume));
}

static void resume_soon(struct conn *conn)
{
    if (!conn->is_advancing) rb_loop_before_sleep(conn->http->loop, &conn->resume);
}

void request_finish(struct request *request)
{
    struct conn *conn = request->conn;
    bool keep_alive = request->keep_alive;
    request_free(request);
    if (!conn) return;
    conn->request = NULL;
    if (keep_alive)
        conn->state = CONN_HEAD;
    else
        conn_shut(conn, RB_OK);
    resume_soon(conn);
}

/* ---- what the stream reports ---- */

static void on_data(struct rb_stream *stream, char *p, size_t n)
{
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    if (unread(conn).n == 0) {
        conn->fresh = p;
        conn->fresh_n = n;
    } else {
        rb_buf_drop_front(&conn->kept, conn->kept_at);
        conn->kept_at = 0;
        rb_buf_add(&conn->kept, p, n);
        if (conn->kept.failed) rb_stream_abort(stream, RB_OUT_OF_MEMORY);
    }
    advance(conn);
}

static void on_end(struct rb_stream *stream)
{
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    if (conn->state == CONN_HANDLING && conn->request->pub.on_gone) {
        conn->must_close = true;
        tell_gone(conn->request); /* which may answer */
        return;
    }
    advance(conn);
}

static void on_pull(struct rb_stream *stream, struct rb_gather *gather)
{
    (void)gather;
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    conn->is_sending_file = false; /* one that is not out yet would have come before us */
    if (!conn->wants_room) return;
    conn->wants_room = false;
    resume_soon(conn);
}

static void on_closed(struct rb_stream *stream, rb_err why)
{
    (void)why;
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    struct request *request = conn->request;
    bool was_handled = conn->state == CONN_HANDLING;
    if (conn->is_refused) conn->http->refused_count--;
    rb_timer_stop(&conn->timer);
    rb_loop_forget_task(&conn->resume);
    rb_list_remove(&conn->node);
    rb_buf_fini(&conn->kept);
    rb_free(conn);
    if (!request) return;
    request->conn = NULL;
    if (was_handled)
        tell_gone(request);
    else
        request_free(request);
}

static const struct rb_stream_ops ops = {
    .on_data = on_data, .on_end = on_end, .on_pull = on_pull, .on_closed = on_closed};

/* ---- coming and going ---- */

void conn_open(struct rb_http *http, int take_fd, const struct sockaddr_storage *peer, bool is_refused)
{
    struct conn *conn = rb_new(struct conn);
    conn->http = http;
    conn->is_refused = is_refused;
    conn->resume.run = on_resume;
    rb_address_text(peer, conn->peer);
    rb_list_push_back(&http->conns, &conn->node);
    rb_stream_open(&conn->stream, http->net, take_fd, &ops);
    if (is_refused) {
        http->refused_count++;
        refuse(conn, RB_OVERLOADED);
    } else {
        advance(conn);
    }
}

bool rb_answer_take_stream(struct rb_request *pub, int status, struct rb_stream *to,
                           const struct rb_stream_ops *to_ops)
{
    struct request *request = request_of(pub);
    struct conn *conn = request->conn;
    if (!answer_send_head(request, status)) {
        request_finish(request);
        return false;
    }
    struct rb_buf kept = conn->kept;
    rb_str behind = unread(conn);
    rb_timer_stop(&conn->timer);
    rb_loop_forget_task(&conn->resume);
    rb_list_remove(&conn->node);
    rb_stream_move(to, &conn->stream, to_ops);
    rb_stream_set_read(to, true);
    request_free(request);
    conn->state = CONN_LEFT;
    if (!conn->is_advancing) rb_free(conn);
    if (behind.n > 0) to_ops->on_data(to, kept.p + (behind.p - kept.p), behind.n);
    if (to->has_ended && to->state == RB_STREAM_OPEN)
        to_ops->on_end(to); /* we were told, the new owner not yet */
    rb_buf_fini(&kept);
    return true;
}
