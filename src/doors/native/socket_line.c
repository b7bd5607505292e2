/* What sockets wait for: somebody to say who it is, a sign of life, the answer to a ping.
 *
 * All that wait for the same thing wait equally long. So they stand in a line, in the order in which their
 * waits began, which is the order in which they are due, and one timer for the first of them serves all: a
 * socket needs no timer of its own, only its place in the line and the time when it came there. A sign of
 * life moves it to the end. When the first one leaves, the timer stays as it is; it then comes too early, and
 * is started anew for who is first by then. */
#include "doors/native/native_socket.h"

static void on_due(struct rb_timer *timer)
{
    struct socket_line *line = RB_OUTER(timer, struct socket_line, timer);
    while (!rb_list_is_empty(&line->sockets)) {
        struct native_socket *first = RB_OUTER(line->sockets.next, struct native_socket, node);
        struct rb_loop *loop = socket_loop(first);
        uint32_t waited_ms = (uint32_t)rb_loop_now_ms(loop) - first->since_ms;
        if (waited_ms < line->wait_ms) {
            rb_timer_start(loop, timer, line->wait_ms - waited_ms, on_due);
            return;
        }
        line->on_due(first);
    }
}

void socket_wait_in(struct native_socket *native, enum socket_line_kind kind)
{
    struct socket_line *line = &native->here->lines[kind];
    struct rb_loop *loop = socket_loop(native);
    rb_list_remove(&native->node);
    rb_list_push_back(&line->sockets, &native->node);
    native->since_ms = (uint32_t)rb_loop_now_ms(loop);
    if (!rb_timer_is_running(&line->timer)) rb_timer_start(loop, &line->timer, line->wait_ms, on_due);
}

void socket_wait_no_more(struct native_socket *native)
{
    rb_list_remove(&native->node);
    for (int i = 0; i < SOCKET_LINES; i++) {
        struct socket_line *line = &native->here->lines[i];
        if (rb_list_is_empty(&line->sockets)) rb_timer_stop(&line->timer);
    }
}

/* ---- what becomes of who is due ---- */

static void on_auth_late(struct native_socket *native)
{
    socket_close(native, RB_CONNECT_TIMEOUT);
}

/* Who was lent a token, that was taken back, is closed at the next sign of life, or in its place. */
static bool is_over(struct native_socket *native)
{
    const struct rb_identity *identity = socket_identity(native);
    if (!identity || !rb_identity_has_ended(identity)) return false;
    socket_close(native, RB_UNAUTHENTICATED);
    return true;
}

static void on_quiet(struct native_socket *native)
{
    if (is_over(native)) return;
    rb_socket_ping(&native->socket);
    native->state = SOCKET_WANTS_PONG;
    socket_wait_in(native, LINE_PONG);
}

static void on_pong_late(struct native_socket *native)
{
    socket_close(native, RB_PING_TIMEOUT);
}

static void on_lost(struct native_socket *native)
{
    socket_close(native, RB_OUT_OF_MEMORY);
}

void socket_note_life(struct native_socket *native)
{
    if ((native->state != SOCKET_OPEN && native->state != SOCKET_WANTS_PONG) || is_over(native)) return;
    native->state = SOCKET_OPEN;
    socket_wait_in(native, LINE_QUIET);
}

/* ---- all of a loop ---- */

void socket_lines_init(struct native_here *here)
{
    const struct rb_native_setup *setup = &here->door->setup;
    here->lines[LINE_AUTH] = (struct socket_line){.wait_ms = setup->auth_timeout_ms, .on_due = on_auth_late};
    here->lines[LINE_QUIET] = (struct socket_line){.wait_ms = setup->ping_interval_ms, .on_due = on_quiet};
    here->lines[LINE_PONG] = (struct socket_line){.wait_ms = setup->ping_timeout_ms, .on_due = on_pong_late};
    here->lines[LINE_LOST] = (struct socket_line){.wait_ms = 0, .on_due = on_lost};
    for (int i = 0; i < SOCKET_LINES; i++) rb_list_init(&here->lines[i].sockets);
}

void socket_lines_close(struct native_here *here, rb_err why)
{
    for (int i = 0; i < SOCKET_LINES; i++) {
        struct rb_list *sockets = &here->lines[i].sockets;
        while (!rb_list_is_empty(sockets))
            socket_close(RB_OUTER(sockets->next, struct native_socket, node), why);
    }
}
