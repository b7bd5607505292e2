#include "doors/bimserver/pb_call.h"

#include "base/check.h"
#include "base/mem.h"

/* Generated from proto/. */
extern const struct ProtobufCServiceDescriptor org__bimserver__pb__admin_interface__descriptor,
    org__bimserver__pb__auth_interface__descriptor, org__bimserver__pb__meta_interface__descriptor,
    org__bimserver__pb__notification_registry_interface__descriptor,
    org__bimserver__pb__plugin_interface__descriptor, org__bimserver__pb__service_interface__descriptor,
    org__buildingsmart__bimsie1__pb__bimsie1_auth_interface__descriptor,
    org__buildingsmart__bimsie1__pb__bimsie1_notification_registry_interface__descriptor,
    org__buildingsmart__bimsie1__pb__bimsie1_service_interface__descriptor;

static const struct ProtobufCServiceDescriptor *const services[BIM_INTERFACE_COUNT][2] = {
    [BIM_AdminInterface] = {&org__bimserver__pb__admin_interface__descriptor},
    [BIM_AuthInterface] = {&org__bimserver__pb__auth_interface__descriptor,
                           &org__buildingsmart__bimsie1__pb__bimsie1_auth_interface__descriptor},
    [BIM_MetaInterface] = {&org__bimserver__pb__meta_interface__descriptor},
    [BIM_NotificationRegistryInterface] =
        {&org__bimserver__pb__notification_registry_interface__descriptor,
         &org__buildingsmart__bimsie1__pb__bimsie1_notification_registry_interface__descriptor},
    [BIM_PluginInterface] = {&org__bimserver__pb__plugin_interface__descriptor},
    [BIM_ServiceInterface] = {&org__bimserver__pb__service_interface__descriptor,
                              &org__buildingsmart__bimsie1__pb__bimsie1_service_interface__descriptor},
};

struct bim_pb {
    struct bim_call *call;
    struct rb_pb_method method; /* from its finding on */
    bim_pb_done_fn *done;
    void *arg;
    bool is_started, is_over;
};

/* ---- writing ---- */

/* All responses have errorMessage = 1, a text; without a value they are no more than that. */
static void put_error(struct rb_buf *out, rb_str message)
{
    enum { ERROR_MESSAGE = 1 << 3 | 2 };
    rb_buf_add_char(out, ERROR_MESSAGE);
    rb_pb_put_varint(out, message.n);
    rb_buf_add_str(out, message);
}

static void put_result(struct rb_buf *out, const struct bim_pb *pb)
{
    struct rb_buf text = {0};
    struct rb_json doc = {0};
    struct rb_json_out json = {.buf = &text};
    const struct rb_buf *result = &pb->call->result;
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "errorMessage");
    rb_json_put_text(&json, "OKE");
    rb_json_put_key(&json, "value");
    rb_json_put_raw(&json, result->n ? rb_buf_str(result) : RB_STR("null"));
    rb_json_end_object(&json);
    struct rb_json_limits limits = {.bytes_max = text.n + 1};
    rb_err err = text.failed ? RB_OUT_OF_MEMORY : rb_json_parse(&doc, rb_buf_str(&text), &limits);
    if (!err) err = rb_pb_from_json(out, pb->method.output, rb_json_root(&doc));
    if (err) put_error(out, rb_str_of(rb_reason(err)->sentence));
    rb_json_fini(&doc);
    rb_buf_fini(&text);
}

static void on_answer(struct bim_call *call)
{
    struct bim_pb *pb = call->arg;
    struct rb_buf message = {0}, frame = {0};
    if (call->has_failed)
        put_error(&message, call->message);
    else
        put_result(&message, pb);
    rb_pb_put_varint(&frame, message.n);
    rb_buf_add_str(&frame, rb_buf_str(&message));
    pb->done(pb->arg, message.failed || frame.failed ? RB_STR_NONE : rb_buf_str(&frame));
    rb_buf_fini(&message);
    rb_buf_fini(&frame);
    pb->is_over = true;
    if (!pb->is_started) return;
    bim_call_free(call);
    rb_free(pb);
}

/* ---- reading ---- */

static void find_messages(struct bim_pb *pb)
{
    const struct bim_method *method = pb->call->method;
    const struct ProtobufCServiceDescriptor *service = services[method->interface][pb->call->dialect];
    RB_CHECK(service && rb_pb_method_find(service, method->name, &pb->method));
}

static void run(struct bim_pb *pb, const struct rb_pb_request *request)
{
    struct bim_call *call = pb->call;
    struct rb_buf text = {0};
    struct rb_json_out json = {.buf = &text};
    rb_err err = RB_OK;
    if (bim_call_find(call, request->interface, request->method)) {
        find_messages(pb);
        err = rb_pb_to_json(&json, pb->method.input, request->message);
        if (!err) bim_call_read_text(call, &text);
    }
    rb_buf_fini(&text);
    if (err)
        bim_fail(call, "%s", rb_reason(err)->sentence);
    else
        bim_call_run(call);
}

struct bim_pb *bim_pb_start(const struct bim_origin *origin, const struct rb_pb_request *request,
                            bim_pb_done_fn *done, void *arg)
{
    struct bim_pb *pb = rb_new(struct bim_pb);
    struct bim_call *call = bim_call_new(origin->host, BIM_VIA_PROTOBUF, on_answer, pb);
    pb->call = call;
    pb->done = done;
    pb->arg = arg;
    call->loop = origin->loop;
    call->address = rb_arena_copy(&call->arena, origin->address);
    call->token = rb_arena_copy(&call->arena, request->token);
    run(pb, request);
    if (pb->is_over) {
        bim_call_free(call);
        rb_free(pb);
        return NULL;
    }
    pb->is_started = true;
    return pb;
}

void bim_pb_gone(struct bim_pb *pb)
{
    bim_call_gone(pb->call);
}
