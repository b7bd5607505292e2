/* Bodies on their way in: collected for the handler, or handed on in the pieces in which they come.
 *
 * Who has them handed on may be slower than the network: as long as it holds the body, nothing is read, so
 * the kernel stops the client, and nobody else's time runs. It may also have had enough: then the request is
 * as one that was refused. In either case what it says is only noted; the next step looks at it. */
#include "http/http_private.h"

enum { BODY_STEP = 64 * 1024 };

void rb_request_stream_body(struct rb_request *pub, void (*on_data)(struct rb_request *request, rb_str data))
{
    struct request *request = request_of(pub);
    RB_CHECK(request->conn && request->conn->state == CONN_ADMITTING);
    if (!request->stream) request->stream = rb_arena_new(&pub->arena, struct body_stream);
    request->stream->on_data = on_data;
}

void rb_request_hold_body(struct rb_request *pub, bool is_held)
{
    struct request *request = request_of(pub);
    struct conn *conn = request->conn;
    if (request->is_held == is_held) return;
    request->is_held = is_held;
    if (!conn || conn->state != CONN_BODY) return;
    rb_timer_stop(&conn->timer);
    conn->deadline = DEADLINE_NONE;
    conn_resume_soon(conn);
}

void rb_request_stop_body(struct rb_request *pub)
{
    struct conn *conn = request_of(pub)->conn;
    if (!conn || conn->state != CONN_BODY) return;
    conn->must_close = true;
    conn->state = CONN_HANDLING;
    conn_resume_soon(conn);
}

size_t rb_request_body_max(const struct rb_request *pub)
{
    return request_body_max(RB_OUTER(pub, const struct request, pub));
}

static rb_err collect(struct request *request, rb_str data)
{
    rb_buf_add_str(&request->body, data);
    return request->body.failed ? RB_OUT_OF_MEMORY : RB_OK;
}

static uint64_t body_bytes(const struct request *request)
{
    return request->stream ? request->stream->bytes : request->body.n;
}

rb_err body_take(struct conn *conn, rb_str data)
{
    struct request *request = conn->request;
    if (data.n > request_body_max(request) - body_bytes(request)) return RB_BODY_TOO_LARGE;
    conn->body_step_bytes += (uint32_t)data.n;
    if (conn->body_step_bytes >= BODY_STEP) conn->deadline = DEADLINE_NONE; /* it gets a new one */
    if (!request->stream) return collect(request, data);
    request->stream->bytes += data.n;
    if (data.n > 0) request->stream->on_data(&request->pub, data);
    return RB_OK;
}

bool body_hand_on_collected(struct request *request)
{
    if (!request->stream || request->body.n == 0) return false;
    struct rb_buf body = request->body;
    request->body = (struct rb_buf){0};
    request->stream->on_data(&request->pub, rb_buf_str(&body));
    rb_buf_fini(&body);
    return true;
}
