/* A socket: who it is, whether it lives, how it ends.
 *
 * An outside system is known before its socket opens; a user has a while to log in. From then on the
 * connection is in the registry. A sign of life is whatever comes; without one it is pinged, and at last cut.
 * Nothing may be closed or sent while output is pulled: what is found there changes the state, and the timer,
 * started anew, does the rest. */
#include "doors/era/link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static struct era_link *link_of(struct rb_socket *socket)
{
    return RB_OUTER(socket, struct era_link, socket);
}

struct era_link *era_link_of(struct rb_conn *conn)
{
    return RB_OUTER(conn, struct era_link, conn);
}

enum rb_era_family era_link_family(const struct era_link *link)
{
    return link->family;
}

const struct rb_identity *era_link_who(const struct era_link *link)
{
    return link->session->who;
}

void era_link_id(const struct era_link *link, char out[RB_HANDLE_TEXT_BYTES])
{
    struct rb_handle id;
    rb_conn_id(&link->conn, &id);
    rb_handle_text(&id, out);
}

void era_link_send(struct era_link *link, struct rb_buf *take_text)
{
    struct rb_blob *frame = take_text->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(take_text));
    rb_buf_fini(take_text);
    rb_socket_send(&link->socket, frame);
}

/* ---- the end ---- */

/* Why a record went, in the registrar's words. */
static const char *removal_of(rb_err why)
{
    if (why == RB_PING_TIMEOUT || why == RB_SLOW_READER) return "expired_contact";
    return why == RB_CLIENT_CLOSED || why == RB_CLIENT_GONE ? "unregister_contact" : "delete_contact";
}

static void let_go(struct era_link *link, rb_err why)
{
    rb_timer_stop(&link->timer);
    era_login_cancel(link);
    era_works_leave(link);
    era_subscriptions_end(link);
    if (link->is_started) era_presence_tell(link, "user_unregistered", removal_of(why));
    rb_conn_hold(&link->conn, true);
    rb_conn_withdraw(&link->conn);
    if (link->session) rb_session_detach(link->session);
    link->state = LINK_CLOSING;
}

void era_link_close(struct era_link *link, rb_err why, uint16_t code)
{
    if (link->state == LINK_CLOSING) return;
    let_go(link, why);
    rb_socket_close(&link->socket, why, code, rb_str_of(rb_reason_name(why)));
}

static void close_for(struct era_link *link, rb_err why)
{
    era_link_close(link, why, (uint16_t)rb_reason(why)->close_code);
}

void era_link_shut(struct rb_list *node, rb_err why)
{
    close_for(RB_OUTER(node, struct era_link, node), why);
}

void era_link_free(struct era_link *link)
{
    if (link->state != LINK_CLOSING) let_go(link, RB_CLIENT_GONE);
    rb_list_remove(&link->node);
    rb_conn_fini(&link->conn);
    rb_session_unref(link->session);
    era_setup_fini(&link->setup);
    rb_free(link->point.id);
    rb_free(link->point.type);
    rb_free(link->point.token);
    rb_free(link);
}

/* ---- life ---- */

static void on_timer(struct rb_timer *timer);

static void look_again_in(struct era_link *link, uint64_t delay_ms)
{
    rb_timer_start(link->here->loop, &link->timer, delay_ms, on_timer);
}

/* Only who was pinged and said nothing is taken for dead: time may have jumped. */
static void look_for_life(struct era_link *link)
{
    const struct rb_era_setup *setup = &link->here->door->setup;
    uint64_t silent_ms = rb_loop_now_ms(link->here->loop) - link->heard_ms;
    if (!rb_session_is_open(link->session)) {
        era_link_close(link, RB_UNAUTHENTICATED, 4401);
        return;
    }
    if (link->is_pinged && silent_ms >= setup->silence_ms) {
        let_go(link, RB_PING_TIMEOUT);
        rb_socket_abort(&link->socket, RB_PING_TIMEOUT);
        return;
    }
    link->is_pinged = true;
    rb_socket_ping(&link->socket);
    uint64_t left_ms =
        silent_ms < setup->silence_ms ? setup->silence_ms - silent_ms : setup->ping_interval_ms;
    look_again_in(link, left_ms < setup->ping_interval_ms ? left_ms : setup->ping_interval_ms);
}

static void on_timer(struct rb_timer *timer)
{
    struct era_link *link = RB_OUTER(timer, struct era_link, timer);
    switch ((enum link_state)link->state) {
    case LINK_NEW:
    case LINK_CHECKING: era_link_close(link, RB_CONNECT_TIMEOUT, 4401); break;
    case LINK_OPEN: look_for_life(link); break;
    case LINK_LOST:
        let_go(link, RB_OUT_OF_MEMORY);
        rb_socket_abort(&link->socket, RB_OUT_OF_MEMORY);
        break;
    case LINK_CLOSING: RB_UNREACHABLE();
    }
}

static void note_life(struct era_link *link)
{
    link->heard_ms = rb_loop_now_ms(link->here->loop);
    link->is_pinged = false;
    if (!link->is_started) return;
    uint64_t now_ms = rb_clock_wall_ms();
    if (now_ms < link->renewed_ms + RENEW_MS) return;
    link->renewed_ms = now_ms;
    era_presence_tell(link, "user_registered", NULL);
}

/* ---- who it is ---- */

rb_err era_link_authorize(struct era_link *link, struct rb_session *session)
{
    if (!rb_session_attach(session)) return RB_UNAUTHENTICATED;
    link->session = session;
    link->renewed_ms = rb_clock_wall_ms();
    if (!rb_conn_announce(&link->conn)) {
        link->session = NULL;
        rb_session_detach(session);
        return RB_TOO_MANY_CONNECTIONS;
    }
    link->state = LINK_OPEN;
    look_again_in(link, link->here->door->setup.ping_interval_ms);
    return RB_OK;
}

