#include "app/limits.h"

#include "app/options.h"
#include "base/check.h"
#include "base/reason.h"

/* One row. Either an option, whose default counts, or a value that is the program's. */
struct limit {
    const char *what;
    const char *option; /* NULL: fixed */
    const char *value;  /* of a fixed one */
    const char *effect;
    rb_err reason; /* RB_OK: nobody is told */
};

/* The rows of one owner: what each of them may use. */
struct group {
    const char *name, *sentence;
    const struct limit *limits;
    unsigned count;
};

/* clang-format off */
static const struct limit of_message[] = {
    {"request line and headers", "http.head_max", NULL, "431, closed", RB_HEAD_TOO_LARGE},
    {"request target", "http.target_max", NULL, "414, closed", RB_TARGET_TOO_LONG},
    {"request body", "http.body_max", NULL, "413, closed", RB_BODY_TOO_LARGE},
    {"body of a request that brings files", "files.upload_max", NULL, "413, closed; nothing of it stays",
     RB_BODY_TOO_LARGE},
    {"message on a native WebSocket", "websocket.message_max", NULL, "close 1009", RB_MESSAGE_TOO_LARGE},
    {"Socket.IO message, polling request", "socketio.max_payload", NULL, "close 1009; 413 on polling", RB_MESSAGE_TOO_LARGE},
    {"binary values in one Socket.IO packet", NULL, "10", "link closed; from back ends: 413", RB_PROTOCOL_ERROR},
    {"message on a socket of the Era door", "era.message_max", NULL, "close 1009", RB_MESSAGE_TOO_LARGE},
    {"message on a stream of the BIMserver door", "bimserver.message_max", NULL, "close 1009", RB_MESSAGE_TOO_LARGE},
    {"call of the BIMserver door", "bimserver.body_max", NULL, "413, closed", RB_BODY_TOO_LARGE},
    {"the same, as Protocol Buffers", "bimserver.protobuf_message_max", NULL, "closed", RB_MESSAGE_TOO_LARGE},
    {"file that a call of the BIMserver door answers with (getDownloadData)", NULL, "64 MiB", "refused: download it",
     RB_BODY_TOO_LARGE},
    {"data of one event", "topics.message_max", NULL, "refused", RB_MESSAGE_TOO_LARGE},
    {"values and keys in a call of the BIMserver door; elements in one as SOAP", NULL, "1,048,576; 100,000",
     "500; a fault", RB_BODY_TOO_LARGE},
    {"answers to several calls of the BIMserver door at once", NULL, "16 MiB", "those behind are refused",
     RB_BODY_TOO_LARGE},
    {"events in one publishing call", NULL, "1000", "refused, none is published", RB_UNPROCESSABLE},
    {"depth of JSON", NULL, "64", "refused", RB_TOO_DEEP},
    {"name of a topic, of an event", NULL, "255 and 128 bytes", "refused", RB_BAD_NAME},
};

