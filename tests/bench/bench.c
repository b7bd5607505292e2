#include "bench.h"

#include "base/check.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_USAGE = 2, CALLERS_MAX = 10000, CONNECTIONS_MAX = 100000, JOBS_MAX = 900000 };

static const struct part {
    const char *name;
    bool (*run)(struct bench *bench);
    const char *help;
} parts[] = {
    {"start", part_start, "time until the server answers, memory of an idle server"},
    {"accept", part_accept, "jobs accepted per second, each on disk before its answer"},
    {"fanout", part_fanout, "deliveries per second to the subscribers of one topic, beside a bare loop"},
    {"memory", part_memory, "memory of an idle subscribed WebSocket"},
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool bench_is_interrupted(void)
{
    return interrupted;
}

static void print_usage(FILE *out)
{
    fputs("ringback-bench [options]: measures a Ringback server on this machine, over loopback\n\n"
          "  --server PATH        the program; default build/ringback\n"
          "  --only PART,...      some of:\n",
          out);
    for (size_t i = 0; i < RB_COUNT(parts); i++)
        fprintf(out, "                         %-8s %s\n", parts[i].name, parts[i].help);
    fputs("  --seconds N          of each measurement; default 5\n"
          "  --jobs N             accept: stop after so many jobs\n"
          "  --callers N          accept: callers at the same time; default 64\n"
          "  --subscribers N      fanout: subscribers of the topic; default 1000\n"
          "  --connections N      memory: connections at most; default 8000\n"
          "  --dir PATH           where the server's data directories are made; default $TMPDIR or /tmp.\n"
          "                       What is accepted waits for this disk\n"
          "  --json               one JSON object instead of the table\n",
          out);
}

/* Which parts a list names, a bit each; 0 when it names another. */
static unsigned parts_named(char *list)
{
    unsigned found = 0;
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        size_t i = 0;
        while (i < RB_COUNT(parts) && strcmp(parts[i].name, name) != 0) i++;
        if (i == RB_COUNT(parts)) return 0;
        found |= 1u << i;
    }
    return found;
}

static bool read_count(const char *text, unsigned min, unsigned max, unsigned *out)
{
    uint64_t value;
    if (!rb_str_u64(rb_str_of(text), max, &value) || value < min) return false;
    *out = (unsigned)value;
    return true;
}

static bool read_seconds(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || !(value >= 0.1 && value <= 600)) return false;
    *out = value;
    return true;
}

struct command {
    struct bench_options options;
    unsigned parts;
    bool as_json, wants_help;
};

static bool read_command(int argc, char **argv, struct command *command)
{
    static const struct option flags[] = {
        {"server", required_argument, NULL, 's'},
        {"only", required_argument, NULL, 'o'},
        {"seconds", required_argument, NULL, 't'},
        {"jobs", required_argument, NULL, 'j'},
        {"callers", required_argument, NULL, 'c'},
        {"subscribers", required_argument, NULL, 'u'},
        {"connections", required_argument, NULL, 'n'},
        {"dir", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'J'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct bench_options *options = &command->options;
    bool is_good = true;
    for (int flag; is_good && (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        switch (flag) {
        case 's': options->server = optarg; break;
        case 'o': is_good = (command->parts = parts_named(optarg)) != 0; break;
        case 't': is_good = read_seconds(optarg, &options->seconds); break;
        case 'j': is_good = read_count(optarg, 1, JOBS_MAX, &options->jobs_max); break;
        case 'c': is_good = read_count(optarg, 1, CALLERS_MAX, &options->callers); break;
        case 'u': is_good = read_count(optarg, 1, CONNECTIONS_MAX, &options->subscribers); break;
        case 'n': is_good = read_count(optarg, 8, CONNECTIONS_MAX, &options->connections); break;
        case 'd': options->directory = optarg; break;
        case 'J': command->as_json = true; break;
        case 'h': command->wants_help = true; break;
        default: is_good = false;
        }
    }
    return is_good && optind == argc;
}

/* A connection is a descriptor here and one in the server. */
static bool can_hold(const struct bench_options *options)
{
    enum { OTHERS = 100 };
    struct rlimit limit;
    unsigned wanted = options->connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (wanted < options->callers) wanted = options->callers;
    if (wanted < 2 * options->subscribers) wanted = 2 * options->subscribers;
    limit.rlim_cur = limit.rlim_max;
    return wanted + OTHERS <= limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    struct command command = {.options = {.server = "build/ringback",
                                          .directory = tmp ? tmp : "/tmp",
                                          .seconds = 5,
                                          .callers = 64,
                                          .subscribers = 1000,
                                          .connections = 8000},
                              .parts = (1u << RB_COUNT(parts)) - 1};
    if (!read_command(argc, argv, &command) || command.wants_help) {
        print_usage(command.wants_help ? stdout : stderr);
        return command.wants_help ? EXIT_SUCCESS : EXIT_USAGE;
    }
    if (!can_hold(&command.options)) {
        fputs("ringback-bench: the limit of open files is too low for so many connections (ulimit -n)\n",
              stderr);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_signal}; /* waits end with it */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct bench bench = {.options = command.options};
    bool is_good = true;
    report_describe_machine(&bench.report, bench.options.directory);
    for (size_t i = 0; i < RB_COUNT(parts) && !interrupted; i++) {
        if (!(command.parts & 1u << i)) continue;
        if (!command.as_json) fprintf(stderr, "%s ...\n", parts[i].name);
        if (!parts[i].run(&bench)) is_good = false;
    }
    report_print(&bench.report, command.as_json);
    return is_good && !interrupted ? EXIT_SUCCESS : EXIT_FAILURE;
}
