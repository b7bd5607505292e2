/* Rooms: an event joins, an event leaves, and a room is a topic. Joining starts where the client's cursor was
 * confirmed last, or as far back as results are kept, so a result that was ready before the join is delivered
 * by the same path as one that comes later. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/sio_private.h"

#include <string.h>

enum { FIELD_BYTES_MAX = 64 };

/* ---- tenants and hosts ---- */

char *room_host_alias(rb_str host)
{
    size_t end = host.n;
    for (size_t i = host.n;
         i-- > 0;) { /* the port goes; a colon inside brackets is part of an IPv6 address */
        if (host.p[i] == ']') break;
        if (host.p[i] == ':') end = i;
    }
    char *alias = rb_alloc(end + 1);
    for (size_t i = 0; i < end; i++) {
        char c = host.p[i];
        alias[i] = c == '.' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return alias;
}

static bool is_alias_of(rb_str host, rb_str alias)
{
    char *have = room_host_alias(host);
    bool is_same = rb_str_ieq(rb_str_of(have), alias);
    rb_free(have);
    return is_same;
}

static bool tenant_has_host(const struct rb_sio_tenant *tenant, rb_str alias)
{
    for (unsigned i = 0; i < tenant->host_count; i++)
        if (is_alias_of(tenant->hosts[i], alias)) return true;
    return false;
}

bool room_tenant_matches(const struct rb_sio_door *door, rb_str tenant, rb_str alias)
{
    for (unsigned i = 0; i < door->setup.tenant_count; i++) {
        const struct rb_sio_tenant *known = &door->setup.tenants[i];
        if (rb_str_eq(known->name, tenant) && tenant_has_host(known, alias)) return true;
    }
    return rb_str_eq(tenant, alias);
}

bool room_host_is_foreign(const struct rb_sio_door *door, rb_str tenant, rb_str host_alias)
{
    for (unsigned i = 0; i < door->setup.tenant_count; i++) {
        const struct rb_sio_tenant *known = &door->setup.tenants[i];
        if (!rb_str_eq(known->name, tenant) && tenant_has_host(known, host_alias))
            return !room_tenant_matches(door, tenant, host_alias);
    }
    return false;
}

static bool may_join(const struct sio_space *space, const struct rb_sio_room *room, rb_str named)
{
    if (room->tenant_field.p == NULL) return true;
    const struct rb_sio_door *door = space->link->endpoint->door;
    if (room_tenant_matches(door, space->identity->tenant, named)) return true;
    return room->tenant_is_host && rb_str_ieq(named, rb_str_of(space->link->upper.host)) &&
           !room_host_is_foreign(door, space->identity->tenant, named);
}

/* ---- topics ---- */

static bool is_fit(rb_str value)
{
    if (value.n == 0 || value.n > FIELD_BYTES_MAX) return false;
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] <= 0x20 || value.p[i] == 0x7f || value.p[i] == '/') return false;
    return true;
}

rb_str room_topic(struct rb_arena *arena, rb_str tenant, const struct rb_sio_room *room,
                  rb_str (*value)(void *arg, rb_str name), void *arg)
{
    struct rb_buf topic = {0};
    bool is_complete = true;
    rb_buf_add_str(&topic, tenant);
    rb_buf_add_char(&topic, '/');
    for (rb_str rest = room->topic; rest.n > 0;) {
        ptrdiff_t open = rb_str_find(rest, '{'), close = rb_str_find(rest, '}');
        if (open < 0 || close < open) {
            rb_buf_add_str(&topic, rest);
            break;
        }
        rb_str found = value(arg, rb_str_sub(rest, (size_t)open + 1, (size_t)(close - open) - 1));
        is_complete = is_complete && is_fit(found);
        rb_buf_add_str(&topic, rb_str_sub(rest, 0, (size_t)open));
        rb_buf_add_str(&topic, found);
        rest = rb_str_from(rest, (size_t)close + 1);
    }
    rb_str name = rb_buf_str(&topic);
    bool is_reserved = rb_topic_name_is_reserved(rb_str_from(name, tenant.n + 1));
    is_complete = is_complete && !topic.failed && !is_reserved && rb_topic_name_is_valid(name);
    rb_str copy = is_complete ? rb_arena_copy(arena, name) : RB_STR_NONE;
    rb_buf_fini(&topic);
    return copy;
}

const struct rb_sio_room *room_of_kind(const struct rb_sio_door *door, rb_str kind)
{
    for (unsigned i = 0; i < door->setup.room_count; i++) {
        const struct rb_sio_room *room = &door->setup.rooms[i];
        for (unsigned k = 0; k < room->kind_count; k++)
            if (rb_str_eq(room->kinds[k], kind)) return room;
    }
    return NULL;
}

