/* A client's socket: its token, its frames, its end.
 *
 * The first frame brings the token: a ticket. It is looked up, then the topic's home is asked whether the
 * client may join (hub/policy.h); from then on it gets a tick a second and the topic's events. The rules that
 * real clients enforce: ticks never pause for more than a few seconds; the last message and Completed are one
 * frame; a message comes once; no socket closes without a word; and it is us who close it.
 *
 * Nothing may be closed or sent while output is pulled. What is found there changes the state, and the
 * countdown, started anew, does the rest. Ticks are pulled as well: a client that does not read gets none,
 * and has none waiting. */
#include "auth/auth.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/envoy/envoy_private.h"
#include "http/socket.h"
#include "hub/registry.h"

enum link_state {
    LINK_NEW,      /* its first frame is awaited */
    LINK_CHECKING, /* its token is looked up */
    LINK_ASKING,   /* the topic's home is asked */
    LINK_OPEN,
    LINK_FINISHED, /* the final frame is out; the client may close first */
    LINK_SLOW,     /* to be closed: it does not read */
    LINK_LOST,     /* to be cut: no memory */
    LINK_CLOSING
};

struct envoy_link {
    uint8_t state;   /* enum link_state */
    bool wants_tick; /* with the next output */
    uint8_t further_frames;
    struct envoy_here *here;
    struct rb_socket socket;
    struct rb_conn conn;
    struct rb_countdown countdown;      /* to the first frame; then the client's; then to the end */
    struct rb_list node;                /* in the loop's links */
    const struct rb_identity *identity; /* NULL: not known */
    union {
        struct rb_ticket_check *check; /* CHECKING */
        struct rb_holder *holder;      /* from ASKING on */
    };
};

static struct envoy_link *link_of(struct rb_socket *socket)
{
    return RB_OUTER(socket, struct envoy_link, socket);
}

static struct envoy_link *link_of_conn(struct rb_conn *conn)
{
    return RB_OUTER(conn, struct envoy_link, conn);
}

static void send_frame(struct envoy_link *link, const struct rb_envoy_frame *frame)
{
    rb_socket_send(&link->socket, envoy_frame(frame));
}

/* ---- the end ---- */

static void let_go(struct envoy_link *link)
{
    rb_countdown_stop(&link->here->countdowns, &link->countdown);
    if (link->state == LINK_CHECKING)
        rb_ticket_cancel(link->check);
    else
        rb_holder_end(link->holder);
    link->holder = NULL;
}

static void close_socket(struct envoy_link *link, rb_err why, uint16_t code)
{
    let_go(link);
    link->state = LINK_CLOSING;
    rb_conn_hold(&link->conn, true);
    rb_conn_withdraw(&link->conn);
    rb_socket_close(&link->socket, why, code, rb_str_of(rb_reason_name(why)));
}

/* How connections end, and in which words. */
static const struct farewell {
    rb_err why;
    const char *error;
    uint16_t code;
    bool is_completed; /* there is no point in coming back */
} farewells[] = {
    {RB_CONNECT_TIMEOUT, "bad request", 4400, true},
    {RB_BAD_REQUEST, "bad request", 4400, true},
    {RB_UNAUTHENTICATED, "invalid token", 4401, true},
    {RB_TOO_MANY_REQUESTS, "invalid token", 4401, true}, /* refused so often that nobody looks any more */
    {RB_TICKET_EXPIRED, "token expired", 4401, true},
    {RB_DEADLINE, "timeout", 4408, true},
    {RB_SLOW_READER, "slow consumer", 4408, false},
    {RB_REPLACED, "replaced by a newer connection", 4409, false},
    {RB_COMPLETED, "task completed", 4410, true},
    {RB_TOO_MANY_CONNECTIONS, "too many connections", 4429, false},
    {RB_SHUTTING_DOWN, "server restart", 1012, false},
};

