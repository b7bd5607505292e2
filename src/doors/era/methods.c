/* What clients ask for: a table of methods, each of the base or of a capability; then those that capabilities
 * of the configuration claim; then whoever takes what nobody claims. */
#include "base/log.h"
#include "doors/era/link.h"

enum method_place { BEFORE_LOGIN, AFTER_LOGIN };

static const struct method {
    const char *name;
    enum method_place place;
    const char *capability; /* that must be switched on; NULL: none */
    era_method_fn *run;
} methods[] = {
    {"login", BEFORE_LOGIN, NULL, era_handle_login},
    {"setup", BEFORE_LOGIN, NULL, era_handle_setup},
    {"connection_info", AFTER_LOGIN, NULL, era_handle_connection_info},
    {"ping", AFTER_LOGIN, NULL, era_handle_ping},
    {"test", AFTER_LOGIN, "test", era_handle_test},
    {"start_svcscript", AFTER_LOGIN, "svcscript", era_handle_start_svcscript},
    {"abort_svcscript", AFTER_LOGIN, "svcscript", era_handle_abort_svcscript},
    {"callrecord_get_path", AFTER_LOGIN, "callrecord", era_handle_callrecord_get_path},
    {"subscribe", AFTER_LOGIN, "subscr", era_handle_subscribe},
};

static const struct method *method_find(rb_str name)
{
    for (size_t i = 0; i < RB_COUNT(methods); i++)
        if (rb_str_is(name, methods[i].name)) return &methods[i];
    return NULL;
}

/* ---- replies to what was asked here ---- */

static void take_reply(struct era_link *link, const struct rb_era_message *message, uint32_t number)
{
    struct rb_buf json = {0};
    rb_era_put_reply(&json, message);
    if (json.failed)
        era_link_close(link, RB_OUT_OF_MEMORY, (uint16_t)rb_reason(RB_OUT_OF_MEMORY)->close_code);
    else
        rb_conn_reply(&link->conn, number, rb_era_reply_failed(message), rb_buf_str(&json));
    rb_buf_fini(&json);
}

/* Whether it was one. Those that fit nothing are dropped, and counted with those that come too late. */
static bool take_as_reply(struct era_link *link, const struct rb_era_message *message)
{
    uint32_t number = 0;
    switch (rb_era_reply_read(message, &number)) {
    case RB_ERA_NO_REPLY: return false;
    case RB_ERA_STRANGE_REPLY:
        RB_LOG_DEBUG("era.strange_reply", RB_KV("client", era_link_who(link)->client),
                     RB_KV("method", message->method));
        rb_conn_reply(&link->conn, 0, false, RB_STR("null"));
        return true;
    case RB_ERA_REPLY: take_reply(link, message, number); return true;
    }
    RB_UNREACHABLE();
}

/* ---- requests ---- */

static void refuse_capability(struct era_link *link, const struct rb_era_message *message, rb_str capability)
{
    struct rb_buf text = {0};
    rb_buf_add_fmt(&text, "The capability %.*s is not switched on; name it in setup.",
                   RB_STR_FMT(capability));
    era_fail(link, message->method, message->qid, RB_METHOD_NOT_ALLOWED, rb_buf_str(&text));
    rb_buf_fini(&text);
}

static void run_elsewhere(struct era_link *link, const struct rb_era_message *message)
{
    const struct rb_era_door *door = link->here->door;
    const struct rb_era_capability *capability = era_capability_claiming(door, link->family, message->method);
    if (capability && !era_link_has(link, capability->name))
        refuse_capability(link, message, capability->name);
    else if (capability && era_hook_is_set(&capability->hook))
        era_hook_run(link, &capability->hook, message);
    else if (era_hook_is_set(&door->setup.unclaimed))
        era_hook_run(link, &door->setup.unclaimed, message);
    else
        era_fail_text(link, message, RB_NOT_FOUND, "There is no such method.");
}

void era_methods_run(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena)
{
    const struct method *method = method_find(message->method);
    if (method && method->place == BEFORE_LOGIN) {
        method->run(link, message, arena);
    } else if (link->state != LINK_OPEN) {
        era_fail_text(link, message, RB_UNAUTHENTICATED, "This connection has not logged in.");
    } else if (!rb_session_is_open(link->session)) {
        era_link_close(link, RB_UNAUTHENTICATED, 4401);
    } else if (method) {
        if (method->capability && !era_link_has(link, rb_str_of(method->capability)))
            refuse_capability(link, message, rb_str_of(method->capability));
        else
            method->run(link, message, arena);
    } else if (!take_as_reply(link, message)) {
        run_elsewhere(link, message);
    }
}
