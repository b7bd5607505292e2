/* JSON and SOAP by HTTP. Any content type goes, since clients send what they like; any outcome of a call is a
 * 200, since they take anything else for a broken network. */
#include "doors/bimserver/bimserver_private.h"
#include "doors/bimserver/rpc.h"
#include "doors/bimserver/soap_call.h"

static struct bim_origin origin_of(struct rb_request *request, const struct bim_web *web,
                                   char address[RB_ADDRESS_TEXT_BYTES])
{
    rb_request_peer(request, address);
    return (struct bim_origin){.host = web->host,
                               .loop = rb_request_loop(request),
                               .address = rb_str_of(address),
                               .token = rb_auth_bearer(rb_request_header(request, "Authorization"))};
}

static void on_head(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    web->admit(request, web);
}

/* ---- JSON ---- */

static void on_json_done(void *arg, rb_str answer)
{
    struct rb_request *request = arg;
    if (answer.p)
        rb_answer_json(request, 200, answer);
    else
        rb_answer(request, 500, RB_STR_NONE, RB_STR_NONE);
}

static void on_json_gone(struct rb_request *request)
{
    bim_rpc_gone(request->arg);
}

static void handle_json(struct rb_request *request, void *arg)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    struct bim_origin origin = origin_of(request, arg, address);
    struct bim_rpc *rpc = bim_rpc_start(&origin, request->body, on_json_done, request);
    if (!rpc) return;
    request->arg = rpc;
    rb_request_on_gone(request, on_json_gone);
}

/* ---- SOAP ---- */

static bool find_interface(struct rb_request *request, enum bim_interface_id *id, enum bim_dialect *dialect)
{
    rb_str name = rb_request_param(request, "interface");
    if (rb_str_find(name, '.') < 0 && bim_interface_find(name, id, dialect)) return true;
    rb_answer(request, 404, RB_STR("text/plain; charset=utf-8"), RB_STR("There is no such interface."));
    return false;
}

static void on_soap_done(void *arg, enum rb_soap_version version, rb_str answer)
{
    rb_answer(arg, 200, rb_str_of(rb_soap_media_type(version)), answer);
}

static void on_soap_gone(struct rb_request *request)
{
    bim_soap_gone(request->arg);
}

static void handle_soap(struct rb_request *request, void *arg)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    enum bim_interface_id id;
    enum bim_dialect dialect;
    if (!find_interface(request, &id, &dialect)) return;
    struct bim_origin origin = origin_of(request, arg, address);
    rb_str type = rb_request_header(request, "Content-Type"), multipart = RB_STR("multipart/");
    if (rb_str_ieq(rb_str_sub(type, 0, multipart.n), multipart)) {
        struct rb_buf answer = {0};
        bim_soap_put_refusal(&answer, RB_SOAP_11, RB_SOAP_CLIENT, RB_STR(BIM_SOAP_NO_ATTACHMENTS));
        on_soap_done(request, RB_SOAP_11, rb_buf_str(&answer));
        rb_buf_fini(&answer);
        return;
    }
    struct bim_soap *soap =
        bim_soap_start(&origin, rb_request_param(request, "interface"), request->body, on_soap_done, request);
    if (!soap) return;
    request->arg = soap;
    rb_request_on_gone(request, on_soap_gone);
}

static void answer_wsdl(struct rb_request *request, const struct bim_web *web, enum rb_soap_version version)
{
    struct rb_buf address = {0}, wsdl = {0};
    enum bim_interface_id id;
    enum bim_dialect dialect;
    rb_str query;
    if (!find_interface(request, &id, &dialect)) return;
    if (!rb_request_query(request, "wsdl", &query) && !rb_request_query(request, "WSDL", &query)) {
        rb_answer(request, 404, RB_STR("text/plain; charset=utf-8"),
                  RB_STR("POST an envelope, or GET ?wsdl."));
        return;
    }
    if (web->site.n)
        rb_buf_add_str(&address, web->site);
    else
        rb_buf_add_fmt(&address, "http://%.*s", RB_STR_FMT(rb_request_header(request, "Host")));
    rb_buf_add_str(&address, request->url.path);
    bim_wsdl_write(&wsdl, id, dialect, version, rb_buf_str(&address));
    rb_answer(request, 200, RB_STR("text/xml; charset=utf-8"), rb_buf_str(&wsdl));
    rb_buf_fini(&address);
    rb_buf_fini(&wsdl);
}

static void handle_wsdl_11(struct rb_request *request, void *arg)
{
    answer_wsdl(request, arg, RB_SOAP_11);
}

static void handle_wsdl_12(struct rb_request *request, void *arg)
{
    answer_wsdl(request, arg, RB_SOAP_12);
}

/* ---- all ---- */

static void handle_options(struct rb_request *request, void *arg)
{
    (void)arg;
    rb_answer(request, 200, RB_STR_NONE, RB_STR_NONE);
}

rb_err bim_web_add_routes(const struct bim_web *web, struct rb_router *router)
{
    static const struct {
        enum rb_http1_method method;
        const char *path;
        rb_handler_fn *handler;
    } routes[] = {
        {RB_HTTP1_POST, "json", handle_json},
        {RB_HTTP1_POST, "json/{rest...}", handle_json},
        {RB_HTTP1_POST, "soap11/{interface}", handle_soap},
        {RB_HTTP1_POST, "soap12/{interface}", handle_soap},
        {RB_HTTP1_GET, "soap11/{interface}", handle_wsdl_11},
        {RB_HTTP1_GET, "soap12/{interface}", handle_wsdl_12},
        {RB_HTTP1_OPTIONS, "json", handle_options},
        {RB_HTTP1_OPTIONS, "json/{rest...}", handle_options},
        {RB_HTTP1_OPTIONS, "soap11/{interface}", handle_options},
        {RB_HTTP1_OPTIONS, "soap12/{interface}", handle_options},
    };
    rb_err err = RB_OK;
    for (size_t i = 0; i < RB_COUNT(routes) && !err; i++) {
        struct rb_buf pattern = {0};
        struct rb_route route = {.handler = routes[i].handler,
                                 .arg = (void *)(uintptr_t)web,
                                 .body_max = web->body_max,
                                 .on_head = on_head};
        rb_buf_add_str(&pattern, web->path);
        rb_buf_add_text(&pattern, routes[i].path);
        err = rb_router_add_route(router, routes[i].method, rb_buf_str(&pattern), &route);
        rb_buf_fini(&pattern);
    }
    return err;
}
