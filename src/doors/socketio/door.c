/* The door as a whole: its encodings, its handshake request, its links. */
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/sio_private.h"

static struct rb_blob *encode(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    (void)topic, (void)position;
    const struct sio_encoding *sio = RB_OUTER(encoding, struct sio_encoding, encoding);
    struct rb_buf packet = {0};
    rb_sio_put_event(&packet, sio->nsp, false, 0, event->name, event->data);
    struct rb_blob *frame = packet.failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(&packet));
    rb_buf_fini(&packet);
    return frame;
}

struct rb_sio_door *rb_sio_door_new(const struct rb_sio_setup *setup)
{
    struct rb_sio_door *door = rb_new(struct rb_sio_door);
    door->setup = *setup;
    door->encodings = rb_new_array(struct sio_encoding, setup->namespace_count);
    for (unsigned i = 0; i < setup->namespace_count; i++)
        door->encodings[i] =
            (struct sio_encoding){.encoding = {.encode = encode}, .nsp = setup->namespaces[i]};
    door->links = rb_new_array(struct links_here, setup->loop_count);
    for (unsigned i = 0; i < setup->loop_count; i++) {
        door->links[i].loop = setup->loops[i];
        rb_list_init(&door->links[i].links);
    }
    return door;
}

void rb_sio_door_free(struct rb_sio_door *door)
{
    if (!door) return;
    calls_free(door);
    rb_free(door->links);
    rb_free(door->encodings);
    rb_free(door);
}

void rb_sio_set_jobs(struct rb_sio_door *door, struct rb_jobs *jobs)
{
    door->jobs = jobs;
}

static struct rb_list *links_here(struct rb_sio_door *door)
{
    struct rb_loop *here = rb_loop_current();
    for (unsigned i = 0; i < door->setup.loop_count; i++)
        if (door->links[i].loop == here) return &door->links[i].links;
    RB_UNREACHABLE();
}

void links_add(struct rb_sio_door *door, struct sio_link *link)
{
    rb_list_push_back(links_here(door), &link->node);
}

void rb_sio_close_links(struct rb_sio_door *door, rb_err why)
{
    RB_LIST_EACH(node, links_here(door)) link_close(RB_OUTER(node, struct sio_link, node), why);
}

/* ---- the handshake request ---- */

static void answer_refusal(struct rb_request *request, enum rb_eio_error error, bool is_upgrade)
{
    struct rb_buf body = {0};
    if (is_upgrade)
        rb_buf_add_text(&body, rb_eio_error_text(error));
    else
        rb_eio_put_error(&body, error);
    rb_answer(request, rb_eio_error_status(error, is_upgrade),
              is_upgrade ? RB_STR("text/html") : RB_STR("application/json"), rb_buf_str(&body));
    rb_buf_fini(&body);
}

static void on_handshake(struct rb_request *request, void *arg)
{
    struct rb_sio_door *door = arg;
    const struct rb_sio_setup *setup = &door->setup;
    struct rb_eio_request asked = {.is_get = request->head.method == RB_HTTP1_GET,
                                   .is_upgrade = rb_str_ieq(request->head.upgrade, RB_STR("websocket"))};
    rb_request_query(request, "transport", &asked.transport);
    rb_request_query(request, "EIO", &asked.eio);
    rb_request_query(request, "sid",
                     &asked.sid); /* all links are on WebSocket, where a sid is good for nothing more */
    asked.is_forbidden = !rb_request_origin_allowed(request, setup->origins, setup->origin_count);
    struct rb_eio_offer offer = {.has_websocket = true};
    enum rb_eio_error error = rb_eio_check(&asked, &offer);
    if (error == RB_EIO_NO_ERROR) {
        link_open(request, door);
        return;
    }
    char peer[RB_ADDRESS_TEXT_BYTES];
    rb_request_peer(request, peer);
    RB_LOG_DEBUG("socketio.handshake_refused", RB_KV_TEXT("why", rb_eio_error_text(error)),
                 RB_KV_TEXT("peer", peer));
    answer_refusal(request, error, asked.is_upgrade);
}

static rb_err add_path(struct rb_sio_door *door, struct rb_router *router, rb_str path)
{
    static const enum rb_http1_method methods[] = {RB_HTTP1_GET, RB_HTTP1_POST, RB_HTTP1_PUT,
                                                   RB_HTTP1_DELETE};
    for (size_t i = 0; i < RB_COUNT(methods); i++) {
        rb_err err =
            rb_router_add(router, methods[i], path, door->setup.payload_bytes_max, on_handshake, door);
        if (err) return err;
    }
    return RB_OK;
}

rb_err rb_sio_add_routes(struct rb_sio_door *door, struct rb_router *router, struct rb_buf *why)
{
    rb_str path = door->setup.path;
    rb_err err = add_path(door, router, path);
    if (!err && path.n > 1)
        err = add_path(door, router, rb_str_sub(path, 0, path.n - 1)); /* people forget the slash */
    if (err) {
        rb_buf_add_fmt(why, "socketio.path: %.*s is taken by something else", RB_STR_FMT(path));
        return err;
    }
    return calls_add_routes(door, router, why);
}
