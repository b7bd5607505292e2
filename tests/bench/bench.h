/* ringback-bench: how fast a Ringback server on this machine is, and how much memory it takes. One thread.
 * The client is made cheap, since both share the cores; each part starts its own server on a loopback port
 * and a fresh data directory, and ends it. */
#ifndef BENCH_H
#define BENCH_H

#include "report.h"

struct bench_options {
    const char *server;    /* the program */
    const char *directory; /* where directories for the server's data are made */
    double seconds;        /* of each measurement, all its rounds together */
    unsigned rounds;       /* turns that each of those that are compared gets */
    unsigned jobs_max;     /* accept: stop after so many; 0 = by time only */
    unsigned callers;
    unsigned subscribers;
    unsigned wide;        /* subscribers of the part of that name; endpoints */
    unsigned connections; /* memory: the most; slopes begin at 5/19 of it */
    unsigned away_s;      /* memory: how long after most have left */
};

struct bench {
    struct bench_options options;
    struct report report;
    bool is_pinned; /* in this part: server and client have a core each (measure_pin) */
};

/* The parts. False: it could not be measured, or a check failed; the reason is in the report. A goal that is
 * not met is no failure. */
bool part_start(struct bench *bench);
bool part_accept(struct bench *bench);
bool part_fanout(struct bench *bench);
bool part_wide(struct bench *bench);
bool part_bursts(struct bench *bench);
bool part_rate(struct bench *bench);
bool part_echo(struct bench *bench);
bool part_connect(struct bench *bench);
bool part_never(struct bench *bench);
bool part_memory(struct bench *bench);
bool part_calls(struct bench *bench);
bool part_search(struct bench *bench);
bool part_envoy(struct bench *bench);
bool part_bimserver(struct bench *bench);

/* Whether this process may have so many connections open. */
bool bench_can_hold(unsigned connections);

/* Ctrl-C: measurements end early, and what was started is taken down. */
bool bench_is_interrupted(void);

#endif
