/* A child process with its output, in a session and process group of its own.
 *
 * The child gets the bytes for its standard input and end of file, and only the environment named. A process
 * object belongs to one loop. It is freed by the loop after on_end, which comes once the child has exited and
 * both outputs are at their end or the loop was told not to wait for them any more. */
#ifndef RB_LOOP_PROCESS_H
#define RB_LOOP_PROCESS_H

#include "loop/loop.h"

struct rb_process;

struct rb_process_spec {
    const char *file;         /* absolute, or found by PATH */
    char *const *arguments;   /* argv, argv[0] included, NULL at the end */
    char *const *environment; /* "NAME=value", NULL at the end */
    const char *directory;
    rb_str input; /* copied */
};

struct rb_process_ops {
    void (*on_output)(void *arg, int stream, rb_str bytes); /* stream 1 or 2; bytes valid during the call */
    void (*on_exit)(void *arg, int status, int signal);     /* the child is gone; output may still come */
    void (*on_end)(void *arg); /* nothing comes any more; the process object is gone */
};

/* RB_JOB_SPAWN_FAILED: nothing runs, no callback comes; *out_why says the system's reason (static text). */
rb_err rb_process_start(struct rb_loop *loop, const struct rb_process_spec *spec,
                        const struct rb_process_ops *ops, void *arg, struct rb_process **out_process,
                        const char **out_why);

int rb_process_pid(const struct rb_process *process);
void rb_process_signal_group(struct rb_process *process,
                             int signal); /* the child and what it started; also after its exit */
/* Stops waiting for output: children of the child may hold the pipes open for ever. on_end follows soon. */
void rb_process_close_output(struct rb_process *process);

#endif
