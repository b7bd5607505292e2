#include "codec/soap.h"

#include "base/mem.h"

#include <expat.h>
#include <stddef.h>
#include <string.h>

#define SPACE_11 "http://schemas.xmlsoap.org/soap/envelope/"
#define SPACE_12 "http://www.w3.org/2003/05/soap-envelope"
#define SPACE_XSI "http://www.w3.org/2001/XMLSchema-instance"

/* Between a namespace and a name, as expat joins them; no namespace has it. */
enum { JOINT = '\n' };

struct reading {
    XML_Parser parser;
    struct rb_arena *arena;
    struct rb_soap_element *open[RB_SOAP_DEPTH_MAX]; /* from the envelope inwards */
    struct rb_soap_element *last[RB_SOAP_DEPTH_MAX]; /* the newest child of each */
    struct rb_soap_element *root;
    unsigned depth, elements;
    struct rb_buf text; /* since the last tag */
    rb_err err;
    const char *why;
};

static void stop(struct reading *reading, rb_err err, const char *why)
{
    if (reading->err) return;
    reading->err = err;
    reading->why = why;
    XML_StopParser(reading->parser, XML_FALSE);
}

static void split_name(rb_str joined, rb_str *out_space, rb_str *out_name)
{
    ptrdiff_t at = rb_str_find(joined, JOINT);
    *out_space = at < 0 ? RB_STR_NONE : rb_str_sub(joined, 0, (size_t)at);
    *out_name = rb_str_from(joined, (size_t)(at + 1));
}

static bool is_true(rb_str value)
{
    value = rb_str_trim(value);
    return rb_str_is(value, "1") || rb_str_is(value, "true");
}

static bool is_soap(rb_str space)
{
    return rb_str_is(space, SPACE_11) || rb_str_is(space, SPACE_12);
}

static void read_attribute(struct reading *reading, struct rb_soap_element *element, rb_str joined,
                           rb_str value)
{
    rb_str space, name;
    split_name(joined, &space, &name);
    if (is_soap(space) && rb_str_is(name, "mustUnderstand")) element->must_be_understood = is_true(value);
    if (!rb_str_is(space, SPACE_XSI)) return;
    if (rb_str_is(name, "nil")) element->is_nil = is_true(value);
    if (rb_str_is(name, "type")) {
        value = rb_str_trim(value);
        element->type =
            rb_arena_copy(reading->arena, rb_str_from(value, (size_t)(rb_str_find(value, ':') + 1)));
    }
}

static void on_start(void *arg, const char *joined, const char **attributes)
{
    struct reading *reading = arg;
    if (reading->err) return;
    if (reading->depth == RB_SOAP_DEPTH_MAX) {
        stop(reading, RB_TOO_DEEP, "the envelope is nested too deeply");
        return;
    }
    if (reading->elements++ == RB_SOAP_ELEMENTS_MAX) {
        stop(reading, RB_BODY_TOO_LARGE, "the envelope has too many elements");
        return;
    }
    if (strlen(joined) > RB_SOAP_NAME_BYTES_MAX) { /* a namespace is written once, and joined to each name */
        stop(reading, RB_BODY_TOO_LARGE, "a name is too long");
        return;
    }
    struct rb_soap_element *element = rb_arena_new(reading->arena, struct rb_soap_element);
    split_name(rb_arena_copy(reading->arena, rb_str_of(joined)), &element->space, &element->name);
    for (; attributes[0]; attributes += 2)
        read_attribute(reading, element, rb_str_of(attributes[0]), rb_str_of(attributes[1]));
    unsigned depth = reading->depth++;
    reading->open[depth] = element;
    reading->last[depth] = NULL;
    rb_buf_clear(&reading->text);
    if (depth == 0)
        reading->root = element;
    else if (reading->last[depth - 1])
        reading->last[depth - 1]->next = element;
    else
        reading->open[depth - 1]->first = element;
    if (depth > 0) reading->last[depth - 1] = element;
}

static void on_end(void *arg, const char *joined)
{
    struct reading *reading = arg;
    (void)joined;
    if (reading->err) return;
    struct rb_soap_element *element = reading->open[--reading->depth];
    element->text = element->first ? RB_STR("") : rb_arena_copy(reading->arena, rb_buf_str(&reading->text));
    rb_buf_clear(&reading->text);
}

static void on_text(void *arg, const char *p, int n)
{
    struct reading *reading = arg;
    if (reading->err) return;
    rb_buf_add(&reading->text, p, (size_t)n);
    if (reading->text.failed) stop(reading, RB_OUT_OF_MEMORY, "");
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public, int has_subset)
{
    (void)name, (void)system, (void)public, (void)has_subset;
    stop(arg, RB_BAD_REQUEST, "document type declarations are not allowed");
}

/* ---- memory ---- Names that expat joins, of attributes above all, may be far more than the text. What it
 * takes is counted, with its size in front of each piece. */

union piece {
    size_t bytes;
    max_align_t align;
};

enum { BUDGET_BYTES_MIN = 4 << 20 };
static _Thread_local size_t
    budget; /* of the text that this thread reads; expat hands nothing of ours along */
static _Thread_local bool is_spent;

static void *resize(void *old, size_t bytes)
{
    union piece *piece = old ? (union piece *)old - 1 : NULL;
    size_t had = piece ? piece->bytes : 0;
    if (bytes > had && bytes - had > budget) {
        is_spent = true;
        return NULL;
    }
    piece = rb_try_realloc(piece, sizeof *piece + bytes);
    if (!piece) return NULL;
    budget = budget + had - bytes;
    piece->bytes = bytes;
    return piece + 1;
}

static void *allocate(size_t bytes)
{
    return resize(NULL, bytes);
}

