/* ringback-bench: how fast a Ringback server on this machine is, and how much memory it takes. One thread.
 * The client is made cheap, since both share the cores; each part starts its own server on a loopback port
 * and a fresh data directory, and ends it. */
#ifndef BENCH_H
#define BENCH_H

#include "report.h"

struct bench_options {
    const char *server;    /* the program */
    const char *directory; /* where directories for the server's data are made */
    double seconds;        /* of each measurement */
    unsigned jobs_max;     /* accept: stop after so many; 0 = by time only */
    unsigned callers;
    unsigned subscribers;
    unsigned connections; /* memory: the most; the slope begins at an eighth of it */
};

struct bench {
    struct bench_options options;
    struct report report;
};

/* The parts. False: it could not be measured, or a check failed; the reason is in the report. */
bool part_start(struct bench *bench);
bool part_accept(struct bench *bench);
bool part_fanout(struct bench *bench);
bool part_memory(struct bench *bench);

/* Ctrl-C: measurements end early, and what was started is taken down. */
bool bench_is_interrupted(void);

#endif
