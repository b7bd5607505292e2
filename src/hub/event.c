#include "hub/event.h"

#include "base/mem.h"
#include "codec/utf8.h"

#include <string.h>

static rb_str put(char **at, rb_str s)
{
    rb_str copy = {*at, s.n};
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

struct rb_event *rb_event_new(const struct rb_event_spec *spec, uint64_t time_ms)
{
    rb_str data = spec->data.n ? spec->data : RB_STR("null");
    struct rb_event *event = rb_try_alloc(sizeof *event + spec->name.n + data.n + spec->audience.n);
    if (!event) return NULL;
    atomic_init(&event->refs, 1);
    event->flags = spec->flags;
    event->timeout_s = spec->timeout_s;
    event->time_ms = time_ms;
    char *at = event->bytes;
    event->name = put(&at, spec->name);
    event->data = put(&at, data);
    event->audience = spec->audience.p ? put(&at, spec->audience) : RB_STR_NONE;
    return event;
}

struct rb_event *rb_event_ref(struct rb_event *event)
{
    atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
    return event;
}

void rb_event_unref(struct rb_event *event)
{
    if (event && atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) == 1) rb_free(event);
}

/* Digits are written backwards from `end`. Each event has a position, so there is no printf here, and no
 * division by what is not a constant. */
static inline char *put_digits(char *end, uint64_t value, unsigned base)
{
    do *--end = "0123456789abcdef"[value % base];
    while (value /= base);
    return end;
}

rb_str rb_position_text(struct rb_position position, char out[RB_POSITION_TEXT_BYTES])
{
    char *end = out + RB_POSITION_TEXT_BYTES;
    char *p = put_digits(end, position.offset, 10);
    *--p = ':';
    p = put_digits(p, position.epoch, 16);
    return rb_str_make(p, (size_t)(end - p));
}

static bool parse_hex(rb_str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0 || s.n > 16) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

rb_err rb_position_parse(rb_str text, struct rb_position *out)
{
    struct rb_position position;
    ptrdiff_t colon = rb_str_find(text, ':');
    if (colon < 0 || !parse_hex(rb_str_sub(text, 0, (size_t)colon), &position.epoch) ||
        !rb_str_u64(rb_str_from(text, (size_t)colon + 1), UINT64_MAX, &position.offset))
        return RB_BAD_POSITION;
    *out = position;
    return RB_OK;
}

static bool is_valid_name(rb_str name, size_t max)
{
    if (name.n == 0 || name.n > max || !rb_utf8_is_valid(name)) return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f) return false;
    return true;
}

bool rb_topic_name_is_valid(rb_str name)
{
    return is_valid_name(name, 255);
}

bool rb_topic_name_is_reserved(rb_str name)
{
    return rb_str_starts(name, RB_STR("jobs/")) || rb_str_starts(name, RB_STR("envoy/")) ||
           rb_str_starts(name, RB_STR("era/")) || rb_str_starts(name, RB_STR("bim/"));
}

bool rb_event_name_is_valid(rb_str name)
{
    return is_valid_name(name, 128);
}
