/* Connections that speak HTTP/1.1: requests in, routed to handlers; answers out.
 *
 * One rb_http a loop; routes are shared by all and fixed once the loops run. A request is answered exactly
 * once, at once or later, from its loop; that holds also when its client is gone (the answer is then
 * dropped). On one connection requests are handled one after another; what a client pipelines waits. Bodies
 * are collected up to the route's limit before the handler runs. A request can be given to another loop, with
 * its connection.
 *
 * Limits and deadlines: struct rb_http_limits. Malformed requests are answered and the connection is closed
 * (RFC 9112). A client that pipelines faster than it is served, or does not read its answers, is not read
 * from until that has changed. Errors raised here are problem bodies (RFC 9457), unless the route has its own
 * form. */
#ifndef RB_HTTP_HTTP_H
#define RB_HTTP_HTTP_H

#include "base/arena.h"
#include "codec/http1.h"
#include "codec/url.h"
#include "net/listener.h"
#include "net/stream.h"

struct rb_http_limits {
    struct rb_http1_limits head;
    size_t body_max;                /* unless the route says otherwise */
    uint32_t header_timeout_ms;     /* from the first byte of a head to its end: 408 */
    uint32_t body_timeout_ms;       /* for each 64 KiB of a body: 408 */
    uint32_t idle_timeout_ms;       /* between requests: closed */
    uint32_t connections_max;       /* of this loop; more are answered 503 and closed */
    struct rb_admission *admission; /* counts them with those of other loops; more of an address than it
                                       allows are answered 429 and closed. NULL: nothing of it */
};

/* ---- routes ---- */

struct rb_request;
typedef void rb_handler_fn(struct rb_request *request, void *arg);

enum { RB_ROUTE_PARAMS_MAX = 8 };

struct rb_route {
    rb_handler_fn *handler; /* the request is complete */
    void *arg;              /* of all of these */
    size_t body_max;        /* bytes; 0 = the server's */
    bool is_last_resort;    /* a "{name...}": only for paths that no other route knows, by whatever method */

    /* The head is complete, the body (if there is one) not yet asked for nor read; comes before the handler
     * of each request, also of one without a body. It may:
     *
     * - do nothing: the body is collected, then the handler runs; request->body is empty until then;
     * - set request->arg, rb_request_on_gone and answer headers: they are still there for the handler;
     * - answer: the handler is not called. A short body is read away, after any other the connection closes;
     * - give it to another loop (rb_request_move).
     *
     * Who keeps the request may answer it also while its body comes in; the same happens to the body then.
     * NULL: nothing of it. */
    rb_handler_fn *on_head;

    /* Refused here although the route is known: RB_BODY_TOO_LARGE, RB_BAD_REQUEST (chunked coding),
     * RB_REQUEST_TIMEOUT, RB_OUT_OF_MEMORY, RB_OVERLOADED (after a move: that loop is full). The answer is
     * due as from a handler, which is not called; the connection closes after it. request->body is empty;
     * on_head has been called or not (not: a length announced too large, RB_OVERLOADED); what it has set is
     * there. NULL: a problem body, and nobody is told. */
    void (*on_refused)(struct rb_request *request, void *arg, rb_err err);
};

struct rb_router;
struct rb_router *rb_router_new(void);
void rb_router_free(struct rb_router *router);
/* pattern: "/v1/jobs/{kind}/events". A parameter is one path element, decoded and not empty; a last
 * "{name...}" takes the rest of the path, decoded, which may be empty. Literal elements win over parameters,
 * and both over the rest. A slash at the end counts: "/a/" is not "/a".
 *
 * GET routes serve HEAD as well. A path with another method gives 405 with Allow, OPTIONS without a route of
 * its own 204 with Allow; RB_HTTP1_OTHER takes the methods that have no name here. Paths with "." or ".."
 * elements are refused (400); a coded slash does not match a rest, where it could not be told from a real
 * one.
 *
 * The route is copied. RB_CONFLICT when the same method and shape is taken, RB_BAD_NAME for a malformed
 * pattern. */
rb_err rb_router_add_route(struct rb_router *router, enum rb_http1_method method, rb_str pattern,
                           const struct rb_route *route);
