/* What pages of other origins may do, and what is said where there is nothing.
 *
 * Pages of the origins that the configuration lists may all that their tokens allow. Others are refused
 * before anything is looked at; only browsers say where a page is from, so it keeps nobody else out. */
#include "doors/bimserver/files_web.h"

/* ---- origins ---- */

static bool is_call(const struct rb_request *request, const struct bim_web *web)
{
    rb_str rest = rb_str_from(request->url.path, web->path.n), first;
    return rb_str_split(&rest, '/', &first) && rb_str_is(first, "json");
}

bool bim_is_admitted(struct rb_request *request, const struct bim_web *web)
{
    const struct rb_bimserver_setup *setup = &web->host->door->setup;
    rb_str origin = rb_request_header(request, "Origin");
    rb_answer_header(request, "Vary", RB_STR("Origin"));
    if (!rb_request_origin_allowed(request, setup->origins, setup->origin_count)) {
        rb_answer(request, 403, RB_STR_NONE, RB_STR_NONE);
        return false;
    }
    rb_answer_header(request, "Access-Control-Allow-Origin", origin.p ? origin : RB_STR("*"));
    rb_answer_header(request, "Access-Control-Allow-Headers",
                     is_call(request, web) ? RB_STR("Content-Type")
                                           : RB_STR("Content-Type, Input-Type, Token"));
    rb_answer_header(request, "Access-Control-Expose-Headers",
                     RB_STR("Content-Length, Data-Title, Output-Type"));
    return true;
}

void bim_admit(struct rb_request *request, const struct bim_web *web)
{
    bim_is_admitted(request, web);
}

void bim_on_head(struct rb_request *request, void *web)
{
    bim_is_admitted(request, web);
}

/* ---- where it is ---- */

rb_str bim_base(struct rb_request *request, const struct bim_web *web)
{
    rb_str path = rb_str_sub(web->path, 0, web->path.n - 1);
    if (web->site.n)
        return rb_arena_fmt(&request->arena, "%.*s%.*s", RB_STR_FMT(web->site), RB_STR_FMT(path));
    return rb_arena_fmt(&request->arena, "http://%.*s%.*s", RB_STR_FMT(rb_request_header(request, "Host")),
                        RB_STR_FMT(path));
}

static void answer_address(struct rb_request *request, const struct bim_web *web)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "address");
    rb_json_put_str(&out, bim_base(request, web));
    rb_json_end_object(&out);
    rb_answer_json(request, 200, rb_buf_str(&json));
    rb_buf_fini(&json);
}

/* ---- where nothing is ---- */

static bool is_at_root(const struct bim_web *web)
{
    return web->path.n == 1;
}

/* A door at the root of the server has no paths of its own but those that it knows. */
static void on_unknown(struct rb_request *request, void *arg)
{
    const struct bim_web *web = arg;
    bool is_address = request->head.method == RB_HTTP1_GET &&
                      rb_str_ends(request->url.path, RB_STR(".getbimserveraddress"));
    if (!is_address && is_at_root(web))
        rb_answer_problem(request, RB_NOT_FOUND, RB_STR_NONE);
    else if (!bim_is_admitted(request, web))
        return;
    else if (is_address)
        answer_address(request, web);
    else if (request->head.method == RB_HTTP1_OPTIONS)
        rb_answer(request, 200, RB_STR_NONE, RB_STR_NONE);
    else
        bim_web_fail(request, RB_NOT_FOUND, RB_STR("There is nothing here."));
}

static void handle_options(struct rb_request *request, void *web)
{
    (void)web;
    rb_answer(request, 200, RB_STR_NONE, RB_STR_NONE);
}

/* ---- routes ---- */

rb_err bim_add_route(const struct bim_web *web, struct rb_router *router, enum rb_http1_method method,
                     const char *path, const struct rb_route *route)
{
    struct rb_buf pattern = {0};
    struct rb_route own = *route;
    own.arg = (void *)(uintptr_t)web;
    rb_buf_add_str(&pattern, web->path);
    rb_buf_add_text(&pattern, path);
    rb_err err = rb_router_add_route(router, method, rb_buf_str(&pattern), &own);
    rb_buf_fini(&pattern);
    return err;
}

static rb_err add_options(const struct bim_web *web, struct rb_router *router)
{
    static const char *const paths[] = {"upload",     "upload/{rest...}", "download", "download/{rest...}",
                                        "bulkupload", "servicelist",      "services", "services/{service}"};
    static const struct rb_route route = {.handler = handle_options, .on_head = bim_on_head};
    rb_err err = RB_OK;
    for (size_t i = 0; i < RB_COUNT(paths) && !err; i++)
        err = bim_add_route(web, router, RB_HTTP1_OPTIONS, paths[i], &route);
    return err;
}

static rb_err add_rest(const struct bim_web *web, struct rb_router *router)
{
    static const struct rb_route route = {.handler = on_unknown,
                                          .on_head = on_unknown,
                                          .is_last_resort = true};
    static const enum rb_http1_method methods[] = {RB_HTTP1_GET,    RB_HTTP1_POST,  RB_HTTP1_PUT,
                                                   RB_HTTP1_DELETE, RB_HTTP1_PATCH, RB_HTTP1_OPTIONS,
                                                   RB_HTTP1_OTHER};
    size_t count = is_at_root(web) ? 1 : RB_COUNT(methods);
    rb_err err = RB_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = bim_add_route(web, router, methods[i], "{rest...}", &route);
    return err;
}

rb_err bim_add_file_routes(struct rb_bimserver_door *door, struct rb_router *router)
{
    const struct bim_web *web = &door->web;
    rb_err err = bim_add_upload_routes(web, router);
    if (!err) err = bim_add_bulk_routes(web, router);
    if (!err) err = bim_add_download_routes(web, router);
    if (!err) err = bim_add_bots_routes(web, router);
    if (!err) err = add_options(web, router);
    return err ? err : add_rest(web, router);
}
