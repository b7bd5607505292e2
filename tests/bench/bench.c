#include "bench.h"

#include "base/check.h"
#include "base/clock.h"
#include "measure.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, CALLERS_MAX = 10000, CONNECTIONS_MAX = 100000, JOBS_MAX = 900000 };

static const struct part {
    const char *name;
    bool (*run)(struct bench *bench);
    bool is_pinned; /* ratios and processor time need it; the others use what a user's server uses */
    const char *help;
} parts[] = {
    {"start", part_start, false, "time until the server answers, memory of an idle server"},
    {"accept", part_accept, false, "jobs accepted per second, each on disk before its answer"},
    {"fanout", part_fanout, true,
     "deliveries per second to the subscribers of one topic, beside a bare loop"},
    {"wide", part_wide, true, "the same with many subscribers"},
    {"bursts", part_bursts, true, "the same with many events at once"},
    {"rate", part_rate, true, "400 events per second: whether it keeps up, and how long deliveries take"},
    {"echo", part_echo, true, "round trips of WebSocket messages"},
    {"connect", part_connect, true, "processor time of a connection that subscribes"},
    {"never", part_never, true, "what subscribers that never read cost the others"},
    {"memory", part_memory, true, "memory of a subscribed WebSocket, and what is given back"},
    {"calls", part_calls, true, "calls per second to 1000 connections, and how long one takes"},
    {"search", part_search, false, "one search of 100000 connections, and what the others feel of it"},
    {"envoy", part_envoy, true, "the Envoy door: 15000 sockets with a tick a second, calls per second"},
    {"bimserver", part_bimserver, true, "the BIMserver door: states pushed to the endpoints of one topic"},
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
        fprintf(out, "                         %-9s %s\n", parts[i].name, parts[i].help);
    fputs("  --seconds N          of each measurement; default 5\n"
          "  --rounds N           in which rivals take turns; medians are of these; default 11\n"
          "  --jobs N             accept: stop after so many jobs\n"
          "  --callers N          accept: callers at the same time; default 64\n"
          "  --subscribers N      of the topic; default 1000\n"
          "  --wide N             subscribers in parts wide and bimserver; default 10000\n"
          "  --connections N      memory: connections at most; default 19000\n"
          "  --away N             memory: seconds after most have left; default 30\n"
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
        {"rounds", required_argument, NULL, 'r'},
        {"wide", required_argument, NULL, 'w'},
        {"away", required_argument, NULL, 'a'},
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
        case 'r': is_good = read_count(optarg, 1, SERIES_MAX, &options->rounds); break;
        case 'w': is_good = read_count(optarg, 1, CONNECTIONS_MAX, &options->wide); break;
        case 'a': is_good = read_count(optarg, 1, 3600, &options->away_s); break;
        case 'd': options->directory = optarg; break;
        case 'J': command->as_json = true; break;
        case 'h': command->wants_help = true; break;
        default: is_good = false;
        }
    }
    return is_good && optind == argc;
}

/* What else is open. */
enum { OTHER_FILES = 150 };

bool bench_can_hold(unsigned connections)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && connections + OTHER_FILES <= limit.rlim_cur;
}

/* A connection is a descriptor here and one in the server. */
static bool raise_limit(const struct bench_options *options)
{
    struct rlimit limit;
    unsigned wanted = options->connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (wanted < options->callers) wanted = options->callers;
    if (wanted < options->wide) wanted = options->wide;
    if (wanted < 3 * options->subscribers) wanted = 3 * options->subscribers;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && bench_can_hold(wanted);
}

static bool run_parts(struct bench *bench, const struct command *command)
{
    bool is_good = true;
    for (size_t i = 0; i < RB_COUNT(parts) && !interrupted; i++) {
        if (!(command->parts & 1u << i)) continue;
        if (!command->as_json) fprintf(stderr, "%s ...\n", parts[i].name);
        bench->is_pinned = parts[i].is_pinned;
        measure_pin(parts[i].is_pinned ? CORES_CLIENT : CORES_ALL);
        if (!parts[i].run(bench)) is_good = false;
    }
    return is_good && !interrupted;
}

static void add_faults(struct report *report)
{
    if (report->checked + report->faults == 0) return;
    struct figure figure = {.part = "all",
                            .name = "faults",
                            .label = "events lost, repeated, out of order or changed",
                            .unit = "",
                            .value = (double)report->faults,
                            .goal_kind = GOAL_AT_MOST};
    snprintf(figure.note, sizeof figure.note, "%llu checked, in all parts",
             (unsigned long long)report->checked);
    report_add(report, &figure);
}

/* Whether the machine was quiet: figures of a run in which others took more than a few percent say little. */
static void add_others(struct report *report, struct processor_time begun, double seconds)
{
    struct processor_time now = measure_processor();
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    double others = now.all - begun.all - (now.ours - begun.ours);
    struct figure figure = {.part = "all",
                            .name = "others_percent",
                            .label = "processor time that others took meanwhile",
                            .unit = "%",
                            .value = 100 * (others > 0 ? others : 0) / (seconds * cores),
                            .note = "of all cores; what the host took included"};
    report_add(report, &figure);
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    struct command command = {.options = {.server = "build/ringback",
                                          .directory = tmp ? tmp : "/tmp",
                                          .seconds = 5,
                                          .callers = 64,
                                          .subscribers = 1000,
                                          .rounds = 11,
                                          .wide = 10000,
                                          .connections = 19000,
                                          .away_s = 30},
                              .parts = (1u << RB_COUNT(parts)) - 1};
    if (!read_command(argc, argv, &command) || command.wants_help) {
        print_usage(command.wants_help ? stdout : stderr);
        return command.wants_help ? EXIT_SUCCESS : EXIT_USAGE;
    }
    if (!raise_limit(&command.options)) {
        fputs("ringback-bench: the limit of open files is too low for so many connections (ulimit -n)\n",
              stderr);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_signal}; /* waits end with it */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct bench bench = {.options = command.options};
    report_describe_machine(&bench.report, bench.options.directory);
    struct processor_time begun = measure_processor();
    uint64_t begun_ns = rb_clock_real_ns();
    bool is_good = run_parts(&bench, &command);
    add_faults(&bench.report);
    add_others(&bench.report, begun, measure_seconds_since(begun_ns));
    report_print(&bench.report, command.as_json);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
