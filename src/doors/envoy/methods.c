/* The two methods: get_envoy_token and invoke_envoy. */
#include "doors/envoy/envoy_private.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "codec/json_canonical.h"

#include <stdio.h>

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { TASK_ID_CHARACTERS = 2 * RB_SHA256_BYTES, MINUTE_MS = 60 * 1000 };

/* ---- parameters ---- False: the call was failed. */

static rb_json_val member(struct envoy_errand *errand, rb_json_val object, const char *const *names)
{
    return rb_envoy_member(object, names, &errand->request->arena);
}

static bool read_minutes(struct envoy_errand *errand, rb_json_val object, const char *name, uint64_t min,
                         uint64_t *out)
{
    rb_json_val value = member(errand, object, NAMES(name));
    uint64_t minutes;
    if (rb_json_type(value) == RB_JSON_NONE) return true;
    if (rb_json_u64(value, &minutes) && minutes >= min && minutes <= MINUTES_MAX) {
        *out = minutes;
        return true;
    }
    envoy_fail(errand, RB_ENVOY_BAD_PARAMETER,
               rb_arena_fmt(&errand->request->arena, "%s: a whole number of minutes from %u to %u", name,
                            (unsigned)min, (unsigned)MINUTES_MAX)
                   .p);
    return false;
}

static bool read_flag(struct envoy_errand *errand, rb_json_val object, const char *name, bool *out)
{
    rb_json_val value = member(errand, object, NAMES(name));
    if (rb_json_type(value) == RB_JSON_NONE || rb_json_bool(value, out)) return true;
    envoy_fail(errand, RB_ENVOY_BAD_PARAMETER,
               rb_arena_fmt(&errand->request->arena, "%s: true or false", name).p);
    return false;
}

/* ---- get_envoy_token ---- */

/* The same context of the same account has the same id, and nobody can guess it. */
static void name_task(struct envoy_errand *errand, rb_str context)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char mac[RB_SHA256_BYTES];
    char hex[TASK_ID_CHARACTERS];
    struct rb_buf text = {0};
    rb_buf_add_str(&text, errand->public_id);
    rb_buf_add_char(&text, '\0');
    rb_buf_add_str(&text, context);
    rb_hmac_sha256(rb_store_secret(errand->door->setup.store), rb_buf_str(&text), mac);
    rb_buf_fini(&text);
    for (size_t i = 0; i < sizeof mac; i++) {
        hex[2 * i] = digits[mac[i] >> 4];
        hex[2 * i + 1] = digits[mac[i] & 15];
    }
    errand->task_id = rb_arena_copy(&errand->request->arena, rb_str_make(hex, sizeof hex));
}

static rb_str topic_of(const struct envoy_errand *errand)
{
    return rb_arena_fmt(&errand->request->arena, "%.*s/envoy/%.*s", RB_STR_FMT(errand->tenant),
                        RB_STR_FMT(errand->task_id));
}

static bool read_context(struct envoy_errand *errand, rb_json_val task)
{
    rb_json_val value = member(errand, task, NAMES("task_context"));
    if (rb_json_type(value) == RB_JSON_NONE) {
        envoy_fail(errand, RB_ENVOY_BAD_PARAMETER, "Task.task_context: what names the task is missing");
        return false;
    }
    if (rb_json_raw(value).n > errand->door->setup.context_bytes_max) {
        envoy_fail(errand, RB_ENVOY_TOO_LARGE, "Task.task_context is too large");
        return false;
    }
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_put_canonical(&out, value);
    name_task(errand, rb_buf_str(&text));
    rb_buf_fini(&text);
    return true;
}

static void on_token_stored(struct rb_policy_call *call)
{
    struct envoy_errand *errand = call->arg;
    rb_err err = call->err;
    rb_policy_call_free(call);
    if (err == RB_TOO_MANY_REQUESTS) {
        envoy_fail(errand, RB_ENVOY_TOO_MANY, "the task has as many tokens as allowed");
        return;
    }
    if (err) {
        envoy_fail(errand, RB_ENVOY_INSIDE, rb_reason(err)->sentence);
        return;
    }
    struct rb_buf result = {0};
    struct rb_json_out out = {.buf = &result};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "client_token");
    rb_json_put_str(&out, errand->token);
    rb_json_put_key(&out, "envoy_token");
    rb_json_put_str(&out, errand->token);
    rb_json_put_key(&out, "task_id");
    rb_json_put_str(&out, errand->task_id);
    rb_json_end_object(&out);
    envoy_succeed(errand, &result);
}

static void make_token(struct envoy_errand *errand, const struct rb_policy *policy, uint64_t reusable_minutes)
{
    char token[RB_TICKET_TEXT_BYTES];
    struct rb_policy_call *call =
        rb_policy_call_new(errand->door->setup.hub, RB_POLICY_SET, topic_of(errand), on_token_stored, errand);
    struct rb_ticket_record *ticket = rb_arena_new(&call->arena, struct rb_ticket_record);
    struct rb_policy *kept = rb_arena_new(&call->arena, struct rb_policy);
    rb_ticket_make(RB_TICKET_BASE64, token, ticket->hash);
    errand->token = rb_arena_copy(&errand->request->arena, rb_str_of(token));
    uint64_t now_ms = rb_clock_wall_ms(), minutes = reusable_minutes ? reusable_minutes : 1;
    ticket->topic = call->topic;
    ticket->client = rb_arena_copy(&call->arena, errand->public_id);
    ticket->created_ms = now_ms;
    ticket->expires_ms = now_ms + minutes * MINUTE_MS;
    ticket->uses_left = reusable_minutes ? -1 : 1;
    *kept = *policy;
    call->policy = kept;
    call->ticket = ticket;
    call->ticket_alive_max = errand->door->setup.tokens_max;
    call->owner = ticket->client;
    rb_policy_call_send(call);
}

