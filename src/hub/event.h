/* Events: immutable once published, shared by reference between loops. */
#ifndef RB_HUB_EVENT_H
#define RB_HUB_EVENT_H

#include "base/buf.h"
#include "base/reason.h"

#include <stdatomic.h>

enum {
    RB_EVENT_FINAL = 1,       /* nothing follows that changes the outcome */
    RB_EVENT_REPLACEABLE = 2, /* a newer replaceable event of the topic makes this one superfluous */
    RB_EVENT_TRANSIENT = 4    /* not stored, even where the topic is durable */
};

/* What a publisher says. Slices are copied. */
struct rb_event_spec {
    rb_str name;
    rb_str data;     /* one JSON value, forwarded byte for byte; NONE becomes null */
    rb_str audience; /* only subscriptions of this client get it; NONE: all */
    uint32_t flags;
    uint32_t timeout_s; /* live ticket holders of the topic stay so long from now on (hub/policy.h); 0: as
                           before */
    uint64_t time_ms;   /* wall clock: when it happened; 0: now */
};

struct rb_event {
    _Atomic uint32_t refs;
    uint32_t flags;
    uint32_t timeout_s;
    uint64_t offset; /* given by the topic's home before anyone else sees the event */
    uint64_t time_ms;
    rb_str name, data, audience; /* inside the same allocation */
    char bytes[];
};

struct rb_event *rb_event_new(const struct rb_event_spec *spec,
                              uint64_t time_ms); /* NULL when memory is out */
struct rb_event *rb_event_ref(struct rb_event *event);
void rb_event_unref(struct rb_event *event); /* NULL is fine */

/* A position: where in which life of a topic's log. Text form: epoch in hexadecimal, a colon, offset in
 * decimal. */
struct rb_position {
    uint64_t epoch;
    uint64_t offset;
};
enum { RB_POSITION_TEXT_BYTES = 40 };
rb_str rb_position_text(struct rb_position position, char out[RB_POSITION_TEXT_BYTES]); /* borrows out */
rb_err rb_position_parse(rb_str text, struct rb_position *out);                         /* RB_BAD_POSITION */

/* Names of topics (1 to 255 bytes) and events (1 to 128): UTF-8 without control characters. */
bool rb_topic_name_is_valid(rb_str name);
/* Topics that are somebody's own, the jobs', the Envoy tasks', the Era door's and the BIMserver door's:
 * nobody else publishes there. A name within its tenant. */
bool rb_topic_name_is_reserved(rb_str name);
bool rb_event_name_is_valid(rb_str name);

#endif
