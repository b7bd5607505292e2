/* A host whose handlers take any call and look at all that it brings. */
#ifndef RB_FUZZ_BIM_HOST_H
#define RB_FUZZ_BIM_HOST_H

#include "base/check.h"
#include "doors/bimserver/call.h"

static bim_handler_fn *handlers[256];

/* A result of the method's type, with texts of the peer in it. */
static void put_result(struct rb_json_out *out, const struct bim_call *call, rb_str text)
{
    const struct bim_type *type = &call->method->result;
    struct bim_object object;
    if (type->is_list) rb_json_begin_array(out);
    if (type->kind == BIM_CLASS) {
        bim_object_begin(&object, out, type->of_class->sub ? type->of_class->sub : type->of_class);
        for (const struct bim_field *field = object.of_class->fields; field->name; field++)
            if (field->type.kind == BIM_STRING && !field->type.is_list)
                bim_object_text(&object, field->name, text);
        bim_object_end(&object);
    } else if (type->kind == BIM_STRING) {
        rb_json_put_str(out, text);
    } else {
        rb_json_put_null(out);
    }
    if (type->is_list) rb_json_end_array(out);
}

static void handle(struct bim_call *call)
{
    const struct bim_parameter *parameter;
    struct rb_buf json = {0}, bytes = {0};
    struct rb_json_out out = {.buf = &json};
    rb_str text = RB_STR("");
    for (unsigned i = 0; (parameter = bim_parameter(call->method, i)) != NULL; i++) {
        const char *name = parameter->as ? parameter->as : parameter->name;
        unsigned count;
        if (!bim_has(call, name)) continue;
        if (parameter->type.kind == BIM_LONG && parameter->type.is_list) bim_longs(call, name, &count);
        if (parameter->type.kind == BIM_DATA && bim_bytes(call, name, &bytes)) continue;
        if (parameter->type.kind == BIM_STRING && !parameter->type.is_list) text = bim_text(call, name);
    }
    rb_buf_fini(&bytes);
    put_result(&out, call, text);
    bim_result(call, &json);
}

static void authorize(struct bim_call *call)
{
    static const struct rb_identity somebody = {.tenant = {"t", 1}, .client = {"c", 1}};
    const struct rb_identity *who = rb_identity_new(&somebody);
    bim_call_authorized(call, RB_OK, who);
    rb_identity_unref(who);
}

/* Any token is good here, or most calls would go no further. */
static const struct bim_host host = {.handlers = handlers, .version = {"1.6.0", 5}, .authorize = authorize};

static inline void host_open(void)
{
    RB_CHECK(bim_method_count < sizeof handlers / sizeof *handlers);
    for (unsigned i = 0; i < bim_method_count; i++) handlers[i] = handle;
}

#endif