/* The same for a route that is no more than its handler. */
rb_err rb_router_add(struct rb_router *router, enum rb_http1_method method, rb_str pattern, size_t body_max,
                     rb_handler_fn *handler, void *arg);

/* ---- the server's part of one loop ---- */

struct rb_http;
struct rb_http *rb_http_new(struct rb_net *net, const struct rb_router *router,
                            const struct rb_http_limits *limits);
/* When no connection is left and every request is answered. NULL is fine. */
void rb_http_free(struct rb_http *http);
void rb_http_accept(void *http, int take_fd, const struct sockaddr_storage *peer); /* an rb_accept_fn */
/* No more keep-alive: idle connections close now, the others after their answer. */
void rb_http_drain(struct rb_http *http);
/* The last of it, when a drain has had its time: cuts all of the loop's connections, also those that have
 * become something else (rb_net_abort_all), and closes from now on whatever still comes, accepted or moved
 * here by another loop. */
void rb_http_end(struct rb_http *http);

/* ---- requests ---- */

struct rb_request {
    struct rb_http *http;
    struct rb_arena arena;     /* freed with the request, after its answer */
    struct rb_http1_head head; /* its slices: the request's own memory, until rb_request_forget_head */
    struct rb_url url;
    rb_str body;          /* the request's own memory */
    uint64_t received_ms; /* loop time of the complete head */
    void *arg;            /* the handler's */
};

struct rb_loop *rb_request_loop(const struct rb_request *request);
/* Of the client; "" when it is gone. Costs a system call. */
void rb_request_peer(const struct rb_request *request, char out[RB_ADDRESS_TEXT_BYTES]);
/* On which it came, only to be asked for its peer; NULL when the client is gone. */
struct rb_stream *rb_request_stream(const struct rb_request *request);
/* Both NONE when there is none of that name. */
rb_str rb_request_param(const struct rb_request *request, const char *name);
rb_str rb_request_header(const struct rb_request *request, const char *name);
/* Decoded; of several the last one. */
bool rb_request_query(struct rb_request *request, const char *name, rb_str *out_value);
/* Whether Accept allows this media type: the most specific of the ranges that match it (exactly, "type/",
 * any) decides, and q=0 excludes. No Accept header allows all. Parameters other than q are not looked at. */
bool rb_request_accepts(const struct rb_request *request, const char *media_type);

/* For who answers much later: frees what the client sent as the head, usually more than all the rest of the
 * request. Headers, parameters, the target and its parts, method_text and upgrade are NONE from then on
 * (slices of them must not be used any more), which holds for what looks at them as well: rb_request_query,
 * rb_request_accepts, rb_cors_add, rb_socket_accept, conditions and ranges of files. What an answer needs
 * stays, and so does what is in the arena. From on_head on; such a request cannot be moved. Twice is fine. */
void rb_request_forget_head(struct rb_request *request);

/* The body, to be changed in place by who handles the request. NULL when it is empty. */
char *rb_request_body_mut(struct rb_request *request);

/* For who answers later: on_gone is called once when the client goes before the answer, or says that it will
 * send no more. If it has done so already, on_gone is called before the loop sleeps; never from inside this.
 * NULL takes it back.
 *
 * Once the handler has been called, the answer is still due (and may be given from inside). While the body
 * comes in nothing is due: the request may be answered from inside, and ends when on_gone returns in any
 * case; on_refused is not called then. A request that on_head has given something to hold needs both hooks,
 * to let go of it. */
void rb_request_on_gone(struct rb_request *request, void (*on_gone)(struct rb_request *request));

/* From inside on_head: the body is not collected. Its pieces are handed to on_data as they come, each valid
 * during the call, and perhaps in the loop's scratch memory, which is not free meanwhile; none is empty. The
 * handler runs after the last one, with an empty body. Route limits, deadlines and refusals are the same as
 * for a collected body; whoever answers from inside on_data gets no more of it. Such a request cannot be
 * moved any more. */
void rb_request_stream_body(struct rb_request *request,
                            void (*on_data)(struct rb_request *request, rb_str data));
/* While it is held, neither on_data nor the handler is called, the client is not read from, and no deadline
 * of the body runs. From on_head on, also from inside on_data; letting go has them called before the loop
 * sleeps, never from inside this. Who waits to be told to continue is not told so meanwhile. */
