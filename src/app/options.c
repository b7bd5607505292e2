#include "app/options.h"

#include "app/config.h"
#include "app/config_forms.h"

/* The table of options. A row reads: path, type, field, default, sentence, then what else there is to check.
 * `*` in a path is a name that the user chooses, or the items of a list one after the other. */

#define ROOT(field) offsetof(struct rb_config, field)
#define TENANT(field) offsetof(struct rb_config_tenant, field)
#define RULE(field) offsetof(struct rb_config_rule, field)
#define JOB(field) offsetof(struct rb_config_job, field)
#define ACCOUNT(field) offsetof(struct rb_config_account, field)
#define ROOM(field) offsetof(struct rb_config_room, field)
#define CAPABILITY(field) offsetof(struct rb_config_capability, field)

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define SECONDS(n) ((uint64_t)(n)*1000)
#define HOURS(n) ((uint64_t)(n)*3600000)
#define DAYS(n) ((uint64_t)(n)*86400000)

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

_Static_assert(TENANT(name) == 0 && ACCOUNT(public_id) == 0 && RULE(pattern) == 0 && JOB(kind) == 0 &&
                   CAPABILITY(name) == 0,
               "items by name begin with their name");

/* Laid out by hand: what it is and its default, the sentence, the checks. */
/* clang-format off */
const struct rb_option rb_options[] = {
    {"listen", RB_OPTION_ADDRESS, ROOT(listen), "127.0.0.1:8080",
     "Where to listen. Port 0 takes any free one; IPv6 goes in brackets, `[::1]:8080`."},
    {"data", RB_OPTION_STRING, ROOT(data), "./ringback-data",
     "The directory of everything that must survive: the database, results, uploads. One process at a time "
     "uses it.",
     .form = &rb_form_text},
    {"threads", RB_OPTION_U64, ROOT(threads), "0",
     "Threads that serve connections; 0 takes one for each core.",
     .min = 0, .max = 64},
    {"origins", RB_OPTION_STRINGS, ROOT(origins), NULL,
     "Web origins whose pages may open WebSockets and event streams, `https://app.example.com`; `*` allows "
     "all. Pages from the server's own host are always allowed, and so are clients that are not browsers.",
     .max = 1000, .form = &rb_form_origin},

    {"log", RB_OPTION_SECTION, .sentence = "What is written to standard error."},
    {"log.level", RB_OPTION_ENUM, ROOT(log.level), "info", "The least serious level that is written.",
     .words = WORDS("debug", "info", "warn", "error")},
    {"log.format", RB_OPTION_ENUM, ROOT(log.format), "text",
     "`text` for people, `json` for machines: one object a line.",
     .words = WORDS("text", "json")},

    {"tenants", RB_OPTION_ITEMS_BY_NAME, ROOT(tenants), .max = 10000, .form = &rb_form_name,
     .item_bytes = sizeof(struct rb_config_tenant),
     .sentence = "The tenants by name. Nothing of one tenant can be seen from another."},
    {"tenants.*.hosts", RB_OPTION_STRINGS, TENANT(hosts), NULL,
     "Its host names, each of one tenant only. Socket clients may name a tenant by its host name with dots "
     "replaced by underscores: `acme.example.com` is `acme_example_com`.",
     .min = 1, .max = 1000, .form = &rb_form_host, .is_required = true},

    {"http", RB_OPTION_SECTION, .sentence = "Limits of HTTP requests, in all doors."},
    {"http.head_max", RB_OPTION_BYTES, ROOT(http.head_bytes_max), "16KiB",
     "Request line and headers together.", .min = KIB(1), .max = MIB(1)},
    {"http.target_max", RB_OPTION_BYTES, ROOT(http.target_bytes_max), "8KiB",
     "Path and query of a request; not more than `head_max`.", .min = 256, .max = MIB(1)},
    {"http.body_max", RB_OPTION_BYTES, ROOT(http.body_bytes_max), "1MiB",
     "The body of a request.", .min = KIB(1), .max = GIB(1)},
    {"http.header_timeout", RB_OPTION_DURATION, ROOT(http.header_timeout_ms), "10s",
     "From the first byte of a request to the end of its headers.", .min = 100, .max = HOURS(1)},
    {"http.body_timeout", RB_OPTION_DURATION, ROOT(http.body_timeout_ms), "30s",
     "The longest pause while a body comes.", .min = 100, .max = HOURS(1)},
    {"http.idle_timeout", RB_OPTION_DURATION, ROOT(http.idle_timeout_ms), "75s",
     "How long a connection may wait for its next request.", .min = 100, .max = HOURS(24)},
    {"http.write_timeout", RB_OPTION_DURATION, ROOT(http.write_timeout_ms), "60s",
     "How long a client may take nothing of what is ready for it, on any kind of connection.",
     .min = 100, .max = HOURS(24)},
    {"http.wait_max", RB_OPTION_DURATION, ROOT(http.wait_ms_max), "60s",
     "The longest wait that `Prefer: wait` and `?wait=` may ask for; keep it below the timeouts of proxies "
     "in front.",
     .min = SECONDS(1), .max = HOURS(1)},

    {"websocket", RB_OPTION_SECTION, .sentence = "The WebSocket of the native API."},
    {"websocket.message_max", RB_OPTION_BYTES, ROOT(websocket.message_bytes_max), "1MiB",
     "One message from a client, all its fragments together.", .min = KIB(1), .max = GIB(1)},
    {"websocket.ping_interval", RB_OPTION_DURATION, ROOT(websocket.ping_interval_ms), "25s",
     "A connection on which nothing came for so long is pinged.", .min = 50, .max = HOURS(1)},
    {"websocket.ping_timeout", RB_OPTION_DURATION, ROOT(websocket.ping_timeout_ms), "20s",
     "How long the answer may take; not more than `ping_interval`.", .min = 50, .max = HOURS(1)},
    {"websocket.auth_timeout", RB_OPTION_DURATION, ROOT(websocket.auth_timeout_ms), "10s",
     "How long a new connection may take to say who it is.", .min = 100, .max = HOURS(1)},

    {"connection", RB_OPTION_SECTION, .sentence = "Limits of one connection, of any kind."},
    {"connection.output_max", RB_OPTION_BYTES, ROOT(connection.output_bytes_max), "1MiB",
     "What may wait to be sent to it; at the limit its requests are no longer read, and replies that do not "
     "fit close it.",
     .min = KIB(4), .max = GIB(1)},
    {"connection.subscriptions_max", RB_OPTION_U64, ROOT(connection.subscriptions_max), "1000",
     "Topics that it may be subscribed to.", .min = 1, .max = 1000000},

    {"connection.send_buffer", RB_OPTION_BYTES, ROOT(connection.send_buffer_bytes), "256KiB",
     "What the kernel may hold of its output, about half as much again for the kernel's own use; 0 leaves it to the "
     "kernel, which takes megabytes for a client that does not read. A fast client far away may need more: the buffer "
     "divided by the time there and back is what it can get.",
     .min = 0, .max = GIB(1)},

    {"limits", RB_OPTION_SECTION,
     .sentence = "What all connections together, those of one address and those of one tenant may use; 0 is no limit. "
                 "All limits: [limits.md](limits.md)."},
    {"limits.connections", RB_OPTION_U64, ROOT(limits.connections), "0",
     "Connections of the process; those beyond wait in the kernel's queue. 0, and what is more than they allow: as many "
     "as there are descriptors (`ulimit -Hn`), less some for files and workers; the start says how many.",
     .min = 0, .max = 16000000},
    {"limits.connections_per_address", RB_OPTION_U64, ROOT(limits.connections_per_address), "0",
     "Connections of one IPv4 address, or one IPv6 network of 64 bits. Leave it at 0 behind a proxy, whose address all "
     "clients have.",
     .min = 0, .max = 16000000},
    {"limits.connections_per_tenant", RB_OPTION_U64, ROOT(limits.connections_per_tenant), "0",
     "Connections of one tenant that have said who they are: sockets and event streams.", .min = 0, .max = 16000000},
    {"limits.jobs_per_tenant", RB_OPTION_U64, ROOT(limits.jobs_per_tenant), "0",
     "Jobs of one tenant that wait or run.", .min = 0, .max = 16000000},

    {"topics", RB_OPTION_SECTION,
     .sentence = "What is kept of the events of a topic, for those who come late or come back. The oldest go "
                 "first, as soon as one of the limits is passed."},
    {"topics.keep_count", RB_OPTION_U64, ROOT(topics.keep_count), "1000", "Events.",
     .min = 1, .max = RB_CONFIG_KEEP_COUNT_MAX},
    {"topics.keep_bytes", RB_OPTION_BYTES, ROOT(topics.keep_bytes), "1MiB", "Their bodies together.",
     .min = KIB(1), .max = RB_CONFIG_KEEP_BYTES_MAX},
    {"topics.keep_age", RB_OPTION_DURATION, ROOT(topics.keep_age_ms), "10m",
     "Time since they were published.",
     .min = 100, .max = RB_CONFIG_KEEP_AGE_MS_MAX},
    {"topics.message_max", RB_OPTION_BYTES, ROOT(topics.message_bytes_max), "1MiB", "The body of one event.",
     .min = 256, .max = MIB(64)},
    {"topics.rules", RB_OPTION_ITEMS_BY_NAME, ROOT(topics.rules), .max = 10000, .form = &rb_form_pattern,
     .item_bytes = sizeof(struct rb_config_rule),
     .sentence = "Other rules for the topics that match a pattern; the first in the file that matches "
                 "counts. `*` stands for one element of a name, `**` at the end for any rest: "
                 "`\"builds/*/log\"`, `\"chat/**\"`. Write a pattern that begins with `*` in quotes."},
    {"topics.rules.*.retention", RB_OPTION_ENUM, RULE(retention), "limits",
     "`limits`: all three limits hold. `count`, `age`, `bytes`: that one holds, and `keep_bytes` always. "
     "`last`: the newest event only, however old. `none`: nothing; an event reaches whoever is subscribed at "
     "that moment.",
     .words = WORDS("limits", "none", "last", "count", "age", "bytes")},
    {"topics.rules.*.keep_count", RB_OPTION_U64, RULE(keep_count), .inherits = "topics.keep_count",
     .sentence = "Events.", .min = 1, .max = RB_CONFIG_KEEP_COUNT_MAX},
    {"topics.rules.*.keep_bytes", RB_OPTION_BYTES, RULE(keep_bytes), .inherits = "topics.keep_bytes",
     .sentence = "Their bodies together.", .min = KIB(1), .max = RB_CONFIG_KEEP_BYTES_MAX},
    {"topics.rules.*.keep_age", RB_OPTION_DURATION, RULE(keep_age_ms), .inherits = "topics.keep_age",
     .sentence = "Time since they were published.", .min = 100, .max = RB_CONFIG_KEEP_AGE_MS_MAX},
    {"topics.rules.*.durable", RB_OPTION_BOOL, RULE(is_durable), "false",
     "Whether events are stored on disk before they are delivered, and survive a restart."},

    {"files", RB_OPTION_SECTION,
     .sentence = "Files that are exchanged with clients. They go with the process: the directories `spool`, `scratch` and "
                 "`links` below `data` are emptied at the start."},
    {"files.scratch_quota", RB_OPTION_BYTES, ROOT(files.scratch_bytes_max), "256MiB",
     "What the scratch directory of one session, or of one connection without a session, may hold.",
     .min = KIB(1), .max = GIB(1024)},
    {"files.scratch_files", RB_OPTION_U64, ROOT(files.scratch_files_max), "1000", "Files in it.",
     .min = 1, .max = 1000000},
    {"files.upload_max", RB_OPTION_BYTES, ROOT(files.upload_bytes_max), "256MiB",
     "The body of a request that brings files.", .min = KIB(1), .max = GIB(1024)},
    {"files.link_ttl", RB_OPTION_DURATION, ROOT(files.link_ttl_ms), "300s",
     "How long a temporary link is good, unless who makes it says otherwise.", .min = SECONDS(1), .max = HOURS(24)},

    {"jobs", RB_OPTION_ITEMS_BY_NAME, ROOT(jobs), .max = 1000, .form = &rb_form_name,
     .item_bytes = sizeof(struct rb_config_job),
     .sentence = "The kinds of jobs by name: what runs, who starts it, within which limits."},
    {"jobs.*.command", RB_OPTION_STRINGS, JOB(command), NULL,
     "The program, as an absolute path or as a name that `PATH` finds, and its arguments; no shell. `{name}` "
     "in an argument becomes the parameter of that name: from the path of the route, the query, or the JSON "
     "body. The program runs in a fresh directory, and also gets all parameters as JSON on standard input. "
     "A kind has this, `external` or `scenario`.",
     .min = 1, .max = 1000},
    {"jobs.*.external", RB_OPTION_BOOL, JOB(is_external), "false",
     "In place of `command`: nothing is run here. The work is done elsewhere and told by `POST "
     "/v1/jobs/ID/report` and `/finish`; such a job runs from its start on, beside `concurrency` and across restarts, "
     "once. `queue_max` is how many may be open."},
    {"jobs.*.scenario", RB_OPTION_STRING, JOB(scenario), NULL,
     "In place of `command`: the file of a scenario, which `ringback scenario` runs.", .form = &rb_form_text},
    {"jobs.*.routes", RB_OPTION_ROUTES, JOB(routes), NULL,
     "HTTP calls that start it, beside `POST /v1/jobs/KIND`: `POST /projects/{projectId}/export`.",
     .max = 20, .form = &rb_form_route},
    {"jobs.*.timeout", RB_OPTION_DURATION, JOB(timeout_ms), "30m",
     "How long one attempt may run; of `external` kinds `24h`, unless it is given.",
     .min = 100, .max = DAYS(30)},
    {"jobs.*.kill_grace", RB_OPTION_DURATION, JOB(kill_grace_ms), "5s",
     "Time between SIGTERM and SIGKILL when a job is cancelled or out of time.", .min = 0, .max = HOURS(1)},
    {"jobs.*.concurrency", RB_OPTION_U64, JOB(concurrency), "2",
     "Jobs of this kind that run at the same time.",
     .min = 1, .max = 10000},
    {"jobs.*.queue_max", RB_OPTION_U64, JOB(queue_max), "1000",
     "Jobs of this kind that may wait; more are refused with 429.",
     .min = 1, .max = 10000000},
    {"jobs.*.queue_timeout", RB_OPTION_DURATION, JOB(queue_timeout_ms), "24h",
     "A job that waited longer expires.",
     .min = 100, .max = DAYS(365)},
    {"jobs.*.attempts", RB_OPTION_U64, JOB(attempts), "1", "How often a job is tried before it fails.",
     .min = 1, .max = 100},
    {"jobs.*.retry_backoff", RB_OPTION_DURATION, JOB(retry_backoff_ms), "5s",
     "The pause before the second attempt; it doubles with each further one.", .min = 0, .max = HOURS(24)},
    {"jobs.*.retry", RB_OPTION_BOOL, JOB(is_retried), "false",
     "Whether a job that was running when the server stopped is run again; else it fails as `interrupted`."},
    {"jobs.*.result", RB_OPTION_ENUM, JOB(result), "auto",
     "What becomes of the files that the program leaves. `auto`: one file is the result as it is, several are one ZIP. "
     "`zip`: always a ZIP.",
     .words = WORDS("auto", "zip")},
    {"jobs.*.result_max", RB_OPTION_BYTES, JOB(result_bytes_max), "1GiB",
     "All result files of a job together.",
     .min = KIB(1), .max = GIB(16384)},
    {"jobs.*.result_keep", RB_OPTION_DURATION, JOB(result_keep_ms), "24h",
     "How long results can be downloaded.",
     .min = SECONDS(1), .max = DAYS(3650)},
    {"jobs.*.log_max", RB_OPTION_BYTES, JOB(log_bytes_max), "64KiB",
     "What is kept of the output: the last so many bytes.",
     .min = 0, .max = MIB(16)},
    {"jobs.*.environment", RB_OPTION_PAIRS, JOB(environment), NULL,
     "Variables for the program, name and value.", .max = 1000, .form = &rb_form_variable},
    {"jobs.*.memory_max", RB_OPTION_BYTES, JOB(memory_bytes_max), "0",
     "Address space of each process of the job; 0 sets no limit.", .min = 0, .max = GIB(16384)},
    {"jobs.*.open_files_max", RB_OPTION_U64, JOB(open_files_max), "1024",
     "Files that each process of the job may have open.",
     .min = 16, .max = 1048576},
    {"jobs.*.progress_interval", RB_OPTION_DURATION, JOB(progress_interval_ms), "200ms",
     "The least time between two `progress` events of a job; a new title and 100 do not wait for it.",
     .min = 0, .max = HOURS(1)},

    {"socketio", RB_OPTION_SECTION, .sentence = "The Socket.IO door."},
    {"socketio.enabled", RB_OPTION_BOOL, ROOT(socketio.is_enabled), "true", "Whether it is open."},
    {"socketio.path", RB_OPTION_STRING, ROOT(socketio.path), "/socket.io/",
     "Where clients connect; also without the `/` at its end.", .form = &rb_form_prefix},
    {"socketio.v3", RB_OPTION_BOOL, ROOT(socketio.has_v3), "false",
     "Whether clients of Socket.IO 1 and 2 (Engine.IO protocol v3) may connect too."},
    {"socketio.polling", RB_OPTION_BOOL, ROOT(socketio.has_polling), "true",
     "Whether clients may connect by long-polling; otherwise by WebSocket only."},
    {"socketio.ping_interval", RB_OPTION_DURATION, ROOT(socketio.ping_interval_ms), "25s",
     "Time between pings; clients are told.", .min = 50, .max = HOURS(1)},
    {"socketio.ping_timeout", RB_OPTION_DURATION, ROOT(socketio.ping_timeout_ms), "20s",
     "How long the pong may take; clients are told.", .min = 50, .max = HOURS(1)},
    {"socketio.connect_timeout", RB_OPTION_DURATION, ROOT(socketio.connect_timeout_ms), "45s",
     "How long a new link may take to join a namespace.", .min = 100, .max = HOURS(1)},
    {"socketio.upgrade_timeout", RB_OPTION_DURATION, ROOT(socketio.upgrade_timeout_ms), "10s",
     "How long the change of a link from long-polling to WebSocket may take.", .min = 100, .max = HOURS(1)},
    {"socketio.close_timeout", RB_OPTION_DURATION, ROOT(socketio.close_timeout_ms), "30s",
     "How long the end of a link waits for a client on long-polling to fetch it.", .min = 100, .max = HOURS(1)},
    {"socketio.max_payload", RB_OPTION_BYTES, ROOT(socketio.payload_bytes_max), "1000000",
     "One message, or one polling request, from a client; clients are told.", .min = 256, .max = MIB(64)},
    {"socketio.recovery", RB_OPTION_ENUM, ROOT(socketio.recovery), "asked",
     "Connection state recovery: an interrupted client comes back under its id, into its rooms, and gets what it "
     "missed. `asked`: for clients whose auth payload has `recovery: true`. `always`: for all; clients other than "
     "socket.io-client for JavaScript then see an offset as an additional last argument of each event. `off`: for "
     "none.",
     .words = WORDS("off", "asked", "always")},
    {"socketio.recovery_window", RB_OPTION_DURATION, ROOT(socketio.recovery_window_ms), "2m",
     "How long an interrupted client can come back so; not longer than the topics of its rooms keep their events "
     "(`topics`).",
     .min = 100, .max = HOURS(1)},
    {"socketio.cors_credentials", RB_OPTION_BOOL, ROOT(socketio.has_cors_credentials), "false",
     "Whether pages from `origins` may send cookies with their requests (`withCredentials`)."},
    {"socketio.namespaces", RB_OPTION_STRINGS, ROOT(socketio.namespaces), "/",
     "The namespaces that clients may join.", .min = 1, .max = 1000, .form = &rb_form_namespace},

    {"socketio.rooms", RB_OPTION_ITEMS, ROOT(socketio.rooms), .max = 100,
     .item_bytes = sizeof(struct rb_config_room),
     .sentence = "Rooms that clients join by an event, to get what is published there, to publish themselves, and "
                 "to hear of the outcome of jobs: a list, each with these options."},
    {"socketio.rooms.*.join", RB_OPTION_STRING, ROOM(join), NULL,
     "The event that joins; its one argument is an object.", .form = &rb_form_event, .is_required = true},
    {"socketio.rooms.*.leave", RB_OPTION_STRING, ROOM(leave), NULL,
     "The event that leaves; its argument is the same object, or the bare value of `key`.",
     .form = &rb_form_event, .is_required = true},
    {"socketio.rooms.*.topic", RB_OPTION_STRING, ROOM(topic), NULL,
     "The topic behind the room. `{name}` becomes the field of that name in the argument of the join, and in "
     "the parameters of a job; numbers and texts that read the same are the same. What it keeps is said by "
     "`topics`, unless the room has `kinds`: then events are durable and kept for a day at least.",
     .form = &rb_form_topic, .is_required = true},
    {"socketio.rooms.*.key", RB_OPTION_STRING, ROOM(key), "projectId",
     "The field that a bare value in the leave event stands for; one of those in `topic`.",
     .form = &rb_form_field},
    {"socketio.rooms.*.tenant_field", RB_OPTION_STRING, ROOM(tenant_field), "tenantId",
     "The field of the join argument that names the tenant; `\"\"`: none does.", .form = &rb_form_optional_field},
    {"socketio.rooms.*.tenant", RB_OPTION_ENUM, ROOM(tenant), "host",
     "How the tenant that a join names is checked. `token`: it must be a host name (dots as "
     "underscores), or the name, of the tenant of the client's token. `host`: it may also be the host name that the "
     "client connected to, unless that is another tenant's. A join that fails this is refused.",
     .words = WORDS("host", "token")},
    {"socketio.rooms.*.publish", RB_OPTION_STRINGS, ROOM(publish), NULL,
     "Events that members may send to all of the room, themselves included. The first argument is what is "
     "published; it names the room by the fields of `topic`, which may be left out by who is in one such room only.",
     .max = 1000, .form = &rb_form_event},
    {"socketio.rooms.*.kinds", RB_OPTION_STRINGS, ROOM(kinds), NULL,
     "Kinds of jobs whose outcome is announced in the room, each as an event named like the kind with "
     "`{\"downloadId\": \"...\"}`.",
     .max = 1000, .form = &rb_form_name},
    {"socketio.rooms.*.results", RB_OPTION_ENUM, ROOM(results), "starter",
     "Who in the room hears of an outcome, and may download it. `starter`: the client that started the job, or all "
     "if a back end's token did. `room`: all.",
     .words = WORDS("starter", "room")},
    {"socketio.rooms.*.keep", RB_OPTION_DURATION, ROOM(keep_ms), "10m",
     "How long an outcome waits for those who join after it happened.", .min = 0, .max = DAYS(30)},

    {"socketio.process", RB_OPTION_SECTION,
     .sentence = "The HTTP side of the rooms: calls that start a job of one of their kinds, and downloads by "
                 "id."},
    {"socketio.process.sync_timeout", RB_OPTION_DURATION, ROOT(socketio.process.sync_timeout_ms), "60s",
     "How long a call with `returnZip=true` waits for its result before it is answered with 504.",
     .min = 100, .max = HOURS(1)},
    {"socketio.process.sync_timeout_job", RB_OPTION_ENUM, ROOT(socketio.process.sync_timeout_job), "continue",
     "What then becomes of the job.", .words = WORDS("continue", "cancel")},
    {"socketio.process.download_paths", RB_OPTION_STRINGS, ROOT(socketio.process.download_paths),
     "/api/projects/{projectId}/download/{downloadId} /api/download/{downloadId}",
     "Where results are downloaded by the id that the rooms announce.",
     .max = 100, .form = &rb_form_download_path},

    {"accounts", RB_OPTION_ITEMS_BY_NAME, ROOT(accounts), .max = 10000, .form = &rb_form_name,
     .item_bytes = sizeof(struct rb_config_account),
     .sentence = "Accounts of back ends that sign their calls, by their public id. `ringback client create "
                 "--signing` makes them without a secret in this file; those here win."},
    {"accounts.*.tenant", RB_OPTION_STRING, ACCOUNT(tenant), NULL, "Whose account it is.",
     .form = &rb_form_name, .is_required = true},
    {"accounts.*.secret", RB_OPTION_STRING, ACCOUNT(secret), NULL,
     "The secret that both sides know; its characters are the key. Whoever reads this file can sign.",
     .form = &rb_form_text, .is_required = true},
    {"accounts.*.replay_guard", RB_OPTION_BOOL, ACCOUNT(is_guarded), "false",
     "Refuse a call for a token whose signature came within the last five minutes. Off by default, since known "
     "callers send the same bytes again."},

    {"envoy", RB_OPTION_SECTION,
     .sentence = "The door for back ends and clients of Apeshift Envoy. Its back ends need `accounts`."},
    {"envoy.enabled", RB_OPTION_BOOL, ROOT(envoy.is_enabled), "false", "Whether the door is open."},
    {"envoy.path", RB_OPTION_STRING, ROOT(envoy.path), "/envoy/",
     "Where calls are posted and sockets opened; calls also at `api` below it. `/` for callers whose address "
     "has no path.",
     .form = &rb_form_prefix},
    {"envoy.body_max", RB_OPTION_BYTES, ROOT(envoy.body_bytes_max), "256KiB", "The body of a call.",
     .min = KIB(1), .max = MIB(64)},
    {"envoy.message_max", RB_OPTION_BYTES, ROOT(envoy.message_bytes_max), "128KiB",
     "A message, as it is written in the call; less than `body_max`.", .min = 256, .max = MIB(64)},
    {"envoy.context_max", RB_OPTION_BYTES, ROOT(envoy.context_bytes_max), "4KiB",
     "A task's context, as it is written in the call.", .min = 64, .max = MIB(1)},
    {"envoy.sockets_max", RB_OPTION_U64, ROOT(envoy.sockets_max), "1000", "Sockets of one task at a time.",
     .min = 1, .max = 1000000},
    {"envoy.tokens_max", RB_OPTION_U64, ROOT(envoy.tokens_max), "10000",
     "Tokens of one task that have not expired.", .min = 1, .max = 1000000},
    {"envoy.calls_per_second", RB_OPTION_U64, ROOT(envoy.calls_per_s), "50",
     "Calls of one account; 0 is any number.", .min = 0, .max = 1000000},
    {"envoy.refusals_per_minute", RB_OPTION_U64, ROOT(envoy.refusals_per_min), "10",
     "Tokens refused to one address in a minute; then its upgrades are answered with 429 until the minute is "
     "over, unless one of its tokens was good meanwhile. 0 never does. Behind a proxy all clients have its "
     "address: raise it there.",
     .min = 0, .max = 1000000},

    {"era", RB_OPTION_SECTION,
     .sentence = "The door for clients of the Era Platform (Incoplax): sockets at `/ws` and `/ws/token/v1`, REST calls below "
                 "`/rest/v1` and `/era/v1`. Its users are made by `ringback user add`, its outside systems by `ringback "
                 "client create`."},
    {"era.enabled", RB_OPTION_BOOL, ROOT(era.is_enabled), "false", "Whether the door is open."},
    {"era.site", RB_OPTION_STRING, ROOT(era.site), "main", "The name of this site, as clients are told.",
     .form = &rb_form_name},
    {"era.default_tenant", RB_OPTION_STRING, ROOT(era.default_tenant), NULL,
     "The tenant of logins that name none (`td`, `domain`); without it they must.", .form = &rb_form_name},
    {"era.message_max", RB_OPTION_BYTES, ROOT(era.message_bytes_max), "1MiB", "One message from a client.",
     .min = KIB(1), .max = MIB(64)},
    {"era.login_timeout", RB_OPTION_DURATION, ROOT(era.login_timeout_ms), "30s",
     "How long a user may take to log in on a new socket.", .min = 100, .max = HOURS(1)},
    {"era.ping_interval", RB_OPTION_DURATION, ROOT(era.ping_interval_ms), "30s", "Time between pings.",
     .min = 50, .max = HOURS(1)},
    {"era.silence_max", RB_OPTION_DURATION, ROOT(era.silence_ms), "90s",
     "A connection on which nothing came for so long, not even a pong, is cut; not less than `ping_interval`.",
     .min = 50, .max = HOURS(24)},
    {"era.secure_cookie", RB_OPTION_BOOL, ROOT(era.is_cookie_secure), "false",
     "Whether the session's cookie is for https only. Switch it on where a proxy does the TLS."},
    {"era.shared", RB_OPTION_STRING, ROOT(era.shared_dir), NULL,
     "The directory whose files operations may name as `shared:NAME`, an absolute path; without it there are none.",
     .form = &rb_form_text},
    {"era.incoming_kind", RB_OPTION_STRING, ROOT(era.incoming_kind), NULL,
     "The kind of job that is started for each new connection, with `connectionid` among its parameters.",
     .form = &rb_form_name},
    {"era.unclaimed_kind", RB_OPTION_STRING, ROOT(era.unclaimed_kind), NULL,
     "The kind of job that is started for each message whose method nobody claims.", .form = &rb_form_name},
    {"era.unclaimed_url", RB_OPTION_STRING, ROOT(era.unclaimed_url), NULL,
     "Where such messages are posted instead.", .form = &rb_form_url},
    {"era.unclaimed_timeout", RB_OPTION_DURATION, ROOT(era.unclaimed_timeout_ms), "10s",
     "How long their answer may take.", .min = 100, .max = HOURS(1)},

    {"era.capabilities", RB_OPTION_ITEMS_BY_NAME, ROOT(era.capabilities), .max = 100, .form = &rb_form_name,
     .item_bytes = sizeof(struct rb_config_capability),
     .sentence = "Capabilities beside the built-in ones (`msg`, `svcscript`, `callrecord`, `subscr`, `test`), by name: what "
                 "plug-ins are elsewhere."},
    {"era.capabilities.*.families", RB_OPTION_STRINGS, CAPABILITY(families), "user token",
     "Who may switch it on: `user`, `token`.", .min = 1, .max = 2, .form = &rb_form_family},
    {"era.capabilities.*.roles", RB_OPTION_STRINGS, CAPABILITY(roles), NULL,
     "One of these roles is needed for it; none: anybody may.", .max = 100, .form = &rb_form_name},
    {"era.capabilities.*.events", RB_OPTION_STRINGS, CAPABILITY(events), NULL,
     "Codes of messages that may be sent through it.", .max = 1000, .form = &rb_form_text},
    {"era.capabilities.*.requests", RB_OPTION_STRINGS, CAPABILITY(requests), NULL,
     "The same, of messages to which the client replies.", .max = 1000, .form = &rb_form_text},
    {"era.capabilities.*.methods", RB_OPTION_STRINGS, CAPABILITY(methods), NULL,
     "Methods of clients that it claims; they go to its `kind` or `url`.", .max = 1000, .form = &rb_form_text},
    {"era.capabilities.*.kind", RB_OPTION_STRING, CAPABILITY(kind), NULL,
     "The kind of job that is started for them.", .form = &rb_form_name},
    {"era.capabilities.*.url", RB_OPTION_STRING, CAPABILITY(url), NULL, "Where they are posted instead.",
     .form = &rb_form_url},
    {"era.capabilities.*.timeout", RB_OPTION_DURATION, CAPABILITY(timeout_ms), "10s",
     "How long the answer may take.", .min = 100, .max = HOURS(1)},

    {"bimserver", RB_OPTION_SECTION,
     .sentence = "The door for clients of BIMserver: calls as JSON and SOAP, `/stream`, `/upload`, `/download`. Its users are "
                 "made by `ringback user add`."},
    {"bimserver.enabled", RB_OPTION_BOOL, ROOT(bimserver.is_enabled), "false", "Whether the door is open."},
    {"bimserver.path", RB_OPTION_STRING, ROOT(bimserver.path), "/",
     "What stands before all its paths: `/`, or a context path as clients' addresses have it.",
     .form = &rb_form_root_prefix},
    {"bimserver.site", RB_OPTION_STRING, ROOT(bimserver.site), NULL,
     "Where clients reach the server, `https://bim.example.com`, for the addresses that it gives out; without it they are "
     "as a request's Host says.",
     .form = &rb_form_url},
    {"bimserver.default_tenant", RB_OPTION_STRING, ROOT(bimserver.default_tenant), NULL,
     "The tenant of logins that name none (`tenant/login` does); without it they must.", .form = &rb_form_name},
    {"bimserver.checkin", RB_OPTION_STRING, ROOT(bimserver.checkin_kind), NULL,
     "The kind of job that a check-in is; without it there are none. A revision is kept as long as its job, so raise "
     "the kind's `result_keep`.",
     .form = &rb_form_name},
    {"bimserver.services", RB_OPTION_STRINGS, ROOT(bimserver.services), NULL,
     "Kinds of jobs that are offered as BIMbots services: their input is what is posted.", .max = 100,
     .form = &rb_form_name},
    {"bimserver.version", RB_OPTION_STRING, ROOT(bimserver.version), "1.6.0",
     "The version of BIMserver that clients are told. From 1.5.183 on the Python client asks much more before it begins; "
     "below 1.5.137 files on the stream come without a mark.",
     .form = &rb_form_text},
    {"bimserver.fetch", RB_OPTION_STRINGS, ROOT(bimserver.fetch), NULL,
     "What the addresses begin with from which the server fetches files (`checkinFromUrl`), each with a '/' at its end; "
     "without any it fetches none.",
     .max = 100, .form = &rb_form_url},
    {"bimserver.body_max", RB_OPTION_BYTES, ROOT(bimserver.body_bytes_max), "64MiB",
     "The body of a call, with its file in base64, and a file that is fetched. Uploads: `files.upload_max`.",
     .min = KIB(64), .max = MIB(256)},
    {"bimserver.message_max", RB_OPTION_BYTES, ROOT(bimserver.message_bytes_max), "1MiB",
     "One message from a client on the stream.", .min = KIB(1), .max = MIB(64)},
    {"bimserver.protobuf_port", RB_OPTION_U64, ROOT(bimserver.protobuf_port), "0",
     "The port on which calls as Protocol Buffers are taken, at the host of `listen`; 0 is none.", .min = 0,
     .max = 65535},
    {"bimserver.protobuf_message_max", RB_OPTION_BYTES, ROOT(bimserver.protobuf_message_bytes_max), "64MiB",
     "One message there.", .min = KIB(64), .max = MIB(256)},
};
/* clang-format on */

const size_t rb_options_count = sizeof rb_options / sizeof *rb_options;

const struct rb_option *rb_option_find(rb_str path)
{
    for (size_t i = 0; i < rb_options_count; i++)
        if (rb_str_is(path, rb_options[i].path)) return &rb_options[i];
    return NULL;
}

const char *rb_option_below(const struct rb_option *option, rb_str prefix)
{
    if (prefix.n == 0) return option->path;
    if (!rb_str_starts(rb_str_of(option->path), prefix) || option->path[prefix.n] != '.') return NULL;
    return option->path + prefix.n + 1;
}
