/* What a publisher says of an event: {"name","data","final"?,"timeout"?,"audience"?}. */
#include "doors/native/native_private.h"
#include "hub/policy.h"

enum { TIMEOUT_S_MAX = 30 * 24 * 60 * 60 };

bool spec_concerns_policy(const struct rb_event_spec *spec)
{
    return spec->timeout_s > 0 || (spec->flags & RB_EVENT_FINAL) != 0;
}

struct rb_policy_call *policy_push(struct rb_hub *hub, rb_str topic, const struct rb_event_spec *spec,
                                   void (*done)(struct rb_policy_call *), void *arg)
{
    struct rb_policy_call *call = rb_policy_call_new(hub, RB_POLICY_PUSH, topic, done, arg);
    call->spec = *spec;
    call->spec.name = rb_arena_copy(&call->arena, spec->name);
    if (spec->data.p) call->spec.data = rb_arena_copy(&call->arena, spec->data);
    if (spec->audience.p) call->spec.audience = rb_arena_copy(&call->arena, spec->audience);
    return call;
}

static rb_err refuse(rb_err err, const char *detail, const char **out_detail)
{
    *out_detail = detail;
    return err;
}

rb_err event_spec_read(rb_json_val json, struct rb_arena *arena, size_t data_max, struct rb_event_spec *out,
                       const char **out_detail)
{
    struct rb_event_spec spec = {0};
    bool is_final = false;
    if (rb_json_type(json) != RB_JSON_OBJECT)
        return refuse(RB_UNPROCESSABLE, "An event is an object with name and data.", out_detail);
    if (!rb_json_string(rb_json_get(json, "name"), arena, &spec.name) || !rb_event_name_is_valid(spec.name))
        return refuse(RB_BAD_NAME, "name: 1 to 128 bytes without control characters.", out_detail);
    rb_json_val final = rb_json_get(json, "final");
    if (rb_json_type(final) != RB_JSON_NONE && !rb_json_bool(final, &is_final))
        return refuse(RB_UNPROCESSABLE, "final is true or false.", out_detail);
    rb_json_val audience = rb_json_get(json, "audience");
    if (rb_json_type(audience) != RB_JSON_NONE &&
        (!rb_json_string(audience, arena, &spec.audience) || !rb_auth_name_is_valid(spec.audience)))
        return refuse(RB_BAD_NAME, "audience is the name of a client.", out_detail);
    rb_json_val timeout = rb_json_get(json, "timeout");
    if (rb_json_type(timeout) != RB_JSON_NONE) {
        uint64_t timeout_s;
        if (!rb_json_u64(timeout, &timeout_s) || timeout_s == 0 || timeout_s > TIMEOUT_S_MAX)
            return refuse(RB_UNPROCESSABLE, "timeout is a number of seconds from 1 to 2592000.", out_detail);
        spec.timeout_s = (uint32_t)timeout_s;
    }
    spec.data = rb_json_raw(rb_json_get(json, "data"));
    if (data_max > 0 && spec.data.n > data_max)
        return refuse(RB_MESSAGE_TOO_LARGE, "data is larger than an event may be.", out_detail);
    spec.flags = is_final ? RB_EVENT_FINAL : 0;
    *out = spec;
    return RB_OK;
}
