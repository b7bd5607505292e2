#include "doors/bimserver/call.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "doors/bimserver/coerce.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bim_call *bim_call_new(const struct bim_host *host, enum bim_via via,
                              void (*on_answer)(struct bim_call *), void *arg)
{
    struct bim_call *call = rb_new(struct bim_call);
    call->host = host;
    call->via = via;
    call->on_answer = on_answer;
    call->arg = arg;
    return call;
}

void bim_call_free(struct bim_call *call)
{
    if (!call) return;
    rb_identity_unref(call->who);
    rb_json_fini(&call->doc);
    rb_buf_fini(&call->text);
    rb_buf_fini(&call->result);
    rb_arena_fini(&call->arena);
    rb_free(call);
}

/* ---- answers ---- */

static void finish(struct bim_call *call)
{
    RB_CHECK(!call->is_answered);
    call->is_answered = true;
    call->on_answer(call);
}

__attribute__((format(printf, 4, 0))) static void note_failure(struct bim_call *call,
                                                               enum bim_exception exception,
                                                               enum bim_code code, const char *format,
                                                               va_list values)
{
    char *text = NULL;
    int n = vasprintf(&text, format, values);
    RB_CHECK(n >= 0);
    call->message = rb_arena_copy(&call->arena, rb_str_make(text, (size_t)n));
    free(text);
    call->has_failed = true;
    call->exception = exception;
    call->code = code;
}

/* Before it is run. */
__attribute__((format(printf, 2, 3))) static bool refuse(struct bim_call *call, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    note_failure(call, BIM_USER_EXCEPTION, BIM_NO_CODE, format, values);
    va_end(values);
    return false;
}

void bim_fail(struct bim_call *call, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    note_failure(call, BIM_USER_EXCEPTION, BIM_NO_CODE, format, values);
    va_end(values);
    finish(call);
}

void bim_fail_code(struct bim_call *call, enum bim_code code, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    note_failure(call, BIM_USER_EXCEPTION, code, format, values);
    va_end(values);
    finish(call);
}

void bim_fail_token(struct bim_call *call, const char *message)
{
    call->message = rb_arena_copy(&call->arena, rb_str_of(message));
    call->has_failed = true;
    call->exception = BIM_INVALID_TOKEN_EXCEPTION;
    finish(call);
}

void bim_fail_reason(struct bim_call *call, rb_err err)
{
    bim_fail(call, "%s", rb_reason(err)->sentence);
}

void bim_result(struct bim_call *call, struct rb_buf *take_json)
{
    if (take_json->failed) {
        rb_buf_fini(take_json);
        bim_fail_reason(call, RB_OUT_OF_MEMORY);
        return;
    }
    call->result = *take_json;
    *take_json = (struct rb_buf){0};
    finish(call);
}

void bim_result_void(struct bim_call *call)
{
    finish(call);
}

void bim_result_long(struct bim_call *call, int64_t value)
{
    struct rb_buf json = {0};
    rb_buf_add_i64(&json, value);
    bim_result(call, &json);
}

void bim_result_bool(struct bim_call *call, bool value)
{
    struct rb_buf json = {0};
    rb_buf_add_text(&json, value ? "true" : "false");
    bim_result(call, &json);
}

void bim_result_text(struct bim_call *call, rb_str text)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_put_str(&out, text);
    bim_result(call, &json);
}

/* ---- what it asks for ---- */

bool bim_call_find(struct bim_call *call, rb_str interface, rb_str method)
{
    enum bim_interface_id id;
    if (!bim_interface_find(interface, &id, &call->dialect))
        return refuse(call, "No service found with name %.*s", RB_STR_FMT(interface));
    call->method = bim_method_find(id, call->dialect, method);
    if (call->method) return true;
    const struct bim_method *other = bim_method_elsewhere(call->dialect, method);
    if (!other)
        return refuse(call, "Method %.*s not found on %.*s", RB_STR_FMT(method), RB_STR_FMT(interface));
    return refuse(call, "Method %.*s not found on %.*s (suggestion: %s%s)", RB_STR_FMT(method),
                  RB_STR_FMT(interface), bim_name_prefix(call->dialect),
                  bim_interfaces[other->interface].name);
}

/* As it is written first, then in any case: some documents write endPointID. */
static rb_json_val member(struct bim_call *call, rb_json_val parameters, const char *name)
{
    rb_json_val exact = rb_json_get(parameters, name);
    if (rb_json_type(exact) != RB_JSON_NONE) return exact;
    for (rb_json_val v = rb_json_first(parameters); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v))
        if (rb_str_ieq(rb_json_key(v, &call->arena), rb_str_of(name))) return v;
    return (rb_json_val){0};
}

