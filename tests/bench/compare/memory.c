#include "memory.h"

#include "../measure.h"

#include <math.h>
#include <stdio.h>

static double memory_of_one(pid_t pid)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file) && sscanf(line, "Pss: %lf", &kib) != 1) continue;
    fclose(file);
    return kib * 1024;
}

static double memory_now(pid_t pid)
{
    char path[64];
    int child;
    double sum = memory_of_one(pid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) return sum;
    while (fscanf(file, "%d", &child) == 1) sum += memory_now(child);
    fclose(file);
    return sum;
}

double memory_of_tree(pid_t pid)
{
    enum { STEP_MS = 200, STEPS_MAX = 25, STILL = 3, STILL_BYTES = 16384 };
    double now = memory_now(pid);
    for (unsigned step = 0, still = 0; step < STEPS_MAX && still < STILL; step++) {
        measure_pause_ms(STEP_MS);
        double next = memory_now(pid);
        still = fabs(next - now) < STILL_BYTES ? still + 1 : 0;
        now = next;
    }
    return now;
}
