/* Namespaces: who joins, who is refused, who leaves. What the protocol forbids closes the link, as the
 * reference server does; another client is never affected. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/url.h"
#include "doors/socketio/recovery.h"
#include "doors/socketio/sio_private.h"

static const struct rb_sio_setup *setup_of(const struct sio_link *link)
{
    return &link->endpoint->door->setup;
}

struct sio_space *space_find(struct sio_link *link, rb_str nsp)
{
    RB_LIST_EACH(node, &link->upper.spaces)
    {
        struct sio_space *space = RB_OUTER(node, struct sio_space, node);
        if (space->state != SPACE_LEFT && rb_str_eq(space->nsp->name, nsp)) return space;
    }
    return NULL;
}

static const struct sio_namespace *find_namespace(const struct rb_sio_door *door, rb_str name)
{
    for (unsigned i = 0; i < door->setup.namespace_count; i++)
        if (rb_str_eq(door->namespaces[i].name, name)) return &door->namespaces[i];
    return NULL;
}

static struct sio_space *space_new(struct sio_link *link, const struct sio_namespace *nsp)
{
    struct sio_space *space = rb_new(struct sio_space);
    space->link = link;
    space->nsp = nsp;
    rb_list_push_back(&link->upper.spaces, &space->node);
    link->upper.space_count++;
    return space;
}

void space_free(struct sio_space *space)
{
    struct sio_link *link = space->link;
    rb_auth_cancel(space->check);
    recovery_free(space->recovery);
    rb_conn_fini(&space->conn);
    rb_list_remove(&space->node);
    link->upper.space_count--;
    rb_identity_unref(space->identity);
    rb_free(space);
}

void space_init_conn(struct sio_space *space)
{
    rb_conn_init(&space->conn, setup_of(space->link)->hub,
                 space->recovery ? &space_conn_ops_recoverable : &space_conn_ops);
}

/* ---- joining ---- */

static void refuse(struct sio_link *link, rb_str nsp, rb_str message)
{
    struct rb_buf packet = {0};
    if (link->revision == 3) {
        struct rb_buf json = {0};
        struct rb_json_out out = {.buf = &json};
        rb_json_put_str(&out, message);
        rb_sio_put_connect_error_v4(&packet, nsp, rb_buf_str(&json));
        rb_buf_fini(&json);
    } else {
        rb_sio_put_connect_error(&packet, nsp, message);
    }
    link_send_buf(link, &packet);
}

void space_welcome(struct sio_space *space)
{
    struct sio_link *link = space->link;
    struct rb_handle id;
    char sid[RB_HANDLE_TEXT_BYTES], pid[RECOVERY_PID_BYTES];
    struct rb_buf packet = {0};
    rb_conn_id(&space->conn, &id);
    rb_handle_text(&id, sid);
    if (link->revision == 3) {
        rb_sio_put_connect_v4(&packet, space->nsp->name);
    } else if (space->recovery) {
        recovery_joined(space);
        recovery_pid(space, pid);
        rb_sio_put_connect_pid(&packet, space->nsp->name, rb_str_of(sid), rb_str_of(pid));
    } else {
        rb_sio_put_connect(&packet, space->nsp->name, rb_str_of(sid));
    }
    space->state = SPACE_JOINED;
    link->upper.was_joined = true;
    link_joined(link);
    link_send_buf(link, &packet);
}

/* False: it cannot, and is gone. */
static bool join(struct sio_space *space)
{
    space_init_conn(space);
    if (rb_conn_announce(&space->conn)) {
        space_welcome(space);
        return true;
    }
    RB_LOG_INFO("socketio.refused", RB_KV("namespace", space->nsp->name),
                RB_KV_REASON(RB_TOO_MANY_CONNECTIONS));
    refuse(space->link, space->nsp->name, RB_STR("Too many connections"));
    space_free(space);
    return false;
}

void space_recovered(struct sio_space *space, bool is_recovered)
{
    struct sio_link *link = space->link;
    if (!is_recovered) join(space);
    link_pause(link, false);
}

/* Its client is known. False: the way in is not over yet. */
static bool admit(struct sio_space *space, const struct rb_identity *identity)
{
    space->identity = rb_identity_ref(identity);
    if (space->recovery && recovery_ask(space)) {
        space->state = SPACE_RECOVERING;
        return false;
    }
    join(space);
    return true;
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct sio_space *space = arg;
    struct sio_link *link = space->link;
    space->check = NULL;
    if (!err && room_host_is_foreign(link->endpoint->door, identity->tenant, rb_str_of(link->upper.host)))
        err = RB_UNAUTHENTICATED;
    bool is_over = true;
    if (!err) {
        is_over = admit(space, identity);
    } else {
        RB_LOG_INFO("socketio.refused", RB_KV("namespace", space->nsp->name), RB_KV_REASON(err));
        refuse(link, space->nsp->name,
               err == RB_UNAUTHENTICATED ? RB_STR("Not authorized") : RB_STR("Try again later"));
        space_free(space);
    }
    if (link->is_paused == is_over) link_pause(link, !is_over);
}

static rb_str token_of(const struct sio_link *link, rb_json_val auth, struct rb_arena *arena)
{
    rb_str token = RB_STR_NONE;
    if (rb_json_string(rb_json_get(auth, "token"), arena, &token)) return token;
    return link->upper.handshake_token ? rb_str_of(link->upper.handshake_token) : RB_STR_NONE;
}

