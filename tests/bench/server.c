#include "server.h"

#include "base/clock.h"
#include "codec/json.h"
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, STOP_MS = 20000, STOP_STEP_MS = 5 };

/* ---- its directory ---- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_directory(struct server *server)
{
    if (server->directory[0]) nftw(server->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    server->directory[0] = 0;
}

static bool make_directory(struct server *server, struct bench *bench)
{
    snprintf(server->directory, sizeof server->directory, "%s/ringback-bench-XXXXXX",
             bench->options.directory);
    if (mkdtemp(server->directory)) return true;
    server->directory[0] = 0;
    return report_fail(&bench->report, "no directory can be made in %s: %s", bench->options.directory,
                       strerror(errno));
}

static bool write_config(struct server *server, struct bench *bench, const char *config, char *path)
{
    snprintf(path, PATH_MAX + 16, "%s/bench.yaml", server->directory);
    FILE *file = fopen(path, "w");
    bool is_good = file && fputs(config, file) >= 0;
    if (file && fclose(file) != 0) is_good = false;
    return is_good || report_fail(&bench->report, "cannot write %s: %s", path, strerror(errno));
}

/* ---- starting ---- */

/* In the child. It must not outlive a benchmark that was killed. */
_Noreturn static void run_server(const struct bench *bench, const char *data, const char *config_path,
                                 int output)
{
    const char *program = bench->options.server;
    if (bench->is_pinned) measure_pin(CORES_SERVER);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(output, STDOUT_FILENO);
    const char *const arguments[] = {program,     "dev", "--listen", "127.0.0.1:0",
                                     "--data",    data,  "--json",   config_path ? "-c" : NULL,
                                     config_path, NULL};
    execvp(program, (char *const *)arguments);
    fprintf(stderr, "ringback-bench: cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

static bool read_line(int fd, struct rb_buf *line)
{
    uint64_t begun = rb_clock_real_ns();
    while (line->n < 4096 && measure_seconds_since(begun) * 1e3 < START_MS && !bench_is_interrupted()) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char c;
        if (poll(&wait, 1, 100) <= 0) continue;
        if (read(fd, &c, 1) != 1) return false;
        if (c == '\n') return true;
        rb_buf_add_char(line, c);
    }
    return false;
}

static bool copy_member(rb_json_val object, const char *key, char *out, size_t bytes)
{
    struct rb_arena arena = {0};
    rb_str value;
    bool is_good = rb_json_string(rb_json_get(object, key), &arena, &value) && value.n < bytes;
    if (is_good) snprintf(out, bytes, "%.*s", RB_STR_FMT(value));
    rb_arena_fini(&arena);
    return is_good;
}

static bool read_announcement(struct server *server, rb_str line)
{
    struct rb_json doc = {0};
    char url[256];
    uint64_t port = 0;
    if (rb_json_parse(&doc, line, NULL) != RB_OK) return false;
    rb_json_val root = rb_json_root(&doc);
    bool is_good = copy_member(root, "url", url, sizeof url) &&
                   copy_member(root, "client_token", server->client_token, sizeof server->client_token) &&
                   copy_member(root, "backend_token", server->backend_token, sizeof server->backend_token);
    rb_json_fini(&doc);
    const char *colon = is_good ? strrchr(url, ':') : NULL;
    is_good = colon && rb_str_u64(rb_str_of(colon + 1), UINT16_MAX, &port);
    server->port = (uint16_t)port;
    return is_good;
}

static bool await_announcement(struct server *server, struct bench *bench)
{
    struct rb_buf line = {0};
    bool is_good = read_line(server->output, &line);
    server->announced_ns = rb_clock_real_ns();
    is_good = is_good && read_announcement(server, rb_buf_str(&line));
    rb_buf_fini(&line);
    return is_good || report_fail(&bench->report, "%s did not say where it listens", bench->options.server);
}

bool server_start(struct server *server, struct bench *bench, const char *config_or_null)
{
    char data[PATH_MAX + 16], config_path[PATH_MAX + 16];
    int ends[2];
    *server = (struct server){.output = -1};
    if (!make_directory(server, bench)) return false;
    snprintf(data, sizeof data, "%s/data", server->directory);
    bool is_good = !config_or_null || write_config(server, bench, config_or_null, config_path);
    if (is_good && pipe2(ends, O_CLOEXEC) != 0) is_good = report_fail(&bench->report, "no pipe");
    if (!is_good) {
        remove_directory(server);
        return false;
    }
    server->forked_ns = rb_clock_real_ns();
    server->pid = fork();
    if (server->pid == 0) run_server(bench, data, config_or_null ? config_path : NULL, ends[1]);
    close(ends[1]);
    server->output = ends[0];
    is_good = server->pid > 0 ? await_announcement(server, bench)
                              : report_fail(&bench->report, "no process: %s", strerror(errno));
    if (!is_good) server_stop(server, bench);
    return is_good;
}

/* ---- stopping ---- */

static bool await_end(pid_t pid, int *out_status)
{
    uint64_t begun = rb_clock_real_ns();
    while (measure_seconds_since(begun) * 1e3 < STOP_MS) {
        if (waitpid(pid, out_status, WNOHANG) == pid) return true;
        measure_pause_ms(STOP_STEP_MS);
    }
    return false;
}

static bool end_process(struct server *server, struct bench *bench)
{
    int status = 0;
    kill(server->pid, SIGTERM);
    if (!await_end(server->pid, &status)) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, &status, 0);
        return report_fail(&bench->report, "the server did not end within %d s of SIGTERM", STOP_MS / 1000);
    }
    if (WIFSIGNALED(status))
        return report_fail(&bench->report, "the server ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ||
           report_fail(&bench->report, "the server ended with status %d", WEXITSTATUS(status));
}

bool server_stop(struct server *server, struct bench *bench)
{
    bool is_good = server->pid <= 0 || end_process(server, bench);
    if (server->output >= 0) close(server->output);
    remove_directory(server);
    *server = (struct server){.output = -1};
    return is_good;
}
