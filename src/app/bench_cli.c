/* `ringback bench`: the measuring program is one of its own, since it holds the client's side too and a
 * server has no use for that; it lies beside this one. */
#include "app/cli.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(const char *what, const char *path)
{
    fprintf(stderr, "ringback bench: %s %s: %s\n", what, path, strerror(errno));
    return RB_EXIT_FAILED;
}

int rb_bench_main(int argc, char **argv)
{
    char self[PATH_MAX], program[PATH_MAX + 16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return refuse("cannot read", "/proc/self/exe");
    self[n] = 0;
    snprintf(program, sizeof program, "%.*s/ringback-bench", (int)(strrchr(self, '/') - self), self);
    if (access(program, X_OK) != 0) {
        refuse("cannot run", program);
        fputs("It is built with -DRB_BENCH=ON, and must lie beside ringback.\n", stderr);
        return RB_EXIT_FAILED;
    }
    /* A --server of the user's comes later, and counts. */
    char **arguments = rb_new_array(char *, (size_t)argc + 3);
    arguments[0] = program;
    arguments[1] = (char[]){"--server"};
    arguments[2] = self;
    for (int i = 1; i < argc; i++) arguments[i + 2] = argv[i];
    execv(program, arguments);
    refuse("cannot run", program);
    rb_free(arguments);
    return RB_EXIT_FAILED;
}
