/* Requests on an endpoint's path: judged, brought to their link's loop, given to a transport.
 *
 * A sid says on which loop its link lives. A request that came in elsewhere moves there with its connection
 * as soon as its head is read, so that everything else here finds its link at home; a connection that is kept
 * alive then stays there. */
#include "base/log.h"
#include "doors/socketio/link_private.h"
#include "http/cors.h"

struct judged {
    struct sio_link *link; /* that the sid names; NULL: there is none */
    enum rb_eio_error error;
    unsigned revision;
    bool is_upgrade;
};

/* ---- answers ---- */

static struct rb_cors cors_of(const struct rb_sio_door *door)
{
    return (struct rb_cors){door->setup.origins, door->setup.origin_count, door->setup.cors_credentials};
}

void requests_add_cors(struct rb_sio_door *door, struct rb_request *request)
{
    struct rb_cors cors = cors_of(door);
    rb_cors_add(&cors, request);
}

void requests_answer(struct rb_sio_door *door, struct rb_request *request, int status, const char *type,
                     rb_str body)
{
    requests_add_cors(door, request);
    rb_answer(request, status, rb_str_of(type), body);
}

void requests_answer_error(struct rb_sio_door *door, struct rb_request *request, enum rb_eio_error error,
                           bool is_upgrade)
{
    int status = rb_eio_error_status(error, is_upgrade);
    struct rb_buf body = {0};
    char peer[RB_ADDRESS_TEXT_BYTES];
    rb_request_peer(request, peer);
    RB_LOG_DEBUG("socketio.refused_request", RB_KV_TEXT("why", rb_eio_error_text(error)),
                 RB_KV_TEXT("peer", peer));
    if (is_upgrade) {
        rb_answer_will_close(request);
        rb_buf_add_text(&body, rb_eio_error_text(error));
    } else {
        rb_eio_put_error(&body, error);
    }
    requests_answer(door, request, status, is_upgrade ? "text/html" : "application/json", rb_buf_str(&body));
    rb_buf_fini(&body);
}

/* ---- judging ---- */

static bool query_sid(struct rb_request *request, rb_str *out_text, struct rb_handle *out)
{
    *out_text = RB_STR_NONE;
    rb_request_query(request, "sid", out_text);
    return rb_handle_parse(*out_text, out);
}

static struct sio_link *find_link(const struct link_endpoint *endpoint, struct rb_request *request,
                                  rb_str *out_text)
{
    struct rb_handle sid;
    if (!query_sid(request, out_text, &sid)) return NULL;
    return link_find(endpoint, links_here(endpoint->door), &sid);
}

static bool is_foreign(const struct rb_sio_door *door, const struct rb_request *request)
{
    return !rb_request_origin_allowed(request, door->setup.origins, door->setup.origin_count);
}

/* A link on WebSocket is no reason to refuse another WebSocket here: the upgrade says it better. */
static struct judged judge(const struct link_endpoint *endpoint, struct rb_request *request)
{
    bool is_upgrade = request->head.upgrade.p && rb_http1_lists(&request->head, "Upgrade", "websocket");
    struct rb_eio_request asked = {.is_get = request->head.method == RB_HTTP1_GET, .is_upgrade = is_upgrade};
    struct judged judged = {.is_upgrade = is_upgrade};
    struct rb_eio_link facts;
    rb_request_query(request, "transport", &asked.transport);
    rb_request_query(request, "EIO", &asked.eio);
    judged.link = find_link(endpoint, request, &asked.sid);
    if (judged.link && judged.link->poll && judged.link->poll->has_left && !asked.is_get) judged.link = NULL;
    if (judged.link) {
        facts = (struct rb_eio_link){!judged.link->poll && !is_upgrade, judged.link->revision == 3};
        asked.link = &facts;
    }
    asked.is_forbidden = is_foreign(endpoint->door, request);
    struct rb_eio_offer offer = {endpoint->has_polling, endpoint->has_websocket, endpoint->has_v3};
    judged.error = rb_eio_check(&asked, &offer);
    judged.revision = rb_str_is(asked.eio, "3") ? 3 : 4;
    return judged;
}

static void refuse(const struct link_endpoint *endpoint, struct rb_request *request,
                   const struct judged *judged)
{
    requests_answer_error(endpoint->door, request, judged->error, judged->is_upgrade);
}

static void refuse_method(const struct link_endpoint *endpoint, struct rb_request *request)
{
    rb_answer_header(request, "Allow", RB_STR("GET, POST"));
    requests_answer(endpoint->door, request, 405, "text/html", RB_STR_NONE);
}

/* ---- the head ---- */