/* ---- joining and leaving ---- */

struct argument { /* an object with fields, or the bare value of the room's key */
    const struct rb_sio_room *room;
    rb_json_val value;
    struct rb_arena *arena;
};

/* Ids may be numbers or strings; both are compared as text. */
static rb_str scalar_text(rb_json_val value, struct rb_arena *arena)
{
    rb_str text = RB_STR_NONE;
    if (rb_json_type(value) == RB_JSON_NUMBER) return rb_json_raw(value);
    rb_json_string(value, arena, &text);
    return text;
}

static rb_str field_value(void *arg, rb_str name)
{
    struct argument *argument = arg;
    if (rb_json_type(argument->value) != RB_JSON_OBJECT)
        return rb_str_eq(name, argument->room->key) ? scalar_text(argument->value, argument->arena)
                                                    : RB_STR_NONE;
    char *key = rb_str_dup(name);
    rb_str text = scalar_text(rb_json_get(argument->value, key), argument->arena);
    rb_free(key);
    return text;
}

static uint64_t oldest_wanted_ms(const struct sio_space *space, const struct rb_sio_room *room)
{
    uint64_t now_ms = rb_clock_wall_ms(), since_ms = now_ms > room->keep_ms ? now_ms - room->keep_ms : 0;
    uint64_t opened_ms = space->link->upper.opened_ms;
    return opened_ms < since_ms ? opened_ms : since_ms;
}

static void subscribe(struct sio_space *space, const struct rb_sio_room *room, rb_str topic)
{
    struct rb_start start = {.at = RB_START_NOW, .since_ms = rb_clock_wall_ms()};
    if (room->kind_count > 0)
        start = (struct rb_start){.at = RB_START_NAMED, .since_ms = oldest_wanted_ms(space, room)};
    /* A second join of the same room is the same membership. */
    struct rb_conn_sub *sub =
        rb_conn_subscribe(&space->conn, topic, &space->identity->client, &start, space_encoding(space), 0);
    if (!sub) return;
    room_sub_of(sub)->room = room;
    room_sub_of(sub)->start = start.since_ms;
}

static const char *join_room(struct sio_space *space, struct argument *argument)
{
    const struct rb_sio_room *room = argument->room;
    if (rb_json_type(argument->value) != RB_JSON_OBJECT) return "the argument is not an object";
    rb_str named = room->tenant_field.p ? field_value(argument, room->tenant_field) : RB_STR_NONE;
    if (!may_join(space, room, named)) {
        RB_LOG_WARN("socketio.foreign_tenant", RB_KV("client", space->identity->client),
                    RB_KV("named", named));
        return "no such tenant here";
    }
    rb_str topic = room_topic(argument->arena, space->identity->tenant, room, field_value, argument);
    if (!topic.p) return "a field is missing or not fit";
    bool is_full = space->conn.sub_count >= space->link->endpoint->door->setup.subscriptions_max;
    if (is_full && !rb_conn_find(&space->conn, topic)) return "too many rooms";
    subscribe(space, room, topic);
    return NULL;
}

static const char *leave_room(struct sio_space *space, struct argument *argument)
{
    rb_str topic =
        room_topic(argument->arena, space->identity->tenant, argument->room, field_value, argument);
    if (!topic.p) return "a field is missing or not fit";
    struct rb_conn_sub *sub = rb_conn_find(&space->conn, topic);
    if (!sub) return NULL;                                               /* leaving twice is nothing */
    if (sub->sub.is_started) rb_sub_confirm(&sub->sub, sub->sub.cursor); /* it has what it came for */
    rb_conn_unsubscribe(sub);
    return NULL;
}

static void answer_ack(struct sio_space *space, uint64_t ack_id, const char *error)
{
    struct rb_buf args = {0};
    struct rb_json_out out = {.buf = &args};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "ok");
    rb_json_put_bool(&out, !error);
    if (error) {
        rb_json_put_key(&out, "error");
        rb_json_put_text(&out, error);
    }
    rb_json_end_object(&out);
    space_send_ack(space, ack_id, rb_buf_str(&args));
    rb_buf_fini(&args);
}

/* ---- publishing ---- */

/* Who waits for the ack of a publication, unless it has gone meanwhile. */
struct publisher {
    struct links_here *here;
    struct rb_handle sid;
    const struct sio_namespace *nsp;
    uint64_t ack_id;
};

static void on_published(struct rb_publication *publication)
{
    struct publisher *publisher = publication->arg;
    struct sio_link *link = rb_handles_get(&publisher->here->table, &publisher->sid);
    struct sio_space *space =
        link && link->state != LINK_CLOSING ? space_find(link, publisher->nsp->name) : NULL;
    if (space && space->state == SPACE_JOINED)
        answer_ack(space, publisher->ack_id, publication->err ? rb_reason(publication->err)->sentence : NULL);
    rb_free(publisher);
}