void era_link_started(struct era_link *link)
{
    link->is_started = true;
    era_presence_tell(link, "user_registered", NULL);
    era_incoming_run(link);
}

void era_link_put_origin(struct rb_json_out *out, const struct era_link *link)
{
    char id[RB_HANDLE_TEXT_BYTES];
    const struct rb_session *session = link->session;
    era_link_id(link, id);
    rb_json_put_key(out, "connectionid");
    rb_json_put_text(out, id);
    if (link->family == RB_ERA_USER) {
        rb_json_put_key(out, "user");
        rb_json_put_str(out, session->user_id);
        rb_json_put_key(out, "login");
        rb_json_put_str(out, session->login);
    } else {
        rb_json_put_key(out, "integration_point");
        rb_json_put_str(out, link->point.id ? rb_str_of(link->point.id) : session->who->client);
    }
}

/* ---- the hub's side ---- */

static void want_output(struct rb_conn *conn)
{
    rb_socket_pull(&era_link_of(conn)->socket);
}

static void on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)conn, (void)sub; /* its reply has gone out */
}

static void on_lost(struct rb_conn *conn)
{
    struct era_link *link = era_link_of(conn);
    link->state = LINK_LOST;
    look_again_in(link, 0);
}

static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct rb_blob *frame = era_subscription_gap(sub);
    if (!frame) on_lost(conn);
    return frame;
}

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct era_link *link = era_link_of(conn);
    const struct rb_session *session = link->session;
    *out = (struct rb_conn_facts){.tenant = session->who->tenant,
                                  .client = session->who->client,
                                  .door = "era",
                                  .transport = "websocket",
                                  .stream = &link->socket.stream,
                                  .owner = link->family == RB_ERA_USER ? RB_STR("user") : RB_STR("token"),
                                  .user_id = session->user_id,
                                  .login = session->login,
                                  .point_id = rb_str_of(link->point.id),
                                  .session = rb_str_of(session->id),
                                  .application = rb_str_of(link->setup.application),
                                  .capabilities = rb_str_of(link->setup.on),
                                  .site = link->here->door->setup.site,
                                  .renewed_ms = link->renewed_ms,
                                  .lease_ms = LEASE_MS};
}

static rb_err send_text(struct era_link *link, struct rb_buf *take_text)
{
    bool is_closing = link->state != LINK_OPEN || rb_socket_is_closing(&link->socket);
    struct rb_blob *frame =
        is_closing || take_text->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(take_text));
    rb_buf_fini(take_text);
    if (is_closing) return RB_CONNECTION_LOST;
    if (!frame) return RB_OUT_OF_MEMORY;
    rb_socket_send(&link->socket, frame);
    return RB_OK;
}

static rb_err on_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    struct rb_buf text = {0};
    rb_era_put_message(&text, name, data);
    return send_text(era_link_of(conn), &text);
}

static rb_err on_call(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms)
{
    (void)timeout_ms;
    struct rb_buf text = {0};
    rb_err err = rb_era_put_request(&text, number, name, data);
    if (!err) return send_text(era_link_of(conn), &text);
    rb_buf_fini(&text);
    return err;
}

static void on_close(struct rb_conn *conn, rb_err why)
{
    close_for(era_link_of(conn), why);
}

static const struct rb_conn_ops conn_ops = {.want_output = want_output,
                                            .on_subscribed = on_subscribed,
                                            .on_gap = on_gap,
                                            .on_lost = on_lost,
                                            .describe = describe,
                                            .on_send = on_send,
                                            .on_call = on_call,
                                            .calls_max = CALLS_MAX,
                                            .on_close = on_close};

/* ---- what the socket reports ---- */

static void handle_text(struct era_link *link, rb_str text)
{
    struct rb_arena arena = {0};
    struct rb_era_message message;
    rb_err err = rb_era_read(&message, text, &arena);
    if (err)
        era_fail_message(link, err);
    else
        era_methods_run(link, &message, &arena);
    rb_era_message_fini(&message);
    rb_arena_fini(&arena);
}

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct era_link *link = link_of(socket);
    if (link->state == LINK_CLOSING || link->state == LINK_LOST) return;
    note_life(link);
    if (opcode == RB_WS_TEXT)
        handle_text(link, payload);
    else
        close_for(link, RB_UNSUPPORTED_MEDIA);
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
    struct era_link *link = link_of(socket);
    RB_LOG_DEBUG("era.link_closed", RB_KV("client", link->session ? era_link_who(link)->client : RB_STR_NONE),
                 RB_KV_REASON(why));
    if (link->state != LINK_CLOSING) let_go(link, why);
    era_link_free(link);
}

static const struct rb_socket_ops socket_ops = {
    .on_message = on_message, .on_pong = on_pong, .on_pull = on_pull, .on_closed = on_closed};

/* ---- opening ---- */

struct era_link *era_link_new(struct era_here *here, enum rb_era_family family)
{
    struct era_link *link = rb_new(struct era_link);
    link->here = here;
    link->state = LINK_NEW;
    link->family = (uint8_t)family;
    link->heard_ms = rb_loop_now_ms(here->loop);
    rb_list_init(&link->works);
    rb_list_init(&link->subscriptions);
    rb_list_push_back(&here->links, &link->node);
    rb_conn_init(&link->conn, here->door->setup.hub, &conn_ops);
    look_again_in(link, here->door->setup.login_timeout_ms);
    return link;
}

bool era_link_accept(struct era_link *link, struct rb_request *request)
{
    if (rb_socket_accept(request, &link->socket, &socket_ops, link->here->door->setup.message_bytes_max))
        return true;
    era_link_free(link);
    return false;
}
