/* POST /v1/tickets: a ticket for a topic, and with it, if wanted, what the topic has for all holders of
 * tickets. */
#include "auth/ticket.h"
#include "base/clock.h"
#include "doors/native/native_private.h"
#include "hub/policy.h"

enum { MINUTES_MAX = 43200, MINUTE_MS = 60 * 1000, USES_MAX = 1000000 };

struct ticket_errand {
    struct errand *errand;
    rb_str name; /* of the topic, within the tenant */
    char ticket[RB_TICKET_TEXT_BYTES];
    uint64_t expires_ms;
};

static void on_stored(struct rb_policy_call *call)
{
    struct ticket_errand *asked = call->arg;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    char expires[RB_CLOCK_TEXT_BYTES];
    rb_err err = call->err;
    rb_policy_call_free(call);
    if (err) {
        errand_fail(asked->errand, err, NULL);
        return;
    }
    rb_clock_format(asked->expires_ms, expires);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "ticket");
    rb_json_put_text(&out, asked->ticket);
    rb_json_put_key(&out, "topic");
    rb_json_put_str(&out, asked->name);
    rb_json_put_key(&out, "expires");
    rb_json_put_text(&out, expires);
    rb_json_end_object(&out);
    errand_answer_json(asked->errand, 201, &body);
}

/* ---- reading the request ---- */

/* RB_OK leaves *out alone when the member is absent. */
static rb_err read_number(rb_json_val object, const char *key, uint64_t min, uint64_t max, uint64_t *out)
{
    rb_json_val value = rb_json_get(object, key);
    uint64_t number;
    if (rb_json_type(value) == RB_JSON_NONE) return RB_OK;
    if (!rb_json_u64(value, &number) || number < min || number > max) return RB_UNPROCESSABLE;
    *out = number;
    return RB_OK;
}

static rb_err read_policy(rb_json_val json, struct rb_arena *arena, struct rb_policy *out,
                          const char **out_detail)
{
    rb_str instances = RB_STR("share");
    rb_json_val shared = rb_json_get(json, "shared_timeout");
    uint64_t timeout_s = 0;
    *out_detail =
        "policy: instances is share, replace or refuse; timeout is a number of seconds up to 2592000; "
        "shared_timeout is true or false.";
    if (rb_json_type(json) != RB_JSON_OBJECT) return RB_UNPROCESSABLE;
    rb_json_val value = rb_json_get(json, "instances");
    if (rb_json_type(value) != RB_JSON_NONE && !rb_json_string(value, arena, &instances))
        return RB_UNPROCESSABLE;
    if (!rb_instances_find(instances, &out->instances)) return RB_UNPROCESSABLE;
    if (rb_json_type(shared) != RB_JSON_NONE && !rb_json_bool(shared, &out->is_deadline_shared))
        return RB_UNPROCESSABLE;
    rb_err err = read_number(json, "timeout", 1, (uint64_t)MINUTES_MAX * 60, &timeout_s);
    out->timeout_ms = timeout_s * 1000;
    return err;
}

static rb_err read_ticket(struct ticket_errand *asked, struct rb_policy_call *call, rb_json_val json,
                          const char **out_detail)
{
    struct rb_ticket_record *ticket = rb_arena_new(&call->arena, struct rb_ticket_record);
    rb_json_val client = rb_json_get(json, "client");
    uint64_t minutes = 60, uses = 0, now_ms = rb_clock_wall_ms();
    rb_str name = asked->errand->who->client;
    *out_detail = "client is a name of 1 to 64 characters of A-Z a-z 0-9 . _ -";
    if (rb_json_type(client) != RB_JSON_NONE &&
        (!rb_json_string(client, &call->arena, &name) || !rb_auth_name_is_valid(name)))
        return RB_BAD_NAME;
    *out_detail = "minutes is a number from 1 to 43200.";
    if (read_number(json, "minutes", 1, MINUTES_MAX, &minutes)) return RB_UNPROCESSABLE;
    *out_detail = "uses is a number from 1 to 1000000.";
    if (read_number(json, "uses", 1, USES_MAX, &uses)) return RB_UNPROCESSABLE;
    rb_ticket_make(RB_TICKET_NATIVE, asked->ticket, ticket->hash);
    ticket->topic = call->topic;
    ticket->client = rb_arena_copy(&call->arena, name);
    ticket->created_ms = now_ms;
    ticket->expires_ms = asked->expires_ms = now_ms + minutes * MINUTE_MS;
    ticket->uses_left = uses ? (int64_t)uses : -1;
    call->ticket = ticket;
    return RB_OK;
}

static rb_err read_call(struct ticket_errand *asked, struct rb_policy_call *call, rb_json_val json,
                        const char **out_detail)
{
    rb_json_val wanted = rb_json_get(json, "policy");
    rb_err err = read_ticket(asked, call, json, out_detail);
    if (err || rb_json_type(wanted) == RB_JSON_NONE) return err;
    if (rb_topic_name_is_reserved(asked->name)) {
        *out_detail = "This topic's policy is not yours to set.";
        return RB_FORBIDDEN;
    }
    struct rb_policy *policy = rb_arena_new(&call->arena, struct rb_policy);
    call->policy = policy;
    return read_policy(wanted, &call->arena, policy, out_detail);
}

void handle_ticket_make(struct errand *errand)
{
    struct rb_request *request = errand->request;
    struct ticket_errand *asked = rb_arena_new(&request->arena, struct ticket_errand);
    struct rb_json doc = {0};
    struct rb_policy_call *call = NULL;
    const char *detail = NULL;
    rb_str topic;
    asked->errand = errand;
    rb_err err = rb_json_parse(&doc, request->body, NULL);
    rb_json_val json = err ? (rb_json_val){0} : rb_json_root(&doc);
    if (!err && !rb_json_string(rb_json_get(json, "topic"), &request->arena, &asked->name)) {
        detail = "topic: the name of the topic that the ticket admits to.";
        err = RB_UNPROCESSABLE;
    }
    if (!err) err = errand_topic(errand, asked->name, &topic);
    if (!err) {
        call = rb_policy_call_new(errand->door->setup.hub, RB_POLICY_SET, topic, on_stored, asked);
        err = read_call(asked, call, json, &detail);
    }
    if (err) {
        if (call) rb_policy_call_free(call);
        errand_fail(errand, err, detail);
    } else {
        asked->name = rb_arena_copy(&request->arena, asked->name);
        rb_policy_call_send(call);
    }
    rb_json_fini(&doc);
}