static struct publisher *publisher_new(struct sio_space *space, uint64_t ack_id)
{
    struct publisher *publisher = rb_new(struct publisher);
    struct sio_link *link = space->link;
    *publisher = (struct publisher){.here = link->here, .nsp = space->nsp, .ack_id = ack_id};
    rb_handles_name(&link->here->table, link->slot, &publisher->sid);
    return publisher;
}

/* The one room of this kind that the space is in; NULL when there is none, or more than one. */
static struct rb_conn_sub *only_room(struct sio_space *space, const struct rb_sio_room *room)
{
    struct rb_conn_sub *found = NULL;
    ROOMS_EACH(node, space)
    {
        struct room_sub *sub = room_sub_of(node);
        if (sub->room != room) continue;
        if (found) return NULL;
        found = &sub->base;
    }
    return found;
}

/* Whoever names a room means that one, even if the name is no good. */
static bool names_room(const struct argument *argument)
{
    for (rb_str rest = argument->room->topic; rest.n > 0;) {
        ptrdiff_t open = rb_str_find(rest, '{'), close = rb_str_find(rest, '}');
        if (open < 0 || close < open) break;
        char *key = rb_str_dup(rb_str_sub(rest, (size_t)open + 1, (size_t)(close - open) - 1));
        bool is_there = rb_json_type(rb_json_get(argument->value, key)) != RB_JSON_NONE;
        rb_free(key);
        if (is_there) return true;
        rest = rb_str_from(rest, (size_t)close + 1);
    }
    return false;
}

static const char *publish(struct sio_space *space, struct argument *argument, const struct sio_event *event)
{
    struct rb_conn_sub *sub;
    if (names_room(argument)) {
        rb_str topic =
            room_topic(argument->arena, space->identity->tenant, argument->room, field_value, argument);
        sub = topic.p ? rb_conn_find(&space->conn, topic) : NULL;
    } else {
        sub = only_room(space, argument->room);
    }
    if (!sub) return "not in the room";
    if (!rb_event_name_is_valid(event->name)) return "the name of the event is not fit";
    struct publisher *publisher = event->has_ack_id ? publisher_new(space, event->ack_id) : NULL;
    struct rb_event_spec spec = {.name = event->name, .data = rb_json_raw(argument->value)};
    rb_publication_send(rb_publication_new(space->conn.hub, rb_sub_topic_name(&sub->sub), &spec,
                                           link_loop(space->link), publisher ? on_published : NULL,
                                           publisher));
    return NULL;
}

/* ---- events ---- */

enum meaning { MEANS_NOTHING, MEANS_JOIN, MEANS_LEAVE, MEANS_PUBLISH };

static enum meaning meaning_of(const struct rb_sio_room *room, rb_str name)
{
    if (rb_str_eq(name, room->join)) return MEANS_JOIN;
    if (rb_str_eq(name, room->leave)) return MEANS_LEAVE;
    for (unsigned i = 0; i < room->publish_count; i++)
        if (rb_str_eq(name, room->publish[i])) return MEANS_PUBLISH;
    return MEANS_NOTHING;
}

static const char *obey(struct sio_space *space, struct argument *argument, const struct sio_event *event,
                        enum meaning meaning)
{
    switch (meaning) {
    case MEANS_JOIN: return join_room(space, argument);
    case MEANS_LEAVE: return leave_room(space, argument);
    case MEANS_PUBLISH: return publish(space, argument, event);
    case MEANS_NOTHING: break;
    }
    RB_UNREACHABLE();
}

void room_event(struct sio_space *space, const struct sio_event *event)
{
    const struct rb_sio_setup *setup = &space->link->endpoint->door->setup;
    for (unsigned i = 0; i < setup->room_count; i++) {
        const struct rb_sio_room *room = &setup->rooms[i];
        enum meaning meaning = meaning_of(room, event->name);
        if (meaning == MEANS_NOTHING) continue;
        struct rb_arena arena = {0};
        struct argument argument = {.room = room, .value = rb_json_at(event->args, 1), .arena = &arena};
        const char *error = obey(space, &argument, event, meaning);
        if (error)
            RB_LOG_INFO("socketio.room_refused", RB_KV("event", event->name),
                        RB_KV("client", space->identity->client), RB_KV_TEXT("why", error));
        bool answers_later = meaning == MEANS_PUBLISH && !error;
        if (event->has_ack_id && !answers_later) answer_ack(space, event->ack_id, error);
        rb_arena_fini(&arena);
        return;
    }
}