static void release(void *memory)
{
    if (!memory) return;
    union piece *piece = (union piece *)memory - 1;
    budget += piece->bytes;
    rb_free(piece);
}

/* All of it at once: fed in pieces, expat reads an unfinished tag from its beginning each time. */
static void parse(struct reading *reading, rb_str text)
{
    static const XML_Memory_Handling_Suite memory = {allocate, resize, release};
    static const char joint[] = {JOINT, '\0'};
    budget = BUDGET_BYTES_MIN + 4 * text.n;
    is_spent = false;
    reading->parser = XML_ParserCreate_MM(NULL, &memory, joint);
    if (!reading->parser) {
        reading->err = RB_OUT_OF_MEMORY;
        return;
    }
    XML_SetUserData(reading->parser, reading);
    XML_SetElementHandler(reading->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading->parser, on_doctype);
    if (XML_Parse(reading->parser, text.p, (int)text.n, XML_TRUE) != XML_STATUS_OK && !reading->err) {
        enum XML_Error error = XML_GetErrorCode(reading->parser);
        reading->err = is_spent                       ? RB_BODY_TOO_LARGE
                       : error == XML_ERROR_NO_MEMORY ? RB_OUT_OF_MEMORY
                                                      : RB_BAD_REQUEST;
        reading->why = is_spent ? "the envelope would take too much memory" : XML_ErrorString(error);
    }
    XML_ParserFree(reading->parser);
}

/* ---- the envelope ---- */

const struct rb_soap_element *rb_soap_child(const struct rb_soap_element *element, rb_str name)
{
    for (const struct rb_soap_element *at = element->first; at; at = at->next)
        if (rb_str_eq(at->name, name)) return at;
    return NULL;
}

static const char *read_envelope(struct rb_soap *out, const struct rb_soap_element *root)
{
    if (!rb_str_is(root->name, "Envelope") || !is_soap(root->space)) return "this is no SOAP envelope";
    out->version = rb_str_is(root->space, SPACE_11) ? RB_SOAP_11 : RB_SOAP_12;
    const struct rb_soap_element *header = rb_soap_child(root, RB_STR("Header"));
    const struct rb_soap_element *body = rb_soap_child(root, RB_STR("Body"));
    if (!body || !body->first) return "the envelope has no body, or an empty one";
    if (body->first->next) return "the body has more than one element";
    out->headers = header ? header->first : NULL;
    out->operation = body->first;
    return NULL;
}

rb_err rb_soap_read(struct rb_soap *out, rb_str text, struct rb_arena *arena, const char **out_why)
{
    struct reading reading = {.arena = arena};
    struct rb_soap soap = {0};
    if (text.n == 0 || text.n > INT32_MAX) {
        *out_why = text.n ? "the envelope is too large" : "there is no envelope";
        return text.n ? RB_BODY_TOO_LARGE : RB_BAD_REQUEST;
    }
    parse(&reading, text);
    rb_buf_fini(&reading.text);
    if (!reading.err) {
        reading.why = read_envelope(&soap, reading.root);
        if (reading.why) reading.err = RB_BAD_REQUEST;
    }
    if (reading.err)
        *out_why = reading.why ? reading.why : "";
    else
        *out = soap;
    return reading.err;
}

/* ---- writing ---- */

const char *rb_soap_space(enum rb_soap_version version)
{
    return version == RB_SOAP_11 ? SPACE_11 : SPACE_12;
}

const char *rb_soap_media_type(enum rb_soap_version version)
{
    return version == RB_SOAP_11 ? "text/xml; charset=utf-8" : "application/soap+xml; charset=utf-8";
}

void rb_soap_begin(struct rb_buf *out, enum rb_soap_version version)
{
    rb_buf_add_fmt(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap:Envelope xmlns:soap=\"%s\" xmlns:xsi=\"" SPACE_XSI
        "\"><soap:Body>",
        rb_soap_space(version));
}

void rb_soap_end(struct rb_buf *out)
{
    rb_buf_add_text(out, "</soap:Body></soap:Envelope>");
}

static void put_fault_11(struct rb_buf *out, const char *code, rb_str message, rb_str detail)
{
    rb_buf_add_fmt(out, "<soap:Fault><faultcode>soap:%s</faultcode><faultstring>", code);
    rb_xml_put_text(out, message);
    rb_buf_add_text(out, "</faultstring>");
    if (detail.p) rb_buf_add_fmt(out, "<detail>%.*s</detail>", RB_STR_FMT(detail));
    rb_buf_add_text(out, "</soap:Fault>");
}

static void put_fault_12(struct rb_buf *out, const char *code, rb_str message, rb_str detail)
{
    rb_buf_add_fmt(out, "<soap:Fault><soap:Code><soap:Value>soap:%s</soap:Value></soap:Code><soap:Reason>",
                   code);
    rb_buf_add_text(out, "<soap:Text xml:lang=\"en\">");
    rb_xml_put_text(out, message);
    rb_buf_add_text(out, "</soap:Text></soap:Reason>");
    if (detail.p) rb_buf_add_fmt(out, "<soap:Detail>%.*s</soap:Detail>", RB_STR_FMT(detail));
    rb_buf_add_text(out, "</soap:Fault>");
}

void rb_soap_put_fault(struct rb_buf *out, enum rb_soap_version version, enum rb_soap_fault fault,
                       rb_str message, rb_str detail)
{
    static const char *const codes[][2] = {
        [RB_SOAP_CLIENT] = {"Client", "Sender"},
        [RB_SOAP_SERVER] = {"Server", "Receiver"},
        [RB_SOAP_UNDERSTAND] = {"MustUnderstand", "MustUnderstand"},
    };
    if (version == RB_SOAP_11)
        put_fault_11(out, codes[fault][0], message, detail);
    else
        put_fault_12(out, codes[fault][1], message, detail);
}
