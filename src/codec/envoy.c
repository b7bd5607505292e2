#include "codec/envoy.h"

#include <stdio.h>

int rb_envoy_error_status(enum rb_envoy_error error)
{
    switch (error) {
    case RB_ENVOY_OK:
    case RB_ENVOY_UNKNOWN_METHOD:
    case RB_ENVOY_BAD_PARAMETER:
    case RB_ENVOY_UNKNOWN_TASK: return 200;
    case RB_ENVOY_NOT_JSON:
    case RB_ENVOY_BAD_ENVELOPE: return 400;
    case RB_ENVOY_NOT_SIGNED: return 401;
    case RB_ENVOY_TOO_LARGE: return 413;
    case RB_ENVOY_TOO_MANY: return 429;
    case RB_ENVOY_INSIDE: return 500;
    }
    return 500;
}

/* ---- reading ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether a value may end with it: a comma behind anything else stands for a value that is missing. */
static bool ends_value(char c)
{
    return c != '\0' && c != '{' && c != '[' && c != ',' && c != ':';
}

void rb_envoy_drop_trailing_commas(char *text, size_t n)
{
    char *comma = NULL; /* one that nothing but blanks has followed */
    char before = '\0'; /* what stood there last, blanks apart */
    bool is_in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (is_in_string) {
            if (c == '\\') i++;
            is_in_string = c != '"';
            continue;
        }
        if (is_blank(c)) continue;
        if (comma && (c == '}' || c == ']')) *comma = ' ';
        comma = c == ',' && ends_value(before) ? &text[i] : NULL;
        is_in_string = c == '"';
        before = c;
    }
}

rb_json_val rb_envoy_member(rb_json_val object, const char *const *names, struct rb_arena *arena)
{
    rb_json_val none = {0};
    if (rb_json_type(object) != RB_JSON_OBJECT) return none;
    for (const char *const *name = names; *name; name++) {
        rb_json_val exact = rb_json_get(object, *name);
        if (rb_json_type(exact) > RB_JSON_NULL) return exact;
    }
    for (const char *const *name = names; *name; name++)
        for (rb_json_val v = rb_json_first(object); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
            if (rb_json_type(v) > RB_JSON_NULL && rb_str_ieq(rb_json_key(v, arena), rb_str_of(*name)))
                return v;
    return none;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool is_scalar(rb_json_val v)
{
    enum rb_json_type type = rb_json_type(v);
    return type != RB_JSON_NONE && type != RB_JSON_ARRAY && type != RB_JSON_OBJECT;
}

enum rb_envoy_error rb_envoy_call_read(struct rb_envoy_call *out, rb_str text, struct rb_arena *arena)
{
    *out = (struct rb_envoy_call){.id = RB_STR("null")};
    if (rb_json_parse(&out->doc, text, &(struct rb_json_limits){.bytes_max = text.n ? text.n : 1}) != RB_OK)
        return RB_ENVOY_NOT_JSON;
    rb_json_val root = rb_json_root(&out->doc);
    rb_json_val id = rb_envoy_member(root, NAMES("id"), arena);
    if (is_scalar(id)) out->id = rb_json_raw(id);
    bool has_method = rb_json_string(rb_envoy_member(root, NAMES("method"), arena), arena, &out->method);
    if (!has_method || out->method.n == 0) return RB_ENVOY_BAD_ENVELOPE;
    out->params = rb_envoy_member(root, NAMES("params"), arena);
    return RB_ENVOY_OK;
}

void rb_envoy_call_fini(struct rb_envoy_call *call)
{
    rb_json_fini(&call->doc);
}

rb_str rb_envoy_client_token(rb_str text, struct rb_arena *arena)
{
    struct rb_json doc;
    rb_str token = RB_STR_NONE;
    if (rb_json_parse(&doc, text, &(struct rb_json_limits){.bytes_max = text.n ? text.n : 1}) != RB_OK)
        return RB_STR_NONE;
    rb_json_string(rb_envoy_member(rb_json_root(&doc), NAMES("ClientToken"), arena), arena, &token);
    rb_json_fini(&doc);
    return token;
}

/* ---- writing ---- */

void rb_envoy_put_result(struct rb_buf *out, rb_str id, rb_str result)
{
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "id");
    rb_json_put_raw(&json, id);
    rb_json_put_key(&json, "jsonrpc");
    rb_json_put_text(&json, "2.0");
    rb_json_put_key(&json, "error");
    rb_json_put_null(&json);
    rb_json_put_key(&json, "result");
    rb_json_put_raw(&json, result);
    rb_json_end_object(&json);
}

void rb_envoy_put_error(struct rb_buf *out, rb_str id, enum rb_envoy_error error, rb_str message)
{
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "id");
    rb_json_put_raw(&json, id);
    rb_json_put_key(&json, "jsonrpc");
    rb_json_put_text(&json, "2.0");
    rb_json_put_key(&json, "error");
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "code");
    rb_json_put_i64(&json, error);
    rb_json_put_key(&json, "message");
    rb_json_put_str(&json, message);
    rb_json_end_object(&json);
    rb_json_put_key(&json, "result");
    rb_json_put_null(&json);
    rb_json_end_object(&json);
}

rb_str rb_envoy_ticks(uint32_t left_s, char out[RB_ENVOY_TICKS_BYTES])
{
    unsigned hours = left_s / 3600, minutes = left_s / 60 % 60, seconds = left_s % 60;
    int n = hours ? snprintf(out, RB_ENVOY_TICKS_BYTES, "%02u:%02u:%02u", hours, minutes, seconds)
                  : snprintf(out, RB_ENVOY_TICKS_BYTES, "%02u:%02u", minutes, seconds);
    return rb_str_make(out, (size_t)n);
}

static void put_message(struct rb_json_out *json, rb_str message)
{
    if (!message.n)
        rb_json_put_text(json, "");
    else if (message.p[0] == '"')
        rb_json_put_raw(json, message);
    else
        rb_json_put_str(json, message);
}

void rb_envoy_put_frame(struct rb_buf *out, const struct rb_envoy_frame *frame)
{
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "Error");
    rb_json_put_text(&json, frame->error ? frame->error : "");
    rb_json_put_key(&json, "Ticks");
    rb_json_put_str(&json, frame->ticks);
    rb_json_put_key(&json, "Message");
    put_message(&json, frame->message);
    rb_json_put_key(&json, "Completed");
    rb_json_put_bool(&json, frame->is_completed);
    rb_json_end_object(&json);
}
