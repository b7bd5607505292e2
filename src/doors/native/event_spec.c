/* What a publisher says of an event: {"name","data","final"?,"audience"?}. */
#include "doors/native/native_private.h"

bool topic_is_reserved(rb_str name)
{
    return rb_str_starts(name, RB_STR("jobs/")); /* the jobs' own */
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
    spec.data = rb_json_raw(rb_json_get(json, "data"));
    if (data_max > 0 && spec.data.n > data_max)
        return refuse(RB_MESSAGE_TOO_LARGE, "data is larger than an event may be.", out_detail);
    spec.flags = is_final ? RB_EVENT_FINAL : 0;
    *out = spec;
    return RB_OK;
}
