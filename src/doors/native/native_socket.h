/* A connection on /v1/socket, as its two files see it: socket.c, its life, and socket_ops.c, its messages. */
#ifndef RB_NATIVE_SOCKET_H
#define RB_NATIVE_SOCKET_H

#include "doors/native/native_private.h"
#include "http/socket.h"

enum native_socket_state {
    SOCKET_NEW,        /* nobody has said who it is */
    SOCKET_CHECKING,   /* a token is being looked up; messages wait, so that all are handled in order */
    SOCKET_OPEN,       /* between signs of life and the next ping */
    SOCKET_WANTS_PONG, /* a ping is out */
    SOCKET_CLOSING
};

/* Publications under way at the same time: beyond that the client is not read from. */
enum { SOCKET_REPLIES_MAX = 256 };

struct native_socket {
    uint8_t state;    /* enum native_socket_state */
    uint8_t lost_why; /* rb_err with which it is to be closed from outside a pull */
    uint16_t reply_count;
    uint32_t heard_ms; /* low bits of the loop's time when something came last */
    struct rb_native *door;
    struct rb_socket socket;
    struct rb_conn conn;
    struct rb_list node;   /* in the loop's sockets */
    struct reply *replies; /* publications under way */
    struct rb_timer timer; /* what the state waits for */
    struct rb_identity *identity;
    struct socket_check *check; /* while CHECKING */
};

_Static_assert(sizeof(struct native_socket) <= 296, "idle sockets are many");

/* socket.c */
struct rb_loop *socket_loop(struct native_socket *native);
void socket_close(struct native_socket *native, rb_err why);
/* Looks the token up; then socket_checked, which answers. request_id: raw JSON, or NONE. */
void socket_check(struct native_socket *native, rb_str token, rb_str request_id);
void socket_set_reading(struct native_socket *native);

/* socket_ops.c */
void socket_message(struct native_socket *native, rb_str text);
void socket_checked(struct native_socket *native, rb_err err, rb_str request_id);
void socket_subscribed(struct native_socket *native, struct rb_conn_sub *sub);
void socket_forget_requests(struct native_socket *native); /* at its end: nobody is to be answered any more */

#endif
