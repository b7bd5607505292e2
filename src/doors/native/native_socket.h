/* A connection on /v1/socket, as its files see it: socket.c, its life; socket_line.c, what it waits for;
 * socket_ops.c, its messages. */
#ifndef RB_NATIVE_SOCKET_H
#define RB_NATIVE_SOCKET_H

#include "doors/native/native_private.h"
#include "http/socket.h"

enum native_socket_state {
    SOCKET_NEW,        /* nobody has said who it is */
    SOCKET_CHECKING,   /* a token is being looked up; messages wait, so that all are handled in order */
    SOCKET_OPEN,       /* between signs of life and the next ping */
    SOCKET_WANTS_PONG, /* a ping is out */
    SOCKET_LOST,       /* to be closed, from outside a pull */
    SOCKET_CLOSING
};

/* Publications under way at the same time: beyond that the client is not read from. */
enum { SOCKET_REPLIES_MAX = 256 };

struct native_socket {
    uint8_t state; /* enum native_socket_state */
    uint16_t reply_count;
    uint32_t since_ms; /* low bits of the loop's time when its wait in a line began */
    struct native_here *here;
    struct rb_socket socket;
    struct rb_conn conn;
    struct rb_list node;   /* in one of the loop's lines, unless CLOSING */
    struct reply *replies; /* publications under way */
    union {
        const struct rb_identity *identity; /* NULL: not known */
        struct socket_check *check;         /* while CHECKING */
    };
};

/* Idle sockets are many: a malloc chunk of 192 bytes each. */
_Static_assert(sizeof(struct native_socket) <= 184, "one more byte costs sixteen");

/* socket.c */
struct rb_loop *socket_loop(struct native_socket *native);
void socket_close(struct native_socket *native, rb_err why);
/* Looks the token up; then socket_checked, which answers. request_id: raw JSON, or NONE. */
void socket_check(struct native_socket *native, rb_str token, rb_str request_id);
void socket_check_ticket(struct native_socket *native, rb_str ticket, rb_str request_id);
/* Also while a ticket is checked, from when it is known whose it is. */
const struct rb_identity *socket_identity(const struct native_socket *native);
void socket_set_reading(struct native_socket *native);

/* socket_line.c */
void socket_wait_in(struct native_socket *native, enum socket_line_kind kind); /* at the line's end */
void socket_wait_no_more(struct native_socket *native);
void socket_note_life(struct native_socket *native);

/* socket_reach.c: for the registry, as in hub/conn.h */
void socket_describe(struct rb_conn *conn, struct rb_conn_facts *out);
rb_err socket_send(struct rb_conn *conn, rb_str name, rb_str data);
rb_err socket_call(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms);

/* socket_ops.c */
void socket_message(struct native_socket *native, rb_str text);
void socket_checked(struct native_socket *native, rb_err err, rb_str request_id);
void socket_subscribed(struct native_socket *native, struct rb_conn_sub *sub);
void socket_forget_requests(struct native_socket *native); /* at its end: nobody is to be answered any more */

#endif
