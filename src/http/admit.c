/* Whether a request is let in, decided when its head is complete: nobody has to send a body that will be
 * refused. */
#include "http/http_private.h"

size_t request_body_max(const struct request *request)
{
    return request->route->body_max ? request->route->body_max : request->pub.http->limits.body_max;
}

static rb_err look_up(struct request *request, unsigned *out_allowed)
{
    struct rb_request *pub = &request->pub;
    if (rb_str_is(pub->head.target, "*")) {
        *out_allowed = (1u << RB_HTTP1_OTHER) - 1;
        return RB_METHOD_NOT_ALLOWED; /* which is how OPTIONS learns what there is */
    }
    rb_err err = rb_url_split(&pub->url, pub->head.target);
    if (err) return err;
    struct route_match match;
    err = router_find(pub->http->router, pub->head.method, pub->url.path, &pub->arena, &match);
    *out_allowed = match.allowed;
    if (err) return err;
    request->route = match.route;
    for (unsigned i = 0; i < match.route->name_count; i++) pub->params[i] = match.params[i];
    bool is_too_large = pub->head.framing == RB_HTTP1_LENGTH && pub->head.length > request_body_max(request);
    return is_too_large ? RB_BODY_TOO_LARGE : RB_OK;
}

bool request_admit(struct request *request)
{
    struct rb_request *pub = &request->pub;
    unsigned allowed = 0;
    rb_err err = look_up(request, &allowed);
    if (!err) return true;
    /* A body that is not read hides where the next request begins. */
    bool has_body = pub->head.framing == RB_HTTP1_CHUNKED || pub->head.length > 0;
    if (has_body) request->conn->must_close = true;
    if (err == RB_METHOD_NOT_ALLOWED) rb_answer_header(pub, "Allow", allow_text(&pub->arena, allowed));
    if (err == RB_METHOD_NOT_ALLOWED && pub->head.method == RB_HTTP1_OPTIONS)
        rb_answer(pub, 204, RB_STR_NONE, RB_STR_NONE);
    else
        rb_answer_problem(pub, err, RB_STR_NONE);
    return false;
}
