/* The messages of /v1/socket, one function for each op. What cannot be done is answered with an error message
 * that carries the request's id; the connection stays. Replies and events leave in order: a subscription's ok
 * before its first event. */
#include "base/mem.h"
#include "doors/native/holder.h"
#include "doors/native/native_socket.h"
#include "hub/policy.h"
#include "hub/registry.h"

#include <string.h>

enum { REQUEST_ID_BYTES_MAX = 256, REPLY_BYTES_USUAL = 128 };

/* A message being handled. id: raw JSON; NONE when it has none. */
struct message {
    struct native_socket *native;
    struct rb_arena arena;
    rb_json_val json;
    rb_str id;
};

/* ---- replies ---- */

static void send_text(struct native_socket *native, struct rb_buf *take_text)
{
    if (take_text->failed)
        rb_socket_abort(&native->socket, RB_OUT_OF_MEMORY);
    else
        rb_socket_send_message(&native->socket, RB_WS_TEXT, rb_buf_str(take_text));
    rb_buf_fini(take_text);
}

static void begin_reply(struct rb_json_out *out, const char *op, rb_str id)
{
    rb_buf_reserve(out->buf, REPLY_BYTES_USUAL);
    rb_json_begin_object(out);
    rb_json_put_key(out, "op");
    rb_json_put_text(out, op);
    if (id.n == 0) return;
    rb_json_put_key(out, "id");
    rb_json_put_raw(out, id);
}

static void reply_ok(struct native_socket *native, rb_str id, const struct rb_position *position_or_null)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    char position[RB_POSITION_TEXT_BYTES];
    begin_reply(&out, "ok", id);
    if (position_or_null) {
        rb_json_put_key(&out, "position");
        rb_json_put_str(&out, rb_position_text(*position_or_null, position));
    }
    rb_json_end_object(&out);
    send_text(native, &text);
}

/* Says under which id it can be reached, and, for who asks, who it is. */
static void reply_connection(struct native_socket *native, rb_str id, bool with_identity)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    struct rb_handle handle;
    char connection[RB_HANDLE_TEXT_BYTES];
    rb_conn_id(&native->conn, &handle);
    rb_handle_text(&handle, connection);
    begin_reply(&out, "ok", id);
    rb_json_put_key(&out, "connection");
    rb_json_put_text(&out, connection);
    const struct holder *holder = holder_of(native->here, &native->conn);
    if (holder) {
        rb_json_put_key(&out, "topic");
        rb_json_put_str(&out, topic_without_tenant(holder_topic(holder)));
        rb_json_put_key(&out, "timeout");
        rb_json_put_u64(&out, holder_left_s(holder));
    }
    if (with_identity) {
        rb_json_put_key(&out, "client");
        rb_json_put_str(&out, native->identity->client);
        rb_json_put_key(&out, "tenant");
        rb_json_put_str(&out, native->identity->tenant);
    }
    rb_json_end_object(&out);
    send_text(native, &text);
}

static void reply_error(struct native_socket *native, rb_str id, rb_err err, const char *detail_or_null)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    begin_reply(&out, "error", id);
    rb_json_put_key(&out, "reason");
    rb_json_put_text(&out, rb_reason_name(err));
    rb_json_put_key(&out, "detail");
    rb_json_put_text(&out, detail_or_null ? detail_or_null : rb_reason(err)->sentence);
    rb_json_end_object(&out);
    send_text(native, &text);
}

static void refuse(struct message *message, rb_err err, const char *detail_or_null)
{
    reply_error(message->native, message->id, err, detail_or_null);
}

/* Ids of requests that are answered later, on the heap; NULL: none. */
static char *keep_id(rb_str id)
{
    return id.n ? rb_str_dup(id) : NULL;
}

static bool text_of(struct message *message, const char *key, rb_str *out)
{
    return rb_json_string(rb_json_get(message->json, key), &message->arena, out);
}

/* The complete name of the topic the message is about; false: refused. */
static bool topic_of(struct message *message, rb_str *out_name, rb_str *out_complete)
{
    if (!text_of(message, "topic", out_name) || !rb_topic_name_is_valid(*out_name)) {
        refuse(message, RB_BAD_NAME, "topic: 1 to 255 bytes without control characters.");
        return false;
    }
    *out_complete = topic_with_tenant(&message->arena, message->native->identity->tenant, *out_name);
    return true;
}

/* ---- auth ---- */

static void handle_auth(struct message *message)
{
    rb_str token;
    if (message->native->identity)
        refuse(message, RB_CONFLICT, "The connection has said who it is.");
    else if (text_of(message, "ticket", &token))
        socket_check_ticket(message->native, token, message->id);
    else if (!text_of(message, "token", &token))
        refuse(message, RB_UNAUTHENTICATED, "token: a string.");
    else
        socket_check(message->native, token, message->id);
}

