/* The steps of a connection: from bytes to an answered request.
 *
 * conn_step does what the state and the input allow, and says whether another step may follow; only advance()
 * in conn.c calls it, in a loop. A hook or handler that is called from here may answer, or move the request,
 * before it returns: the state says so then, and the next step goes on from there. */
#include "http/http_private.h"

enum { QUEUED_MAX = 64 * 1024, SKIP_MAX = 64 * 1024 };

/* ---- the head ---- */

static void begin_request(struct conn *conn, size_t head_bytes)
{
    conn->request = request_begin(conn, rb_str_sub(conn_unread(conn), 0, head_bytes));
    conn->state = CONN_ADMITTING;
    conn->deadline = DEADLINE_NONE;
    conn_consume(conn, head_bytes);
}

static bool read_head(struct conn *conn)
{
    struct rb_http *http = conn->http;
    size_t consumed;
    rb_err err;
    if (!conn_has_room(conn, QUEUED_MAX)) return false; /* earlier answers come first */
    if (conn_unread(conn).n > 0) {
        switch (rb_http1_request(&http->head, conn_unread(conn), &conn->scanned, &http->limits.head,
                                 &consumed, &err)) {
        case RB_HTTP1_MORE: break;
        case RB_HTTP1_DONE: begin_request(conn, consumed); return true;
        case RB_HTTP1_FAILED: conn_refuse(conn, err); return false;
        }
    }
    if (conn->stream.has_ended) conn_shut(conn, RB_CLIENT_CLOSED);
    return false;
}

static bool admit(struct conn *conn)
{
    struct request *request = conn->request;
    rb_http1_body_init(&conn->body, &request->pub.head);
    if (!request_admit(request)) return true;
    const struct rb_route *what = &request->route->what;
    if (what->on_head) {
        conn_keep_input(conn); /* the hook may use the scratch memory */
        what->on_head(&request->pub, what->arg);
    }
    if (conn->state != CONN_ADMITTING) return true; /* it has decided */
    conn->state = CONN_BODY;
    return true;
}

/* ---- the body ---- */

static bool handle(struct conn *conn)
{
    struct request *request = conn->request;
    const struct rb_route *what = &request->route->what;
    conn->state = CONN_HANDLING;
    request->pub.body = rb_buf_str(&request->body);
    conn_keep_input(conn); /* the handler may use the scratch memory */
    what->handler(&request->pub, what->arg);
    return true;
}

/* Only when the body is wanted now: what is held back shall not set out. From then on it comes for sure. */
static void invite(struct conn *conn)
{
    struct rb_http1_head *head = &conn->request->pub.head;
    if (!head->expects_continue) return;
    head->expects_continue = false;
    if (conn_unread(conn).n == 0) conn_send(conn, rb_blob_copy(RB_STR("HTTP/1.1 100 Continue\r\n\r\n")));
}

static void give_up_request(struct conn *conn)
{
    struct request *request = conn->request;
    conn->request = NULL;
    conn_shut(conn, RB_CLIENT_CLOSED);
    request_end_unfinished(request);
}

static bool read_body(struct conn *conn)
{
    struct request *request = conn->request;
    size_t consumed = 0;
    rb_str data = RB_STR_NONE;
    rb_err err = RB_OK;
    if (request->is_held) return false;
    if (request->is_complete) return body_hand_on_collected(request) || handle(conn);
    invite(conn);
    enum rb_http1_step step = rb_http1_body_feed(&conn->body, conn_unread(conn), &consumed, &data, &err);
    if (step != RB_HTTP1_FAILED) err = body_take(conn, data);
    if (err) {
        request_refuse(request, err);
        return true;
    }
    conn_consume(conn, consumed);              /* not before: the piece lies there */
    if (conn->state != CONN_BODY) return true; /* who got it has decided */
    if (step == RB_HTTP1_DONE) request->is_complete = true;
    if (step == RB_HTTP1_DONE || conn_unread(conn).n > 0) return true;
    if (conn->stream.has_ended) give_up_request(conn);
    return false;
}

static bool skip_body(struct conn *conn)
{
    size_t consumed = 0;
    rb_str data;
    rb_err err;
    bool is_over =
        rb_http1_body_feed(&conn->body, conn_unread(conn), &consumed, &data, &err) == RB_HTTP1_DONE;
    conn_consume(conn, consumed);
    if (is_over) {
        conn_await_head(conn);
        return true;
    }
    if (conn->stream.has_ended) conn_shut(conn, RB_CLIENT_CLOSED);
    return false;
}

/* ---- the next one ---- */

bool conn_step(struct conn *conn)
{
    if (conn->stream.state != RB_STREAM_OPEN) return false; /* broken; on_closed follows */
    switch ((enum conn_state)conn->state) {
    case CONN_HEAD: return read_head(conn);
    case CONN_ADMITTING: return admit(conn);
    case CONN_BODY: return read_body(conn);
    case CONN_SKIPPING: return skip_body(conn);
    case CONN_MOVING: return conn_move(conn);
    case CONN_HANDLING:
    case CONN_CLOSING:
    case CONN_LEFT: return false;
    }
    return false;
}

/* ---- after the answer ---- */

/* Not of a request that is answered when its whole body is there. */
static bool has_body_left(const struct conn *conn)
{
    bool comes_in = conn->state == CONN_ADMITTING || conn->state == CONN_BODY;
    return comes_in && !conn->request->is_complete && conn->request->pub.head.framing != RB_HTTP1_NO_BODY;
}

/* Reading it away must be cheaper than a new connection, and end for sure. A client that waits to be told to
 * continue may send the body then or not. */
static bool can_skip_body(const struct conn *conn)
{
    const struct rb_http1_head *head = &conn->request->pub.head;
    return head->framing == RB_HTTP1_LENGTH && !head->expects_continue && conn->body.left <= SKIP_MAX;
}

bool conn_keeps_alive(const struct conn *conn)
{
    bool is_last = conn->stream.has_ended && conn_unread(conn).n == 0;
    bool can_go_on = !has_body_left(conn) || can_skip_body(conn);
    return conn->request->pub.head.keep_alive && can_go_on && !conn->must_close && !conn->http->is_draining &&
           !is_last;
}

void request_finish(struct request *request)
{
    struct conn *conn = request->conn;
    bool keep_alive = request->keep_alive;
    bool skips_body = conn && has_body_left(conn);
    if (request->is_ending) return;
    request_free(request);
    if (!conn) return;
    conn->request = NULL;
    if (!keep_alive)
        conn_shut(conn, RB_OK);
    else if (skips_body)
        conn->state = CONN_SKIPPING;
    else
        conn_await_head(conn);
    conn_resume_soon(conn);
}