/* True: it is on its way to another loop. */
static bool move(const struct link_endpoint *endpoint, struct rb_request *request)
{
    struct rb_sio_door *door = endpoint->door;
    struct rb_handle sid;
    rb_str text;
    if (!query_sid(request, &text, &sid)) return false;
    unsigned loop = rb_handle_loop(&sid);
    if (loop >= door->setup.loop_count || &door->heres[loop] == links_here(door)) return false;
    if (!door->heres[loop].http) return false;
    rb_request_move(request, door->heres[loop].http);
    return true;
}

/* Refusals do not wait for a body. A GET has all it needs when its handler is called. */
static void on_head(struct rb_request *request, void *arg)
{
    const struct link_endpoint *endpoint = arg;
    struct rb_cors cors = cors_of(endpoint->door);
    if (move(endpoint, request) || request->head.method == RB_HTTP1_GET) return;
    if (request->head.method == RB_HTTP1_OPTIONS && rb_cors_is_on(&cors)) {
        rb_cors_answer_preflight(&cors, request, RB_STR("GET,POST"));
        return;
    }
    struct judged judged = judge(endpoint, request);
    if (judged.error == RB_EIO_NO_ERROR && judged.is_upgrade) judged.error = RB_EIO_BAD_REQUEST;
    if (judged.error != RB_EIO_NO_ERROR)
        refuse(endpoint, request, &judged);
    else if (request->head.method == RB_HTTP1_POST)
        poll_post_head(judged.link, request);
    else
        refuse_method(endpoint, request);
}

/* ---- the whole request ---- */

static void open_link(const struct link_endpoint *endpoint, struct rb_request *request,
                      const struct judged *judged)
{
    struct links_here *here = links_here(endpoint->door);
    if (here->is_closing)
        rb_answer_problem(request, RB_SHUTTING_DOWN, RB_STR_NONE);
    else if (judged->is_upgrade)
        wire_open(endpoint, here, request, judged->revision);
    else
        poll_open(endpoint, here, request, judged->revision);
}

static void handle_get(const struct link_endpoint *endpoint, struct rb_request *request)
{
    struct judged judged = judge(endpoint, request);
    if (judged.error != RB_EIO_NO_ERROR)
        refuse(endpoint, request, &judged);
    else if (!judged.link)
        open_link(endpoint, request, &judged);
    else if (judged.is_upgrade)
        upgrade_begin(judged.link, request);
    else
        poll_get(judged.link, request);
}

/* While its body came in its link may have ended, or moved to a WebSocket; the latter is no reason to lose
 * what the client said before. */
static void handle_post(const struct link_endpoint *endpoint, struct rb_request *request)
{
    rb_str text;
    struct sio_link *link = find_link(endpoint, request, &text);
    if (link)
        poll_post(request, link);
    else
        requests_answer_error(endpoint->door, request, RB_EIO_SID_UNKNOWN, false);
}

static void on_request(struct rb_request *request, void *arg)
{
    if (request->head.method == RB_HTTP1_POST)
        handle_post(arg, request);
    else
        handle_get(arg, request);
}

static void on_refused(struct rb_request *request, void *arg, rb_err err)
{
    const struct link_endpoint *endpoint = arg;
    if (request->head.method == RB_HTTP1_POST) poll_post_refused(request);
    requests_answer(endpoint->door, request, rb_reason(err)->http_status, "text/html", RB_STR_NONE);
}

/* ---- routes ---- */

static rb_err add_path(struct link_endpoint *endpoint, struct rb_router *router, rb_str path)
{
    static const enum rb_http1_method methods[] = {RB_HTTP1_GET,    RB_HTTP1_POST,  RB_HTTP1_PUT,
                                                   RB_HTTP1_DELETE, RB_HTTP1_PATCH, RB_HTTP1_OPTIONS,
                                                   RB_HTTP1_OTHER};
    const struct rb_route route = {.handler = on_request,
                                   .arg = endpoint,
                                   .body_max = endpoint->door->setup.payload_bytes_max,
                                   .on_head = on_head,
                                   .on_refused = on_refused};
    for (size_t i = 0; i < RB_COUNT(methods); i++) {
        rb_err err = rb_router_add_route(router, methods[i], path, &route);
        if (err) return err;
    }
    return RB_OK;
}

rb_err requests_add_routes(struct link_endpoint *endpoint, struct rb_router *router)
{
    rb_str path = endpoint->path;
    rb_err err = add_path(endpoint, router, path);
    if (err || path.n < 2) return err;
    return add_path(endpoint, router, rb_str_sub(path, 0, path.n - 1)); /* people forget the slash */
}