/* The way in. auth: an object, or NONE. */
static void begin(struct sio_link *link, rb_str nsp, rb_json_val auth)
{
    const struct rb_sio_setup *setup = setup_of(link);
    const struct sio_namespace *namespace = find_namespace(link->endpoint->door, nsp);
    if (!namespace) {
        refuse(link, nsp, RB_STR("Invalid namespace"));
        return;
    }
    if (space_find(link, nsp)) {
        link_close(link, RB_PROTOCOL_ERROR);
        return;
    }
    if (link->upper.space_count >= SPACES_MAX) {
        refuse(link, nsp, RB_STR("Too many namespaces"));
        return;
    }
    struct sio_space *space = space_new(link, namespace);
    if (setup->is_conformance) {
        space->identity = rb_identity_new(&(struct rb_identity){
            .tenant = RB_STR("conformance"), .client = RB_STR("anybody"), .role = RB_ROLE_CLIENT});
        if (join(space)) conformance_joined(space, rb_json_raw(auth));
        return;
    }
    struct rb_arena arena = {0};
    space->recovery = recovery_new(link, auth);
    struct rb_auth_check *check = rb_auth_check(setup->auth, token_of(link, auth, &arena), on_checked, space);
    if (check) { /* otherwise the answer has come already, and the space may be gone */
        space->check = check;
        link_pause(link, true); /* what the client says next may need to know who it is */
    }
    rb_arena_fini(&arena);
}

/* The query of a namespace is what clients of v3 have for an auth payload. */
static void put_query(struct rb_buf *json, rb_str query)
{
    struct rb_arena arena = {0};
    struct rb_json_out out = {.buf = json};
    rb_str name, value;
    rb_json_begin_object(&out);
    while (rb_url_query_next(&arena, &query, &name, &value)) {
        rb_json_put_key_str(&out, name);
        rb_json_put_str(&out, value);
    }
    rb_json_end_object(&out);
    rb_arena_fini(&arena);
}

static void handle_connect_v3(struct sio_link *link, const struct rb_sio_packet *packet)
{
    rb_str name, query;
    struct rb_buf json = {0};
    struct rb_json auth = {0};
    rb_sio_split_query(packet->nsp, &name, &query);
    put_query(&json, query);
    if (json.failed || rb_json_parse(&auth, rb_buf_str(&json), NULL) != RB_OK)
        refuse(link, name, RB_STR("The query is not fit"));
    else
        begin(link, name, rb_json_root(&auth));
    rb_json_fini(&auth);
    rb_buf_fini(&json);
}

void space_connect(struct sio_link *link, const struct rb_sio_packet *packet, const struct rb_json *doc)
{
    if (link->revision == 3)
        handle_connect_v3(link, packet);
    else
        begin(link, packet->nsp, rb_json_root(doc));
}

/* ---- the link's side ---- */

static struct sio_space *space_at(struct rb_list *node)
{
    return RB_OUTER(node, struct sio_space, node);
}

/* Clients of v3 cannot say who they are but by the handshake: a header, or the query. */
static void note_token(struct sio_link *link, struct rb_request *request)
{
    rb_str token = rb_auth_bearer(rb_request_header(request, "Authorization"));
    if (!token.n && link->revision == 3) rb_request_query(request, "token", &token);
    if (token.n) link->upper.handshake_token = rb_str_dup(token);
}

static void on_open(struct sio_link *link, struct rb_request *request)
{
    rb_list_init(&link->upper.spaces);
    link->upper.host = room_host_alias(rb_request_header(request, "Host"));
    link->upper.opened_ms = rb_clock_wall_ms();
    note_token(link, request);
    if (link->revision == 3) begin(link, RB_STR("/"), (rb_json_val){0});
}

static void on_ping(struct sio_link *link)
{
    RB_LIST_EACH(node, &link->upper.spaces)
    if (space_at(node)->state == SPACE_JOINED) space_mark_rooms(space_at(node));
}

static void on_pong(struct sio_link *link)
{
    RB_LIST_EACH(node, &link->upper.spaces)
    if (space_at(node)->state == SPACE_JOINED) space_confirm_rooms(space_at(node));
}

static void on_pull(struct sio_link *link, struct rb_gather *gather)
{
    RB_LIST_EACH(node, &link->upper.spaces)
    {
        struct sio_space *space = space_at(node);
        if (space->state != SPACE_JOINED) continue;
        struct rb_blob *frame;
        while (space->recovery && rb_gather_has_room(gather) && (frame = recovery_missed(space)) != NULL)
            rb_gather_add(gather, frame);
        rb_conn_pull(&space->conn, gather);
    }
}

static struct rb_blob *take(struct sio_link *link)
{
    struct rb_blob *frames = NULL;
    RB_LIST_EACH(node, &link->upper.spaces)
    {
        struct sio_space *space = space_at(node);
        if (space->state != SPACE_JOINED) continue;
        if (space->recovery) frames = recovery_missed(space);
        if (!frames) frames = rb_conn_take(&space->conn);
        if (frames) break;
    }
    return frames;
}

static void on_closed(struct sio_link *link, rb_err why, bool is_clean)
{
    while (!rb_list_is_empty(&link->upper.spaces)) {
        struct sio_space *space = space_at(link->upper.spaces.next);
        if (space->state == SPACE_JOINED && is_clean) space_confirm_all(space);
        if (space->recovery) recovery_park(space, why);
        space_free(space);
    }
    packets_drop(link);
    rb_free(link->upper.host);
    rb_free(link->upper.handshake_token);
}

const struct link_ops space_link_ops = {.on_open = on_open,
                                        .on_text = packets_text,
                                        .on_binary = packets_binary,
                                        .on_ping = on_ping,
                                        .on_pong = on_pong,
                                        .on_pull = on_pull,
                                        .take = take,
                                        .on_closed = on_closed};
