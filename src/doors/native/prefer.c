/* What a request prefers: to wait for the outcome (Prefer, RFC 7240), to get a stream (Accept, RFC 9110). */
#include "doors/native/native_private.h"

/* ---- Prefer ---- */

static rb_str unquoted(rb_str value)
{
    bool is_quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
    return is_quoted ? rb_str_sub(value, 1, value.n - 2) : value;
}

/* "wait=10"; what follows a semicolon are parameters that say nothing to us. */
static bool read_wait(rb_str preference, uint64_t *out_seconds)
{
    rb_str value = RB_STR_NONE, name;
    rb_str_split(&preference, ';', &value);
    if (!rb_str_split(&value, '=', &name) || !value.p) return false;
    return rb_str_ieq(rb_str_trim(name), RB_STR("wait")) &&
           rb_str_u64(unquoted(rb_str_trim(value)), UINT32_MAX, out_seconds);
}

bool prefer_wait(const struct rb_http1_head *head, uint64_t *out_seconds)
{
    for (unsigned i = 0; i < head->header_count; i++) {
        rb_str list = head->headers[i].value, preference;
        if (!rb_str_ieq(head->headers[i].name, RB_STR("Prefer"))) continue;
        while (rb_str_split(&list, ',', &preference))
            if (read_wait(preference, out_seconds)) return true;
    }
    return false;
}

/* ---- Accept ---- */

/* A quality in thousandths: "1", "0.5", "0.375". */
static int read_quality(rb_str parameters)
{
    rb_str parameter, name, whole;
    while (rb_str_split(&parameters, ';', &parameter)) {
        rb_str value = rb_str_trim(parameter);
        rb_str_split(&value, '=', &name);
        if (!rb_str_ieq(rb_str_trim(name), RB_STR("q"))) continue;
        value = rb_str_trim(value);
        rb_str_split(&value, '.', &whole);
        int quality = rb_str_is(whole, "0") ? 0 : 1000;
        for (int i = 0, weight = 100; quality < 1000 && i < (int)value.n && weight > 0; i++, weight /= 10)
            if (value.p[i] >= '0' && value.p[i] <= '9') quality += (value.p[i] - '0') * weight;
        return quality;
    }
    return 1000;
}

/* Of a type that is named itself; 0 when it is not. */
static int quality_of(const struct rb_http1_head *head, rb_str type)
{
    for (unsigned i = 0; i < head->header_count; i++) {
        rb_str list = head->headers[i].value, parameters, range;
        if (!rb_str_ieq(head->headers[i].name, RB_STR("Accept"))) continue;
        while (rb_str_split(&list, ',', &parameters)) {
            rb_str_split(&parameters, ';', &range);
            if (rb_str_ieq(rb_str_trim(range), type)) return read_quality(parameters);
        }
    }
    return 0;
}

bool prefers_event_stream(const struct rb_http1_head *head)
{
    return quality_of(head, RB_STR("text/event-stream")) > quality_of(head, RB_STR("application/json"));
}
