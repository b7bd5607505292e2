/* What the files of this room share. */
#ifndef RB_HTTP_PRIVATE_H
#define RB_HTTP_PRIVATE_H

#include "http/http.h"

/* ---- router.c ---- */

struct route {
    struct rb_route what;
    unsigned name_count;
    rb_str names[RB_ROUTE_PARAMS_MAX];
};

struct route_match {
    const struct route *route;
    rb_str params[RB_ROUTE_PARAMS_MAX];
    unsigned allowed; /* one bit a method that the path is known with */
};

/* path is still percent-coded; params are borrowed from it or live in the arena. RB_BAD_REQUEST,
 * RB_NOT_FOUND, or RB_METHOD_NOT_ALLOWED with `allowed`. */
rb_err router_find(const struct rb_router *router, enum rb_http1_method method, rb_str path,
                   struct rb_arena *arena, struct route_match *out);
rb_str allow_text(struct rb_arena *arena, unsigned allowed); /* value of Allow */

/* ---- server.c ---- */

struct request;

enum { HTTP_DATE_BYTES = 32 };

struct rb_http {
    struct rb_net *net;
    struct rb_loop *loop;
    const struct rb_router *router;
    struct rb_http_limits limits;
    struct rb_list conns;
    unsigned refused_count; /* connections over the limit that are still being told so */
    unsigned request_count; /* not yet answered */
    bool is_draining;
    bool is_over;              /* nothing may come any more */
    struct rb_buf answer_head; /* being written */
    struct conn *fresh_of;     /* whose input lies where it came in, during its on_data */
    char *fresh;               /* what is unread of it */
    size_t fresh_n;
    uint64_t date_s; /* what second `date` is of */
    char date[HTTP_DATE_BYTES];
    struct rb_http1_head head; /* the next one is read into this */
    struct rb_http1_header head_room[RB_HTTP1_HEADERS_MAX];
};

rb_str http_date(struct rb_http *http);
void http_date_format(uint64_t wall_s, char out[HTTP_DATE_BYTES]); /* RFC 9110 section 5.6.7 */

enum welcome { LET_IN, REFUSE, SHUT_OUT };
enum welcome http_welcome(const struct rb_http *http); /* of one more connection */
void http_shut_out(struct rb_http *http, int take_fd);

/* ---- request.c ---- */

/* What is known from the bytes of a head, and behind the headers the bytes themselves. */
struct head_memory {
    rb_str params[RB_ROUTE_PARAMS_MAX]; /* decoded, in the order of the pattern */
    struct rb_http1_header headers[];
};

/* Of a body that is handed on as it comes. */
struct body_stream {
    void (*on_data)(struct rb_request *request, rb_str data);
    uint64_t bytes; /* so far */
};

struct request {
    struct rb_request pub;           /* first */
    struct head_memory *head_memory; /* NULL: forgotten */
    struct conn *conn;               /* NULL when its connection is gone */
    const struct route *route;
    struct rb_buf body;
    struct body_stream *stream; /* in the arena; NULL: the body is collected */
    struct rb_buf lines;        /* headers added to the answer, as they will be sent */
    void (*on_gone)(struct rb_request *request);
    struct rb_task gone; /* tells it, when that is not to be done at once */
    bool is_told_gone;
    bool is_complete; /* nothing of its body is to come */
    bool is_ending;   /* answered or not, its owner here frees it */
    bool keep_alive;  /* what its answer has promised */
    bool is_held;     /* its body */
    bool is_over;     /* but for its keepers */
    uint8_t keepers;  /* it is not freed before they let go of it */
};

static inline struct request *request_of(struct rb_request *pub)
{
    return RB_OUTER(pub, struct request, pub);
}

_Static_assert(sizeof(struct request) <= 328, "those that wait are many"); /* malloc's step after 312 */

/* From the head that was read from head_bytes, which is copied. */
struct request *request_begin(struct conn *conn, rb_str head_bytes);
/* As it was made, but for the bytes that came: head and body. */
void request_renew(struct request *request);
void request_free(struct request *request);

/* ---- gone.c ---- */

/* Tells who wants to know, once. */
void request_tell_gone(struct request *request);
/* The client went before the handler had it (in the middle of the body), or when it had given it away: tells
 * who still wants to know, then frees. The connection must not know it any more. */
void request_end_unfinished(struct request *request);

/* ---- admit.c ---- */

size_t request_body_max(const struct request *request); /* has a route */
/* Finds the route and looks at the announced length. False: the request was refused, and is no longer the
 * caller's. */
bool request_admit(struct request *request);
/* Answers in the form of its route, which may take its time; the connection closes after it. */
void request_refuse(struct request *request, rb_err err);

/* ---- body.c ---- */

/* The next piece: collects it or hands it on, and whoever gets it may do with the request what it likes. */
rb_err body_take(struct conn *conn, rb_str data);
/* The same for one that came whole from another loop. False: there is none that anybody waits for in pieces.
 */
bool body_hand_on_collected(struct request *request);

/* ---- answer.c ---- */