void socket_checked(struct native_socket *native, rb_err err, rb_str request_id)
{
    if (err)
        reply_error(native, request_id, err, NULL);
    else
        reply_connection(native, request_id, false);
}

static void handle_whoami(struct message *message)
{
    reply_connection(message->native, message->id, true);
}

/* ---- subscribe ---- */

static rb_err read_start(struct message *message, struct rb_start *out)
{
    rb_str after;
    rb_json_val json = rb_json_get(message->json, "after");
    *out = (struct rb_start){.at = RB_START_NOW};
    if (rb_json_type(json) == RB_JSON_NONE) return RB_OK;
    if (!rb_json_string(json, &message->arena, &after)) return RB_BAD_POSITION;
    out->at = rb_str_is(after, "start") ? RB_START_OLDEST : RB_START_AFTER;
    return out->at == RB_START_OLDEST ? RB_OK : rb_position_parse(after, &out->position);
}

static void handle_subscribe(struct message *message)
{
    struct native_socket *native = message->native;
    struct rb_start start;
    rb_str name, topic;
    if (!topic_of(message, &name, &topic)) return;
    if (read_start(message, &start)) {
        refuse(message, RB_BAD_POSITION, NULL);
        return;
    }
    const struct holder *holder = holder_of(native->here, &native->conn);
    if (holder && !rb_str_eq(topic, holder_topic(holder))) {
        refuse(message, RB_FORBIDDEN, "The ticket is for another topic.");
        return;
    }
    if (rb_conn_find(&native->conn, topic)) {
        refuse(message, RB_ALREADY_SUBSCRIBED, NULL);
        return;
    }
    if (native->conn.sub_count >= native->here->door->setup.subscriptions_max) {
        refuse(message, RB_TOO_MANY_SUBSCRIPTIONS, NULL);
        return;
    }
    rb_conn_subscribe(&native->conn, topic, &native->identity->client, &start, &native_socket_encoding,
                      (uint64_t)(uintptr_t)keep_id(message->id));
}

/* The id that a subscription's ok is waited for with. The caller frees it. */
static char *take_request_id(struct rb_conn_sub *sub)
{
    char *id = (char *)(uintptr_t)sub->request;
    sub->request = 0;
    return id;
}

void socket_subscribed(struct native_socket *native, struct rb_conn_sub *sub)
{
    char *id = take_request_id(sub);
    struct rb_position position = rb_sub_position(&sub->sub);
    reply_ok(native, rb_str_of(id), &position);
    rb_free(id);
}

static void handle_unsubscribe(struct message *message)
{
    struct native_socket *native = message->native;
    struct rb_position position = {0};
    rb_str name, topic;
    if (!topic_of(message, &name, &topic)) return;
    struct rb_conn_sub *sub = rb_conn_find(&native->conn, topic);
    if (!sub) {
        refuse(message, RB_NOT_SUBSCRIBED, NULL);
        return;
    }
    bool was_started = sub->sub.is_started;
    if (was_started) {
        position = rb_sub_position(&sub->sub);
    } else { /* every request gets its answer */
        char *id = take_request_id(sub);
        reply_error(native, rb_str_of(id), RB_NOT_SUBSCRIBED, "Unsubscribed before it began.");
        rb_free(id);
    }
    rb_conn_unsubscribe(sub);
    reply_ok(native, message->id, was_started ? &position : NULL);
}

/* ---- publish ---- */

/* A publication under way. Outlives its socket. */
struct reply {
    struct reply *next, **link;   /* link: what points here */
    struct native_socket *native; /* NULL: it is gone */
    char *id;
};

static struct reply *reply_new(struct native_socket *native, rb_str id)
{
    struct reply *reply = rb_new(struct reply);
    *reply = (struct reply){
        .next = native->replies, .link = &native->replies, .native = native, .id = keep_id(id)};
    if (reply->next) reply->next->link = &reply->next;
    native->replies = reply;
    native->reply_count++;
    return reply;
}

static void reply_part(struct reply *reply)
{
    reply->native->reply_count--;
    reply->native = NULL;
    *reply->link = reply->next;
    if (reply->next) reply->next->link = reply->link;
}

static void reply_end(struct reply *reply, rb_err err, struct rb_position position)
{
    struct native_socket *native = reply->native;
    if (native) {
        reply_part(reply);
        if (err)
            reply_error(native, rb_str_of(reply->id), err, NULL);
        else
            reply_ok(native, rb_str_of(reply->id), &position);
        socket_set_reading(native);
    }
    rb_free(reply->id);
    rb_free(reply);
}

static void on_published(struct rb_publication *publication)
{
    reply_end(publication->arg, publication->err, publication->position);
}

static void on_pushed(struct rb_policy_call *call)
{
    reply_end(call->arg, call->err, call->position);
    rb_policy_call_free(call);
}

