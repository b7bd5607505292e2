#include "loop/process.h"

#include "base/buf.h"
#include "base/mem.h"

#include "loop_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const environment[] = {"PATH=/usr/bin:/bin", "NAME=value", NULL};
static struct rb_loop *loop;

static struct run {
    struct rb_process *process;
    struct rb_buf outputs[3]; /* 1 and 2 are used */
    int status, signal;
    unsigned exits, ends;
    void (*after_output)(void);
} run;

static void on_output(void *arg, int stream, rb_str bytes)
{
    struct run *of = arg;
    assert_true(stream == 1 || stream == 2);
    assert_true(bytes.n > 0);
    assert_int_equal(of->ends, 0);
    rb_buf_add_str(&of->outputs[stream], bytes);
    if (of->after_output) of->after_output();
}

static void on_exit_(void *arg, int status, int number)
{
    struct run *of = arg;
    of->exits++;
    of->status = status;
    of->signal = number;
}

static void on_end(void *arg)
{
    struct run *of = arg;
    assert_int_equal(of->exits, 1);
    of->ends++;
}

static const struct rb_process_ops ops = {.on_output = on_output, .on_exit = on_exit_, .on_end = on_end};

static rb_err start(const char *const *arguments, const char *directory, rb_str input, const char **out_why)
{
    struct rb_process_spec spec = {.file = arguments[0],
                                   .arguments = (char *const *)arguments,
                                   .environment = (char *const *)environment,
                                   .directory = directory,
                                   .input = input};
    return rb_process_start(loop, &spec, &ops, &run, &run.process, out_why);
}

static void start_shell(const char *script, rb_str input)
{
    const char *arguments[] = {"/bin/sh", "-c", script, NULL};
    const char *why = NULL;
    assert_int_equal(start(arguments, "/", input, &why), RB_OK);
}

static bool has_ended(void *arg)
{
    (void)arg;
    return run.ends > 0;
}

static bool has_exited(void *arg)
{
    (void)arg;
    return run.exits > 0;
}

static int make_loop(void **state)
{
    (void)state;
    rb_clock_test_enable();
    loop = rb_loop_new("test");
    run = (struct run){0};
    return 0;
}

static int free_loop(void **state)
{
    (void)state;
    assert_int_equal(run.ends, run.exits);
    for (int i = 0; i < 3; i++) rb_buf_fini(&run.outputs[i]);
    rb_loop_free(loop);
    return 0;
}

static void a_megabyte_goes_through_cat(void **state)
{
    (void)state;
    enum { N = 1024 * 1024 };
    char *input = rb_alloc(N);
    for (int i = 0; i < N; i++) input[i] = (char)(i * 7 + i / 251);
    const char *arguments[] = {"/bin/cat", NULL};
    const char *why;
    assert_int_equal(start(arguments, "/", rb_str_make(input, N), &why), RB_OK);
    assert_true(rb_process_pid(run.process) > 0);
    char *copy = rb_alloc(N);
    memcpy(copy, input, N);
    memset(input, 0, N); /* it was copied */
    rb_free(input);
    run_until(loop, has_ended, NULL);
    assert_int_equal(run.status, 0);
    assert_int_equal(run.outputs[1].n, N);
    assert_memory_equal(run.outputs[1].p, copy, N);
    assert_int_equal(run.outputs[2].n, 0);
    rb_free(copy);
}

static void shells_end_as_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *script, *input, *output, *error;
        int status, signal;
    } cases[] = {
        {"exit 0", "", "", "", 0, 0},
        {"echo out; echo err >&2; exit 7", "", "out\n", "err\n", 7, 0},
        {"kill -9 $$", "", "", "", 0, SIGKILL},
        {"kill -TERM $$", "", "", "", 0, SIGTERM},
        {"echo $NAME $HOME; pwd", "", "value\n/\n", "", 0, 0}, /* the environment named and no other */
        {"cat; echo end", "abc", "abcend\n", "", 0, 0},
        {"cat", "", "", "", 0, 0},                                               /* end of file at once */
        {"exec >&-; sleep 0.01; echo late >&2; exit 3", "", "", "late\n", 3, 0}, /* closes its output early */
        {"exec >&- 2>&-; exit 4", "", "", "", 4, 0},
        {"cat /dev/stdin; echo o >/dev/stdout; echo e >/dev/stderr", "in ", "in o\n", "e\n", 0, 0},
        {"kill -PIPE $$; exit 1", "", "", "", 0, SIGPIPE}, /* what we ignore is not ignored in the child */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run.exits = run.ends = 0;
        for (int o = 1; o <= 2; o++) rb_buf_clear(&run.outputs[o]);
        start_shell(cases[i].script, rb_str_of(cases[i].input));
        run_until(loop, has_ended, NULL);
        assert_str(rb_buf_str(&run.outputs[1]), cases[i].output);
        assert_str(rb_buf_str(&run.outputs[2]), cases[i].error);
        assert_int_equal(run.status, cases[i].status);
        assert_int_equal(run.signal, cases[i].signal);
        assert_int_equal(run.exits, 1);
    }
}

static void a_child_that_never_reads_its_input_is_no_trouble(void **state)
{
    (void)state;
    static char input[1024 * 1024];
    for (int i = 0; i < 8; i++) {
        run.exits = run.ends = 0;
        start_shell(i % 2 ? "exit 5" : "exec <&-; sleep 0.02; exit 5", rb_str_make(input, sizeof input));
        run_until(loop, has_ended, NULL);
        assert_int_equal(run.status, 5);
    }
}

