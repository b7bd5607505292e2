/* What the files of this door share. */
#ifndef RB_NATIVE_PRIVATE_H
#define RB_NATIVE_PRIVATE_H

#include "codec/json.h"
#include "doors/native/native.h"
#include "hub/conn.h"
#include "hub/countdown.h"

/* WebSockets that wait for the same thing, in the order in which they are due (socket_line.c). */
struct native_socket;
struct socket_line {
    struct rb_list sockets; /* struct native_socket */
    struct rb_timer timer;  /* comes when the first is due, or before */
    uint32_t wait_ms;
    void (*on_due)(struct native_socket *native); /* it leaves the line */
};
enum socket_line_kind { LINE_AUTH, LINE_QUIET, LINE_PONG, LINE_LOST, SOCKET_LINES };

/* What is open on one loop. */
struct native_here {
    struct rb_native *door;
    struct rb_loop *loop;
    struct socket_line lines[SOCKET_LINES];
    struct rb_list streams;          /* struct native_stream */
    struct rb_list echoes;           /* struct native_echo */
    struct rb_list waits;            /* struct native_wait */
    struct rb_map holders;           /* struct holder (holder.h), by connection */
    struct rb_countdowns countdowns; /* of holders */
    struct rb_map watched;           /* connections with a scratch of their own (scratch_watch.c) */
    struct rb_timer watch;
    bool is_closing;
};

struct rb_native {
    struct rb_native_setup setup;
    struct native_here *heres;  /* as setup.loops */
    struct bound_route *routes; /* as the table of routes.c */
};

/* A request that waits for something, so that it can be ended early. */
struct native_wait {
    struct rb_list node;
    void (*end)(struct native_wait *wait); /* takes it off the list and answers */
};

/* One request on its way, in its arena. who is NULL where the route lets anybody in. */
struct errand {
    struct rb_native *door;
    struct rb_request *request;
    const struct rb_identity *who;
    const struct rb_ticket_record *ticket; /* with which it came; NULL: with a token */
};

/* door.c */
struct native_here *native_here(struct rb_native *door);
void socket_lines_init(struct native_here *here);              /* socket_line.c */
void socket_lines_close(struct native_here *here, rb_err why); /* those that are not closing yet */
void stream_shut(struct rb_list *node, rb_err why);            /* event_stream.c: for door.c, by list node */
void echo_shut(struct rb_list *node, rb_err why);              /* echo.c */
void scratch_watches_close(struct native_here *here);          /* scratch_watch.c */

/* errand.c: what handlers have in common */
void errand_fail(struct errand *errand, rb_err err, const char *detail_or_null);
void errand_answer_json(struct errand *errand, int status, struct rb_buf *take_json);
/* RB_OK leaves *out alone when the parameter is absent. */
rb_err errand_query_number(struct errand *errand, const char *name, uint64_t min, uint64_t max,
                           uint64_t *out);
rb_err errand_query_wait(struct errand *errand, uint64_t *out_ms);             /* ?wait=SECONDS, capped */
rb_err errand_topic(struct errand *errand, rb_str name, rb_str *out_complete); /* RB_BAD_NAME */
/* A question to the jobs in the name of who asks. */
struct rb_jobs_call *errand_jobs_call(struct errand *errand, int what, void (*done)(struct rb_jobs_call *),
                                      void *arg);
struct rb_jobs_call *errand_job_call(struct errand *errand, int what, rb_str id,
                                     void (*done)(struct rb_jobs_call *), void *arg);
bool errand_is_origin_allowed(struct errand *errand);

/* prefer.c: pure */
bool prefer_wait(const struct rb_http1_head *head, uint64_t *out_seconds); /* RFC 7240 */
bool prefers_event_stream(const struct rb_http1_head *head);               /* over JSON */

/* job_body.c: pure */
void job_body_put(struct rb_json_out *out, const struct rb_job_record *job);
/* A page; has_more says that older ones follow the last. */
void job_list_put(struct rb_buf *out, const struct rb_job_record *jobs, uint32_t count, bool has_more);

/* event_json.c: pure */
rb_str topic_without_tenant(rb_str topic);
rb_str topic_with_tenant(struct rb_arena *arena, rb_str tenant, rb_str name);
/* The members that events have everywhere: position, (time,) name, data, (final). */
void event_put(struct rb_json_out *out, struct rb_position position, const struct rb_event *event,
               bool with_time);
void gap_put(struct rb_json_out *out, struct rb_position after, struct rb_position next); /* members */
struct rb_blob *socket_gap_frame(rb_str topic, struct rb_position after, struct rb_position next);
struct rb_blob *stream_gap_frame(bool is_chunked, struct rb_position after, struct rb_position next);
extern const struct rb_encoding native_socket_encoding, native_chunked_encoding, native_plain_encoding;

/* event_spec.c: what publishers say. Slices are borrowed from the document or live in the arena. Data of more
 * than data_max bytes is RB_MESSAGE_TOO_LARGE; 0: no limit. */
rb_err event_spec_read(rb_json_val json, struct rb_arena *arena, size_t data_max, struct rb_event_spec *out,
                       const char **out_detail);
/* What moves the deadlines of ticket holders, or ends their topic, goes by the topic's policy: as this. */
struct rb_policy_call;
bool spec_concerns_policy(const struct rb_event_spec *spec);
struct rb_policy_call *policy_push(struct rb_hub *hub, rb_str topic, const struct rb_event_spec *spec,
                                   void (*done)(struct rb_policy_call *), void *arg);

/* event_stream.c: answers with an event stream; the topic is copied. */
struct stream_start {
    rb_str topic; /* complete name */
    struct rb_start start;
    bool ends_at_final;
};
void stream_open(struct errand *errand, const struct stream_start *start);

/* event_page.c: answers with a page */
struct page_start {
    rb_str topic; /* complete name, in the request's arena */
    struct rb_start start;
    unsigned limit;
    uint64_t wait_ms;
};
void page_open(struct errand *errand, const struct page_start *start);

/* final_search.c: looks where the final event of a topic is, which may be on its way here. */
typedef void final_found_fn(void *arg, bool is_found, struct rb_position position);
void final_search(struct errand *errand, rb_str topic, final_found_fn *found, void *arg);

/* Handlers of routes.c. */
typedef void errand_fn(struct errand *errand);
errand_fn handle_job_start, handle_job_get, handle_job_cancel, handle_job_list;   /* jobs_api.c */
errand_fn handle_job_report, handle_job_finish;                                   /* job_tell.c */
errand_fn handle_job_events, handle_topic_events;                                 /* events_api.c */
errand_fn handle_publish;                                                         /* publish.c */
errand_fn handle_ticket_make;                                                     /* tickets_api.c */
errand_fn handle_job_result, handle_job_log;                                      /* results.c */
errand_fn handle_socket;                                                          /* socket.c */
errand_fn handle_conn_list, handle_conn_stats;                                    /* conn_search.c */
errand_fn handle_conn_get, handle_conn_send, handle_conn_call, handle_conn_close; /* connections.c */
errand_fn handle_link_make;                                                       /* links_api.c */
errand_fn handle_scratch_list, handle_scratch_get, handle_scratch_delete;         /* scratch_api.c */
errand_fn handle_scratch_put;          /* scratch_put.c; before the body, of nobody known yet */
errand_fn handle_livez, handle_readyz; /* health.c */
errand_fn handle_echo;                 /* echo.c */

#endif
