/* The socket that speaks Protocol Buffers: requests one after another, one answer each, nothing pushed.
 *
 * advance() decides; a connection ends when it is closed and the call that ran on it is answered, whichever
 * is last. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/bimserver/bimserver_private.h"
#include "doors/bimserver/pb_call.h"

#include <unistd.h>

enum { AHEAD_BYTES_MAX = 64 * 1024 }; /* taken from a client that does not wait for its answer */

struct bim_pb_server {
    struct bim_pb_setup setup;
    struct rb_list links;
    unsigned count;
    bool is_closing;
};

struct pb_link {
    struct rb_stream stream;
    struct bim_pb_server *server;
    struct rb_list node; /* in the server's links */
    struct rb_timer timer;
    struct rb_buf input; /* what has come and is not answered */
    struct bim_pb *call; /* that runs, and will be answered later */
    char address[RB_ADDRESS_TEXT_BYTES];
    bool is_calling, is_advancing, has_ended, is_closed;
};

static void link_free(struct pb_link *link)
{
    rb_list_remove(&link->node);
    link->server->count--;
    rb_buf_fini(&link->input);
    rb_free(link);
}

static bool is_open(const struct pb_link *link)
{
    return !link->is_closed && link->stream.state == RB_STREAM_OPEN;
}

static void on_due(struct rb_timer *timer)
{
    struct pb_link *link = RB_OUTER(timer, struct pb_link, timer);
    rb_stream_close(&link->stream, link->input.n ? RB_REQUEST_TIMEOUT : RB_IDLE);
}

static void advance(struct pb_link *link);

static void on_done(void *arg, rb_str frame)
{
    struct pb_link *link = arg;
    link->is_calling = false;
    link->call = NULL;
    if (link->is_closed && !link->is_advancing) {
        link_free(link);
        return;
    }
    struct rb_blob *blob = frame.p ? rb_blob_copy(frame) : NULL;
    if (is_open(link) && blob)
        rb_stream_send(&link->stream, blob);
    else if (is_open(link))
        rb_stream_abort(&link->stream, RB_OUT_OF_MEMORY);
    else
        rb_blob_unref(blob);
    advance(link);
}

static void call(struct pb_link *link, const struct rb_pb_request *request, size_t used)
{
    struct bim_origin origin = {.host = link->server->setup.host,
                                .loop = rb_net_loop(link->server->setup.net),
                                .address = rb_str_of(link->address)};
    rb_timer_stop(&link->timer);
    link->is_calling = true;
    link->call = bim_pb_start(&origin, request, on_done, link);
    rb_buf_drop_front(&link->input, used);
}

static void wait_for_more(struct pb_link *link)
{
    const struct bim_pb_setup *setup = &link->server->setup;
    if (link->has_ended || link->server->is_closing) {
        rb_stream_close(&link->stream, link->has_ended ? RB_CLIENT_CLOSED : RB_SHUTTING_DOWN);
        return;
    }
    if (link->input.n == 0) rb_buf_fini(&link->input); /* an idle connection has no buffer */
    rb_timer_start(rb_net_loop(setup->net), &link->timer, link->input.n ? setup->request_ms : setup->idle_ms,
                   on_due);
    rb_stream_set_read(&link->stream, true);
}

static void refuse(struct pb_link *link)
{
    RB_LOG_INFO("bimserver.request_too_large", RB_KV_TEXT("peer", link->address));
    rb_stream_close(&link->stream, RB_MESSAGE_TOO_LARGE);
}

static void advance(struct pb_link *link)
{
    if (link->is_advancing) return;
    link->is_advancing = true;
    for (bool is_waiting = false; is_open(link) && !link->is_calling && !is_waiting;) {
        struct rb_pb_request request;
        size_t used;
        switch (
            rb_pb_request_read(rb_buf_str(&link->input), link->server->setup.message_max, &request, &used)) {
        case RB_PB_REQUEST: call(link, &request, used); break;
        case RB_PB_TOO_LARGE: refuse(link); break;
        case RB_PB_MORE:
            wait_for_more(link);
            is_waiting = true;
            break;
        }
    }
    link->is_advancing = false;
}

/* ---- what the stream reports ---- */

static void on_data(struct rb_stream *stream, char *p, size_t n)
{
    struct pb_link *link = RB_OUTER(stream, struct pb_link, stream);
    rb_buf_add(&link->input, p, n);
    if (link->input.failed) {
        rb_stream_abort(stream, RB_OUT_OF_MEMORY);
        return;
    }
    if (link->is_calling && link->input.n >= AHEAD_BYTES_MAX) rb_stream_set_read(stream, false);
    advance(link);
}

static void on_end(struct rb_stream *stream)
{
    struct pb_link *link = RB_OUTER(stream, struct pb_link, stream);
    link->has_ended = true;
    if (link->call)
        bim_pb_gone(link->call);
    else
        advance(link);
}

static void on_closed(struct rb_stream *stream, rb_err why)
{
    (void)why;
    struct pb_link *link = RB_OUTER(stream, struct pb_link, stream);
    rb_timer_stop(&link->timer);
    link->is_closed = true;
    if (link->call)
        bim_pb_gone(link->call);
    else
        link_free(link);
}

static const struct rb_stream_ops stream_ops = {.on_data = on_data, .on_end = on_end, .on_closed = on_closed};

/* ---- the server ---- */

struct bim_pb_server *bim_pb_server_new(const struct bim_pb_setup *setup)
{
    struct bim_pb_server *server = rb_new(struct bim_pb_server);
    server->setup = *setup;
    rb_list_init(&server->links);
    return server;
}

void bim_pb_server_free(struct bim_pb_server *server)
{
    if (!server) return;
    RB_CHECK(rb_list_is_empty(&server->links));
    rb_free(server);
}

void bim_pb_accept(void *arg, int take_fd, const struct sockaddr_storage *peer)
{
    struct bim_pb_server *server = arg;
    struct rb_admission *admission = server->setup.admission;
    bool may_enter = !admission || rb_admission_enter(admission, take_fd, peer);
    if (!may_enter || server->is_closing || server->count >= server->setup.connections_max) {
        if (admission) rb_admission_leave(admission, take_fd);
        close(take_fd);
        return;
    }
    struct pb_link *link = rb_new(struct pb_link);
    link->server = server;
    rb_address_text(peer, link->address);
    server->count++;
    rb_list_push_back(&server->links, &link->node);
    rb_stream_open(&link->stream, server->setup.net, take_fd, &stream_ops);
    advance(link);
}

void bim_pb_server_close(struct bim_pb_server *server)
{
    server->is_closing = true;
    RB_LIST_EACH(node, &server->links)
    {
        struct pb_link *link = RB_OUTER(node, struct pb_link, node);
        if (is_open(link) && !link->is_calling) rb_stream_close(&link->stream, RB_SHUTTING_DOWN);
    }
}
