/* What the REST calls of this door have in common. */
#ifndef RB_ERA_REST_H
#define RB_ERA_REST_H

#include "codec/json.h"
#include "doors/era/era_private.h"

/* ---- routes ---- Their arg is the door; refusals of the server have the form of this door too. */
struct era_route {
    enum rb_http1_method method;
    const char *pattern;
    rb_handler_fn *handler;
};
/* body_max: bytes; 0: the server's. */
rb_err era_add_routes(struct rb_era_door *door, struct rb_router *router, const struct era_route *routes,
                      size_t count, size_t body_max);
void era_refused(struct rb_request *request, void *arg, rb_err err); /* their on_refused */

/* ---- who asks: an error is answered here, and the handler not called ---- */
/* Pages of other sites must not act with what a browser sends by itself. */
bool era_is_from_here(struct rb_era_door *door, struct rb_request *request);
/* By a token, or by a session. who is shared, and there as long as the request. */
typedef void era_guarded_fn(struct rb_era_door *door, struct rb_request *request,
                            const struct rb_identity *who);
void era_guard(struct rb_era_door *door, struct rb_request *request, era_guarded_fn *handler);

/* A question to the jobs in the name of who asks. */
struct rb_jobs_call *era_jobs_call(struct rb_era_door *door, const struct rb_identity *who, int what,
                                   void (*done)(struct rb_jobs_call *), void *arg);

/* ---- sessions (session_of.c) ---- */
/* The value of this name in a Cookie header (RFC 6265 section 4.2); NONE. Pure. */
rb_str era_cookie(rb_str header, const char *name);
bool era_is_session_id(rb_str text);                      /* by its form. Pure */
bool era_names_session(const struct rb_request *request); /* not a token, and not nobody */
/* The open session that the request names by its cookie or as its bearer, referenced by the request. NULL: it
 * was answered why. */
struct rb_session *era_session_of(struct rb_era_door *door, struct rb_request *request);

/* The session whose files a request is about: as above, with a connection open; or that of the connection
 * which a token's owner names (?connectionid=). done comes once, at once or later, unless cancelled; an error
 * is not answered yet. session is there as long as the request. */
struct era_claim {
    struct rb_era_door *door;
    struct rb_request *request;
    struct rb_session *session;
    void (*done)(struct era_claim *claim, rb_err err, rb_str detail);
    void *arg;

    struct rb_auth_check *check;
    struct rb_conn_errand *errand;
    rb_str client; /* of the token; NONE: a back end's */
};
void era_claim_start(struct era_claim *claim);
void era_claim_cancel(struct era_claim *claim); /* safe when it is done */

/* ---- reading and answering ---- */
/* Parses the body, which must be an object. False: answered. */
bool era_read_body(struct rb_request *request, struct rb_json *out);
/* A text or a number or a boolean as text; NONE for anything else, and for an empty text. */
rb_str era_scalar(rb_json_val value, struct rb_arena *arena);
/* RB_OK leaves *out alone when the parameter is absent. */
rb_err era_query_number(struct rb_request *request, const char *name, uint64_t min, uint64_t max,
                        uint64_t *out);
void era_answer_json(struct rb_request *request, int status, struct rb_buf *take_json);
void era_put_str(struct rb_json_out *out, const char *key, rb_str value);
void era_put_time(struct rb_json_out *out, const char *key, uint64_t wall_ms);
/* The members name, size and status of a file that is where it should be. */
void era_put_stored(struct rb_json_out *out, rb_str name, uint64_t bytes);

#endif