static void get_envoy_token(struct envoy_errand *errand)
{
    rb_json_val params = errand->call.params;
    rb_json_val task = member(errand, params, NAMES("Task", "task", "envoy_task"));
    uint64_t reusable = MINUTES_DEFAULT, timeout = MINUTES_DEFAULT;
    struct rb_policy policy = {0};
    bool is_single = false;
    rb_str sign = rb_request_header(errand->request, "sign");
    if (errand->is_guarded && rb_signing_is_replay(errand->door->setup.signing, sign)) {
        envoy_fail(errand, RB_ENVOY_NOT_SIGNED,
                   "this very call came before; sign a new one, with another id");
        return;
    }
    if (!read_minutes(errand, params, "reusable_minutes", 0, &reusable) || !read_context(errand, task) ||
        !read_minutes(errand, task, "timeout", 1, &timeout) ||
        !read_flag(errand, task, "send_offline_message", &policy.keeps_last) ||
        !read_flag(errand, task, "single_instance", &is_single) ||
        !read_flag(errand, task, "persist_timeout", &policy.is_deadline_shared))
        return;
    policy.instances = is_single ? RB_INSTANCES_REPLACE : RB_INSTANCES_SHARE;
    policy.timeout_ms = timeout * MINUTE_MS;
    make_token(errand, &policy, reusable);
}

/* ---- invoke_envoy ---- */

static void on_pushed(struct rb_policy_call *call)
{
    struct envoy_errand *errand = call->arg;
    rb_err err = call->err;
    unsigned delivered = call->holders;
    rb_policy_call_free(call);
    if (err == RB_NOT_FOUND) {
        envoy_fail(errand, RB_ENVOY_UNKNOWN_TASK, "task_id: there is no such task");
        return;
    }
    if (err) {
        envoy_fail(errand, RB_ENVOY_INSIDE, rb_reason(err)->sentence);
        return;
    }
    struct rb_buf result = {0};
    struct rb_json_out out = {.buf = &result};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "status");
    rb_json_put_text(&out, "success");
    rb_json_put_key(&out, "delivered");
    rb_json_put_u64(&out, delivered);
    rb_json_end_object(&out);
    envoy_succeed(errand, &result);
}

static bool is_task_id(rb_str text)
{
    bool is_hex = text.n == TASK_ID_CHARACTERS;
    for (size_t i = 0; is_hex && i < text.n; i++)
        is_hex = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    return is_hex;
}

static void invoke_envoy(struct envoy_errand *errand)
{
    struct rb_arena *arena = &errand->request->arena;
    rb_json_val params = errand->call.params;
    rb_json_val message = member(errand, params, NAMES("message"));
    uint64_t new_timeout = 0;
    if (!rb_json_string(member(errand, params, NAMES("task_id")), arena, &errand->task_id)) {
        envoy_fail(errand, RB_ENVOY_BAD_PARAMETER, "task_id: a text, as get_envoy_token gave it");
        return;
    }
    if (rb_json_type(message) != RB_JSON_STRING || rb_json_raw(message).n <= 2) {
        envoy_fail(errand, RB_ENVOY_BAD_PARAMETER, "message: a text that is not empty");
        return;
    }
    if (rb_json_raw(message).n - 2 > errand->door->setup.message_bytes_max) {
        envoy_fail(errand, RB_ENVOY_TOO_LARGE, "message is too large");
        return;
    }
    if (!read_minutes(errand, params, "new_timeout", 0, &new_timeout)) return;
    if (!is_task_id(errand->task_id)) {
        envoy_fail(errand, RB_ENVOY_UNKNOWN_TASK, "task_id: there is no such task");
        return;
    }
    struct rb_policy_call *call =
        rb_policy_call_new(errand->door->setup.hub, RB_POLICY_PUSH, topic_of(errand), on_pushed, errand);
    call->owner = rb_arena_copy(&call->arena, errand->public_id);
    call->spec = (struct rb_event_spec){.name = RB_STR("message"),
                                        .data = rb_arena_copy(&call->arena, rb_json_raw(message)),
                                        .flags = new_timeout ? 0 : RB_EVENT_FINAL,
                                        .timeout_s = (uint32_t)new_timeout * 60};
    rb_policy_call_send(call);
}

/* ---- all ---- */

void envoy_methods_run(struct envoy_errand *errand)
{
    static const struct {
        const char *name;
        void (*run)(struct envoy_errand *errand);
    } methods[] = {{"get_envoy_token", get_envoy_token}, {"invoke_envoy", invoke_envoy}};
    for (size_t i = 0; i < RB_COUNT(methods); i++) {
        if (!rb_str_is(errand->call.method, methods[i].name)) continue;
        methods[i].run(errand);
        return;
    }
    envoy_fail(errand, RB_ENVOY_UNKNOWN_METHOD, "method: get_envoy_token or invoke_envoy");
}
