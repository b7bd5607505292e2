/* How a connection goes to another owner: its stream to who makes something else of it, or the whole of it,
 * with its request, to another loop.
 *
 * Between loops the request itself travels, in a letter, with the descriptor and with what was read behind
 * it. So nothing is written out to be read again: a body that was chunked, or is only half there, is no
 * special case. On the way it belongs to nobody, so whatever can be asked of it, or wait in it, is taken back
 * before. A loop that has ended still gets its letters, and closes what they bring. */
#include "base/mem.h"
#include "http/http_private.h"

#include <unistd.h>

/* ---- to another loop ---- */

struct move {
    struct rb_mail mail;
    struct rb_http *to;
    struct request *request;
    struct kept *unread;
    int fd;
};

void rb_request_move(struct rb_request *pub, struct rb_http *to)
{
    struct request *request = request_of(pub);
    struct conn *conn = request->conn;
    RB_CHECK(to != pub->http && request->head_memory && request->keepers == 0);
    if (!conn) {
        request_finish(request);
        return;
    }
    bool is_handled = conn->state == CONN_HANDLING && request->is_complete && !request->stream;
    RB_CHECK(conn->state == CONN_ADMITTING || is_handled);
    rb_request_on_gone(pub, NULL);
    conn->state = CONN_MOVING;
    conn->moves_to = to;
    conn_resume_soon(conn);
}

static void arrive(struct rb_mail *mail)
{
    struct move *move = RB_OUTER(mail, struct move, mail);
    struct rb_http *http = move->to;
    struct request *request = move->request;
    http->request_count++;
    request->pub.http = http;
    switch (http_welcome(http)) {
    case LET_IN: conn_open_with(http, move->fd, request, move->unread, RB_OK); break;
    case REFUSE: conn_open_with(http, move->fd, request, move->unread, RB_OVERLOADED); break;
    case SHUT_OUT:
        http_shut_out(http, move->fd);
        kept_free(move->unread);
        request_free(request);
        break;
    }
    rb_free(move);
}

bool conn_move(struct conn *conn)
{
    if (!conn_has_room(conn, 0)) return false;
    conn_keep_input(conn);
    if (conn->stream.state != RB_STREAM_OPEN) return false; /* no memory for it */
    struct move *move = rb_new(struct move);
    *move = (struct move){
        .mail.run = arrive, .to = conn->moves_to, .request = conn->request, .unread = conn->kept};
    conn_unhook(conn);
    move->fd = rb_stream_detach(&conn->stream);
    conn->http->request_count--;
    request_renew(move->request);
    conn->state = CONN_LEFT;
    rb_loop_post(move->to->loop, &move->mail);
    return false;
}

/* ---- to an owner on this loop ---- */

bool rb_answer_take_stream(struct rb_request *pub, int status, struct rb_stream *to,
                           const struct rb_stream_ops *to_ops)
{
    struct request *request = request_of(pub);
    struct conn *conn = request->conn;
    RB_CHECK(!conn || conn->state == CONN_HANDLING);
    if (conn) conn_keep_input(conn); /* the new owner may use the scratch memory */
    if (!answer_send_head(request, status)) {
        request_finish(request);
        return false;
    }
    struct kept *kept = conn->kept;
    conn_unhook(conn);
    rb_stream_move(to, &conn->stream, to_ops);
    rb_stream_set_read(to, true);
    request_free(request);
    conn->state = CONN_LEFT;
    if (!conn->is_advancing) rb_free(conn);
    if (kept) to_ops->on_data(to, kept->bytes.p + kept->at, kept->bytes.n - kept->at);
    if (to->has_ended && to->state == RB_STREAM_OPEN)
        to_ops->on_end(to); /* we were told, the new owner not yet */
    kept_free(kept);
    return true;
}
