/* A host for calls without a door: the handlers that a test wants, tokens that are decided here. */
#ifndef RB_BIM_RIG_H
#define RB_BIM_RIG_H

#include "doors/bimserver/bimserver_private.h"

#include "test.h"

#include <string.h>

static bim_handler_fn *rig_handlers[256];
static struct bim_call *rig_waiting; /* a call whose token is "later", or that waits in rig_wait */
static const struct rb_identity rig_anna = {.tenant = {"t", 1}, .client = {"anna", 4}};

static void rig_authorize(struct bim_call *call)
{
    const struct rb_identity *who = rb_identity_new(&rig_anna);
    if (rb_str_is(call->token, "later"))
        rig_waiting = call;
    else if (rb_str_is(call->token, "good"))
        bim_call_authorized(call, RB_OK, who);
    else
        bim_call_authorized(call, rb_str_is(call->token, "broken") ? RB_STORE_FAILED : RB_UNAUTHENTICATED,
                            NULL);
    rb_identity_unref(who);
}

static const struct bim_host rig_host = {.handlers = rig_handlers,
                                         .version = {"1.6.0", 5},
                                         .authorize = rig_authorize};

/* For all rows of this method. */
static void rig_handle(const char *method, bim_handler_fn *handler)
{
    bool is_there = false;
    for (unsigned i = 0; i < bim_method_count; i++) {
        if (strcmp(bim_methods[i].name, method) != 0) continue;
        rig_handlers[i] = handler;
        is_there = true;
    }
    assert_true(is_there);
}

/* ---- handlers ---- */

static inline void rig_void(struct bim_call *call)
{
    bim_result_void(call);
}

static inline void rig_wait(struct bim_call *call)
{
    rig_waiting = call;
}

/* Says what it was given: "topicId=1 endPointId=2". */
static inline void rig_say(struct bim_call *call)
{
    struct rb_buf text = {0};
    const struct bim_parameter *parameter;
    for (unsigned i = 0; (parameter = bim_parameter(call->method, i)) != NULL; i++) {
        const char *name = parameter->as ? parameter->as : parameter->name;
        rb_buf_add_fmt(&text, "%s%s=", i ? " " : "", name);
        if (!bim_has(call, name))
            rb_buf_add_text(&text, "null");
        else if (parameter->type.is_list || parameter->type.kind == BIM_CLASS)
            rb_buf_add_str(&text, rb_json_raw(bim_json(call, name)));
        else if (parameter->type.kind == BIM_LONG)
            rb_buf_add_i64(&text, bim_long(call, name));
        else if (parameter->type.kind == BIM_BOOLEAN)
            rb_buf_add_text(&text, bim_flag(call, name) ? "yes" : "no");
        else
            rb_buf_add_str(&text, bim_text(call, name));
    }
    bim_result_text(call, rb_buf_str(&text));
    rb_buf_fini(&text);
}

/* A state of a check-in, in which what is unset is left out. */
static inline void rig_state(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_object state;
    bim_object_begin(&state, &out, &bim_SLongCheckinActionState);
    bim_object_key(&state, "errors");
    rb_json_begin_array(&out);
    rb_json_put_text(&out, "a < b");
    rb_json_put_text(&out, "two");
    rb_json_end_array(&out);
    bim_object_long(&state, "progress", 40);
    bim_object_long(&state, "roid", 7);
    bim_object_long(&state, "start", 1700000000123);
    bim_object_text(&state, "state", RB_STR("STARTED"));
    bim_object_text(&state, "title", RB_STR("Checkin"));
    bim_object_long(&state, "topicId", bim_long(call, "topicId"));
    bim_object_end(&state);
    bim_result(call, &json);
}

static inline void rig_file(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_object file;
    bim_object_begin(&file, &out, &bim_SCheckoutResult);
    bim_object_text(&file, "file", RB_STR("aGkA/w=="));
    bim_object_long(&file, "revisionNr", 3);
    bim_object_end(&file);
    bim_result(call, &json);
}

static inline void rig_longs(struct bim_call *call)
{
    struct rb_buf json = {0};
    rb_buf_add_text(&json, "[1,-2,9007199254740993]");
    bim_result(call, &json);
}

static inline void rig_no_endpoint(struct bim_call *call)
{
    if (bim_has(call, "endPointId"))
        bim_fail_code(call, BIM_ENDPOINT_NOT_FOUND, "Endpoint with id %d not found",
                      (int)bim_long(call, "endPointId"));
    else
        bim_fail_code(call, BIM_ENDPOINT_NOT_FOUND, "No EndpointId given");
}

static inline void rig_who(struct bim_call *call)
{
    bim_result_text(call, call->who ? call->who->client : RB_STR("nobody"));
}

static int rig_setup(void **state)
{
    (void)state;
    memset(rig_handlers, 0, sizeof rig_handlers);
    rig_waiting = NULL;
    assert_true(bim_method_count < sizeof rig_handlers / sizeof *rig_handlers);
    rig_handle("registerProgressHandler", rig_void);
    rig_handle("unregisterProgressHandler", rig_no_endpoint);
    rig_handle("getProgress", rig_state);
    rig_handle("getProgressTopicsOnServer", rig_longs);
    rig_handle("getDownloadData", rig_file);
    rig_handle("cleanupLongAction", rig_wait);
    rig_handle("logout", rig_void);
    rig_handle("isLoggedIn", rig_who);
    rig_handle("login", rig_say);
    rig_handle("updateProgressTopic", rig_say);
    rig_handle("getAccessMethod", bim_auth_get_access_method);
    rig_handle("getServerInfo", bim_admin_get_server_info);
    rig_handle("getVersion", bim_admin_get_version);
    return 0;
}

#endif