static void say_farewell(struct envoy_link *link, rb_err why)
{
    const struct rb_reason *reason = rb_reason(why);
    struct farewell farewell = {why, reason->sentence, (uint16_t)reason->close_code, !reason->is_retryable};
    if (link->state == LINK_CLOSING) return;
    for (size_t i = 0; i < RB_COUNT(farewells); i++)
        if (farewells[i].why == why) farewell = farewells[i];
    send_frame(link, &(struct rb_envoy_frame){.error = farewell.error,
                                              .ticks = RB_STR("00:00"),
                                              .is_completed = farewell.is_completed});
    close_socket(link, why, farewell.code);
}

/* So that who comes again and again with a token that is no good is not even listened to. */
static void refuse(struct envoy_link *link, rb_err why)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    rb_address_of_peer(&link->socket.stream, address);
    rb_brake_count(link->here->door->refusals, rb_str_of(address));
    say_farewell(link, why);
}

/* For what is found during a pull. */
static void end_soon(struct envoy_link *link, enum link_state state, uint64_t delay_ms)
{
    link->state = (uint8_t)state;
    rb_conn_hold(&link->conn, true);
    rb_countdown_start(&link->here->countdowns, &link->countdown, delay_ms);
}

void envoy_link_shut(struct rb_list *node, rb_err why)
{
    say_farewell(RB_OUTER(node, struct envoy_link, node), why);
}

/* ---- time ---- */

static void check_lag(struct envoy_link *link)
{
    struct rb_conn_sub *sub = link->conn.subs;
    if (sub && sub->sub.is_started && rb_sub_lags(&sub->sub, LAG_FRAMES_MAX, LAG_BYTES_MAX))
        say_farewell(link, RB_SLOW_READER);
}

static void on_tick(struct rb_countdown *countdown)
{
    struct envoy_link *link = RB_OUTER(countdown, struct envoy_link, countdown);
    if (link->state != LINK_OPEN) return;
    if (link->socket.stream.is_blocked) {
        check_lag(link);
        return;
    }
    link->wants_tick = true;
    rb_socket_pull(&link->socket);
}

static void on_due(struct rb_countdown *countdown)
{
    struct envoy_link *link = RB_OUTER(countdown, struct envoy_link, countdown);
    switch ((enum link_state)link->state) {
    case LINK_NEW: refuse(link, RB_CONNECT_TIMEOUT); break;
    case LINK_OPEN: say_farewell(link, RB_DEADLINE); break;
    case LINK_FINISHED: close_socket(link, RB_OK, 1000); break;
    case LINK_SLOW: say_farewell(link, RB_SLOW_READER); break;
    case LINK_LOST: rb_socket_abort(&link->socket, RB_OUT_OF_MEMORY); break;
    case LINK_CHECKING:
    case LINK_ASKING:
    case LINK_CLOSING: RB_UNREACHABLE(); /* no countdown runs then */
    }
}

const struct rb_countdown_ops envoy_countdown_ops = {.make_frame = envoy_tick,
                                                     .on_tick = on_tick,
                                                     .on_due = on_due};

/* ---- the hub's side ---- */

static void want_output(struct rb_conn *conn)
{
    rb_socket_pull(&link_of_conn(conn)->socket);
}

static void on_event(struct rb_conn *conn, struct rb_conn_sub *sub, const struct rb_event *event)
{
    (void)sub;
    struct envoy_link *link = link_of_conn(conn);
    if (event->flags & RB_EVENT_FINAL)
        end_soon(link, LINK_FINISHED, GOODBYE_MS);
    else if (event->timeout_s)
        rb_countdown_start(&link->here->countdowns, &link->countdown, (uint64_t)event->timeout_s * 1000);
}

/* There is no word for a gap: who fell so far behind has to come back. */
static struct rb_blob *on_gap(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)sub;
    end_soon(link_of_conn(conn), LINK_SLOW, 0);
    return NULL;
}

static void on_lost(struct rb_conn *conn)
{
    end_soon(link_of_conn(conn), LINK_LOST, 0);
}

