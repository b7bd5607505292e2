/* Readings: times with their percentiles, processor time and memory of a process from /proc, the disk. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

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

struct process_memory {
    double rss;       /* bytes of physical memory, what is shared with others included */
    double own_bytes; /* of these, nobody else's */
};

/* All of these give 0 when the process is gone. */
double measure_cpu_us(pid_t pid); /* user and system, since its start; steps of 10 ms */
struct process_memory measure_memory(pid_t pid);
/* The same, read until it stands still, at most five seconds. */
struct process_memory measure_settled_memory(pid_t pid);

double measure_fsync_us(const char *directory); /* median of appending 4 KiB to a file and syncing it */
double measure_seconds_since(uint64_t real_ns);
void measure_pause_ms(unsigned ms);

#endif