static const struct limit of_connection[] = {
    {"output that waits", "connection.output_max", NULL,
     "from half of it on its requests are not read; closed when a reply does not fit. Events of topics do not count: "
     "they wait in the topic's log, once for all", RB_OUTPUT_FULL},
    {"time in which it takes nothing of its output (slow reader)", "http.write_timeout", NULL, "cut", RB_SLOW_READER},
    {"what the kernel may hold of its output", "connection.send_buffer", NULL, "the rest waits here, as above", RB_OK},
    {"falling behind in a topic", "topics.keep_count", NULL,
     "told of the gap, goes on with what is kept (native); closed, to come back (Socket.IO)", RB_GAP},
    {"subscriptions", "connection.subscriptions_max", NULL, "refused", RB_TOO_MANY_SUBSCRIPTIONS},
    {"publications under way on a WebSocket", NULL, "256", "not read from until one is done", RB_OK},
    {"calls to it that wait for its reply", NULL, "256", "the next is refused", RB_TOO_MANY_REQUESTS},
    {"the same, on a socket of the Era door", NULL, "64", "the next is refused", RB_TOO_MANY_REQUESTS},
    {"requests under way on a socket of the Era door; subscriptions of its own kind", NULL, "64 each",
     "the next is refused", RB_TOO_MANY_REQUESTS},
    {"calls and downloads under way on a stream of the BIMserver door; registrations", NULL, "256; 10,000",
     "the next is refused", RB_TOO_MANY_REQUESTS},
    {"steps from room to room since the last pong (Socket.IO recovery)", NULL, "4096", "cannot be recovered any more",
     RB_OK},
    {"calls that wait on a stream of the BIMserver door, unless it is but one", NULL, "4 MiB", "the next is refused",
     RB_TOO_MANY_REQUESTS},
    {"Socket.IO namespaces", NULL, "32", "refused", RB_OK},
    {"requests on one HTTP connection", NULL, "one at a time, 64 KiB wait", "not read from until answered", RB_OK},
    {"time for the headers (slow writer)", "http.header_timeout", NULL, "408, closed", RB_REQUEST_TIMEOUT},
    {"time for each 64 KiB of a body (slow writer)", "http.body_timeout", NULL, "408, closed", RB_REQUEST_TIMEOUT},
    {"time between requests", "http.idle_timeout", NULL, "closed", RB_IDLE},
    {"time to say who it is (native WebSocket)", "websocket.auth_timeout", NULL, "closed", RB_CONNECT_TIMEOUT},
    {"time to join a namespace (Socket.IO)", "socketio.connect_timeout", NULL, "closed", RB_CONNECT_TIMEOUT},
    {"time to answer a ping", "websocket.ping_timeout", NULL, "closed", RB_PING_TIMEOUT},
    {"time to answer a ping (Socket.IO)", "socketio.ping_timeout", NULL, "closed", RB_PING_TIMEOUT},
    {"time to log in (Era door)", "era.login_timeout", NULL, "close 4401", RB_CONNECT_TIMEOUT},
    {"silence (Era door)", "era.silence_max", NULL, "cut", RB_PING_TIMEOUT},
    {"time without a token (BIMserver stream); after a bad one; silence", NULL, "60 s; 5 s; 75 s", "close 1008; cut",
     RB_CONNECT_TIMEOUT},
    {"wait for a job or for events", "http.wait_max", NULL, "answered with what there is", RB_WAIT_TIMEOUT},
};

static const struct limit of_address[] = {
    {"failed logins and guessed session ids", NULL, "5 in 3 minutes; the same for one login", "429 until those are over",
     RB_TOO_MANY_REQUESTS},
    {"connections", "limits.connections_per_address", NULL, "429, closed", RB_TOO_MANY_CONNECTIONS},
};

static const struct limit of_tenant[] = {
    {"connections that said who they are", "limits.connections_per_tenant", NULL, "closed", RB_TOO_MANY_CONNECTIONS},
    {"jobs that wait or run", "limits.jobs_per_tenant", NULL, "429", RB_QUEUE_FULL},
};

static const struct limit of_scratch[] = {
    {"bytes of its files", "files.scratch_quota", NULL, "413", RB_QUOTA_EXCEEDED},
    {"files", "files.scratch_files", NULL, "413", RB_QUOTA_EXCEEDED},
    {"name of a file", NULL, "255 bytes, one path element", "refused", RB_BAD_NAME},
};

static const struct limit of_kind[] = {
    {"jobs that run", "jobs.*.concurrency", NULL, "the others wait", RB_OK},
    {"jobs that wait; external ones that are open", "jobs.*.queue_max", NULL, "429", RB_QUEUE_FULL},
    {"time in the queue", "jobs.*.queue_timeout", NULL, "the job expires", RB_JOB_EXPIRED},
    {"time of one attempt", "jobs.*.timeout", NULL, "SIGTERM, then SIGKILL; the job fails", RB_JOB_TIMEOUT},
    {"result files", "jobs.*.result_max", NULL, "the job fails", RB_JOB_OUTPUT_FULL},
    {"pause between `progress` events", "jobs.*.progress_interval", NULL,
     "the newest one when it is over; titles and 100 at once, up to 100 a second", RB_OK},
    {"log", "jobs.*.log_max", NULL, "its end is kept", RB_OK},
    {"memory, open files of a process", "jobs.*.memory_max", NULL, "the worker meets the error", RB_OK},
};

