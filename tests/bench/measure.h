/* Readings: times with their percentiles, figures of several rounds with their median, processor time and
 * memory of a process, the disk; and which core a process runs on. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Times of one thing done many times. Beyond SAMPLES_MAX they are no longer kept, and the percentiles are
 * those of the first. Zeroed storage has none; fini frees. */
enum { SAMPLES_MAX = 4 << 20 };

struct samples {
    uint64_t *ns;
    size_t count, capacity;
};

void samples_add(struct samples *samples, uint64_t ns);
/* In microseconds, fraction 0.5 for the median; 0 without samples. Sorts them. */
double samples_percentile_us(struct samples *samples, double fraction);
void samples_fini(struct samples *samples);

/* A figure measured in several rounds. */
enum { SERIES_MAX = 32 };

struct series {
    double values[SERIES_MAX];
    unsigned count;
};

void series_add(struct series *series, double value);
double series_median(const struct series *series); /* 0 when it is empty; so are the two below */
double series_min(const struct series *series);
double series_max(const struct series *series);

struct process_memory {
    double rss;       /* bytes of physical memory, what is shared with others included */
    double own_bytes; /* of these, nobody else's */
};

/* All of these give 0 when the process is gone. */
double measure_cpu_us(pid_t pid);  /* user and system, since its start */
double measure_rss_max(pid_t pid); /* bytes; the most since its start */
struct process_memory measure_memory(pid_t pid);
/* The same, read until it stands still, at most five seconds. */
struct process_memory measure_settled_memory(pid_t pid);

/* Until it has all but stopped running, so that what one measurement left to do is not in the next; at most
 * three seconds. */
void measure_await_idle(pid_t pid);

/* Servers on the first core of the machine and the client on its second: where both may go everywhere, the
 * scheduler's choices make rounds differ by half. CORES_ALL: as it was at the start. Of the calling process,
 * and of what it forks later; does nothing where there is one core. */
enum cores { CORES_ALL, CORES_SERVER, CORES_CLIENT };
void measure_pin(enum cores cores);

/* Processor seconds since the start, of all cores: of the whole machine, what a host took from it included;
 * and of this process and its children that have ended. */
struct processor_time {
    double all, ours;
};
struct processor_time measure_processor(void);

double measure_tcp_memory(void);                /* bytes that all TCP sockets of the machine hold */
double measure_fsync_us(const char *directory); /* median of appending 4 KiB to a file and syncing it */
double measure_seconds_since(uint64_t real_ns);
void measure_pause_ms(unsigned ms);

#endif
