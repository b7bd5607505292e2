/* A connection that speaks HTTP/1.1.
 *
 * What happened is only noted (bytes came, the peer ended, the handler answered); advance() then decides,
 * step by step (steps.c), until nothing more can be done. Handlers may answer from inside it: that changes
 * the state, and the loop in advance() sees it, so ten thousand pipelined requests take no more stack than
 * one. An answer that comes from elsewhere has advance() called before the loop sleeps, never at once: else
 * requests that answer each other's neighbours could pile up calls without end.
 *
 * Input is read where it came in, in the loop's scratch memory; only what cannot be used yet is kept. A
 * request owns its bytes: a head is copied to a piece of memory of its size, a body collected in its buffer.
 * So an idle connection owns no memory but its struct, and a request can outlive its connection.
 *
 * Two things slow a client down that pipelines: while a request is handled, no more than KEPT_MAX waits
 * unread; and while more than QUEUED_MAX of answers, or a file, have not gone out, no further request begins.
 */
#include "base/mem.h"
#include "http/http_private.h"

enum { KEPT_MAX = 64 * 1024 };

static const struct rb_stream_ops ops;

/* ---- input ---- */

rb_str conn_unread(const struct conn *conn)
{
    const struct rb_http *http = conn->http;
    if (http->fresh_of == conn) return (rb_str){http->fresh, http->fresh_n};
    if (!conn->kept) return RB_STR_NONE;
    return rb_str_from(rb_buf_str(&conn->kept->bytes), conn->kept->at);
}

void kept_free(struct kept *kept)
{
    if (!kept) return;
    rb_buf_fini(&kept->bytes);
    rb_free(kept);
}

static void drop_fresh(struct conn *conn)
{
    if (conn->http->fresh_of == conn) conn->http->fresh_of = NULL;
}

static void drop_kept(struct conn *conn)
{
    kept_free(conn->kept);
    conn->kept = NULL;
}

void conn_consume(struct conn *conn, size_t n)
{
    struct rb_http *http = conn->http;
    struct kept *kept = conn->kept;
    if (http->fresh_of == conn) {
        http->fresh += n;
        http->fresh_n -= n;
    } else if (kept) {
        kept->at += n;
        if (kept->at == kept->bytes.n) drop_kept(conn);
    }
}

static void keep(struct conn *conn, const char *p, size_t n)
{
    if (!conn->kept) conn->kept = rb_new(struct kept);
    rb_buf_drop_front(&conn->kept->bytes, conn->kept->at);
    conn->kept->at = 0;
    rb_buf_add(&conn->kept->bytes, p, n);
    if (conn->kept->bytes.failed) rb_stream_abort(&conn->stream, RB_OUT_OF_MEMORY);
}

void conn_keep_input(struct conn *conn)
{
    struct rb_http *http = conn->http;
    if (http->fresh_of != conn) return;
    http->fresh_of = NULL;
    if (http->fresh_n > 0) keep(conn, http->fresh, http->fresh_n);
}

/* ---- output ---- */

void conn_send(struct conn *conn, struct rb_blob *take_blob_or_null)
{
    if (take_blob_or_null)
        rb_stream_send(&conn->stream, take_blob_or_null);
    else
        rb_stream_abort(&conn->stream, RB_OUT_OF_MEMORY);
}

void conn_shut(struct conn *conn, rb_err why)
{
    conn->state = CONN_CLOSING;
    rb_timer_stop(&conn->timer);
    rb_stream_close(&conn->stream, why);
}

void conn_refuse(struct conn *conn, rb_err err)
{
    conn_send(conn, answer_refusal(conn->http, err));
    conn_shut(conn, err);
}

bool conn_has_room(struct conn *conn, size_t queued_max)
{
    if (!conn->is_sending_file && rb_stream_queued(&conn->stream) <= queued_max) return true;
    conn->wants_room = true;
    rb_stream_pull(&conn->stream);
    return false;
}

/* ---- waiting for what comes next ---- */

void conn_await_head(struct conn *conn)
{
    conn->state = CONN_HEAD;
    conn->scanned = 0;
}

bool conn_is_between_requests(const struct conn *conn)
{
    return conn->state == CONN_SKIPPING || (conn->state == CONN_HEAD && conn_unread(conn).n == 0);
}

static void on_deadline(struct rb_timer *timer)
{
    struct conn *conn = RB_OUTER(timer, struct conn, timer);
    switch ((enum conn_deadline)conn->deadline) {
    case DEADLINE_IDLE: conn_shut(conn, RB_IDLE); break;
    case DEADLINE_HEAD: conn_refuse(conn, RB_REQUEST_TIMEOUT); break;
    case DEADLINE_BODY:
        if (conn->request)
            request_refuse(conn->request, RB_REQUEST_TIMEOUT);
        else
            conn_shut(conn, RB_REQUEST_TIMEOUT);
        break;
    case DEADLINE_NONE: RB_UNREACHABLE();
    }
}

