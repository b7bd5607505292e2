#include "measure.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- times ---- */

void samples_add(struct samples *samples, uint64_t ns)
{
    if (samples->count == SAMPLES_MAX) return;
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 1024;
        samples->ns = rb_realloc(samples->ns, samples->capacity * sizeof *samples->ns);
    }
    samples->ns[samples->count++] = ns;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

double samples_percentile_us(struct samples *samples, double fraction)
{
    if (samples->count == 0) return 0;
    qsort(samples->ns, samples->count, sizeof *samples->ns, compare);
    return (double)samples->ns[(size_t)(fraction * (double)(samples->count - 1))] / 1e3;
}

void samples_fini(struct samples *samples)
{
    rb_free(samples->ns);
    *samples = (struct samples){0};
}

/* ---- rounds ---- */

void series_add(struct series *series, double value)
{
    if (series->count < SERIES_MAX) series->values[series->count++] = value;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double ranked(struct series series, double rank)
{
    if (series.count == 0) return 0;
    qsort(series.values, series.count, sizeof series.values[0], compare_doubles);
    double at = rank * (series.count - 1);
    unsigned below = (unsigned)at, above = below + (at > below);
    return (series.values[below] + series.values[above]) / 2;
}

double series_median(const struct series *series)
{
    return ranked(*series, 0.5);
}

double series_min(const struct series *series)
{
    return ranked(*series, 0);
}

double series_max(const struct series *series)
{
    return ranked(*series, 1);
}

/* ---- cores ---- */

void measure_pin(enum cores cores)
{
    static cpu_set_t all;
    cpu_set_t set;
    if (CPU_COUNT(&all) == 0 && sched_getaffinity(0, sizeof all, &all) != 0) return;
    if (CPU_COUNT(&all) < 2) return;
    CPU_ZERO(&set);
    int wanted = cores == CORES_SERVER ? 0 : 1, seen = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all) && seen++ == wanted) CPU_SET(i, &set);
    sched_setaffinity(0, sizeof set, cores == CORES_ALL ? &all : &set);
}

/* ---- time ---- */

double measure_seconds_since(uint64_t real_ns)
{
    return (double)(rb_clock_real_ns() - real_ns) / 1e9;
}

void measure_pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

/* ---- processes ---- */

double measure_cpu_us(pid_t pid)
{
    struct timespec time;
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

void measure_await_idle(pid_t pid)
{
    enum { STEP_MS = 20, STEPS_MAX = 150, STEP_BUSY_US = 200, STILL = 3 };
    double last = measure_cpu_us(pid);
    for (unsigned step = 0, still = 0; step < STEPS_MAX && still < STILL; step++) {
        measure_pause_ms(STEP_MS);
        double now = measure_cpu_us(pid);
        still = now - last < STEP_BUSY_US ? still + 1 : 0;
        last = now;
    }
}

/* The number behind `name`, in the first line of a file that has it; 0 when there is none. */
static double read_number(const char *path, const char *name)
{
    char line[256];
    double value = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, name);
        if (!at) continue;
        value = strtod(at + strlen(name), NULL);
        break;
    }
    if (file) fclose(file);
    return value;
}

static double seconds_of(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

struct processor_time measure_processor(void)
{
    unsigned long user = 0, nice = 0, system = 0, interrupts = 0, soft_interrupts = 0, stolen = 0;
    struct rusage self, children;
    FILE *file = fopen("/proc/stat", "r");
    bool is_good = file && fscanf(file, "cpu %lu %lu %lu %*u %*u %lu %lu %lu", &user, &nice, &system,
                                  &interrupts, &soft_interrupts, &stolen) == 6;
    if (file) fclose(file);
    is_good = is_good && getrusage(RUSAGE_SELF, &self) == 0 && getrusage(RUSAGE_CHILDREN, &children) == 0;
    if (!is_good) return (struct processor_time){0};
    return (
        struct processor_time){.all = (double)(user + nice + system + interrupts + soft_interrupts + stolen) /
                                      (double)sysconf(_SC_CLK_TCK),
                               .ours = seconds_of(&self) + seconds_of(&children)};
}

double measure_rss_max(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return read_number(path, "VmHWM:") * 1024;
}

double measure_tcp_memory(void)
{
    return read_number("/proc/net/sockstat", " mem ") * (double)sysconf(_SC_PAGESIZE);
}

struct process_memory measure_memory(pid_t pid)
{
    char path[64], line[256];
    struct process_memory memory = {0};
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        double kib;
        if (sscanf(line, "Rss: %lf", &kib) == 1) memory.rss = kib * 1024;
        if (sscanf(line, "Private_Clean: %lf", &kib) == 1) memory.own_bytes += kib * 1024;
        if (sscanf(line, "Private_Dirty: %lf", &kib) == 1) memory.own_bytes += kib * 1024;
    }
    if (file) fclose(file);
    return memory;
}

struct process_memory measure_settled_memory(pid_t pid)
{
    enum { STEP_MS = 250, STEPS_MAX = 20, STILL = 3 };
    struct process_memory now = measure_memory(pid);
    for (unsigned step = 0, still = 0; step < STEPS_MAX && still < STILL; step++) {
        measure_pause_ms(STEP_MS);
        struct process_memory next = measure_memory(pid);
        still = fabs(next.rss - now.rss) < 4096 ? still + 1 : 0;
        now = next;
    }
    return now;
}

/* ---- the disk ---- */

double measure_fsync_us(const char *directory)
{
    enum { TIMES = 50 };
    static const char block[4096];
    char path[4096];
    struct samples samples = {0};
    snprintf(path, sizeof path, "%s/ringback-bench-XXXXXX", directory);
    int fd = mkstemp(path);
    if (fd < 0) return 0;
    unlink(path);
    bool is_good = true;
    for (unsigned i = 0; i < TIMES && is_good; i++) {
        uint64_t begun = rb_clock_real_ns();
        is_good = write(fd, block, sizeof block) == (ssize_t)sizeof block && fsync(fd) == 0;
        if (is_good) samples_add(&samples, rb_clock_real_ns() - begun);
    }
    close(fd);
    double median = samples_percentile_us(&samples, 0.5);
    samples_fini(&samples);
    return median;
}