static void handle_publish_op(struct message *message)
{
    struct native_socket *native = message->native;
    struct rb_event_spec spec;
    const char *detail = NULL;
    rb_str name, topic;
    if (native->identity->role != RB_ROLE_BACKEND) {
        refuse(message, RB_FORBIDDEN, "Only back ends publish.");
        return;
    }
    if (!topic_of(message, &name, &topic)) return;
    if (rb_topic_name_is_reserved(name)) {
        refuse(message, RB_FORBIDDEN, "Topics below jobs/ and envoy/ are not published to.");
        return;
    }
    size_t data_max = native->here->door->setup.event_max_bytes;
    rb_err err = event_spec_read(message->json, &message->arena, data_max, &spec, &detail);
    if (err) {
        refuse(message, err, detail);
        return;
    }
    struct reply *reply = reply_new(native, message->id);
    socket_set_reading(native);
    struct rb_hub *hub = native->here->door->setup.hub;
    if (spec_concerns_policy(&spec))
        rb_policy_call_send(policy_push(hub, topic, &spec, on_pushed, reply));
    else
        rb_publication_send(rb_publication_new(hub, topic, &spec, socket_loop(native), on_published, reply));
}

void socket_forget_requests(struct native_socket *native)
{
    while (native->replies) reply_part(native->replies);
    for (struct rb_conn_sub *sub = native->conn.subs; sub; sub = sub->next) rb_free(take_request_id(sub));
}

/* ---- replies to calls ---- Answered themselves only when they have an id: most clients will not care. */

static void handle_reply(struct message *message)
{
    struct native_socket *native = message->native;
    rb_json_val error = rb_json_get(message->json, "error");
    bool is_error = rb_json_type(error) != RB_JSON_NONE;
    rb_str call;
    uint64_t number;
    if (!text_of(message, "call", &call) || !rb_str_u64(call, INT32_MAX, &number)) {
        refuse(message, RB_BAD_REQUEST, "call is that of the call.");
        return;
    }
    if (is_error && rb_json_type(error) != RB_JSON_STRING) {
        refuse(message, RB_BAD_REQUEST, "error is a string.");
        return;
    }
    rb_str json = rb_json_raw(is_error ? error : rb_json_get(message->json, "data"));
    bool was_known = rb_conn_reply(&native->conn, (uint32_t)number, is_error, json);
    if (message->id.n == 0) return;
    if (was_known)
        reply_ok(native, message->id, NULL);
    else
        refuse(message, RB_NOT_FOUND, "The call is over.");
}

/* ---- messages ---- */

static const struct {
    const char *op;
    void (*handle)(struct message *message);
} ops[] = {
    {"auth", handle_auth},           {"whoami", handle_whoami},
    {"subscribe", handle_subscribe}, {"unsubscribe", handle_unsubscribe},
    {"publish", handle_publish_op},  {"reply", handle_reply},
};

/* Any scalar, so that clients may count or name their requests as they like. */
static bool read_id(struct message *message)
{
    rb_json_val id = rb_json_get(message->json, "id");
    enum rb_json_type type = rb_json_type(id);
    rb_str raw = rb_json_raw(id);
    bool is_fine = type != RB_JSON_ARRAY && type != RB_JSON_OBJECT && raw.n <= REQUEST_ID_BYTES_MAX;
    if (is_fine)
        message->id = raw;
    else
        refuse(message, RB_BAD_REQUEST, "id is a scalar of at most 256 bytes.");
    return is_fine;
}

static void dispatch(struct message *message)
{
    rb_str op = RB_STR_NONE;
    if (rb_json_type(message->json) != RB_JSON_OBJECT) {
        refuse(message, RB_BAD_REQUEST, "A message is a JSON object.");
        return;
    }
    if (!read_id(message)) return;
    text_of(message, "op", &op);
    if (!message->native->identity && !rb_str_is(op, "auth")) {
        refuse(message, RB_UNAUTHENTICATED, "The first message is auth.");
        return;
    }
    for (size_t i = 0; i < RB_COUNT(ops); i++) {
        if (!rb_str_is(op, ops[i].op)) continue;
        ops[i].handle(message);
        return;
    }
    refuse(message, RB_BAD_REQUEST, "op is auth, whoami, subscribe, unsubscribe, publish or reply.");
}

void socket_message(struct native_socket *native, rb_str text)
{
    struct message message = {.native = native};
    struct rb_json doc;
    rb_err err = rb_json_parse(&doc, text, &(struct rb_json_limits){.bytes_max = text.n});
    if (err) {
        refuse(&message, err, NULL);
        return;
    }
    message.json = rb_json_root(&doc);
    dispatch(&message);
    rb_arena_fini(&message.arena);
    rb_json_fini(&doc);
}