static void failures_to_start_are_told(void **state)
{
    (void)state;
    char plain[] = "/tmp/rb-test-XXXXXX", empty[] = "/tmp/rb-test-XXXXXX";
    int fds[] = {mkstemp(plain), mkstemp(empty)};
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    assert_int_equal(fchmod(fds[0], 0600), 0);
    assert_int_equal(fchmod(fds[1], 0700), 0);
    assert_int_equal(write(fds[1], "#!/no/such/interpreter\n", 23), 23);
    close(fds[0]), close(fds[1]);
    const struct {
        const char *file;
        const char *directory;
        int error;
    } cases[] = {
        {"/no/such/file", "/", ENOENT}, {"no-such-command", "/", ENOENT},
        {plain, "/", EACCES},           {"/bin/cat", "/no/such/dir", ENOENT},
        {"/tmp", "/", EACCES},          {empty, "/", ENOENT},
        {"/bin/cat", plain, ENOTDIR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *arguments[] = {cases[i].file, NULL};
        const char *why = NULL;
        run.process = (struct rb_process *)&run;
        assert_int_equal(start(arguments, cases[i].directory, RB_STR("never read"), &why),
                         RB_JOB_SPAWN_FAILED);
        assert_ptr_equal(run.process, &run); /* untouched */
        assert_non_null(why);
        assert_true(strcasecmp(why, strerror(cases[i].error)) == 0);
    }
    assert_int_equal(run.exits + run.ends, 0);
    unlink(plain), unlink(empty);
}

static bool look_thrice(void *arg)
{
    return ++*(int *)arg == 3;
}

static void a_lack_of_descriptors_is_a_failure_to_start(void **state)
{
    (void)state;
    start_shell("exit 0", RB_STR_NONE); /* by which libuv opens what it keeps */
    run_until(loop, has_ended, NULL);
    struct rlimit usual, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    for (rlim_t spare = 0; spare < 6; spare++) { /* three pipes need six */
        int next = dup(0);
        close(next);
        none = (struct rlimit){.rlim_cur = (rlim_t)next + spare, .rlim_max = usual.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        const char *arguments[] = {"/bin/cat", NULL}, *why = NULL;
        rb_err err = start(arguments, "/", RB_STR_NONE, &why);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        assert_int_equal(err, RB_JOB_SPAWN_FAILED);
        assert_string_equal(why, "too many open files");
        int looks = 0;
        run_until(loop, look_thrice, &looks); /* lets the handles close */
        int after = dup(0);
        close(after);
        assert_int_equal(after, next); /* none was left open */
    }
    assert_int_equal(run.exits + run.ends, 2);
}

static void kill_group(void)
{
    rb_process_signal_group(run.process, SIGKILL);
}

/* Grandchildren hold the pipes: only if they go too do the outputs end. */
static void a_signal_reaches_grandchildren(void **state)
{
    (void)state;
    run.after_output = kill_group;
    start_shell("sleep 100 & sleep 100 & echo ready; wait", RB_STR_NONE);
    run_until(loop, has_ended, NULL);
    assert_int_equal(run.signal, SIGKILL);
    assert_str(rb_buf_str(&run.outputs[1]), "ready\n");
}

static bool is_gone(int pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static void orphans_that_hold_the_pipes_are_not_waited_for(void **state)
{
    (void)state;
    start_shell("sleep 100 & echo $!", RB_STR_NONE);
    run_until(loop, has_exited, NULL);
    assert_int_equal(run.ends, 0);
    int looks = 0;
    while (run.outputs[1].n == 0 && looks++ < 100) run_until(loop, has_exited, NULL);
    int orphan = atoi(rb_buf_text(&run.outputs[1]));
    assert_true(orphan > 0 && !is_gone(orphan));
    rb_process_signal_group(run.process,
                            SIGKILL); /* after the child's exit it still reaches what the child left */
    rb_process_close_output(run.process);
    rb_process_close_output(run.process);
    run_until(loop, has_ended, NULL);
    assert_int_equal(run.ends, 1);
}

static void close_output(void)
{
    rb_process_close_output(run.process);
    rb_process_close_output(run.process); /* closed already: nothing */
}

static void output_is_closed_from_inside_its_callback(void **state)
{
    (void)state;
    run.after_output = close_output;
    start_shell("echo one; sleep 0.02; echo two; exit 2", RB_STR_NONE);
    run_until(loop, has_ended, NULL);
    assert_str(rb_buf_str(&run.outputs[1]), "one\n");
    assert_int_equal(run.exits, 1);
}

int main(void)
{
#define ON_A_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, free_loop)
    const struct CMUnitTest tests[] = {
        ON_A_LOOP(a_megabyte_goes_through_cat),
        ON_A_LOOP(shells_end_as_they_say),
        ON_A_LOOP(a_child_that_never_reads_its_input_is_no_trouble),
        ON_A_LOOP(failures_to_start_are_told),
        ON_A_LOOP(a_lack_of_descriptors_is_a_failure_to_start),
        ON_A_LOOP(a_signal_reaches_grandchildren),
        ON_A_LOOP(orphans_that_hold_the_pipes_are_not_waited_for),
        ON_A_LOOP(output_is_closed_from_inside_its_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
