/* The texts of Apeshift Envoy (apeshift.com/docs/env and /docs): signed JSON-RPC calls of back ends, and the
 * frames of their clients' sockets. Its callers write the same thing in many ways; all that are known are
 * read.
 *
 * Pure: bytes in, values out. */
#ifndef RB_CODEC_ENVOY_H
#define RB_CODEC_ENVOY_H

#include "codec/json.h"

/* Codes of JSON-RPC 2.0, and those of this protocol's errors. */
enum rb_envoy_error {
    RB_ENVOY_OK = 0,
    RB_ENVOY_NOT_JSON = -32700,
    RB_ENVOY_BAD_ENVELOPE = -32600,
    RB_ENVOY_UNKNOWN_METHOD = -32601,
    RB_ENVOY_BAD_PARAMETER = -32602,
    RB_ENVOY_INSIDE = -32603,
    RB_ENVOY_NOT_SIGNED = -32001,
    RB_ENVOY_UNKNOWN_TASK = -32004,
    RB_ENVOY_TOO_LARGE = -32013,
    RB_ENVOY_TOO_MANY = -32029
};
int rb_envoy_error_status(enum rb_envoy_error error); /* of HTTP */

/* ---- calls ---- */

struct rb_envoy_call {
    struct rb_json doc;
    rb_str id; /* raw JSON to be echoed: a scalar, "null" when there is none */
    rb_str method;
    rb_json_val params; /* NONE: absent */
};

/* Changes the text in place: a comma that only blanks separate from a closing brace or bracket becomes a
 * blank, since the published samples have such commas. Nothing else beyond JSON is tolerated. */
void rb_envoy_drop_trailing_commas(char *text, size_t n);

/* The text is as from drop_trailing_commas, and must outlive the call. Member names match without regard to
 * case. On an error (NOT_JSON, BAD_ENVELOPE) `out` has an id to echo, and is to be ended all the same. */
enum rb_envoy_error rb_envoy_call_read(struct rb_envoy_call *out, rb_str text, struct rb_arena *arena);
void rb_envoy_call_fini(struct rb_envoy_call *call);

/* The member of one of these names (ended by NULL): as it is written there first, in the order given; then in
 * any case. NONE when there is none, and for null. */
rb_json_val rb_envoy_member(rb_json_val object, const char *const *names, struct rb_arena *arena);

/* The reply; `result` is raw JSON. For an error it is null. */
void rb_envoy_put_result(struct rb_buf *out, rb_str id, rb_str result);
void rb_envoy_put_error(struct rb_buf *out, rb_str id, enum rb_envoy_error error, rb_str message);

/* ---- frames ---- */

/* The token of a client's first frame; RB_STR_NONE when it has none, or is not readable. */
rb_str rb_envoy_client_token(rb_str text, struct rb_arena *arena);

/* "mm:ss", from an hour on "hh:mm:ss" with as many digits for the hours as they take. */
enum { RB_ENVOY_TICKS_BYTES = 24 };
rb_str rb_envoy_ticks(uint32_t left_s, char out[RB_ENVOY_TICKS_BYTES]);

struct rb_envoy_frame {
    const char *error; /* NULL: none */
    rb_str ticks;
    rb_str message; /* raw JSON; anything but a text goes as the text of it. NONE: none */
    bool is_completed;
};
void rb_envoy_put_frame(struct rb_buf *out, const struct rb_envoy_frame *frame);

#endif