/* What was kept for who comes late: with the time that this one has left, and it starts nothing anew. */
static void on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    struct envoy_link *link = link_of_conn(conn);
    char ticks[RB_ENVOY_TICKS_BYTES];
    if (link->state != LINK_OPEN) return;
    const struct rb_event *event = rb_conn_take_event(sub);
    bool is_final = event && (event->flags & RB_EVENT_FINAL);
    uint32_t left_s = is_final ? 0 : rb_countdown_left_s(&link->here->countdowns, &link->countdown);
    if (event)
        send_frame(link, &(struct rb_envoy_frame){.ticks = rb_envoy_ticks(left_s, ticks),
                                                  .message = event->data,
                                                  .is_completed = is_final});
    if (is_final)
        end_soon(link, LINK_FINISHED, GOODBYE_MS);
    else if (link->holder->is_completed)
        say_farewell(link, RB_COMPLETED);
}

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct envoy_link *link = link_of_conn(conn);
    *out = (struct rb_conn_facts){.tenant = link->identity->tenant,
                                  .client = link->identity->client,
                                  .door = "envoy",
                                  .transport = "websocket",
                                  .stream = &link->socket.stream};
}

/* The protocol has messages, but no names for them. */
static rb_err on_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    (void)name;
    struct envoy_link *link = link_of_conn(conn);
    char ticks[RB_ENVOY_TICKS_BYTES];
    if (link->state != LINK_OPEN) return RB_CONNECTION_LOST;
    uint32_t left_s = rb_countdown_left_s(&link->here->countdowns, &link->countdown);
    send_frame(link, &(struct rb_envoy_frame){.ticks = rb_envoy_ticks(left_s, ticks),
                                              .message = data.n ? data : RB_STR("null")});
    return RB_OK;
}

static void on_close(struct rb_conn *conn, rb_err why)
{
    say_farewell(link_of_conn(conn), why);
}

static const struct rb_conn_ops conn_ops = {.want_output = want_output,
                                            .on_subscribed = on_subscribed,
                                            .on_gap = on_gap,
                                            .on_event = on_event,
                                            .on_lost = on_lost,
                                            .describe = describe,
                                            .on_send = on_send,
                                            .on_close = on_close};

/* ---- joining ---- */

static void open_link(struct envoy_link *link, rb_str topic)
{
    struct rb_countdowns *countdowns = &link->here->countdowns;
    const struct rb_holder *holder = link->holder;
    struct rb_start start = {.at = holder->keeps_last ? RB_START_OLDEST : RB_START_NOW};
    char address[RB_ADDRESS_TEXT_BYTES];
    rb_address_of_peer(&link->socket.stream, address);
    rb_brake_release(link->here->door->refusals, rb_str_of(address));
    link->state = LINK_OPEN;
    rb_countdown_start(countdowns, &link->countdown,
                       holder->left_ms ? holder->left_ms : (uint64_t)MINUTES_DEFAULT * 60 * 1000);
    struct rb_blob *tick = holder->is_completed ? NULL : rb_countdown_frame(countdowns, &link->countdown);
    if (tick) rb_socket_send(&link->socket, rb_blob_ref(tick));
    rb_conn_subscribe(&link->conn, topic, &link->identity->client, &start, &envoy_encoding, 0);
}

static void on_admitted(struct rb_holder *holder)
{
    struct envoy_link *link = holder->arg;
    rb_str topic = rb_str_make(holder->topic, holder->topic_bytes);
    if (holder->err)
        say_farewell(link, holder->err);
    else if (holder->is_completed && !holder->keeps_last)
        say_farewell(link, RB_COMPLETED);
    else
        open_link(link, topic);
}

static void on_checked(void *arg, rb_err err, const struct rb_ticket_record *ticket)
{
    struct envoy_link *link = arg;
    struct rb_envoy_door *door = link->here->door;
    struct rb_handle id;
    link->check = NULL;
    link->state = LINK_ASKING;
    if (err) {
        refuse(link, err);
        return;
    }
    rb_str tenant, topic = ticket->topic;
    rb_str_split(&topic, '/', &tenant);
    link->identity = rb_identity_new(&(struct rb_identity){.tenant = tenant, .client = ticket->client});
    if (!rb_conn_announce(&link->conn)) {
        say_farewell(link, RB_TOO_MANY_CONNECTIONS);
        return;
    }
    rb_conn_id(&link->conn, &id);
    link->holder = rb_holder_ask(door->setup.hub, ticket->topic, ticket->hash, &id, door->setup.sockets_max,
                                 on_admitted, link);
}

