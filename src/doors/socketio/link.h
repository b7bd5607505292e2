/* An Engine.IO link: one conversation with a client, on long-polling or on a WebSocket, that carries messages
 * for what speaks above it (Socket.IO; the echo of the conformance application).
 *
 * A link lives on one loop; requests that name its sid and come in on another loop are moved to it. What is
 * sent goes out in order, on whatever transport the link is on at that moment: first what was sent with
 * link_send_*, then what the upper side gives when it is asked. All output is kept as ready WebSocket frames;
 * on polling they are unwrapped into the answer of the next GET.
 *
 * Protocols: Engine.IO protocol v4, and v3 where the configuration allows it. Reference behaviour: engine.io
 * of github.com/socketio/socket.io. */
#ifndef RB_SIO_LINK_H
#define RB_SIO_LINK_H

#include "base/handle.h"
#include "codec/engineio.h"
#include "http/socket.h"
#include "hub/conn.h"

struct sio_link;

/* What speaks above. All calls come on the link's loop. */
struct link_ops {
    /* The handshake. The open packet goes first; what is sent from inside follows it. */
    void (*on_open)(struct sio_link *link, struct rb_request *request);
    void (*on_text)(struct sio_link *link,
                    rb_str text); /* the data of a message packet; changeable in place */
    void (*on_binary)(struct sio_link *link, rb_str data); /* likewise */
    void (*on_ping)(struct sio_link *link);                /* a ping follows what has gone out so far */
    void (*on_pong)(struct sio_link *link); /* the client has got everything that went out before that ping */
    /* A WebSocket has room: add frames. Must not send or close. */
    void (*on_pull)(struct sio_link *link, struct rb_gather *gather);
    /* The same for polling: the next frame, owned by the caller; NULL: nothing left. */
    struct rb_blob *(*take)(struct sio_link *link);
    /* Over; the last call, never from inside one of the functions below: before the loop sleeps after
     * link_close, whether the transport is still busy saying goodbye or not. is_clean: the client left of its
     * own will and had time to read everything. */
    void (*on_closed)(struct sio_link *link, rb_err why, bool is_clean);
};

/* A path with links on it. */
struct link_endpoint {
    struct rb_sio_door *door;
    const struct link_ops *ops;
    rb_str path;
    bool has_polling, has_websocket, has_v3;
};

struct sio_wire; /* a WebSocket of a link, or one that would become it (wire.c) */
struct sio_poll; /* the polling transport (poll.c) */

enum link_state {
    LINK_IDLE,       /* between a pong and the next ping (v3: between pings of the client) */
    LINK_WANTS_PONG, /* a ping is out */
    LINK_CLOSING     /* nothing is read or said any more; on polling the client may still fetch its end */
};

/* What Socket.IO keeps for a link (space.h); the link only holds it. */
struct sio_upper {
    struct rb_list spaces;            /* struct sio_space */
    struct rb_sio_assembly *assembly; /* a binary packet whose attachments have not all come; NULL: none */
    char *host;                       /* of the handshake: lower case, no port, dots as underscores */
    char *handshake_token;            /* from the Authorization header, or in v3 the query; NULL: none */
    uint64_t opened_ms;               /* wall clock */
    uint16_t space_count;
    bool was_joined; /* link_joined was called */
};

struct sio_link {
    uint32_t magic;
    uint32_t slot;         /* in links_here->table: its handle is the sid */
    uint8_t state;         /* enum link_state */
    uint8_t revision;      /* 3 or 4 */
    uint8_t why;           /* rb_err, once CLOSING; before that, what link_close_later was given */
    bool was_extended : 1; /* the pong deadline, once, by another packet */
    bool is_paused : 1;    /* messages wait, in order, until the upper side goes on */
    bool is_clean : 1;     /* once CLOSING */
    bool is_told : 1;      /* on_closed was called */
    bool will_close : 1;   /* link_close_later was called */
    bool wants_base64 : 1; /* v3: its client cannot read binary messages */
    const struct link_endpoint *endpoint;
    struct links_here *here;
    struct sio_wire *wire; /* on WebSocket; else NULL */
    struct sio_poll *poll; /* on polling; else NULL */
    struct rb_list node;   /* in one of here's lists */
    struct rb_timer heartbeat;
    struct rb_timer connect_timeout;
    struct link_backlog *backlog; /* messages that came while paused; NULL: none */
    struct sio_upper upper;
};

/* ---- for the upper side ---- */
void link_send_text(struct sio_link *link, rb_str packet); /* a whole Engine.IO packet, as "42[...]" */
void link_send_buf(struct sio_link *link, struct rb_buf *take_packet);
void link_send_binary(struct sio_link *link, rb_str data);
void link_send_frame(struct sio_link *link, struct rb_blob *take_frames); /* one or several ready frames */
/* Behind what was sent so far (base/mark.h). On polling it is reached when a GET takes what stands before it.
 */
void link_mark(struct sio_link *link, struct rb_mark *mark);
void link_want_output(struct sio_link *link); /* on_pull or take is to be called */
void link_joined(struct sio_link *link);      /* ends the connect timeout, for good */
/* While paused no message is handed up; what comes waits (bounded: RB_MESSAGE_TOO_LARGE closes the link), and
 * nothing more is read. Going on hands up what waited, from inside this call, until it is paused again. */
void link_pause(struct sio_link *link, bool is_paused);
/* Flushes, then closes the transport as the reference server does (a Close frame without code; "1" in the
 * pending poll; without a poll the end waits for one). Safe on a closing link. May be called from inside any
 * callback but on_pull and take. */
void link_close(struct sio_link *link, rb_err why);
void link_close_later(struct sio_link *link, rb_err why); /* from inside on_pull and take */
struct rb_loop *link_loop(const struct sio_link *link);
void link_sid(const struct sio_link *link, char out[RB_HANDLE_TEXT_BYTES]);
const char *link_transport(const struct sio_link *link); /* "websocket", "polling" */
/* On which it is reached now; NULL: on polling, and no GET waits. */
struct rb_stream *link_stream(const struct sio_link *link);

#endif
