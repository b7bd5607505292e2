/* A stream: it is greeted at once, becomes an endpoint with the first good token, and another one with each
 * further token. Clients that brought a bad one may wait for their endpoint for ever; they are told, have a
 * moment for a better one, and are then closed, since they come back with a new stream if they still want
 * something.
 *
 * The server pings, because proxies cut what is silent; a peer that does not answer is cut. Nothing may be
 * closed or sent while output is pulled: what is found there changes the state, and the timer does the rest.
 */
#include "doors/bimserver/link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/bimserver/endpoints.h"

static struct bim_link *link_of(struct rb_socket *socket)
{
    return RB_OUTER(socket, struct bim_link, socket);
}

struct bim_link *bim_link_of(struct rb_conn *conn)
{
    return RB_OUTER(conn, struct bim_link, conn);
}

void bim_link_send(struct bim_link *link, struct rb_buf *take_text)
{
    struct rb_blob *frame = take_text->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(take_text));
    rb_buf_fini(take_text);
    rb_socket_send(&link->socket, frame);
}

/* ---- the end ---- */

/* The endpoint, and all that is registered for it. */
static void retire(struct bim_link *link)
{
    if (link->endpoint) bim_endpoints_remove(link->here->door->endpoints, link->endpoint);
    link->endpoint = 0;
    bim_link_unregister_all(link);
    rb_conn_fini(&link->conn);
    rb_identity_unref(link->who);
    link->who = NULL;
}

static void let_go(struct bim_link *link)
{
    rb_timer_stop(&link->timer);
    rb_auth_cancel(link->check);
    link->check = NULL;
    bim_link_works_leave(link);
    retire(link);
    link->state = LINK_CLOSING;
}

static void close_with(struct bim_link *link, rb_err why, uint16_t code)
{
    if (link->state == LINK_CLOSING) return;
    let_go(link);
    rb_socket_close(&link->socket, why, code, rb_str_of(rb_reason_name(why)));
}

static void abort_for(struct bim_link *link, rb_err why)
{
    let_go(link);
    rb_socket_abort(&link->socket, why);
}

void bim_link_shut(struct rb_list *node, rb_err why)
{
    close_with(RB_OUTER(node, struct bim_link, node), why, (uint16_t)rb_reason(why)->close_code);
}

static void link_free(struct bim_link *link)
{
    if (link->state != LINK_CLOSING) let_go(link);
    rb_list_remove(&link->node);
    rb_free(link->token);
    rb_free(link);
}

/* ---- life ---- */

static void on_timer(struct rb_timer *timer);

static void look_again_in(struct bim_link *link, uint64_t delay_ms)
{
    rb_timer_start(link->here->loop, &link->timer, delay_ms, on_timer);
}

/* Only who was pinged and said nothing is taken for dead: time may have jumped. */
static void look_for_life(struct bim_link *link)
{
    uint64_t now_ms = rb_loop_now_ms(link->here->loop);
    bool is_stranger = link->state == LINK_NEW && now_ms - link->frame_ms >= LINK_STRANGER_MS;
    if (is_stranger) {
        close_with(link, RB_CONNECT_TIMEOUT, 1008);
    } else if (link->who && rb_identity_has_ended(link->who)) {
        close_with(link, RB_UNAUTHENTICATED, 1008);
    } else if (link->is_pinged && now_ms - link->heard_ms >= LINK_SILENCE_MS) {
        abort_for(link, RB_PING_TIMEOUT);
    } else {
        link->is_pinged = true;
        rb_socket_ping(&link->socket);
        look_again_in(link, LINK_PING_MS);
    }
}

static void on_timer(struct rb_timer *timer)
{
    struct bim_link *link = RB_OUTER(timer, struct bim_link, timer);
    switch ((enum link_state)link->state) {
    case LINK_NEW:
    case LINK_CHECKING:
    case LINK_OPEN: look_for_life(link); break;
    case LINK_REFUSED: close_with(link, RB_UNAUTHENTICATED, 1008); break;
    case LINK_LOST: abort_for(link, RB_OUT_OF_MEMORY); break;
    case LINK_CLOSING: RB_UNREACHABLE();
    }
}

static void note_life(struct bim_link *link)
{
    link->heard_ms = rb_loop_now_ms(link->here->loop);
    link->is_pinged = false;
}

static void greet(struct bim_link *link)
{
    struct rb_buf text = {0};
    if (link->is_greeted) return;
    link->is_greeted = true;
    rb_buf_add_fmt(&text, "{\"welcome\":%llu}", (unsigned long long)rb_clock_wall_ms());
    bim_link_send(link, &text);
}

/* ---- the hub's side ---- */

static void want_output(struct rb_conn *conn)
{
    rb_socket_pull(&bim_link_of(conn)->socket);
}

static void on_lost(struct rb_conn *conn)
{
    struct bim_link *link = bim_link_of(conn);
    link->state = LINK_LOST;
    look_again_in(link, 0);
}

