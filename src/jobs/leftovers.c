/* A worker dies with its server (worker_exec.c), but what the worker has started does not. All of it carries
 * our environment, by which it is found: what still has its RINGBACK_OUT below our work directory, while we
 * have only begun, is a leftover. */
#include "jobs/jobs_private.h"

#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ENVIRONMENT_BYTES_MAX = 64 * 1024, ROUNDS_MAX = 20, ROUND_MS = 10 };

static bool is_ours(const char *environment, size_t bytes, rb_str work_root)
{
    rb_str rest = {environment, bytes}, variable;
    while (rest.n > 0 && rb_str_split(&rest, '\0', &variable)) {
        rb_str name;
        if (!rb_str_split(&variable, '=', &name) || !rb_str_is(name, "RINGBACK_OUT")) continue;
        return rb_str_starts(variable, work_root) && variable.n > work_root.n &&
               variable.p[work_root.n] == '/';
    }
    return false;
}

static bool is_leftover(uint64_t pid, rb_str work_root, char *room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%llu/environ", (unsigned long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false; /* gone, or somebody else's */
    size_t n = 0;
    ssize_t got;
    while (n < ENVIRONMENT_BYTES_MAX && (got = read(fd, room + n, ENVIRONMENT_BYTES_MAX - n)) > 0)
        n += (size_t)got;
    close(fd);
    return is_ours(room, n, work_root);
}

static unsigned kill_round(rb_str work_root, char *room)
{
    DIR *dir = opendir("/proc");
    if (!dir) return 0;
    unsigned count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        uint64_t pid;
        if (!rb_str_u64(rb_str_of(entry->d_name), INT32_MAX, &pid) || pid <= 1 || pid == (uint64_t)getpid())
            continue;
        if (is_leftover(pid, work_root, room) && kill((pid_t)pid, SIGKILL) == 0) count++;
    }
    closedir(dir);
    return count;
}

/* Again until none is found: they may have been starting others, and a killed one takes a moment to go. */
void leftovers_kill(rb_str work_root)
{
    struct rb_arena arena = {0};
    char *room = rb_arena_alloc(&arena, ENVIRONMENT_BYTES_MAX);
    unsigned found = 0, count;
    for (int round = 0; round < ROUNDS_MAX && (count = kill_round(work_root, room)) > 0; round++) {
        if (count > found) found = count;
        nanosleep(&(struct timespec){.tv_nsec = ROUND_MS * 1000000}, NULL);
    }
    if (found) RB_LOG_WARN("job.leftovers_killed", RB_KV_U64("processes", found));
    rb_arena_fini(&arena);
}