bool bim_call_read(struct bim_call *call, rb_json_val parameters)
{
    const struct bim_parameter *parameter;
    const char *name = call->method->name;
    if (rb_json_type(parameters) != RB_JSON_OBJECT && bim_parameter_count(call->method) > 0)
        return refuse(call, "Missing 'parameters' field, expected %u parameters",
                      bim_parameter_count(call->method));
    for (unsigned i = 0; (parameter = bim_parameter(call->method, i)) != NULL; i++) {
        rb_json_val v = member(call, parameters, parameter->name);
        call->values[i] = (struct bim_value){.is_null = true};
        if (rb_json_type(v) == RB_JSON_NONE && !parameter->is_optional)
            return refuse(call, "Missing parameter: %s -> %s", name, parameter->name);
        const char *wrong = bim_coerce(&parameter->type, v, &call->arena, &call->values[i]);
        if (wrong) return refuse(call, "Wrong parameter: %s -> %s: %s", name, parameter->name, wrong);
    }
    return true;
}

bool bim_call_read_text(struct bim_call *call, struct rb_buf *take_json)
{
    call->text = *take_json;
    *take_json = (struct rb_buf){0};
    if (call->text.failed) return refuse(call, "%s", rb_reason(RB_OUT_OF_MEMORY)->sentence);
    rb_err err = rb_json_parse(&call->doc, rb_buf_str(&call->text),
                               &(struct rb_json_limits){.bytes_max = call->text.n});
    if (err) return refuse(call, "%s", rb_reason(err)->sentence);
    return bim_call_read(call, rb_json_root(&call->doc));
}

/* ---- running ---- */

static void handle(struct bim_call *call)
{
    call->host->handlers[call->method - bim_methods](call);
}

void bim_call_run(struct bim_call *call)
{
    if (call->has_failed) {
        finish(call);
        return;
    }
    bool has_token = call->token.n > 0;
    if (call->method->token == BIM_TOKEN_NEEDED && !has_token)
        bim_fail(call, "Authentication required for this call");
    else if (call->method->token == BIM_TOKEN_NONE || !has_token)
        handle(call);
    else
        call->host->authorize(call);
}

void bim_call_authorized(struct bim_call *call, rb_err err, const struct rb_identity *who)
{
    if (!err) call->who = rb_identity_ref(who);
    if (call->is_gone)
        bim_fail_reason(call, RB_CLIENT_GONE); /* what its handler waits for nobody would take back */
    else if (!err || (err == RB_UNAUTHENTICATED && call->method->token == BIM_TOKEN_OPTIONAL))
        handle(call);
    else if (err == RB_UNAUTHENTICATED)
        bim_fail_token(call, "Invalid token");
    else
        bim_fail_reason(call, err);
}

void bim_call_gone(struct bim_call *call)
{
    void (*on_gone)(struct bim_call *) = call->on_gone;
    call->on_gone = NULL;
    call->is_gone = true;
    if (on_gone && !call->is_answered) on_gone(call);
}

/* ---- parameters ---- */

static const struct bim_value *find(const struct bim_call *call, const char *name)
{
    const struct bim_parameter *parameter;
    for (unsigned i = 0; (parameter = bim_parameter(call->method, i)) != NULL; i++)
        if (strcmp(parameter->as ? parameter->as : parameter->name, name) == 0) return &call->values[i];
    return NULL;
}

static const struct bim_value *value_of(const struct bim_call *call, const char *name)
{
    const struct bim_value *value = find(call, name);
    RB_CHECK(value != NULL);
    return value;
}

bool bim_has(const struct bim_call *call, const char *name)
{
    const struct bim_value *value = find(call, name);
    return value && !value->is_null;
}

int64_t bim_long(const struct bim_call *call, const char *name)
{
    const struct bim_value *value = value_of(call, name);
    return value->is_null ? -1 : value->number;
}

bool bim_flag(const struct bim_call *call, const char *name)
{
    const struct bim_value *value = find(call, name);
    return value && value->flag;
}

rb_str bim_text(const struct bim_call *call, const char *name)
{
    return value_of(call, name)->text;
}

rb_json_val bim_json(const struct bim_call *call, const char *name)
{
    return value_of(call, name)->json;
}

int64_t *bim_longs(struct bim_call *call, const char *name, unsigned *out_count)
{
    rb_json_val list = bim_json(call, name);
    int64_t *longs = rb_arena_array(&call->arena, int64_t, rb_json_count(list) + 1);
    unsigned count = 0;
    for (rb_json_val v = rb_json_first(list); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v)) {
        struct bim_value value = {0};
        RB_CHECK(!bim_coerce(&(struct bim_type){.kind = BIM_LONG}, v, &call->arena, &value));
        longs[count++] = value.is_null ? -1 : value.number;
    }
    *out_count = count;
    return longs;
}

rb_err bim_bytes(const struct bim_call *call, const char *name, struct rb_buf *out)
{
    return rb_base64_decode(out, bim_text(call, name));
}
