/* ringback-compare: a cheap crowd of WebSocket subscribers of one peer, and its publisher. It does what it is
 * told on standard input, a line a command, and answers each with a line, so that a script can run several of
 * them by turns (`run` here):
 *
 *     join N         so many more subscribers            joined N
 *     lockstep S     one event at a time for S seconds   rate DELIVERIES_PER_SECOND
 *     bursts S       32 events at a time                 rate DELIVERIES_PER_SECOND
 *     memory PID     of the server and its children      bytes N
 *     quit           (or the end of the input)           faults LOST REPEATED REORDERED BAD CLOSED
 *
 * A rate with faults is one all the same: of what arrived until then. */
#include "../measure.h"
#include "base/clock.h"
#include "crowd.h"
#include "memory.h"
#include "publisher.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUND_MS = 5000, SETTLE_MS = 300, SUBSCRIBERS_MAX = 60000 };

struct compare {
    const struct peer *peer;
    struct target target;
    unsigned capacity;
    struct crowd crowd;
    struct publisher publisher;
    bool is_open; /* the publisher */
};

/* ---- commands ---- */

static bool fail(const char *what)
{
    printf("error %s\n", what);
    return false;
}

/* Some peers subscribe a moment after they have said so, or without saying it. */
static bool join(struct compare *compare, unsigned more)
{
    if (more > compare->capacity - compare->crowd.count) return fail("more subscribers than --capacity");
    if (!crowd_join(&compare->crowd, &compare->target, more)) return fail("not all could subscribe");
    crowd_listen(&compare->crowd, SETTLE_MS);
    printf("joined %u\n", compare->crowd.count);
    return true;
}

static bool run_round(struct compare *compare, unsigned events)
{
    crowd_begin_round(&compare->crowd, events);
    return publisher_send(&compare->publisher, compare->crowd.first, events) &&
           crowd_await_round(&compare->crowd, ROUND_MS) && publisher_finish(&compare->publisher);
}

static bool run_rounds(struct compare *compare, unsigned events, double seconds)
{
    uint64_t deliveries = 0, begun_ns, now_ns;
    bool is_good = true;
    if (!compare->is_open && !publisher_open(&compare->publisher, compare->crowd.count))
        return fail("no connection to publish");
    compare->is_open = true;
    begun_ns = now_ns = rb_clock_real_ns();
    while (is_good && (double)(now_ns - begun_ns) < seconds * 1e9) {
        is_good = run_round(compare, events);
        deliveries += compare->crowd.received;
        now_ns = rb_clock_real_ns();
    }
    if (!is_good && compare->crowd.faults.lost + compare->crowd.faults.closed == 0)
        return fail("a publish was refused");
    printf("rate %.0f\n", (double)deliveries * 1e9 / (double)(now_ns - begun_ns));
    return is_good;
}

static bool obey(struct compare *compare, const char *line)
{
    double number = 0;
    char verb[16] = "";
    int words = sscanf(line, "%15s %lf", verb, &number);
    if (words == 2 && number > 0 && number <= 1e9) {
        if (strcmp(verb, "join") == 0) return join(compare, (unsigned)number);
        if (strcmp(verb, "lockstep") == 0) return run_rounds(compare, 1, number);
        if (strcmp(verb, "bursts") == 0) return run_rounds(compare, ROUND_EVENTS_MAX, number);
        if (strcmp(verb, "memory") == 0) return printf("bytes %.0f\n", memory_of_tree((pid_t)number)) > 0;
    }
    if (words == 1 && strcmp(verb, "quit") == 0) return false;
    return fail("no such command");
}

/* A line is waited for in the crowd, since peers ping. It is read byte by byte: what came after it must be
 * seen as readable. */
static bool read_command(struct compare *compare, char *line, size_t bytes)
{
    size_t n = 0;
    for (;;) {
        crowd_listen(&compare->crowd, -1);
        if (read(STDIN_FILENO, line + n, 1) != 1) return false;
        if (line[n] == '\n') break;
        if (++n == bytes) return false;
    }
    line[n] = 0;
    return true;
}

static bool run(struct compare *compare)
{
    char line[64];
    if (!publisher_init(&compare->publisher, compare->peer, &compare->target))
        return fail("the bare loop does not start");
    crowd_init(&compare->crowd, compare->peer, compare->capacity, STDIN_FILENO);
    while (read_command(compare, line, sizeof line) && obey(compare, line)) continue;
    if (compare->is_open) crowd_listen(&compare->crowd, SETTLE_MS); /* for what should not come */
    const struct faults *faults = &compare->crowd.faults;
    printf("faults %llu %llu %llu %llu %llu\n", (unsigned long long)faults->lost,
           (unsigned long long)faults->repeated, (unsigned long long)faults->reordered,
           (unsigned long long)faults->bad, (unsigned long long)faults->closed);
    bool is_sound = faults->lost + faults->repeated + faults->reordered + faults->bad + faults->closed == 0;
    publisher_fini(&compare->publisher);
    crowd_fini(&compare->crowd);
    return is_sound;
}

/* ---- the command line ---- */

/* For a server that cannot say which port the kernel gave it. */
static bool print_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                   getsockname(fd, (struct sockaddr *)&address, &bytes) == 0;
    if (is_good) printf("%u\n", ntohs(address.sin_port));
    if (fd >= 0) close(fd);
    return is_good;
}

static int usage(void)
{
    fputs("ringback-compare --peer NAME --port PORT --capacity SUBSCRIBERS [--token T] [--publish-token T]\n"
          "ringback-compare --peer bare|bare-each --capacity SUBSCRIBERS\n"
          "ringback-compare --free-port\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"peer", required_argument, NULL, 'p'},
                                            {"port", required_argument, NULL, 'P'},
                                            {"capacity", required_argument, NULL, 'n'},
                                            {"token", required_argument, NULL, 't'},
                                            {"publish-token", required_argument, NULL, 'T'},
                                            {"free-port", no_argument, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    struct compare compare = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p': compare.peer = peer_find(optarg); break;
        case 'P': compare.target.port = (uint16_t)atoi(optarg); break;
        case 'n': compare.capacity = (unsigned)atoi(optarg); break;
        case 't': compare.target.client_token = optarg; break;
        case 'T': compare.target.publish_token = optarg; break;
        case 'f': return print_free_port() ? 0 : 1;
        default: return usage();
        }
    }
    if (!compare.peer || compare.capacity == 0 || compare.capacity > SUBSCRIBERS_MAX) return usage();
    measure_pin(CORES_CLIENT);
    return run(&compare) ? 0 : 1;
}