void rb_request_hold_body(struct rb_request *request, bool is_held);
/* While the body comes in (also held): nothing more of it is wanted. As after a refusal the answer is due,
 * now or later, and the connection closes after it; neither the handler nor on_refused is called. At any
 * other time: nothing. */
void rb_request_stop_body(struct rb_request *request);

/* What its route allows. From on_head on. */
size_t rb_request_body_max(const struct rb_request *request);

/* For work elsewhere that uses the request's memory: whatever becomes of the request meanwhile, its memory
 * (arena, head, body, what is in it) goes only when it was let go of as often as it was kept. Answers are due
 * as ever. Such a request cannot be moved. */
void rb_request_keep(struct rb_request *request);
void rb_request_let_go(struct rb_request *request);

/* Another loop's rb_http goes on with it: the connection moves there with everything that was read from it,
 * and the request is handled there as if it had come in there, from on_head on; what was set (arg, on_gone,
 * answer headers) is gone, changes of the body stay. The request is used up here.
 *
 * From inside on_head, or from the handler's call on until the answer; not from on_refused. `to` is not the
 * request's own. Answers to earlier requests of the connection go out first. A client that is gone by then
 * is nobody's: the request ends. So it does when `to` has ended. */
void rb_request_move(struct rb_request *request, struct rb_http *to);

/* ---- answers ---- */
/* Each of these ends the request (it must not be used afterwards), except rb_answer_header and
 * rb_answer_will_close. */

/* Adds a header to the answer to come; value is copied. Its characters are checked: control characters become
 * spaces. Date, Connection, Content-Length and Content-Type come from here and are not to be added. */
void rb_answer_header(struct rb_request *request, const char *name, rb_str value);
/* The answer to come says Connection: close, and the connection closes after it. */
void rb_answer_will_close(struct rb_request *request);
/* type NONE: no Content-Type; an empty body may have one. The body is copied; a HEAD request gets its length
 * only. */
void rb_answer(struct rb_request *request, int status, rb_str type, rb_str body);
void rb_answer_json(struct rb_request *request, int status, rb_str json);
/* RFC 9457: {"title","status","detail","reason","next"} as application/problem+json; detail may be NONE.
 * Retryable reasons with 429 or 503 get Retry-After: 1 unless the header was added before. 401 gets
 * WWW-Authenticate: Bearer. */
void rb_answer_problem(struct rb_request *request, rb_err err, rb_str detail);

/* A file: 200, 206 (single range; several at once are answered with the whole), 304 (If-None-Match), 416;
 * HEAD; If-Range by ETag; Accept-Ranges; Content-Disposition attachment with the label (RFC 6266: an ASCII
 * filename and filename*); X-Content-Type-Options: nosniff. type NONE is application/octet-stream, etag NONE
 * sends none, modified_ms 0 no Last-Modified. The descriptor is taken.
 *
 * is_inline: to be shown by the browser. It then comes with Content-Security-Policy: sandbox, since what is
 * in the file must not act as a page of ours; without a label it has no Content-Disposition. */
struct rb_answer_file {
    int take_fd;
    uint64_t bytes;
    rb_str label, type, etag; /* etag with its quotes */
    uint64_t modified_ms;     /* wall clock */
    bool is_inline;
    /* Reached when the kernel has all of what was asked of the file, or never will; perhaps from inside.
     * NULL: nobody wants to know. */
    struct rb_mark *sent;
};
void rb_answer_with_file(struct rb_request *request, const struct rb_answer_file *file);

/* Sends an answer head (status, added headers, Date; no framing header is added) and hands the stream over to
 * another owner: for SSE and for upgrades. The HTTP connection is gone afterwards, the request too. Bytes
 * that came behind the request, and the peer's end, are handed to the new owner's on_data and on_end before
 * this returns. False when the client is gone already: `to` is untouched. */
bool rb_answer_take_stream(struct rb_request *request, int status, struct rb_stream *to,
                           const struct rb_stream_ops *ops);

/* Whether the request's Origin (if any) may connect: absent, the same host and port as Host (whatever the
 * scheme, since a proxy may do the TLS), or listed ("https://app.example", "null"; "*" lists all). */
bool rb_request_origin_allowed(const struct rb_request *request, const rb_str *allowed,
                               unsigned allowed_count);

#endif