/* "Name: value" with what could break a line made harmless. */
void put_clean_header(struct rb_buf *out, const char *name, rb_str value);
bool answer_has_header(const struct request *request, const char *name);
/* An answer to what could not even be read as a request; it closes the connection. NULL when memory is out.
 */
struct rb_blob *answer_refusal(struct rb_http *http, rb_err err);

enum { LENGTH_UNKNOWN = -1 };
struct answer {
    int status;
    rb_str type;    /* NONE: no Content-Type */
    rb_str body;    /* sent unless the request is a HEAD */
    int64_t length; /* Content-Length, where the status may have one */
};
/* Sends it with the headers that were added. False when there is no client any more. The request is still to
 * be finished. */
bool answer_send(struct request *request, const struct answer *answer);
/* The same for status, Date and added headers alone: who sends it frames the rest. */
bool answer_send_head(struct request *request, int status);

/* ---- answer_file.c ---- */

enum range_verdict { RANGE_WHOLE, RANGE_PART, RANGE_NOT_SATISFIABLE };
/* Judges a Range header (RFC 9110 section 14.2) for a file of so many bytes. */
enum range_verdict range_judge(rb_str range, uint64_t bytes, uint64_t *out_at, uint64_t *out_n);

/* ---- conn.c ---- */

enum conn_state {
    CONN_HEAD,      /* between requests, or while a head comes in */
    CONN_ADMITTING, /* the head is complete; its route is looked for, and asked what it says to it */
    CONN_BODY,      /* the body comes in */
    CONN_HANDLING,  /* the handler has the request */
    CONN_SKIPPING,  /* what was left of the body when the request was answered is read away */
    CONN_MOVING,    /* the request goes to another loop, with the connection, when earlier answers are out */
    CONN_CLOSING,   /* nothing is read any more; the stream will say when it is over */
    CONN_LEFT       /* the stream has another owner */
};

enum conn_deadline { DEADLINE_NONE, DEADLINE_IDLE, DEADLINE_HEAD, DEADLINE_BODY };

/* Input that waits; from `at` on it is unread. */
struct kept {
    struct rb_buf bytes;
    size_t at;
};
void kept_free(struct kept *kept); /* NULL is fine */

struct conn {
    struct rb_stream stream;
    struct rb_timer timer;
    struct rb_task resume;
    struct rb_list node; /* in http->conns */
    struct rb_http *http;
    struct request *request; /* from CONN_ADMITTING to its answer; in CONN_MOVING */
    struct kept *kept;       /* NULL: nothing, or it is in http->fresh */
    union {
        size_t scanned;            /* CONN_HEAD: of the head */
        struct rb_http1_body body; /* CONN_ADMITTING to CONN_SKIPPING */
        struct rb_http *moves_to;  /* CONN_MOVING */
    };
    uint32_t body_step_bytes; /* since the deadline was set */
    uint8_t state;            /* enum conn_state */
    uint8_t deadline;         /* enum conn_deadline: what the timer stands for */
    uint8_t refused_for;      /* rb_err; RB_OK: it was let in */
    bool is_advancing : 1;
    bool is_sending_file : 1; /* or was when we looked last */
    bool wants_room : 1;      /* requests wait until earlier answers have gone out */
    bool must_close : 1;      /* after the answer */
};

_Static_assert(sizeof(struct conn) <= 184, "those that wait are many");

void conn_open(struct rb_http *http, int take_fd, rb_err refused_for);
/* A connection that comes from another loop with a request, to be admitted, and what is unread behind it. */
void conn_open_with(struct rb_http *http, int take_fd, struct request *take_request, struct kept *take_unread,
                    rb_err refused_for);
/* A new head is due. */
void conn_await_head(struct conn *conn);
bool conn_is_between_requests(const struct conn *conn); /* or will be without anybody's doing */
rb_str conn_unread(const struct conn *conn);
/* Takes what is unread out of the scratch memory, before that is used by others. */
void conn_keep_input(struct conn *conn);
void conn_consume(struct conn *conn, size_t n);
/* No file and no more than so many bytes of answers wait to go out. If they do, the connection is looked at
 * again when some have gone. */
bool conn_has_room(struct conn *conn, size_t queued_max);
/* Takes it off its loop's lists and timers; what is unread stays. */
void conn_unhook(struct conn *conn);
/* What is noted about it is looked at before the loop sleeps, if not at once. */
void conn_resume_soon(struct conn *conn);
void conn_shut(struct conn *conn, rb_err why);
void conn_send(struct conn *conn, struct rb_blob *take_blob_or_null);
/* Answers what is no request, or not to be looked at, and closes. */
void conn_refuse(struct conn *conn, rb_err err);

/* ---- steps.c ---- */

/* Whether another step may follow. */
bool conn_step(struct conn *conn);
bool conn_keeps_alive(const struct conn *conn);
/* The request was answered (or has nobody to be answered to): frees it, and the connection goes on or closes.
 */
void request_finish(struct request *request);

/* ---- handover.c ---- */

/* A step of CONN_MOVING. False: it has to wait, or is gone (CONN_LEFT). */
bool conn_move(struct conn *conn);

#endif
