/* WebSockets of the server's side: RFC 6455 over a stream that began as an HTTP request.
 *
 * A socket is embedded in its door's connection and belongs to one loop. Pings are answered here, a Close is
 * answered and the stream closed, protocol errors are closed with their code. The door gets whole messages.
 * Idle, it owns nothing but this struct. */
#ifndef RB_HTTP_SOCKET_H
#define RB_HTTP_SOCKET_H

#include "codec/ws.h"
#include "http/http.h"

struct rb_socket;

struct rb_socket_ops {
    /* A whole message, valid during the call, changeable in place (it may lie in the loop's scratch memory,
     * which is not free then). Not called any more once the socket is closing. */
    void (*on_message)(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload);
    void (*on_pong)(struct rb_socket *socket);                           /* may be NULL */
    void (*on_pull)(struct rb_socket *socket, struct rb_gather *gather); /* as in net/stream.h; may be NULL */
    /* Over: the memory may go. Not from inside a call of the door's. clean: a Close frame came from the peer.
     */
    void (*on_closed)(struct rb_socket *socket, rb_err why, bool is_clean);
};

struct rb_socket {
    struct rb_stream stream;
    struct rb_ws_reader reader;
    const struct rb_socket_ops *ops;
    struct rb_socket_farewell *farewell; /* from our Close to the end; NULL: none was sent */
};

_Static_assert(sizeof(struct rb_socket) <= 96, "idle sockets are many");

/* How long after our Close the peer may take to answer with its own; then the connection is cut. */
enum { RB_SOCKET_FAREWELL_MS = 5000 };

/* Checks the upgrade request (GET, HTTP/1.1, Upgrade: websocket, version 13, key) and answers 101. A door
 * that chooses a subprotocol adds Sec-WebSocket-Protocol with rb_answer_header before. Extensions are
 * declined. When the request is no valid upgrade it is answered (426 with Upgrade: websocket and
 * Sec-WebSocket-Version: 13, or 400), when its client is gone it is dropped, and false comes back: `socket`
 * owns nothing then. The request is used up in all cases. Messages that came right behind the request are
 * handed to on_message before this returns. */
bool rb_socket_accept(struct rb_request *request, struct rb_socket *socket, const struct rb_socket_ops *ops,
                      uint32_t message_max_bytes);

/* A ready frame. NULL, as comes from rb_socket_frame when memory is out, cuts the connection
 * (RB_OUT_OF_MEMORY). */
void rb_socket_send(struct rb_socket *socket, struct rb_blob *take_frame);
void rb_socket_send_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload);
void rb_socket_ping(struct rb_socket *socket);
/* Sends a Close with this code (0: without one) after what is queued; text is valid UTF-8. The stream is
 * closed when the peer's Close has come, or cut when it does not come in time. What is sent after this is
 * dropped. Safe on a closing socket. */
void rb_socket_close(struct rb_socket *socket, rb_err why, uint16_t code, rb_str text);
static inline bool rb_socket_is_closing(const struct rb_socket *socket)
{
    return socket->farewell != NULL;
}
/* Cuts the TCP connection without a Close frame. */
void rb_socket_abort(struct rb_socket *socket, rb_err why);
/* Asks for on_pull before the loop sleeps. */
void rb_socket_pull(struct rb_socket *socket);

/* A whole frame in one blob, to be shared by many sockets; NULL when memory is out. */
struct rb_blob *rb_socket_frame(enum rb_ws_opcode opcode, rb_str payload);

#endif
