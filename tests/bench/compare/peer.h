/* What is different from peer to peer, and nothing else: how a WebSocket subscribes, how events are found in
 * what it receives, and how an event is published. One struct of functions a peer, one file each. Pure: the
 * sockets are the crowd's and the publisher's. */
#ifndef COMPARE_PEER_H
#define COMPARE_PEER_H

#include "base/buf.h"

struct target {
    uint16_t port;
    const char *client_token, *publish_token; /* NULL: the peer wants none */
};

enum peer_take {
    PEER_EVENT, /* *out_data is an event's data */
    PEER_READY, /* the subscription is confirmed */
    PEER_OTHER, /* something else that belongs to the protocol */
    PEER_MORE,  /* it goes on in a later message; *stream is as it was */
    PEER_BAD,   /* not as the protocol has it, or a refusal */
};

enum peer_publishing {
    PUBLISH_HTTP,            /* requests on one kept connection, each of which is answered */
    PUBLISH_SOCKET,          /* a message on a WebSocket; not answered */
    PUBLISH_BARE,            /* to a bare loop, one send() for each event and connection */
    PUBLISH_BARE_COALESCING, /* to one that sends at once what is published at once */
};

struct peer {
    const char *name;
    const char *path;        /* of the WebSocket; NULL: plain TCP that is subscribed at once */
    const char *subprotocol; /* NULL: none */
    bool is_binary;          /* messages to it are binary, not text */
    bool is_ready_at_once;   /* subscribed when the handshake is over: there is no PEER_READY */

    /* The first message to it; NULL: it speaks first, or nothing is to be said. A connection that only
     * publishes does not subscribe, and gets a PEER_READY all the same. */
    void (*put_hello)(struct rb_buf *out, bool is_subscriber);
    /* Takes one thing off the front of what has come, which begins with a message (or with what was left of
     * the ones before). What is put into `reply` is sent as one message. */
    enum peer_take (*take)(rb_str *stream, rb_str *out_data, struct rb_buf *reply);

    enum peer_publishing publishing;
    /* HTTP: requests; SOCKET: the payload of one message. The number of answers that are to come. */
    unsigned (*put_publish)(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events);
};

extern const struct peer peer_bare_each, peer_bare_coalescing, peer_ringback, peer_nchan, peer_nats,
    peer_mosquitto, peer_ws, peer_socketio;

const struct peer *peer_find(const char *name); /* NULL: there is none */

/* For peers with an event a request: one POST of the data each. */
unsigned peer_put_posts(struct rb_buf *out, const char *path, uint64_t first, unsigned events);
/* For peers whose message is the event's data and nothing around it. */
enum peer_take peer_take_whole(rb_str *stream, rb_str *out_data, struct rb_buf *reply);

#endif
