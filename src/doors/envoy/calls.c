/* Calls of back ends: who signed it, whether it may, what it says. The signature is checked over the bytes
 * that came, before anything is made of them. Answers are JSON-RPC in all cases, whatever the status, since
 * callers read the body first. */
#include "base/log.h"
#include "doors/envoy/envoy_private.h"

/* ---- answering ---- */

static void answer(struct rb_request *request, int status, struct rb_buf *take_body)
{
    rb_answer_header(request, "Cache-Control", RB_STR("no-store"));
    if (take_body->failed)
        rb_answer_problem(request, RB_OUT_OF_MEMORY, RB_STR_NONE);
    else
        rb_answer_json(request, status, rb_buf_str(take_body));
    rb_buf_fini(take_body);
}

static void answer_error(struct rb_request *request, rb_str id, enum rb_envoy_error error, rb_str message)
{
    struct rb_buf body = {0};
    rb_envoy_put_error(&body, id, error, message);
    if (error == RB_ENVOY_TOO_MANY) rb_answer_header(request, "Retry-After", RB_STR("1"));
    answer(request, rb_envoy_error_status(error), &body);
}

void envoy_fail(struct envoy_errand *errand, enum rb_envoy_error error, const char *message)
{
    rb_envoy_call_fini(&errand->call); /* its id is a part of the body */
    answer_error(errand->request, errand->call.id, error, rb_str_of(message));
}

void envoy_succeed(struct envoy_errand *errand, struct rb_buf *take_result)
{
    struct rb_buf body = {0};
    rb_envoy_put_result(&body, errand->call.id, rb_buf_str(take_result));
    if (take_result->failed) body.failed = true;
    rb_buf_fini(take_result);
    rb_envoy_call_fini(&errand->call);
    answer(errand->request, 200, &body);
}

/* ---- asking ---- */

static void run(struct envoy_errand *errand)
{
    struct rb_request *request = errand->request;
    uint64_t wait_ms;
    if (rb_brake_is_on(errand->door->calls, errand->public_id, &wait_ms)) {
        answer_error(request, RB_STR("null"), RB_ENVOY_TOO_MANY,
                     RB_STR("too many calls a second by this account"));
        return;
    }
    rb_brake_count(errand->door->calls, errand->public_id);
    if (request->body.n) rb_envoy_drop_trailing_commas(rb_request_body_mut(request), request->body.n);
    enum rb_envoy_error error = rb_envoy_call_read(&errand->call, request->body, &request->arena);
    if (error == RB_ENVOY_NOT_JSON)
        envoy_fail(errand, error, "the body is not JSON");
    else if (error)
        envoy_fail(errand, error, "the body is not an object with a method");
    else
        envoy_methods_run(errand);
}

static void on_signed(void *arg, rb_err err, const struct rb_account *account)
{
    struct envoy_errand *errand = arg;
    struct rb_arena *arena = &errand->request->arena;
    if (err == RB_UNAUTHENTICATED) {
        char peer[RB_ADDRESS_TEXT_BYTES];
        rb_request_peer(errand->request, peer);
        RB_LOG_DEBUG("envoy.not_signed", RB_KV_TEXT("peer", peer));
        answer_error(errand->request, RB_STR("null"), RB_ENVOY_NOT_SIGNED,
                     RB_STR("public-id is not known, or sign is not the signature of this body"));
    } else if (err) {
        answer_error(errand->request, RB_STR("null"), RB_ENVOY_INSIDE, rb_str_of(rb_reason(err)->sentence));
    } else {
        errand->public_id = rb_arena_copy(arena, account->public_id);
        errand->tenant = rb_arena_copy(arena, account->tenant);
        errand->is_guarded = account->is_guarded;
        run(errand);
    }
}

void envoy_calls_handle(struct rb_request *request, void *arg)
{
    struct rb_envoy_door *door = arg;
    struct envoy_errand *errand = rb_arena_new(&request->arena, struct envoy_errand);
    errand->door = door;
    errand->request = request;
    rb_signing_check(door->setup.signing, rb_request_header(request, "public-id"),
                     rb_request_header(request, "sign"), request->body, on_signed, errand);
}

void envoy_calls_refused(struct rb_request *request, void *arg, rb_err err)
{
    (void)arg;
    if (err == RB_BODY_TOO_LARGE)
        answer_error(request, RB_STR("null"), RB_ENVOY_TOO_LARGE, RB_STR("the body is too large"));
    else
        rb_answer_problem(request, err, RB_STR_NONE);
}
