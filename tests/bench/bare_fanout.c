/* Fan-out: the messages are a log, and each connection is somewhere in it. A connection whose socket is full
 * waits for room, and goes on from where it was. */
#include "bare_child.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_MAX = 1024, READ_BYTES = 1 << 20 };

struct connection {
    int fd;
    unsigned place;  /* in the list */
    uint64_t at;     /* so far it has the log */
    bool is_waiting; /* for room in its socket */
};

struct fanout {
    struct bare_child *child;
    struct connection **list;
    unsigned count, capacity, waiting;
    struct rb_buf input; /* of the control connection */
    struct rb_buf log;
    uint64_t log_begin;  /* where its first byte is, counted from the first of all */
    uint32_t each_bytes; /* of the messages in the log */
};

static uint64_t log_end(const struct fanout *fanout)
{
    return fanout->log_begin + fanout->log.n;
}

/* ---- connections ---- */

static void take_connections(struct fanout *fanout)
{
    for (int fd; (fd = bare_accept(fanout->child)) >= 0;) {
        struct connection *connection = rb_new(struct connection);
        if (fanout->count == fanout->capacity) {
            fanout->capacity = fanout->capacity ? 2 * fanout->capacity : 1024;
            fanout->list = rb_realloc(fanout->list, fanout->capacity * sizeof *fanout->list);
        }
        *connection = (struct connection){.fd = fd, .place = fanout->count, .at = log_end(fanout)};
        fanout->list[fanout->count++] = connection;
        bare_watch(fanout->child, fd, connection, EPOLLIN);
        fanout->child->shared->connections = fanout->count;
    }
}

static void drop(struct fanout *fanout, struct connection *connection)
{
    struct connection *last = fanout->list[--fanout->count];
    last->place = connection->place;
    fanout->list[last->place] = last;
    fanout->waiting -= connection->is_waiting;
    close(connection->fd);
    rb_free(connection);
    fanout->child->shared->connections = fanout->count;
}

/* What clients say is of no interest. */
static void read_and_forget(struct fanout *fanout, struct connection *connection)
{
    char bytes[4096];
    ssize_t n = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) drop(fanout, connection);
}

/* ---- sending ---- */

static void wait_for_room(struct fanout *fanout, struct connection *connection, bool is_waiting)
{
    struct epoll_event event = {.events = EPOLLIN | (is_waiting ? EPOLLOUT : 0), .data.ptr = connection};
    if (connection->is_waiting == is_waiting) return;
    connection->is_waiting = is_waiting;
    fanout->waiting += is_waiting ? 1 : -1u;
    epoll_ctl(fanout->child->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void flush(struct fanout *fanout, struct connection *connection)
{
    uint64_t end = log_end(fanout);
    while (connection->at < end) {
        uint64_t done = connection->at - fanout->log_begin;
        size_t wanted = (size_t)(end - connection->at);
        if (fanout->child->form == BARE_EACH) wanted = fanout->each_bytes - done % fanout->each_bytes;
        ssize_t n = send(connection->fd, fanout->log.p + done, wanted, MSG_NOSIGNAL);
        if (n > 0) connection->at += (uint64_t)n;
        if (n != (ssize_t)wanted) {
            wait_for_room(fanout, connection, true);
            return;
        }
    }
    wait_for_room(fanout, connection, false);
}

static void flush_all(struct fanout *fanout)
{
    for (unsigned i = 0; i < fanout->count; i++)
        if (!fanout->list[i]->is_waiting) flush(fanout, fanout->list[i]);
}

/* ---- what to send ---- */

/* The log is forgotten as soon as all have it. */
static void trim_log(struct fanout *fanout)
{
    if (fanout->waiting > 0) return;
    fanout->log_begin = log_end(fanout);
    rb_buf_clear(&fanout->log);
}

/* All that is there: coalescing, it goes out together. */
static void take_batches(struct fanout *fanout)
{
    struct bare_batch batch;
    size_t at = 0;
    trim_log(fanout);
    while (fanout->input.n - at >= sizeof batch) {
        memcpy(&batch, fanout->input.p + at, sizeof batch);
        size_t bytes = (size_t)batch.count * batch.each_bytes;
        if (fanout->input.n - at - sizeof batch < bytes) break;
        fanout->each_bytes = batch.each_bytes;
        rb_buf_add(&fanout->log, fanout->input.p + at + sizeof batch, bytes);
        if (fanout->child->form == BARE_EACH) flush_all(fanout);
        at += sizeof batch + bytes;
    }
    if (fanout->child->form == BARE_COALESCE && at > 0) flush_all(fanout);
    rb_buf_drop_front(&fanout->input, at);
}

static bool read_control(struct fanout *fanout)
{
    rb_buf_reserve(&fanout->input, READ_BYTES);
    ssize_t n = recv(fanout->child->control, fanout->input.p + fanout->input.n, READ_BYTES, MSG_DONTWAIT);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    fanout->input.n += (size_t)n;
    take_batches(fanout);
    return true;
}

void bare_run_fanout(struct bare_child *child)
{
    struct epoll_event ready[READY_MAX];
    struct fanout fanout = {.child = child};
    for (bool is_good = true; is_good;) {
        int n = epoll_wait(child->epoll_fd, ready, READY_MAX, -1);
        for (int i = 0; i < n && is_good; i++) {
            void *what = ready[i].data.ptr;
            if (what == &child->listen_fd)
                take_connections(&fanout);
            else if (what == &child->control)
                is_good = read_control(&fanout);
            else if ((ready[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == EPOLLOUT)
                flush(&fanout, what);
            else
                read_and_forget(&fanout, what);
        }
    }
}