static void handle_first_frame(struct envoy_link *link, rb_str text)
{
    struct rb_arena arena = {0};
    rb_str token = rb_envoy_client_token(text, &arena);
    rb_countdown_stop(&link->here->countdowns, &link->countdown);
    link->state = LINK_CHECKING;
    if (token.n == 0) {
        refuse(link, RB_BAD_REQUEST);
    } else {
        struct rb_ticket_check *check =
            rb_ticket_check(link->here->door->setup.tickets, token, on_checked, link);
        if (check) link->check = check;
    }
    rb_arena_fini(&arena);
}

/* ---- what the socket reports ---- */

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    struct envoy_link *link = link_of(socket);
    if (link->state == LINK_NEW && opcode == RB_WS_TEXT)
        handle_first_frame(link, payload);
    else if (link->state == LINK_NEW)
        refuse(link, RB_BAD_REQUEST);
    else if (++link->further_frames > FURTHER_FRAMES_MAX)
        close_socket(link, RB_PROTOCOL_ERROR, 1008);
}

static void on_pull(struct rb_socket *socket, struct rb_gather *gather)
{
    struct envoy_link *link = link_of(socket);
    if (link->wants_tick && link->state == LINK_OPEN && rb_gather_has_room(gather)) {
        struct rb_blob *tick = rb_countdown_frame(&link->here->countdowns, &link->countdown);
        if (tick) rb_gather_add(gather, rb_blob_ref(tick));
        link->wants_tick = false;
    }
    rb_conn_pull(&link->conn, gather);
}

static void link_free(struct envoy_link *link)
{
    if (link->state != LINK_CLOSING) let_go(link);
    rb_list_remove(&link->node);
    rb_conn_fini(&link->conn);
    rb_identity_unref(link->identity);
    rb_free(link);
}

static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    (void)is_clean;
    struct envoy_link *link = link_of(socket);
    RB_LOG_DEBUG("envoy.link_closed", RB_KV("client", link->identity ? link->identity->client : RB_STR_NONE),
                 RB_KV_REASON(why));
    link_free(link);
}

static const struct rb_socket_ops socket_ops = {.on_message = on_message,
                                                .on_pull = on_pull,
                                                .on_closed = on_closed};

/* ---- opening ---- */

static bool is_braked(struct rb_envoy_door *door, struct rb_request *request)
{
    char peer[RB_ADDRESS_TEXT_BYTES];
    uint64_t wait_ms;
    rb_request_peer(request, peer);
    if (!rb_brake_is_on(door->refusals, rb_str_of(peer), &wait_ms)) return false;
    rb_answer_header(request, "Retry-After",
                     rb_arena_fmt(&request->arena, "%u", (unsigned)(wait_ms / 1000) + 1));
    rb_answer_problem(request, RB_TOO_MANY_REQUESTS,
                      RB_STR("Tokens from this address were refused too often."));
    return true;
}

void envoy_link_handle(struct rb_request *request, void *arg)
{
    struct rb_envoy_door *door = arg;
    struct envoy_here *here = envoy_here(door);
    if (here->is_closing) {
        rb_answer_problem(request, RB_SHUTTING_DOWN, RB_STR_NONE);
        return;
    }
    if (!rb_request_origin_allowed(request, door->setup.origins, door->setup.origin_count)) {
        rb_answer_problem(request, RB_ORIGIN_REFUSED, RB_STR_NONE);
        return;
    }
    if (is_braked(door, request)) return;
    struct envoy_link *link = rb_new(struct envoy_link);
    link->here = here;
    link->state = LINK_NEW;
    rb_list_push_back(&here->links, &link->node);
    rb_conn_init(&link->conn, door->setup.hub, &conn_ops);
    rb_countdown_start(&here->countdowns, &link->countdown,
                       FIRST_FRAME_MS); /* before frames, which may come now */
    if (!rb_socket_accept(request, &link->socket, &socket_ops, FIRST_FRAME_BYTES_MAX)) link_free(link);
}
