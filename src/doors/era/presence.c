/* The events of connections: user_registered when one is authorized and with each renewal, user_unregistered
 * when it goes. They are published in a topic for all of the tenant and in one for their owner, from where
 * subscriptions have them (subscr.c). While nobody on any loop is subscribed to such, all this costs one look
 * at a counter. */
#include "base/crypto.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

enum { UUID_BYTES = 16 };

rb_str era_presence_topic(struct rb_arena *arena, rb_str tenant, rb_str owner_id)
{
    if (!owner_id.n) return rb_arena_fmt(arena, "%.*s/era/connections", RB_STR_FMT(tenant));
    return rb_arena_fmt(arena, "%.*s/era/connections/%.*s", RB_STR_FMT(tenant), RB_STR_FMT(owner_id));
}

/* A name for the session that opens nothing: whoever may subscribe hears of everybody's connections, and who
 * has a session's id may act in its name. The same for all connections of one session, in an id's form. */
static void put_session(struct rb_json_out *out, const struct rb_session *session)
{
    unsigned char digest[RB_SHA256_BYTES];
    struct rb_buf name = {0};
    rb_sha256(rb_str_of(session->id), digest);
    for (int i = 0; i < UUID_BYTES; i++)
        rb_buf_add_fmt(&name, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", digest[i]);
    era_put_str(out, "session_id", rb_buf_str(&name));
    rb_buf_fini(&name);
}

static void put_peer(struct rb_json_out *out, const struct era_link *link)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    uint16_t port = rb_address_of_peer(&link->socket.stream, address);
    era_put_str(out, "peer_address", rb_str_of(address));
    rb_json_put_key(out, "peer_port");
    rb_json_put_u64(out, port);
}

static void put_record(struct rb_json_out *out, const struct era_link *link, const char *why)
{
    char id[RB_HANDLE_TEXT_BYTES];
    const struct rb_session *session = link->session;
    era_link_id(link, id);
    rb_json_begin_object(out);
    era_put_str(out, "domain", session->who->tenant);
    era_put_str(out, "ownertype", link->family == RB_ERA_USER ? RB_STR("user") : RB_STR("token"));
    era_put_str(out, "user_id", session->user_id);
    era_put_str(out, "login", session->login);
    era_put_str(out, "integration_point_id", rb_str_of(link->point.id));
    era_put_str(out, "connection_id", rb_str_of(id));
    put_session(out, session);
    era_put_str(out, "app", rb_str_of(link->setup.application));
    era_put_str(out, "caps", rb_str_of(link->setup.on));
    put_peer(out, link);
    rb_json_put_key(out, "ttl");
    rb_json_put_u64(out, LEASE_MS / 1000);
    if (why) era_put_str(out, "reason", rb_str_of(why));
    rb_json_end_object(out);
}

void era_presence_tell(struct era_link *link, const char *type, const char *why)
{
    struct rb_era_door *door = link->here->door;
    if (atomic_load_explicit(&door->presence_watchers, memory_order_relaxed) == 0) return;
    struct rb_arena arena = {0};
    struct rb_buf data = {0};
    struct rb_json_out out = {.buf = &data};
    const struct rb_session *session = link->session;
    rb_str owner = session->user_id.n ? session->user_id : rb_str_of(link->point.id);
    rb_str topics[] = {era_presence_topic(&arena, session->who->tenant, RB_STR_NONE),
                       owner.n ? era_presence_topic(&arena, session->who->tenant, owner) : RB_STR_NONE};
    put_record(&out, link, why);
    struct rb_event_spec spec = {.name = rb_str_of(type),
                                 .data = rb_buf_str(&data),
                                 .flags = RB_EVENT_TRANSIENT};
    for (size_t i = 0; i < RB_COUNT(topics) && !data.failed; i++)
        if (topics[i].n)
            rb_publication_send(rb_publication_new(door->setup.hub, topics[i], &spec, NULL, NULL, NULL));
    rb_buf_fini(&data);
    rb_arena_fini(&arena);
}
