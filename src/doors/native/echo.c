/* /echo, for development: a WebSocket that sends back what it gets. */
#include "base/mem.h"
#include "doors/native/native_private.h"
#include "http/socket.h"

enum { ECHO_BYTES_MAX = 16 * 1024 * 1024 };

struct native_echo {
    struct rb_socket socket;
    struct rb_list node; /* in the loop's echoes */
};

static void on_message(struct rb_socket *socket, enum rb_ws_opcode opcode, rb_str payload)
{
    rb_socket_send_message(socket, opcode, payload);
}

static void on_closed(struct rb_socket *socket, rb_err why, bool is_clean)
{
    (void)why, (void)is_clean;
    struct native_echo *echo = RB_OUTER(socket, struct native_echo, socket);
    rb_list_remove(&echo->node);
    rb_free(echo);
}

static const struct rb_socket_ops socket_ops = {.on_message = on_message, .on_closed = on_closed};

void echo_shut(struct rb_list *node, rb_err why)
{
    struct native_echo *echo = RB_OUTER(node, struct native_echo, node);
    rb_socket_close(&echo->socket, why, (uint16_t)rb_reason(why)->close_code, rb_str_of(rb_reason_name(why)));
}

void handle_echo(struct errand *errand)
{
    struct native_here *here = native_here(errand->door);
    if (here->is_closing) {
        errand_fail(errand, RB_SHUTTING_DOWN, NULL);
        return;
    }
    struct native_echo *echo = rb_new(struct native_echo);
    if (rb_socket_accept(errand->request, &echo->socket, &socket_ops, ECHO_BYTES_MAX))
        rb_list_push_back(&here->echoes, &echo->node);
    else
        rb_free(echo);
}
