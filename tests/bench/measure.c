#include "measure.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    char *rest = strrchr(text, ')'); /* the name before it may hold anything */
    if (!rest ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
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
