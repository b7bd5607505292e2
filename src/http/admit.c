/* Whether a request is let in, decided when its head is complete: nobody has to send a body that will be
 * refused. What is refused later is answered here too, in the form of its route. */
#include "http/http_private.h"

#include <string.h>

size_t request_body_max(const struct request *request)
{
    size_t own = request->route->what.body_max;
    return own ? own : request->pub.http->limits.body_max;
}

void request_refuse(struct request *request, rb_err err)
{
    struct conn *conn = request->conn;
    conn->must_close = true;
    conn->state = CONN_HANDLING;
    const struct rb_route *what = &request->route->what;
    if (what->on_refused)
        what->on_refused(&request->pub, what->arg, err);
    else
        rb_answer_problem(&request->pub, err, RB_STR_NONE);
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
    memcpy(request->head_memory->params, match.params, sizeof match.params);
    return RB_OK;
}

/* There is nobody who could say in what form. */
static void refuse_unknown(struct request *request, rb_err err, unsigned allowed)
{
    struct rb_request *pub = &request->pub;
    /* A body that is not read hides where the next request begins. */
    bool has_body = pub->head.framing == RB_HTTP1_CHUNKED || pub->head.length > 0;
    if (has_body || request->conn->refused_for) request->conn->must_close = true;
    if (err == RB_METHOD_NOT_ALLOWED) rb_answer_header(pub, "Allow", allow_text(&pub->arena, allowed));
    if (err == RB_METHOD_NOT_ALLOWED && pub->head.method == RB_HTTP1_OPTIONS)
        rb_answer(pub, 204, RB_STR_NONE, RB_STR_NONE);
    else
        rb_answer_problem(pub, err, RB_STR_NONE);
}

bool request_admit(struct request *request)
{
    unsigned allowed = 0;
    rb_err err = look_up(request, &allowed);
    if (err) {
        refuse_unknown(request, err, allowed);
        return false;
    }
    const struct rb_http1_head *head = &request->pub.head;
    if (head->framing == RB_HTTP1_LENGTH && head->length > request_body_max(request)) err = RB_BODY_TOO_LARGE;
    if (request->conn->refused_for) err = (rb_err)request->conn->refused_for;
    if (err) request_refuse(request, err);
    return !err;
}
