#include "loop/process.h"

#include "base/mem.h"
#include "base/str.h"
#include "loop/loop_private.h"

#include <signal.h>
#include <unistd.h>

/* Ends when three things have: the child, its standard output, its standard error. The pipe of its input is
 * closed as soon as all is written, and with the rest at the latest. Then the handles are closed, and on_end
 * follows the last one.
 *
 * The child gets real pipes, not the socket pairs that libuv would make: a socket cannot be opened by the
 * names /dev/stdin, /dev/stdout and /dev/stderr, which scripts use. */
struct rb_process {
    uv_process_t child;
    uv_pipe_t input;
    struct output {
        uv_pipe_t pipe;
        struct rb_process *process;
        int stream; /* 1 or 2 */
        bool is_open;
    } outputs[2];
    uv_write_t write;
    struct rb_loop *loop;
    const struct rb_process_ops *ops;
    void *arg;
    char *input_bytes;
    int pid;
    unsigned handles_open;  /* not yet closed, of the four */
    unsigned parts_running; /* child, output, error */
    bool is_ending;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct rb_process *process = handle->data;
    if (--process->handles_open > 0) return;
    if (process->ops) process->ops->on_end(process->arg);
    rb_free(process->input_bytes);
    rb_free(process);
}

static void close_one(void *handle)
{
    if (!uv_is_closing(handle)) uv_close(handle, on_handle_closed);
}

static void end_if_all_done(struct rb_process *process)
{
    if (process->parts_running > 0 || process->is_ending) return;
    process->is_ending = true;
    if (process->child.type == UV_PROCESS) close_one(&process->child); /* else it never came to be */
    close_one(&process->input);
    for (int i = 0; i < 2; i++) close_one(&process->outputs[i].pipe);
}

static void part_done(struct rb_process *process)
{
    process->parts_running--;
    end_if_all_done(process);
}

static void on_exit(uv_process_t *child, int64_t status, int term_signal)
{
    struct rb_process *process = child->data;
    process->ops->on_exit(process->arg, (int)status, term_signal);
    part_done(process);
}

static void give_scratch(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct rb_process *process = handle->data;
    *out = uv_buf_init(rb_loop_scratch(process->loop), 64 * 1024);
}

static void output_done(struct output *output)
{
    if (!output->is_open) return;
    output->is_open = false;
    uv_read_stop((uv_stream_t *)&output->pipe);
    part_done(output->process);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct output *output = RB_OUTER(stream, struct output, pipe);
    struct rb_process *process = output->process;
    if (n > 0) process->ops->on_output(process->arg, output->stream, rb_str_make(buf->base, (size_t)n));
    if (n < 0) output_done(output);
}

static void on_input_written(uv_write_t *write, int status)
{
    (void)status; /* a child that does not read its input is not our trouble */
    struct rb_process *process = write->data;
    close_one(&process->input);
}

static void write_input(struct rb_process *process, rb_str input)
{
    if (input.n == 0) {
        close_one(&process->input);
        return;
    }
    process->input_bytes = rb_str_dup(input);
    process->write.data = process;
    uv_buf_t buf = uv_buf_init(process->input_bytes, (unsigned)input.n);
    if (uv_write(&process->write, (uv_stream_t *)&process->input, &buf, 1, on_input_written) != 0)
        close_one(&process->input);
}

/* A pipe whose one end is ours; the other is for the child. 0, or libuv's error. */
static int open_pipe(uv_pipe_t *ours, bool is_input, int *out_child_fd)
{
    uv_file ends[2]; /* read, write */
    int failed = uv_pipe(ends, is_input ? 0 : UV_NONBLOCK_PIPE, is_input ? UV_NONBLOCK_PIPE : 0);
    if (failed) return failed;
    *out_child_fd = ends[is_input ? 0 : 1];
    RB_CHECK(uv_pipe_open(ours, ends[is_input ? 1 : 0]) == 0);
    return 0;
}

/* 0, or libuv's error. */
static int spawn(struct rb_process *process, const struct rb_process_spec *spec)
{
    uv_pipe_t *pipes[] = {&process->input, &process->outputs[0].pipe, &process->outputs[1].pipe};
    uv_stdio_container_t stdio[3];
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = -1};
        RB_CHECK(uv_pipe_init(&process->loop->uv, pipes[i], 0) == 0);
        pipes[i]->data = process;
        process->handles_open++;
        if (!failed) failed = open_pipe(pipes[i], i == 0, &stdio[i].data.fd);
    }
    uv_process_options_t options = {
        .file = spec->file,
        .args = (char **)spec->arguments,
        .env = (char **)spec->environment,
        .cwd = spec->directory,
        .flags = UV_PROCESS_DETACHED, /* setsid: a group of its own, which can be signalled as one */
        .stdio = stdio,
        .stdio_count = 3,
        .exit_cb = on_exit,
    };
    if (!failed) {
        process->child.data = process;
        process->handles_open++;
        failed = uv_spawn(&process->loop->uv, &process->child, &options);
    }
    for (int i = 0; i < 3; i++)
        if (stdio[i].data.fd >= 0) close(stdio[i].data.fd);
    return failed;
}

rb_err rb_process_start(struct rb_loop *loop, const struct rb_process_spec *spec,
                        const struct rb_process_ops *ops, void *arg, struct rb_process **out_process,
                        const char **out_why)
{
    struct rb_process *process = rb_new(struct rb_process);
    *process = (struct rb_process){.loop = loop, .ops = ops, .arg = arg, .parts_running = 3};
    int failed = spawn(process, spec);
    if (failed) {
        *out_why = uv_strerror(failed);
        process->ops = NULL; /* nobody is told; the handles only need closing */
        process->parts_running = 0;
        end_if_all_done(process);
        return RB_JOB_SPAWN_FAILED;
    }
    process->pid = process->child.pid;
    write_input(process, spec->input);
    for (int i = 0; i < 2; i++) {
        struct output *output = &process->outputs[i];
        output->process = process;
        output->stream = i + 1;
        output->is_open = true;
        RB_CHECK(uv_read_start((uv_stream_t *)&output->pipe, give_scratch, on_read) == 0);
    }
    *out_process = process;
    return RB_OK;
}

int rb_process_pid(const struct rb_process *process)
{
    return process->pid;
}

void rb_process_signal_group(struct rb_process *process, int number)
{
    kill(-process->pid, number); /* ESRCH when the whole group is gone: fine */
}

void rb_process_close_output(struct rb_process *process)
{
    for (int i = 0; i < 2; i++) output_done(&process->outputs[i]);
}