/* A state that is lost was not the last one. */
static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)conn, (void)sub;
    return NULL;
}

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct bim_link *link = bim_link_of(conn);
    *out = (struct rb_conn_facts){.tenant = link->who->tenant,
                                  .client = link->who->client,
                                  .door = BIM_DOOR,
                                  .transport = "websocket",
                                  .stream = &link->socket.stream};
}

static void on_close(struct rb_conn *conn, rb_err why)
{
    close_with(bim_link_of(conn), why, (uint16_t)rb_reason(why)->close_code);
}

static const struct rb_conn_ops conn_ops = {.sub_bytes = sizeof(struct bim_registered),
                                            .want_output = want_output,
                                            .on_subscribed = bim_link_on_subscribed,
                                            .on_gap = on_gap,
                                            .on_lost = on_lost,
                                            .describe = describe,
                                            .on_close = on_close};

/* ---- who it is ---- */

static void refuse(struct bim_link *link, rb_err err)
{
    struct rb_buf text = {0};
    rb_buf_add_fmt(&text, "{\"error\":\"%s\"}",
                   err == RB_UNAUTHENTICATED ? "Invalid token" : rb_reason(err)->sentence);
    bim_link_send(link, &text);
    link->state = LINK_REFUSED;
    look_again_in(link, LINK_REFUSED_MS);
}

static void welcome(struct bim_link *link, const struct rb_identity *who)
{
    struct rb_buf text = {0};
    struct rb_handle id;
    link->who = rb_identity_ref(who);
    if (!rb_conn_announce(&link->conn)) {
        close_with(link, RB_TOO_MANY_CONNECTIONS, 1013);
        return;
    }
    rb_conn_id(&link->conn, &id);
    link->state = LINK_OPEN;
    link->endpoint = bim_endpoints_add(link->here->door->endpoints, &id, link->who, rb_str_of(link->token));
    unsigned long long number = link->endpoint;
    rb_buf_add_fmt(&text, "{\"type\":\"endpoint\",\"payload\":{\"endpointid\":%llu},\"endpointid\":%llu}",
                   number, number);
    bim_link_send(link, &text);
    look_again_in(link, LINK_PING_MS);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *who)
{
    struct bim_link *link = arg;
    link->check = NULL;
    if (err)
        refuse(link, err);
    else
        welcome(link, who);
}

void bim_link_take_token(struct bim_link *link, rb_str token)
{
    rb_auth_cancel(link->check);
    link->check = NULL;
    retire(link);
    rb_conn_init(&link->conn, link->here->door->setup.hub, &conn_ops);
    rb_free(link->token);
    link->token = rb_str_dup(token);
    link->state = LINK_CHECKING;
    if (!token.n) {
        refuse(link, RB_UNAUTHENTICATED);
        return;
    }
    struct rb_auth_check *check = rb_auth_check(link->here->door->setup.auth, token, on_checked, link);
    if (check) link->check = check; /* else it is done, and may have become anything */
}

/* ---- what the socket reports ---- */

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct bim_link *link = link_of(socket);
    if (link->state == LINK_CLOSING || link->state == LINK_LOST) return;
    note_life(link);
    link->frame_ms = link->heard_ms;
    greet(link);
    if (opcode == RB_WS_TEXT)
        bim_link_take_text(link, payload);
    else
        close_with(link, RB_UNSUPPORTED_MEDIA, 1003);
}

static void on_pong(struct rb_socket *socket)
{
    note_life(link_of(socket));
}

static void on_pull(struct rb_socket *socket, struct rb_gather *gather)
{
    rb_conn_pull(&link_of(socket)->conn, gather);
}

static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    (void)is_clean;
    struct bim_link *link = link_of(socket);
    RB_LOG_DEBUG("bimserver.stream_closed", RB_KV("client", link->who ? link->who->client : RB_STR_NONE),
                 RB_KV_REASON(why));
    link_free(link);
}

static const struct rb_socket_ops socket_ops = {
    .on_message = on_message, .on_pong = on_pong, .on_pull = on_pull, .on_closed = on_closed};

/* ---- opening ---- */

static struct bim_link *link_new(struct bim_here *here)
{
    struct bim_link *link = rb_new(struct bim_link);
    link->here = here;
    link->state = LINK_NEW;
    link->heard_ms = link->frame_ms = rb_loop_now_ms(here->loop);
    rb_list_init(&link->works);
    rb_list_push_back(&here->streams, &link->node);
    rb_conn_init(&link->conn, here->door->setup.hub, &conn_ops);
    look_again_in(link, LINK_PING_MS);
    return link;
}

void bim_link_connect(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    struct rb_bimserver_door *door = web->host->door;
    struct bim_here *here = bim_here(door);
    if (here->is_closing) {
        rb_answer_problem(request, RB_SHUTTING_DOWN, RB_STR_NONE);
        return;
    }
    struct bim_link *link = link_new(here);
    if (rb_socket_accept(request, &link->socket, &socket_ops, door->setup.message_bytes_max))
        greet(link);
    else
        link_free(link);
}
