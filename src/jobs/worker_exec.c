/* The step between the server and a worker: `SELF worker-exec parent=PID [limit=N ...] -- COMMAND...`
 *
 * Limits and the bond to the server's life can only be set from inside the child, after the fork and before
 * the command; a program that forks while other threads run may do little there. So the server starts itself,
 * and this does it at leisure. */
#include "jobs/jobs_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STATUS_CANNOT_START = 127, STATUS_ORPHANED = 125 };

static bool read_option(const char *argument, const char *name, uint64_t *out_value)
{
    rb_str text = rb_str_of(argument), head = RB_STR_NONE;
    return rb_str_split(&text, '=', &head) && rb_str_is(head, name) &&
           rb_str_u64(text, UINT64_MAX, out_value);
}

/* Never above what we were given ourselves: then that stays the limit. */
static void limit(int resource, uint64_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now) != 0) return;
    if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max) value = now.rlim_max;
    setrlimit(resource, &(struct rlimit){.rlim_cur = value, .rlim_max = value});
}

int rb_worker_exec_main(int argc, char **argv)
{
    uint64_t parent = 0, value;
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if (read_option(argv[at], "parent", &value)) parent = value;
        if (read_option(argv[at], "file_bytes", &value)) limit(RLIMIT_FSIZE, value);
        if (read_option(argv[at], "open_files", &value)) limit(RLIMIT_NOFILE, value);
        if (read_option(argv[at], "memory_bytes", &value)) limit(RLIMIT_AS, value);
    }
    limit(RLIMIT_CORE, 0);
    if (at + 1 >= argc || parent == 0) {
        fprintf(stderr, WORKER_EXEC_COMPLAINT "this is for the server's own use\n");
        return STATUS_CANNOT_START;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if ((uint64_t)getppid() != parent) return STATUS_ORPHANED; /* it died before the bond was made */
    char **command = argv + at + 1;
    execvp(command[0], command);
    fprintf(stderr, WORKER_EXEC_COMPLAINT "cannot start %s: %s\n", command[0], strerror(errno));
    return STATUS_CANNOT_START;
}
