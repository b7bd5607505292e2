/* One Ringback process: every room set up and wired to the others, threads started, and taken down again in
 * order.
 *
 * Threads: the main thread is the jobs loop (jobs, child processes, signals); N loops serve connections; the
 * store has its own. */
#ifndef RB_APP_SERVER_H
#define RB_APP_SERVER_H

#include "app/config.h"

struct rb_server;

struct rb_server_setup {
    const struct rb_config *config; /* borrowed for the server's life */
    bool is_dev;                    /* echo WebSocket */
    bool is_conformance;    /* tests: the Socket.IO door is the application that protocol suites expect */
    bool has_clock_control; /* tests: POST /test/clock moves the test clock */
};

/* Opens the store, recovers jobs, binds the port. Failure: false with one readable sentence in `why`; nothing
 * is left. */
bool rb_server_open(const struct rb_server_setup *setup, struct rb_server **out_server, struct rb_buf *why);
unsigned rb_server_port(const struct rb_server *server);
unsigned rb_server_loop_count(const struct rb_server *server);
struct rb_store *rb_server_store(struct rb_server *server); /* for what is to be there before it runs */
/* Serves until SIGINT or SIGTERM, then ends in order: no new connections, workers stopped and their jobs
 * stored, clients closed. */
void rb_server_run(struct rb_server *server);
void rb_server_close(struct rb_server *server); /* NULL is fine */

#endif
