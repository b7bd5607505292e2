/* Socket.IO packets on a link: joining and leaving namespaces, events, acks. What the protocol forbids closes
 * the link, as the reference server does; another client is never affected. */
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "doors/socketio/sio_private.h"

static struct sio_space *find_space(struct sio_link *link, rb_str nsp)
{
    RB_LIST_EACH(node, &link->spaces)
    {
        struct sio_space *space = RB_OUTER(node, struct sio_space, node);
        if (rb_str_eq(space->encoding->nsp, nsp)) return space;
    }
    return NULL;
}

static const struct sio_encoding *find_encoding(const struct rb_sio_door *door, rb_str nsp)
{
    for (unsigned i = 0; i < door->setup.namespace_count; i++)
        if (rb_str_eq(door->encodings[i].nsp, nsp)) return &door->encodings[i];
    return NULL;
}

/* A link has one space for each namespace, and each namespace its own encoding. */
static bool is_of_space(const struct rb_conn_sub *sub, const struct sio_space *space)
{
    return sub->encoding == &space->encoding->encoding;
}

/* The subscriptions that borrow the space's client go with it. */
void space_free(struct sio_space *space)
{
    struct sio_link *link = space->link;
    for (struct rb_conn_sub *sub = link->conn.subs, *next; sub; sub = next) {
        next = sub->next;
        if (is_of_space(sub, space)) rb_conn_unsubscribe(sub);
    }
    rb_auth_cancel(space->check);
    if (link->checking == space) link->checking = NULL;
    rb_list_remove(&space->node);
    link->space_count--;
    rb_identity_unref(space->identity);
    rb_free(space);
}

/* ---- CONNECT ---- */

static void refuse(struct sio_link *link, rb_str nsp, rb_str message)
{
    struct rb_buf packet = {0};
    rb_sio_put_connect_error(&packet, nsp, message);
    link_send(link, &packet);
}

static void join(struct sio_space *space, const struct rb_identity *identity)
{
    struct sio_link *link = space->link;
    space->state = SPACE_JOINED;
    space->identity = rb_identity_ref(identity);
    rb_random_text(space->sid, SID_CHARACTERS);
    link->was_joined = true;
    rb_timer_stop(&link->connect_timeout);
    struct rb_buf packet = {0};
    rb_sio_put_connect(&packet, space->encoding->nsp, rb_str_of(space->sid));
    link_send(link, &packet);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct sio_space *space = arg;
    struct sio_link *link = space->link;
    space->check = NULL;
    bool was_waited_for = link->checking == space;
    link->checking = NULL;
    if (!err && room_host_is_foreign(link->door, identity->tenant, rb_str_of(link->host)))
        err = RB_UNAUTHENTICATED;
    if (!err) {
        join(space, identity);
    } else {
        RB_LOG_INFO("socketio.refused", RB_KV_TEXT("link", link->sid), RB_KV_REASON(err));
        refuse(link, space->encoding->nsp,
               err == RB_UNAUTHENTICATED ? RB_STR("Not authorized") : RB_STR("Try again later"));
        space_free(space);
    }
    if (was_waited_for) link_replay(link);
}

static void handle_connect(struct sio_link *link, const struct rb_sio_packet *packet,
                           const struct rb_json *doc)
{
    const struct sio_encoding *encoding = find_encoding(link->door, packet->nsp);
    if (!encoding) {
        refuse(link, packet->nsp, RB_STR("Invalid namespace"));
        return;
    }
    if (find_space(link, packet->nsp)) {
        link_close(link, RB_PROTOCOL_ERROR);
        return;
    }
    struct rb_arena arena = {0};
    rb_str token = RB_STR_NONE;
    rb_json_string(rb_json_get(rb_json_root(doc), "token"), &arena, &token);

    struct sio_space *space = rb_new(struct sio_space);
    space->link = link;
    space->encoding = encoding;
    rb_list_push_back(&link->spaces, &space->node);
    link->space_count++;
    struct rb_auth_check *check = rb_auth_check(link->door->setup.auth, token, on_checked, space);
    if (check) { /* otherwise the answer has come already, and the space may be gone */
        space->check = check;
        link->checking = space;
    }
    rb_arena_fini(&arena);
}

/* ---- the other packets ---- */

static void handle_event(struct sio_space *space, const struct rb_sio_packet *packet,
                         const struct rb_json *doc)
{
    struct rb_arena arena = {0};
    rb_json_val args = rb_json_root(doc);
    rb_str name;
    /* A number is a legal name that no room of ours has. Events that nobody listens to are ignored, with or
     * without an ack id. */
    if (rb_json_string(rb_json_first(args), &arena, &name)) room_event(space, name, args, packet);
    rb_arena_fini(&arena);
}

static void handle_disconnect(struct sio_space *space)
{
    struct rb_conn *conn = &space->link->conn;
    /* it leaves of its own will: what was sent to it counts as delivered */
    for (struct rb_conn_sub *sub = conn->subs; sub; sub = sub->next)
        if (sub->sub.is_started && is_of_space(sub, space)) rb_sub_confirm(&sub->sub, sub->sub.cursor);
    space_free(space);
}

static void handle_checked(struct sio_link *link, const struct rb_sio_packet *packet,
                           const struct rb_json *doc)
{
    if (packet->type == RB_SIO_CONNECT) {
        handle_connect(link, packet, doc);
        return;
    }
    struct sio_space *space = find_space(link, packet->nsp);
    if (!space) { /* of a namespace just left: late, and ignored; otherwise nobody may speak before joining */
        if (!link->was_joined) link_close(link, RB_PROTOCOL_ERROR);
        return;
    }
    switch (packet->type) {
    case RB_SIO_EVENT: handle_event(space, packet, doc); return;
    case RB_SIO_DISCONNECT: handle_disconnect(space); return;
    case RB_SIO_ACK: return; /* we asked for none: unknown ids are ignored */
    case RB_SIO_CONNECT:
    case RB_SIO_CONNECT_ERROR:
    case RB_SIO_BINARY_EVENT:
    case RB_SIO_BINARY_ACK: RB_UNREACHABLE(); /* handled before, or refused by the check */
    }
}

void space_packet(struct sio_link *link, rb_str text)
{
    struct rb_sio_packet packet;
    struct rb_json doc = {0};
    rb_err err = rb_sio_read(text, &packet);
    if (!err && packet.attachments > 0) err = RB_PROTOCOL_ERROR; /* binary is not spoken by this door */
    if (!err) err = rb_sio_check(&packet, &doc);
    if (err) {
        RB_LOG_INFO("socketio.bad_packet", RB_KV_TEXT("link", link->sid), RB_KV_REASON(err));
        link_close(link, RB_PROTOCOL_ERROR);
        return;
    }
    handle_checked(link, &packet, &doc);
    rb_json_fini(&doc);
}
