#include "doors/bimserver/soap_call.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>

#define TOKEN_SPACE "uri:org.bimserver.shared"
#define XOP_SPACE "http://www.w3.org/2004/08/xop/include"
#define FAULT_SPACE "bimserver"

struct bim_soap {
    struct bim_call *call;
    enum rb_soap_version version;
    bim_soap_done_fn *done;
    void *arg;
    bool is_started, is_over;
};

/* ---- writing ---- */

void bim_soap_put_refusal(struct rb_buf *out, enum rb_soap_version version, enum rb_soap_fault fault,
                          rb_str message)
{
    rb_soap_begin(out, version);
    rb_soap_put_fault(out, version, fault, message, RB_STR_NONE);
    rb_soap_end(out);
}

static void put_detail(struct rb_buf *out, const struct bim_call *call)
{
    rb_buf_add_text(out, "<b:UserException xmlns:b=\"" FAULT_SPACE "\">");
    if (call->code)
        rb_buf_add_fmt(out, "<errorCode>%d</errorCode>", call->code);
    else
        rb_buf_add_text(out, "<errorCode xsi:nil=\"true\"/>");
    rb_buf_add_text(out, "<userMessage>");
    rb_xml_put_text(out, call->message);
    rb_buf_add_text(out, "</userMessage><fullMessage>");
    rb_xml_put_text(out, call->message);
    rb_buf_add_text(out, "</fullMessage></b:UserException>");
}

static void put_exception(struct rb_buf *out, const struct bim_soap *soap)
{
    struct rb_buf detail = {0};
    put_detail(&detail, soap->call);
    rb_soap_begin(out, soap->version);
    rb_soap_put_fault(out, soap->version, RB_SOAP_SERVER, soap->call->message, rb_buf_str(&detail));
    rb_soap_end(out);
    rb_buf_fini(&detail);
}

static void put_result(struct rb_buf *out, const struct bim_soap *soap)
{
    const struct bim_call *call = soap->call;
    const struct bim_method *method = call->method;
    struct rb_json doc = {0};
    if (call->result.n) {
        struct rb_json_limits limits = {.bytes_max = call->result.n};
        if (rb_json_parse(&doc, rb_buf_str(&call->result), &limits) != RB_OK) out->failed = true;
    }
    rb_soap_begin(out, soap->version);
    rb_buf_add_fmt(out, "<ns:%sResponse xmlns:ns=\"%s\">", method->name, bim_namespace(call->dialect));
    if (method->result.kind != BIM_VOID && call->result.n && !out->failed)
        bim_soap_put_value(out, "return", &method->result, call->dialect, rb_json_root(&doc));
    rb_buf_add_fmt(out, "</ns:%sResponse>", method->name);
    rb_soap_end(out);
    rb_json_fini(&doc);
}

/* ---- life ---- */

static void soap_free(struct bim_soap *soap)
{
    bim_call_free(soap->call);
    rb_free(soap);
}

static void on_answer(struct bim_call *call)
{
    struct bim_soap *soap = call->arg;
    struct rb_buf answer = {0};
    if (call->has_failed)
        put_exception(&answer, soap);
    else
        put_result(&answer, soap);
    if (answer.failed) {
        rb_buf_clear(&answer);
        bim_soap_put_refusal(&answer, soap->version, RB_SOAP_SERVER,
                             rb_str_of(rb_reason(RB_OUT_OF_MEMORY)->sentence));
    }
    soap->done(soap->arg, soap->version, rb_buf_str(&answer));
    rb_buf_fini(&answer);
    soap->is_over = true;
    if (soap->is_started) soap_free(soap);
}

static struct bim_soap *refuse(struct bim_soap *soap, enum rb_soap_fault fault, const char *why)
{
    struct rb_buf answer = {0};
    bim_soap_put_refusal(&answer, soap->version, fault, rb_str_of(why));
    soap->done(soap->arg, soap->version, rb_buf_str(&answer));
    rb_buf_fini(&answer);
    soap_free(soap);
    return NULL;
}

/* ---- reading ---- */

/* The token of {uri:org.bimserver.shared}token; or what header must be understood and is not. */
static bool read_headers(struct bim_call *call, const struct rb_soap_element *headers)
{
    for (const struct rb_soap_element *at = headers; at; at = at->next) {
        if (rb_str_is(at->name, "token") && rb_str_is(at->space, TOKEN_SPACE)) {
            const struct rb_soap_element *inner = rb_soap_child(at, RB_STR("token"));
            call->token = rb_str_trim(inner ? inner->text : at->text);
        } else if (at->must_be_understood) {
            return false;
        }
    }
    return true;
}

static bool has_attachment(const struct rb_soap_element *operation)
{
    for (const struct rb_soap_element *at = operation->first; at; at = at->next)
        if (at->first && rb_str_is(at->first->space, XOP_SPACE)) return true;
    return false;
}

static void run(struct bim_call *call, rb_str interface, const struct rb_soap_element *operation)
{
    if (bim_call_find(call, interface, operation->name)) {
        struct rb_buf json = {0};
        struct rb_json_out out = {.buf = &json};
        bim_soap_put_parameters(&out, call->method, operation);
        bim_call_read_text(call, &json);
    }
    bim_call_run(call);
}

struct bim_soap *bim_soap_start(const struct bim_origin *origin, rb_str interface, rb_str text,
                                bim_soap_done_fn *done, void *arg)
{
    struct rb_soap envelope = {.version = RB_SOAP_11};
    struct bim_soap *soap = rb_new(struct bim_soap);
    struct bim_call *call = bim_call_new(origin->host, BIM_VIA_SOAP, on_answer, soap);
    const char *why = "";
    soap->call = call;
    soap->done = done;
    soap->arg = arg;
    call->loop = origin->loop;
    call->address = rb_arena_copy(&call->arena, origin->address);
    if (origin->token.p) call->token = rb_arena_copy(&call->arena, origin->token);
    rb_err err = rb_soap_read(&envelope, text, &call->arena, &why);
    soap->version = envelope.version;
    if (err) return refuse(soap, RB_SOAP_CLIENT, why[0] ? why : rb_reason(err)->sentence);
    if (!read_headers(call, envelope.headers))
        return refuse(soap, RB_SOAP_UNDERSTAND, "a header is not understood");
    if (has_attachment(envelope.operation)) return refuse(soap, RB_SOAP_CLIENT, BIM_SOAP_NO_ATTACHMENTS);
    run(call, interface, envelope.operation);
    if (soap->is_over) {
        soap_free(soap);
        return NULL;
    }
    soap->is_started = true;
    return soap;
}

void bim_soap_gone(struct bim_soap *soap)
{
    bim_call_gone(soap->call);
}
