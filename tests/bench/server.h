/* A Ringback server of the benchmark's own: a child process on a free loopback port with a fresh data
 * directory, both gone after stop. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include "bench.h"

#include <limits.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    uint16_t port;
    char client_token[256], backend_token[256];
    char directory[PATH_MAX]; /* "" when there is none */
    int output;               /* its standard output */
    uint64_t forked_ns, announced_ns;
};

/* Starts `ringback dev` and waits for the line that says where it listens. config_or_null: YAML instead of
 * the demo's kinds of jobs. False: reported, and nothing is left. */
bool server_start(struct server *server, struct bench *bench, const char *config_or_null);
/* SIGTERM and waiting; a server that does not end in time, or ends badly, is reported: false. */
bool server_stop(struct server *server, struct bench *bench);

#endif
