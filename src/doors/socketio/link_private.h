/* What the files of a link share: the link proper (link.c, backlog.c, heartbeat.c), its transports (wire.c,
 * poll.c, upgrade.c) and the requests that lead to it (requests.c). */
#ifndef RB_SIO_LINK_PRIVATE_H
#define RB_SIO_LINK_PRIVATE_H

#include "codec/engineio_payload.h"
#include "doors/socketio/frames.h"
#include "doors/socketio/sio_private.h"

/* ---- link.c ---- */

/* Not yet in anybody's hands: timers do not run, on_open was not called. NULL: the table is full. */
struct sio_link *link_new(const struct link_endpoint *endpoint, struct links_here *here,
                          struct rb_request *request, unsigned revision);
void link_begin(struct sio_link *link, struct rb_request *request);  /* with its transport */
void link_put_open(const struct sio_link *link, struct rb_buf *out); /* the open packet */
/* NULL when there is none (any more) on this path. */
struct sio_link *link_find(const struct link_endpoint *endpoint, const struct links_here *here,
                           const struct rb_handle *sid);

/* What the client sent. RB_PROTOCOL_ERROR: against Engine.IO; the caller ends the link. */
rb_err link_receive(struct sio_link *link, const struct rb_eio_item *item);

enum link_end {
    LINK_FLUSHES, /* our will: what waits goes out before */
    LINK_CUTS,    /* at once: nothing can be said any more, or nobody is there to hear it */
    LINK_LEAVES   /* the client's will */
};
void link_end(struct sio_link *link, rb_err why, enum link_end how);
void link_end_soon(struct sio_link *link); /* one that is CLOSING: its transport has ended */
/* Its WebSocket is gone. */
void link_lost_wire(struct sio_link *link, rb_err why, bool is_clean);
void links_free(struct links_here *here); /* all that are left, when the loops have ended */

/* ---- backlog.c ---- */

void backlog_add(struct sio_link *link, bool is_binary, rb_str data);
void backlog_replay(struct sio_link *link);
void backlog_free(struct sio_link *link);
void link_deliver(struct sio_link *link, bool is_binary, rb_str data); /* link.c: to the upper side */

/* ---- heartbeat.c ---- */

void heartbeat_start(struct sio_link *link);
rb_err heartbeat_ping(struct sio_link *link);  /* the client sent one */
rb_err heartbeat_pong(struct sio_link *link);  /* likewise */
void heartbeat_heard(struct sio_link *link);   /* any other packet came */
void heartbeat_switch(struct sio_link *link);  /* from polling to WebSocket */
void heartbeat_unpause(struct sio_link *link); /* it is read from again */

/* ---- wire.c: a WebSocket ---- */

struct sio_wire {
    uint32_t magic;
    struct sio_link *link;     /* NULL: nobody's, it only ends */
    struct wire_probe *probe;  /* while it would become the link's (upgrade.c); NULL: it is */
    struct frame_queue *early; /* what is sent before the socket is open; NULL from then on */
    struct rb_socket socket;
};

/* Opens a link. The request is used up. */
void wire_open(const struct link_endpoint *endpoint, struct links_here *here, struct rb_request *request,
               unsigned revision);
struct sio_wire *wire_new(struct sio_link *link); /* link may be NULL */
/* Answers the upgrade. False: the request is used up, and the wire is still the caller's. */
bool wire_accept(struct sio_wire *wire, struct rb_sio_door *door, struct rb_request *request);
void wire_free(struct sio_wire *wire); /* one that was never accepted, or has closed */
void wire_send(struct sio_wire *wire, struct rb_blob *take_frames);
void wire_mark(struct sio_wire *wire, struct rb_mark *mark);
struct rb_stream *wire_stream(struct sio_wire *wire); /* NULL: it is not open yet */
void wire_close(struct sio_wire *wire, rb_err why);   /* as the reference server: without a code */
void wire_set_read(struct sio_wire *wire, bool want_read);
void wire_want_output(struct sio_wire *wire);

/* ---- poll.c: long-polling ---- */

struct sio_poll {
    struct sio_link *link;
    struct rb_request *get;    /* waits for packets; NULL: the client is not asking now */
    struct rb_request *post;   /* its body comes in */
    struct rb_request *leaver; /* a POST that says goodbye: it may have overtaken a GET */
    struct sio_wire *probe;    /* a WebSocket that would take over */
    struct rb_task task;       /* answers the GET */
    struct frame_queue queue;
    bool is_probed;    /* from the probe on, GETs do not wait */
    bool wants_base64; /* of the GET */
    bool has_left;     /* the client has said so; all it may do is fetch the "6" */
    bool is_over;      /* the client has its end, or will not fetch it */
};

void poll_open(const struct link_endpoint *endpoint, struct links_here *here, struct rb_request *request,
               unsigned revision);
void poll_get(struct sio_link *link, struct rb_request *request);
void poll_post_head(struct sio_link *link, struct rb_request *request); /* its body is to come */
void poll_post(struct rb_request *request, struct sio_link *link);      /* here it is */
void poll_post_refused(struct rb_request *request);                     /* it will not come */
void poll_send(struct sio_poll *poll, struct rb_blob *take_frames);
void poll_want_output(struct sio_poll *poll);
void poll_say(struct sio_poll *poll, rb_str packet); /* answers the waiting GET, if there is one */
void poll_end(struct sio_poll *poll, enum link_end how);
void poll_free(struct sio_poll *poll); /* NULL is fine; nothing waits in it any more but a POST's body */

/* ---- upgrade.c: from polling to WebSocket ---- */

void upgrade_begin(struct sio_link *link, struct rb_request *request);
void upgrade_message(struct sio_wire *probe, enum rb_ws_opcode opcode, rb_str payload);
void upgrade_lost(struct sio_wire *probe);               /* it has closed */
void upgrade_refuse(struct sio_wire *probe, rb_err why); /* closes it; the link stays as it is */

/* ---- requests.c ---- */

/* All answers of an endpoint; they carry the CORS headers. */
void requests_answer(struct rb_sio_door *door, struct rb_request *request, int status, const char *type,
                     rb_str body);
void requests_answer_error(struct rb_sio_door *door, struct rb_request *request, enum rb_eio_error error,
                           bool is_upgrade);
void requests_add_cors(struct rb_sio_door *door, struct rb_request *request);

#endif
