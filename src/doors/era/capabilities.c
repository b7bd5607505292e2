/* Capabilities: what a connection switches on by `setup`, and what it is told of each.
 *
 * A setup before the login is only noted, and all of it is "ok"; the true verdicts come with the login. A
 * later setup replaces the earlier one, so what both name stays on without a gap. */
#include "base/mem.h"
#include "doors/era/link.h"
#include "doors/era/rest.h"

static const struct built_in {
    const char *name;
    unsigned families; /* enum rb_era_family */
} built_ins[] = {
    {"msg", RB_ERA_TOKEN | RB_ERA_USER},  {"subscr", RB_ERA_TOKEN | RB_ERA_USER},
    {"test", RB_ERA_TOKEN | RB_ERA_USER}, {"svcscript", RB_ERA_TOKEN},
    {"callrecord", RB_ERA_TOKEN},
};

void era_setup_fini(struct era_setup *setup)
{
    rb_free(setup->application);
    rb_free(setup->asked);
    rb_free(setup->on);
    *setup = (struct era_setup){0};
}

bool era_link_has(const struct era_link *link, rb_str capability)
{
    return rb_str_lists(rb_str_of(link->setup.on), capability);
}

bool era_link_has_role(const struct era_link *link, const char *role)
{
    return link->session->who->role == RB_ROLE_BACKEND || rb_str_lists(link->session->roles, rb_str_of(role));
}

/* ---- what there is ---- */

const struct rb_era_capability *era_capability_find(const struct rb_era_door *door, rb_str name)
{
    for (unsigned i = 0; i < door->setup.capability_count; i++)
        if (rb_str_eq(door->setup.capabilities[i].name, name)) return &door->setup.capabilities[i];
    return NULL;
}

const struct rb_era_capability *era_capability_claiming(const struct rb_era_door *door,
                                                        enum rb_era_family family, rb_str method)
{
    for (unsigned i = 0; i < door->setup.capability_count; i++) {
        const struct rb_era_capability *capability = &door->setup.capabilities[i];
        if (!(capability->families & family)) continue;
        for (unsigned k = 0; k < capability->method_count; k++)
            if (rb_str_eq(capability->methods[k], method)) return capability;
    }
    return NULL;
}

/* ---- who may have it ---- */

static bool has_a_role(const struct era_link *link, rb_str roles)
{
    rb_str role;
    if (!roles.n) return true;
    while (rb_str_split(&roles, ',', &role))
        if (rb_str_lists(link->session->roles, role)) return true;
    return link->session->who->role == RB_ROLE_BACKEND;
}

/* NULL: it may have it. */
static const char *refusal(const struct era_link *link, rb_str key)
{
    const struct rb_era_capability *declared = era_capability_find(link->here->door, key);
    unsigned families = declared ? declared->families : 0;
    for (size_t i = 0; i < RB_COUNT(built_ins); i++)
        if (rb_str_is(key, built_ins[i].name)) families |= built_ins[i].families;
    if (!(families & link->family)) return "Unknown capability";
    rb_str allowed = link->session->capabilities;
    if (allowed.p && !rb_str_lists(allowed, key)) return "Access denied";
    return declared && !has_a_role(link, declared->roles) ? "Access denied" : NULL;
}

static void put_verdict(struct rb_json_out *out, rb_str key, const char *why_not)
{
    rb_json_begin_object(out);
    era_put_str(out, "key", key);
    era_put_str(out, "result", why_not ? RB_STR("error") : RB_STR("ok"));
    if (why_not) era_put_str(out, "errormsg", rb_str_of(why_not));
    rb_json_end_object(out);
}

static void switch_on(struct rb_buf *on, rb_str key)
{
    if (rb_str_lists(rb_buf_str(on), key)) return;
    if (on->n) rb_buf_add_char(on, ',');
    rb_buf_add_str(on, key);
}

/* The verdicts; what is granted is added to `on`. */
static void judge(struct rb_json_out *out, const struct era_link *link, rb_json_val asked, struct rb_buf *on)
{
    struct rb_arena arena = {0};
    for (rb_json_val v = rb_json_first(asked); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v)) {
        rb_str key = RB_STR_NONE;
        rb_json_string(v, &arena, &key);
        const char *why_not = link->state == LINK_OPEN ? refusal(link, key) : NULL;
        put_verdict(out, key, why_not);
        if (!why_not) switch_on(on, key);
    }
    rb_arena_fini(&arena);
}

void era_setup_answer(struct rb_json_out *out, struct era_link *link)
{
    struct era_setup *setup = &link->setup;
    struct rb_json doc;
    struct rb_buf on = {0};
    if (!setup->asked || rb_json_parse(&doc, rb_str_of(setup->asked), NULL) != RB_OK) return;
    rb_json_put_key(out, "capabilities");
    rb_json_begin_array(out);
    judge(out, link, rb_json_root(&doc), &on);
    rb_json_end_array(out);
    rb_json_fini(&doc);
    if (link->state == LINK_OPEN) {
        rb_free(setup->on);
        rb_free(setup->asked);
        setup->asked = NULL;
        setup->on = on.failed ? NULL : rb_buf_take(&on);
    }
    rb_buf_fini(&on);
}

/* ---- the method ---- */

/* Adds them to the array `out`: of what else stands there nothing is kept. What is wrong; NULL: nothing. */
static const char *read_keys(struct rb_json_out *out, rb_json_val capabilities, struct rb_arena *arena)
{
    if (rb_json_type(capabilities) != RB_JSON_ARRAY) return "capabilities is an array of objects with a key.";
    if (rb_json_count(capabilities) > CAPABILITIES_MAX) return "capabilities: at most 100.";
    for (rb_json_val v = rb_json_first(capabilities); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v)) {
        rb_str key;
        if (!rb_json_string(rb_json_get(v, "key"), arena, &key) || key.n > CAPABILITY_BYTES_MAX)
            return "capabilities: each is an object with a key, a text of at most 255 bytes.";
        rb_json_put_str(out, key);
    }
    return NULL;
}

/* Settings for APIs (`params`) are taken and have no effect. */
void era_handle_setup(struct era_link *link, const struct rb_era_message *message, struct rb_arena *arena)
{
    rb_json_val application = rb_json_get(message->params, "appPath");
    rb_json_val capabilities = rb_json_get(message->params, "capabilities");
    rb_str path = RB_STR_NONE;
    const char *detail = NULL;
    struct rb_buf asked = {0};
    struct rb_json_out keys = {.buf = &asked};
    if (rb_json_type(application) > RB_JSON_NULL &&
        (!rb_json_string(application, arena, &path) || path.n > APPLICATION_BYTES_MAX))
        detail = "appPath is a text of at most 1024 bytes.";
    rb_json_begin_array(&keys);
    if (!detail && rb_json_type(capabilities) > RB_JSON_NULL) detail = read_keys(&keys, capabilities, arena);
    rb_json_end_array(&keys);
    if (detail) {
        rb_buf_fini(&asked);
        era_fail_text(link, message, RB_BAD_REQUEST, detail);
        return;
    }
    struct era_reply reply;
    rb_free(link->setup.asked);
    link->setup.asked = rb_buf_take(&asked);
    if (path.n) {
        rb_free(link->setup.application);
        link->setup.application = rb_str_dup(path);
    }
    era_reply_begin(&reply, message->method, message->qid);
    era_put_str(&reply.out, "result", RB_STR("ok"));
    era_setup_answer(&reply.out, link);
    era_reply_send(&reply, link, message->qid);
}
