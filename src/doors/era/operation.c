/* The life of an operation: who may, how long it may take, and its end in exactly one of its transitions.
 * What was understood is answered 200 whatever came of it, as a script would go on from there.
 *
 * Steps outlive the request. When the time is over, what is under way is not called back (a file that is
 * being placed may still come to be there): its outcome comes back to nobody. */
#include "doors/era/operation.h"

#include "base/mem.h"

enum { FORM_BYTES = 64 * 1024 }; /* of a body, beside the content */

/* ---- the end ---- */

static void end(struct operation *operation)
{
    rb_identity_unref(operation->who);
    if (operation->job) rb_jobs_call_free(operation->job);
    rb_arena_fini(&operation->arena);
    rb_free(operation);
}

static void let_go(struct operation *operation)
{
    rb_timer_stop(&operation->timer);
    rb_request_on_gone(operation->request, NULL);
    operation->request = NULL;
}

static void tell(struct operation *operation, const struct operation_outcome *outcome)
{
    struct rb_request *request = operation->request;
    struct rb_buf body = {0};
    operation_put(&body, &operation->form, outcome);
    let_go(operation);
    era_answer_json(request, 200, &body);
}

bool operation_next(struct operation *operation)
{
    if (operation->request) return true;
    end(operation);
    return false;
}

void operation_succeed(struct operation *operation, rb_str result_json)
{
    tell(operation, &(struct operation_outcome){.transfer = TRANSFER, .result = result_json});
    end(operation);
}

static void tell_failure(struct operation *operation, rb_err err, rb_str detail)
{
    bool is_late = err == RB_CALL_TIMEOUT;
    tell(operation,
         &(struct operation_outcome){.transfer = is_late ? TRANSFER_TIMEOUT : TRANSFER_ERROR,
                                     .code = era_code(err),
                                     .message = detail.p ? detail : rb_str_of(rb_reason(err)->sentence)});
}

void operation_fail(struct operation *operation, rb_err err, rb_str detail)
{
    tell_failure(operation, err, detail);
    end(operation);
}

/* The step that is under way ends it. */
static void on_late(struct rb_timer *timer)
{
    tell_failure(RB_OUTER(timer, struct operation, timer), RB_CALL_TIMEOUT,
                 RB_STR("It was not done in time."));
}

static void on_gone(struct rb_request *request)
{
    let_go(request->arg);
    era_answer_error(request, RB_CLIENT_GONE, RB_STR_NONE); /* nobody reads it; the request ends with it */
}

/* ---- the connection ---- */

bool operation_may_reach(const struct rb_identity *who, rb_str client)
{
    return who->role == RB_ROLE_BACKEND || rb_str_eq(who->client, client);
}

struct rb_conn_errand *operation_errand(struct operation *operation, enum rb_conn_errand_kind kind,
                                        void (*done)(struct rb_conn_errand *))
{
    struct rb_conn_errand *errand = rb_conn_errand_new(operation->door->setup.hub, kind, done, operation);
    errand->to = operation->connection;
    errand->tenant = rb_arena_copy(&errand->arena, operation->who->tenant);
    return errand;
}

/* ---- the beginning ---- */

static void begin(struct operation *operation)
{
    struct rb_request *request = operation->request;
    request->arg = operation;
    rb_request_on_gone(request, on_gone);
    if (!rb_handle_parse(operation->form.connection, &operation->connection)) {
        operation_fail(operation, RB_NO_SUCH_CONNECTION, RB_STR_NONE);
        return;
    }
    switch (operation->form.kind) {
    case OPERATION_SEND: operation_send(operation); break; /* the hub keeps its deadline */
    case OPERATION_LINK:
    case OPERATION_FILES:
        if (operation->form.has_timeout)
            rb_timer_start(operation->loop, &operation->timer, operation->form.timeout_ms, on_late);
        operation_files(operation);
        break;
    }
}

static void on_operation(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    struct operation *operation = rb_new(struct operation);
    rb_str why = RB_STR_NONE;
    *operation = (struct operation){
        .door = door, .loop = rb_request_loop(request), .request = request, .who = rb_identity_ref(who)};
    rb_str body = rb_arena_copy(&operation->arena, request->body);
    rb_err err = operation_read(body, &operation->arena, &operation->form, &why);
    if (!err && operation->form.content.n > door->setup.message_bytes_max) err = RB_MESSAGE_TOO_LARGE;
    if (err) {
        era_answer_error(request, err, why);
        end(operation);
    } else {
        begin(operation);
    }
}

static void handle_operation(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_operation);
}

rb_err era_add_operation_routes(struct rb_era_door *door, struct rb_router *router)
{
    static const struct era_route routes[] = {{RB_HTTP1_POST, "/era/v1/operation", handle_operation}};
    /* Content that is JSON in a text is up to twice as long there. */
    return era_add_routes(door, router, routes, RB_COUNT(routes),
                          (size_t)door->setup.message_bytes_max * 2 + FORM_BYTES);
}