static const struct limit of_topic[] = {
    {"events kept", "topics.keep_count", NULL, "the oldest go", RB_GAP},
    {"bytes kept", "topics.keep_bytes", NULL, "the oldest go", RB_GAP},
    {"time kept", "topics.keep_age", NULL, "the oldest go", RB_GAP},
};

static const struct limit of_process[] = {
    {"connections", "limits.connections", NULL,
     "not accepted: they wait in the kernel's queue until there is room (the log says so once)", RB_OK},
    {"descriptors", NULL, "`ulimit -n`, raised to its hard limit at the start",
     "some are kept back for files and workers, the rest bounds `limits.connections`; the start says how many, and the "
     "remedy (LimitNOFILE). If they run out all the same, accepting pauses, and what is open goes on", RB_OK},
    {"tokens that a loop remembers", NULL, "10,000 for 10 s", "the oldest is looked up again", RB_OK},
    {"interrupted Socket.IO clients that a loop remembers", NULL, "100,000, 256 MiB, for `socketio.recovery_window`",
     "the oldest cannot be recovered any more", RB_OK},
    {"logins that are checked", NULL, "2 at once, 1,000 wait", "503", RB_OVERLOADED},
    {"sessions", NULL, "1,000,000", "503", RB_OVERLOADED},
    {"temporary links", NULL, "100,000, each at most a day", "refused", RB_TOO_MANY_REQUESTS},
    {"threads that serve connections", "threads", NULL, "", RB_OK},
};
/* clang-format on */

#define LIMITS(list) list, RB_COUNT(list)
static const struct group groups[] = {
    {"A message or request", "What comes in one piece.", LIMITS(of_message)},
    {"A connection", "Of any kind, unless the row says more.", LIMITS(of_connection)},
    {"An address",
     "An IPv4 address, or an IPv6 network of 64 bits. Behind a proxy all clients have the proxy's.",
     LIMITS(of_address)},
    {"A tenant", "", LIMITS(of_tenant)},
    {"A scratch directory", "Of one session, or of one connection without a session.", LIMITS(of_scratch)},
    {"A kind of job", "", LIMITS(of_kind)},
    {"A topic", "Rules for single topics: `topics.rules`.", LIMITS(of_topic)},
    {"The process", "", LIMITS(of_process)},
};

static void add_limit(const struct limit *limit, struct rb_buf *out)
{
    rb_buf_add_fmt(out, "| %s | ", limit->what);
    if (limit->option) {
        const struct rb_option *option = rb_option_find(rb_str_of(limit->option));
        RB_CHECK(option && option->fallback);
        rb_buf_add_fmt(out, "`%s` | `%s`", limit->option, option->fallback);
    } else {
        rb_buf_add_fmt(out, "fixed | %s", limit->value);
    }
    rb_buf_add_fmt(out, " | %s | ", limit->effect);
    if (limit->reason) rb_buf_add_fmt(out, "`%s`", rb_reason_name(limit->reason));
    rb_buf_add_text(out, " |\n");
}

void rb_limits_print_reference(struct rb_buf *out)
{
    rb_buf_add_text(
        out, "# Limits\n\n"
             "<!-- Made from src/app/limits.c and the table of options; do not edit. -->\n\n"
             "Everything is bounded; here is by how much, and what happens at the bound. The options are "
             "explained in\n[configuration.md](configuration.md), the reasons in [reasons.md](reasons.md). "
             "A limit of 0 is none, where the option allows it.\n");
    for (size_t i = 0; i < RB_COUNT(groups); i++) {
        const struct group *group = &groups[i];
        rb_buf_add_fmt(out, "\n## %s\n", group->name);
        if (*group->sentence) rb_buf_add_fmt(out, "\n%s\n", group->sentence);
        rb_buf_add_text(
            out, "\n| what | option | default | at the limit | reason |\n| --- | --- | --- | --- | --- |\n");
        for (unsigned k = 0; k < group->count; k++) add_limit(&group->limits[k], out);
    }
}
