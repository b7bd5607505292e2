/* Requests that a handler keeps, for the test to answer when it likes, and clients that go meanwhile. */
#ifndef RB_HTTP_HELD_H
#define RB_HTTP_HELD_H

#include "http/loopback.h"

/* What watches a held request; its `arg` is the server. */
static inline void on_gone(struct rb_request *request)
{
    struct server *server = request->arg;
    server->gone_count++;
    sem_post(&server->reached);
}

static inline void answer_gone(struct rb_request *request)
{
    on_gone(request);
    rb_answer(request, 200, RB_STR_NONE, RB_STR("bye"));
}

/* A handler or on_head, with the server as `arg`. X-Watch asks to be told of the client's going, "answer"
 * also to answer then. */
static inline void hold(struct rb_request *request, void *arg)
{
    struct server *server = arg;
    server->held = request;
    request->arg = server;
    rb_str way = rb_request_header(request, "X-Watch");
    if (way.p) rb_request_on_gone(request, rb_str_is(way, "answer") ? answer_gone : on_gone);
    sem_post(&server->reached);
}

static inline void answer_held(void *arg)
{
    struct server *server = arg;
    rb_answer(server->held, 200, RB_STR_NONE, RB_STR("late"));
    server->held = NULL;
}

static inline void client_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

enum { HALF_CLOSED, CLOSED, RESET, CUT, WAYS };

/* How a client goes. */
static inline void go(struct server *server, int fd, int way)
{
    if (way == RESET) client_reset(fd);
    if (way == HALF_CLOSED) shutdown(fd, SHUT_WR);
    if (way == CLOSED) close(fd);
    if (way == CUT) server_call(server, cut_connections, server);
}

#endif
