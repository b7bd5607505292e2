/* What a client may ask about itself. */
#include "base/clock.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

static void put_list(struct rb_json_out *out, const char *key, rb_str list)
{
    rb_str item;
    rb_json_put_key(out, key);
    rb_json_begin_array(out);
    while (list.n && rb_str_split(&list, ',', &item))
        if (item.n) rb_json_put_str(out, item);
    rb_json_end_array(out);
}

static void put_text(struct rb_json_out *out, const char *key, const char *text)
{
    rb_json_put_key(out, key);
    rb_json_put_text(out, text);
}

static void put_user(struct rb_json_out *out, const struct era_link *link)
{
    era_put_str(out, "user_id", link->session->user_id);
    era_put_str(out, "login", link->session->login);
    put_text(out, "app", link->setup.application);
}

static void put_point(struct rb_json_out *out, const struct era_link *link)
{
    put_text(out, "integration_point_id", link->point.id);
    put_text(out, "integration_point_type", link->point.type);
    put_text(out, "token", link->point.token); /* to who has it */
}

void era_handle_connection_info(struct era_link *link, const struct rb_era_message *message,
                                struct rb_arena *arena)
{
    (void)arena;
    char id[RB_HANDLE_TEXT_BYTES];
    uint64_t now_ms = rb_clock_wall_ms();
    const struct rb_session *session = link->session;
    struct era_reply reply;
    era_link_id(link, id);
    era_reply_begin(&reply, message->method, message->qid);
    era_put_str(&reply.out, "result", RB_STR("ok"));
    era_put_str(&reply.out, "site", link->here->door->setup.site);
    put_text(&reply.out, "ownertype", link->family == RB_ERA_USER ? "user" : "token");
    era_put_str(&reply.out, "domain", session->who->tenant);
    put_text(&reply.out, "sessionid", session->id);
    put_text(&reply.out, "connectionid", id);
    put_list(&reply.out, "capabilities", rb_str_of(link->setup.on));
    era_put_time(&reply.out, "datetime", now_ms);
    rb_json_put_key(&reply.out, "timestamp");
    rb_json_put_u64(&reply.out, now_ms);
    put_list(&reply.out, "roles", session->roles);
    if (link->family == RB_ERA_USER)
        put_user(&reply.out, link);
    else
        put_point(&reply.out, link);
    era_reply_send(&reply, link, message->qid);
}

void era_handle_ping(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena)
{
    (void)arena;
    era_reply_ok(link, message->method, message->qid);
}

/* Does nothing, for who wants to see that a capability works. */
void era_handle_test(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena)
{
    (void)arena;
    era_reply_ok(link, message->method, message->qid);
}