static bool is_held(const struct conn *conn)
{
    return conn->state == CONN_BODY && conn->request->is_held;
}

static void set_deadline(struct conn *conn)
{
    const struct rb_http_limits *limits = &conn->http->limits;
    enum conn_deadline wanted = DEADLINE_NONE;
    uint32_t ms = 0;
    if ((conn->state == CONN_BODY && !is_held(conn)) || conn->state == CONN_SKIPPING) {
        wanted = DEADLINE_BODY;
        ms = limits->body_timeout_ms;
    } else if (conn->state == CONN_HEAD && !conn->wants_room) {
        wanted = conn_unread(conn).n > 0 ? DEADLINE_HEAD : DEADLINE_IDLE;
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
    bool want_read = !is_held(conn) && (!is_waiting || conn_unread(conn).n <= KEPT_MAX);
    if (want_read != conn->stream.want_read) rb_stream_set_read(&conn->stream, want_read);
}

static void advance(struct conn *conn)
{
    conn->is_advancing = true;
    while (conn_step(conn)) {
    }
    conn->is_advancing = false;
    if (conn->state == CONN_LEFT) {
        rb_free(conn);
        return;
    }
    if (conn->state == CONN_CLOSING || conn->stream.state != RB_STREAM_OPEN) {
        rb_timer_stop(&conn->timer);
        drop_fresh(conn);
        drop_kept(conn);
        return;
    }
    conn_keep_input(conn);
    set_deadline(conn);
    set_reading(conn);
}

static void on_resume(struct rb_task *task)
{
    advance(RB_OUTER(task, struct conn, resume));
}

void conn_resume_soon(struct conn *conn)
{
    if (!conn->is_advancing) rb_loop_before_sleep(conn->http->loop, &conn->resume);
}

/* ---- what the stream reports ---- */

static void on_data(struct rb_stream *stream, char *p, size_t n)
{
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    if (conn->kept) {
        keep(conn, p, n);
    } else {
        conn->http->fresh_of = conn;
        conn->http->fresh = p;
        conn->http->fresh_n = n;
    }
    advance(conn);
}

static void on_end(struct rb_stream *stream)
{
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    if (conn->state == CONN_HANDLING)
        request_tell_gone(conn->request); /* which may have it answered */
    else
        advance(conn);
}

static void on_pull(struct rb_stream *stream, struct rb_gather *gather)
{
    (void)gather;
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    conn->is_sending_file = false; /* one that is not out yet would have come before us */
    if (!conn->wants_room) return;
    conn->wants_room = false;
    conn_resume_soon(conn);
}

void conn_unhook(struct conn *conn)
{
    rb_timer_stop(&conn->timer);
    rb_loop_forget_task(&conn->resume);
    rb_list_remove(&conn->node);
    drop_fresh(conn);
}

static void on_closed(struct rb_stream *stream, rb_err why)
{
    (void)why;
    struct conn *conn = RB_OUTER(stream, struct conn, stream);
    struct request *request = conn->request;
    enum conn_state state = (enum conn_state)conn->state;
    if (conn->refused_for) conn->http->refused_count--;
    conn_unhook(conn);
    drop_kept(conn);
    rb_free(conn);
    if (!request) return;
    request->conn = NULL;
    if (state == CONN_HANDLING)
        request_tell_gone(request);
    else
        request_end_unfinished(request);
}

static const struct rb_stream_ops ops = {
    .on_data = on_data, .on_end = on_end, .on_pull = on_pull, .on_closed = on_closed};

/* ---- coming and going ---- */

static struct conn *conn_new(struct rb_http *http, int take_fd, rb_err refused_for)
{
    struct conn *conn = rb_new(struct conn);
    conn->http = http;
    conn->refused_for = (uint8_t)refused_for;
    conn->resume.run = on_resume;
    if (refused_for) http->refused_count++;
    rb_list_push_back(&http->conns, &conn->node);
    rb_stream_open(&conn->stream, http->net, take_fd, &ops);
    return conn;
}

void conn_open(struct rb_http *http, int take_fd, rb_err refused_for)
{
    struct conn *conn = conn_new(http, take_fd, refused_for);
    if (refused_for)
        conn_refuse(conn, refused_for);
    else
        advance(conn);
}

void conn_open_with(struct rb_http *http, int take_fd, struct request *take_request, struct kept *take_unread,
                    rb_err refused_for)
{
    struct conn *conn = conn_new(http, take_fd, refused_for);
    conn->kept = take_unread;
    conn->request = take_request;
    take_request->conn = conn;
    conn->state = CONN_ADMITTING;
    advance(conn);
}
