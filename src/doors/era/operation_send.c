/* Operation 0: a message to a client, or a request to it whose reply is waited for.
 *
 * Which family the connection is of and what it has switched on is known on its own loop only, and may change
 * at any time. So the order goes there and is judged there (RB_CONN_VISIT), and is carried out in the same
 * moment. */
#include "doors/era/operation.h"

/* What the visitor needs, in the errand's arena: on the other loop the operation itself is out of reach. */
struct order {
    struct operation *operation; /* for the way back */
    struct rb_era_door *door;
    bool is_backend;
    rb_str client; /* who orders */
    enum operation_direction direction;
    rb_str capability, code, content;
    bool is_waiting;
    uint64_t timeout_ms;
    const char *why; /* out: what was wrong; NULL: the reason says it */
};

/* ---- there ---- */

static bool lists(const rb_str *codes, unsigned count, rb_str code)
{
    for (unsigned i = 0; i < count; i++)
        if (rb_str_eq(codes[i], code)) return true;
    return false;
}

/* The messages extension sends whatever it is told; others, what they have declared. */
static rb_err judge_code(struct order *order)
{
    const struct rb_era_capability *declared = era_capability_find(order->door, order->capability);
    if (order->direction == DIRECTION_MESSAGE || rb_str_is(order->capability, "msg")) return RB_OK;
    if (declared && (lists(declared->events, declared->event_count, order->code) ||
                     lists(declared->requests, declared->request_count, order->code)))
        return RB_OK;
    order->why = "The capability has not declared this code.";
    return RB_BAD_REQUEST;
}

static rb_err judge_link(struct order *order, struct era_link *link)
{
    bool is_for_users = order->direction == DIRECTION_USER_EVENT;
    bool is_users = era_link_family(link) == RB_ERA_USER;
    rb_str capability = order->direction == DIRECTION_MESSAGE ? RB_STR("msg") : order->capability;
    if (is_for_users != is_users) {
        order->why = "The connection is of the other family than this direction.";
        return RB_BAD_REQUEST;
    }
    if (!era_link_has(link, capability)) {
        order->why = "The connection has not switched this capability on.";
        return RB_METHOD_NOT_ALLOWED;
    }
    return judge_code(order);
}

/* Of another door: it has no capabilities, only messages. */
static rb_err judge_other(struct order *order)
{
    if (order->direction == DIRECTION_MESSAGE) return RB_OK;
    order->why = "The connection has no capabilities: it is not one of this API.";
    return RB_BAD_REQUEST;
}

static rb_err visit(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    struct order *order = errand->arg;
    struct rb_conn_facts facts = {0};
    conn->ops->describe(conn, &facts);
    if (!order->is_backend && !rb_str_eq(facts.client, order->client)) return RB_NO_SUCH_CONNECTION;
    bool is_ours = rb_str_is(rb_str_of(facts.door), "era");
    rb_err err = is_ours ? judge_link(order, era_link_of(conn)) : judge_other(order);
    if (err) return err;
    errand->kind = order->is_waiting ? RB_CONN_CALL : RB_CONN_SEND;
    errand->receipt = RB_RECEIPT_QUEUED;
    errand->name = order->code;
    errand->data = order->content;
    errand->timeout_ms = order->timeout_ms;
    return RB_OK;
}

/* ---- and back ---- */

/* What the client said: a text, where it gave one. */
static rb_str error_text(struct rb_arena *arena, rb_str json)
{
    struct rb_json doc;
    rb_str text = RB_STR_NONE;
    if (rb_json_parse(&doc, json, &(struct rb_json_limits){.bytes_max = json.n, .allow_duplicates = true}))
        return RB_STR_NONE;
    if (!rb_json_string(rb_json_root(&doc), arena, &text)) text = json;
    text = rb_arena_copy(arena, text);
    rb_json_fini(&doc);
    return text.n > 0 ? text : RB_STR_NONE;
}

static rb_str explain(struct operation *operation, const struct rb_conn_errand *errand)
{
    const struct order *order = errand->arg;
    if (errand->err == RB_CALL_FAILED) return error_text(&operation->arena, errand->reply);
    if (errand->err == RB_CALL_TIMEOUT)
        return rb_arena_fmt(&operation->arena, "No reply in %g s.", (double)order->timeout_ms / 1000);
    return rb_str_of(order->why);
}

static void on_sent(struct rb_conn_errand *errand)
{
    struct order *order = errand->arg;
    struct operation *operation = order->operation;
    if (operation_next(operation)) {
        if (errand->err)
            operation_fail(operation, errand->err, explain(operation, errand));
        else
            operation_succeed(operation, order->is_waiting ? errand->reply : RB_STR_NONE);
    }
    rb_conn_errand_free(errand);
}

void operation_send(struct operation *operation)
{
    const struct operation_form *form = &operation->form;
    struct rb_conn_errand *errand = operation_errand(operation, RB_CONN_VISIT, on_sent);
    struct rb_arena *arena = &errand->arena;
    struct order *order = rb_arena_new(arena, struct order);
    *order = (struct order){.operation = operation,
                            .door = operation->door,
                            .is_backend = operation->who->role == RB_ROLE_BACKEND,
                            .client = rb_arena_copy(arena, operation->who->client),
                            .direction = form->direction,
                            .capability = rb_arena_copy(arena, form->capability),
                            .code = rb_arena_copy(arena, form->code),
                            .content = rb_arena_copy(arena, form->content),
                            .is_waiting = form->is_waiting,
                            .timeout_ms = form->timeout_ms};
    errand->visit = visit;
    errand->arg = order;
    rb_conn_errand_send(errand);
}
