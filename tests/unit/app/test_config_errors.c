/* What is wrong with a configuration, and what is said about it: every message in full, since people read
 * them. */
#include "test.h"

#include "app/config.h"

#include <string.h>

static void assert_messages(const char *text, rb_err expected_err, const char *expected)
{
    struct rb_config config;
    memset(&config, 0xa5, sizeof config);
    struct rb_config before = config;
    struct rb_buf messages = {0};
    rb_err err = rb_config_parse(&config, rb_str_of(text), "c.yaml", &messages);
    if (err != expected_err || !rb_str_is(rb_buf_str(&messages), expected))
        fail_msg("for\n%s\nnot\n%s\nbut %s\n%s", text, expected, rb_reason_name(err), rb_buf_text(&messages));
    if (err)
        assert_memory_equal(&config, &before, sizeof config); /* outputs are left alone on failure */
    else
        rb_config_fini(&config);
    rb_buf_fini(&messages);
}

struct message_case {
    const char *text, *messages;
};

static void assert_all(const struct message_case *cases, size_t count, rb_err err)
{
    for (size_t i = 0; i < count; i++) assert_messages(cases[i].text, err, cases[i].messages);
}

#define ASSERT_ALL(cases, err) assert_all(cases, sizeof cases / sizeof *(cases), err)

#define TWO_KINDS "jobs:\n  a: {command: [sh]}\n  b: {command: [sh]}\n" /* 3 lines */

#define SIZE "expected a size such as 64KiB or 10MB, from 1KiB to 1GiB, not "
#define DURATION "expected a duration such as 500ms, 30s, 30m, 12h or 7d, from 100ms to 1h, not "
#define ADDRESS "expected an address and a port such as 127.0.0.1:8080 or [::1]:8080, not "
#define KNOWN_HTTP                                                                                           \
    "head_max, target_max, body_max, header_timeout, body_timeout, idle_timeout, write_timeout, wait_max"

static void test_unknown_options(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"jobs:\n  export:\n    command: [sh]\n    timeot: 3s\n",
         "c.yaml:4: jobs.export.timeot: unknown option; did you mean 'timeout'?\n"},
        {"lisetn: x\n", "c.yaml:1: lisetn: unknown option; did you mean 'listen'?\n"},
        {"log:\n  Level: info\n", "c.yaml:2: log.Level: unknown option; did you mean 'level'?\n"},
        {"http: {head-max: 1KiB}\n", "c.yaml:1: http.head-max: unknown option; did you mean 'head_max'?\n"},
        {"http: {HEADER-TIMEOUT: 1s}\n",
         "c.yaml:1: http.HEADER-TIMEOUT: unknown option; did you mean 'header_timeout'?\n"},
        {"job: {}\n", "c.yaml:1: job: unknown option; did you mean 'jobs'?\n"},
        {"body_max: 1MiB\n", "c.yaml:1: body_max: unknown option; did you mean 'http.body_max'?\n"},
        {"http.body_max: 1MiB\n", "c.yaml:1: http.body_max: unknown option; write one name on a line, the "
                                  "next below it and indented\n"},
        {"http: {zzz: 1}\n", "c.yaml:1: http.zzz: unknown option; known here: " KNOWN_HTTP "\n"},
        {"socketio:\n  rooms:\n    - {join: j, leave: l, topic: \"{projectId}\", kinds: [a], keeep: "
         "1s}\n" TWO_KINDS,
         "c.yaml:3: socketio.rooms[0].keeep: unknown option; did you mean 'keep'?\n"},
        {"test: {clock_speed: 2}\n",
         "c.yaml:1: test: unknown option; known here: listen, data, threads, origins, log, tenants, "
         "http, websocket, connection, limits, topics, files, jobs, socketio, accounts, envoy, era, "
         "bimserver\n"},
    };
    ASSERT_ALL(cases, RB_BAD_CONFIG);
}

static void test_wrong_values(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"listen: localhost\n", "c.yaml:1: listen: " ADDRESS "'localhost'\n"},
        {"listen: 8080\n", "c.yaml:1: listen: " ADDRESS "'8080'; did you mean '127.0.0.1:8080'?\n"},
        {"listen: ::1:80\n", "c.yaml:1: listen: " ADDRESS "'::1:80'\n"},
        {"listen: \"[::g]:80\"\n", "c.yaml:1: listen: " ADDRESS "'[::g]:80'\n"},
        {"listen: \"[::1]\"\n", "c.yaml:1: listen: " ADDRESS "'[::1]'\n"},
        {"listen: 1.2.3.400:80\n", "c.yaml:1: listen: " ADDRESS "'1.2.3.400:80'\n"},
        {"listen: a:65536\n", "c.yaml:1: listen: " ADDRESS "'a:65536'\n"},
        {"data: \"\"\n", "c.yaml:1: data: expected text, not ''\n"},
        {"data: [x]\n", "c.yaml:1: data: expected text, not a list\n"},
        {"data:\nthreads: 1\n",
         "c.yaml:1: data: expected text, not nothing; write a value, or remove the line\n"},
        {"data: {a: 1}\n", "c.yaml:1: data: expected text, not a map\n"},
        {"data: {dir}\n",
         "c.yaml:1: data: expected text, not a map; text that begins with '{' must be in quotes\n"},
        {"threads: 65\n", "c.yaml:1: threads: expected a whole number from 0 to 64, not '65'\n"},
        {"threads: -1\n", "c.yaml:1: threads: expected a whole number from 0 to 64, not '-1'\n"},
        {"threads: 010\n", "c.yaml:1: threads: expected a whole number from 0 to 64, not '010'\n"},
        {"threads: '4'\n",
         "c.yaml:1: threads: expected a whole number from 0 to 64, not '4' in quotes; remove the quotes\n"},
        {"threads: 99999999999999999999\n",
         "c.yaml:1: threads: expected a whole number from 0 to 64, not '99999999999999999999'\n"},
        {"log: {level: debgu}\n", "c.yaml:1: log.level: expected one of debug, info, warn, error, not "
                                  "'debgu'; did you mean 'debug'?\n"},
        {"log: {level: loud}\n",
         "c.yaml:1: log.level: expected one of debug, info, warn, error, not 'loud'\n"},
        {"log: info\n", "c.yaml:1: log: expected options, 'name: value' on a line each, not 'info'\n"},
        {"socketio: {enabled: Yes}\n",
         "c.yaml:1: socketio.enabled: expected true or false, not 'Yes'; did you mean 'true'?\n"},
        {"socketio: {enabled: off}\n",
         "c.yaml:1: socketio.enabled: expected true or false, not 'off'; did you mean 'false'?\n"},
        {"socketio: {enabled: maybe}\n", "c.yaml:1: socketio.enabled: expected true or false, not 'maybe'\n"},
        {"socketio: {enabled: \"true\"}\n",
         "c.yaml:1: socketio.enabled: expected true or false, not 'true' in quotes; remove the quotes\n"},
        {"http: {body_max: 1XB}\n", "c.yaml:1: http.body_max: " SIZE "'1XB'\n"},
        {"http: {body_max: 64k}\n", "c.yaml:1: http.body_max: " SIZE "'64k'; did you mean '64KiB'?\n"},
        {"http: {body_max: 2 mib}\n", "c.yaml:1: http.body_max: " SIZE "'2 mib'; did you mean '2MiB'?\n"},
        {"http: {body_max: 1.5MiB}\n", "c.yaml:1: http.body_max: " SIZE "'1.5MiB'\n"},
        {"http: {body_max: 1023}\n", "c.yaml:1: http.body_max: " SIZE "'1023'\n"},
        {"http: {body_max: 2G}\n",
         "c.yaml:1: http.body_max: " SIZE "'2G'\n"}, /* 2GiB would be too much as well */
        {"http: {body_max: 99999999999TiB}\n", "c.yaml:1: http.body_max: " SIZE "'99999999999TiB'\n"},
        {"jobs: {a: {command: [sh], log_max: 16777216TiB}}\n", /* 2 to the 64th */
         "c.yaml:1: jobs.a.log_max: expected a size such as 64KiB or 10MB, from 0B to 16MiB, not "
         "'16777216TiB'\n"},
        {"http: {body_timeout: 30}\n",
         "c.yaml:1: http.body_timeout: " DURATION "'30'; did you mean '30s'?\n"},
        {"http: {body_timeout: 99ms}\n", "c.yaml:1: http.body_timeout: " DURATION "'99ms'\n"},
        {"http: {body_timeout: 1h30m}\n", "c.yaml:1: http.body_timeout: " DURATION "'1h30m'\n"},
        {"http: {body_timeout: }\n",
         "c.yaml:1: http.body_timeout: " DURATION "nothing; write a value, or remove the line\n"},
        {"data: \"a\\tb\\e[1m\"\n", "c.yaml:1: data: expected text, not 'a b [1m'\n"},
        {"log: {level: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac!}\n",
         "c.yaml:1: log.level: expected one of debug, info, warn, error, not "
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'\n"},
        {"[a]\n", "c.yaml:1: expected options, 'name: value' on a line each, not a list\n"},
        {"hello\n", "c.yaml:1: expected options, 'name: value' on a line each, not 'hello'\n"},
    };
    ASSERT_ALL(cases, RB_BAD_CONFIG);
}

#define ORIGIN "expected an origin such as https://app.example.com (no path, no '/' at the end), or '*', not "
#define HOST "expected a host name in lower case without a port, such as acme.example.com, not "
#define ROUTE                                                                                                \
    "expected a method and a path such as 'POST /projects/{projectId}/export' (a placeholder is a whole "    \
    "element, each "                                                                                         \
    "name once), not "
#define PATTERN                                                                                              \
    "expected a topic in which '*' stands for one element and '**' at the end for any rest, such as "        \
    "builds/*/log or "                                                                                       \
    "chat/**, as the key\n"
#define KIND "jobs: {a: {command: [sh], routes: ["
#define NO_WORK                                                                                              \
    "missing; add a list, the program and its arguments, or 'external: true', or 'scenario: FILE'\n"
#define TOO_MUCH_WORK "a kind has one of command, external and scenario; remove the others\n"

static void test_wrong_texts(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"origins: [https://a.b/]\n", "c.yaml:1: origins[0]: " ORIGIN "'https://a.b/'\n"},
        {"origins:\n  - '*'\n  - a.b\n  - ftp://x\n  - https://A\n  - https://a:0\n",
         "c.yaml:3: origins[1]: " ORIGIN "'a.b'\nc.yaml:4: origins[2]: " ORIGIN "'ftp://x'\n"
         "c.yaml:5: origins[3]: " ORIGIN "'https://A'\nc.yaml:6: origins[4]: " ORIGIN "'https://a:0'\n"},
        {"origins: '*'\n", "c.yaml:1: origins: expected a list, not '*'; write it as [first, second], or "
                           "each on a line after '- '\n"},
        {"origins: [[x]]\n", "c.yaml:1: origins[0]: " ORIGIN "a list\n"},
        {"tenants: {a: {hosts: [A.b, 'x:80', -a, a..b]}}\n",
         "c.yaml:1: tenants.a.hosts[0]: " HOST "'A.b'\nc.yaml:1: tenants.a.hosts[1]: " HOST "'x:80'\n"
         "c.yaml:1: tenants.a.hosts[2]: " HOST "'-a'\nc.yaml:1: tenants.a.hosts[3]: " HOST "'a..b'\n"},
        {"tenants: {a: {hosts: []}}\n", "c.yaml:1: tenants.a.hosts: must not be empty\n"},
        {"tenants:\n  a: {}\n", "c.yaml:2: tenants.a.hosts: missing; add a list, each of its items a host "
                                "name in lower case without a port, such as "
                                "acme.example.com\n"},
        {"tenants:\n  - a\n",
         "c.yaml:1: tenants: expected a map, not a list; begin each with its name, 'name:'\n"},
        {"tenants: {_a: {hosts: [x]}}\n",
         "c.yaml:1: tenants._a: expected a name of at most 64 letters, digits, '_' and '-' that "
         "begins with a letter or digit, as the key\n"},
        {"topics: {rules: {a//b: {}}}\n", "c.yaml:1: topics.rules.a//b: " PATTERN},
        {"topics: {rules: {a*: {}}}\n", "c.yaml:1: topics.rules.a*: " PATTERN},
        {"topics: {rules: {a/**/b: {}}}\n", "c.yaml:1: topics.rules.a/**/b: " PATTERN},
        {KIND "get /a]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'get /a'\n"},
        {KIND "/a]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'/a'\n"},
        {KIND "GET a]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET a'\n"},
        {KIND "GET /]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /'\n"},
        {KIND "GET /a//b]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /a//b'\n"},
        {KIND "GET /a/./b]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /a/./b'\n"},
        {KIND "GET /a/../b]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /a/../b'\n"},
        {KIND "GET /a?b]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /a?b'\n"},
        {KIND "GET  /a]}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET  /a'\n"},
        {KIND "'GET /x{a}']}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /x{a}'\n"},
        {KIND "'GET /{a-b}']}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /{a-b}'\n"},
        {KIND "'GET /{a}/{a}']}}\n", "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /{a}/{a}'\n"},
        {KIND "'GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}']}}\n",
         "c.yaml:1: jobs.a.routes[0]: " ROUTE "'GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}'\n"},
        {KIND "GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3]}}\n",
         "c.yaml:1: jobs.a.routes[0]: " ROUTE
         "'GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8...'\n"},
        {"jobs: {a: {}}\n", "c.yaml:1: jobs.a.command: " NO_WORK},
        {"jobs:\n  a:\n", "c.yaml:2: jobs.a.command: " NO_WORK},
        {"jobs: {a: {external: false}}\n", "c.yaml:1: jobs.a.command: " NO_WORK},
        {"jobs:\n  a:\n    command: [sh]\n    external: true\n", "c.yaml:4: jobs.a.external: " TOO_MUCH_WORK},
        {"jobs: {a: {scenario: /nonexistent/s.yaml}}\n",
         "c.yaml:1: jobs.a.scenario: '/nonexistent/s.yaml' cannot be read: No such file or directory\n"},
        {"jobs: {a: {scenario: \"\"}}\n", "c.yaml:1: jobs.a.scenario: expected text, not ''\n"},
        {"jobs: {a: {command: []}}\n", "c.yaml:1: jobs.a.command: must not be empty\n"},
        {"jobs: {a: {command: [sh, ~]}}\n",
         "c.yaml:1: jobs.a.command[1]: expected text, not nothing; write a value, or remove the line\n"},
        {"jobs: {a: {command: [sh], environment: [A]}}\n",
         "c.yaml:1: jobs.a.environment: expected a map, not a list; write each as NAME: value\n"},
        {"jobs: {a: {command: [sh], environment: {RINGBACK_OUT: x, 1A: x, A: [], B: }}}\n",
         "c.yaml:1: jobs.a.environment.RINGBACK_OUT: expected the name of a variable: letters, digits and "
         "'_', not beginning "
         "with RINGBACK_, as the key\n"
         "c.yaml:1: jobs.a.environment.1A: expected the name of a variable: letters, digits and '_', not "
         "beginning "
         "with RINGBACK_, as the key\n"
         "c.yaml:1: jobs.a.environment.A: expected text, not a list; an empty text is written \"\"\n"
         "c.yaml:1: jobs.a.environment.B: expected text, not nothing; an empty text is written \"\"\n"},
        {"socketio: {path: /socket.io}\n", "c.yaml:1: socketio.path: expected a path that begins and ends "
                                           "with '/', such as /socket.io/, not '/socket.io'\n"},
        {"socketio: {namespaces: ['/a,b']}\n",
         "c.yaml:1: socketio.namespaces[0]: expected a namespace such as / or /admin, not '/a,b'\n"},
        {"socketio: {rooms: {join: x}}\n",
         "c.yaml:1: socketio.rooms: expected a list, not a map; begin each with '- '\n"},
        {"socketio:\n  rooms:\n    - {join: j, leave: disconnect, topic: \"{a\", key: a-b}\n",
         "c.yaml:3: socketio.rooms[0].leave: expected the name of an event that Socket.IO does not use "
         "itself, not 'disconnect'\n"
         "c.yaml:3: socketio.rooms[0].topic: expected a topic such as projects/{projectId}, not '{a'\n"
         "c.yaml:3: socketio.rooms[0].key: expected the name of a field: letters, digits and '_', not "
         "'a-b'\n"},
        {"socketio:\n  rooms:\n    - x\n",
         "c.yaml:3: socketio.rooms[0]: expected options, 'name: value' on a line each, not 'x'\n"
         "c.yaml:3: socketio.rooms[0].join: missing; add the name of an event that Socket.IO does not use "
         "itself\n"
         "c.yaml:3: socketio.rooms[0].leave: missing; add the name of an event that Socket.IO does not use "
         "itself\n"
         "c.yaml:3: socketio.rooms[0].topic: missing; add a topic such as projects/{projectId}\n"},
        {"socketio: {recovery: sometimes}\n",
         "c.yaml:1: socketio.recovery: expected one of off, asked, always, not 'sometimes'\n"},
        {"socketio:\n  rooms:\n    - {join: j, leave: l, topic: \"{a}\", key: a, tenant_field: a-b}\n",
         "c.yaml:3: socketio.rooms[0].tenant_field: expected the name of a field: letters, digits and '_', "
         "or \"\" "
         "for none, not 'a-b'\n"},
        {"socketio:\n  rooms:\n    - {join: j, leave: l, topic: \"{a}\", key: a, publish: [connect]}\n",
         "c.yaml:3: socketio.rooms[0].publish[0]: expected the name of an event that Socket.IO does not use "
         "itself, not 'connect'\n"},
        {"socketio: {process: {download_paths: [/api/download]}}\n",
         "c.yaml:1: socketio.process.download_paths[0]: expected a path with {downloadId} such as "
         "/api/download/{downloadId}, "
         "not '/api/download'\n"},
        {"jobs: {a: {command: [sh], routes: ["
         "GET /1, GET /2, GET /3, GET /4, GET /5, GET /6, GET /7, GET /8, GET /9, GET /10, "
         "GET /11, GET /12, GET /13, GET /14, GET /15, GET /16, GET /17, GET /18, GET /19, GET /20, GET "
         "/21]}}\n",
         "c.yaml:1: jobs.a.routes: 21 are too many; at most 20 are allowed\n"},
    };
    ASSERT_ALL(cases, RB_BAD_CONFIG);
}

#define GENERAL_ROOM                                                                                         \
    "socketio:\n  rooms:\n    - {join: j, leave: l, topic: \"p/{id}\", key: id, publish: [say]}\n"
#define TOO_SHORT(age)                                                                                       \
    "clients can be recovered for 2m (socketio.recovery_window), but events of 'p/{id}' are kept for " age   \
    " only; "
#define ROOM(more) "  - {leave: l, topic: \"p/{projectId}\", " more "}\n"
#define ROOMS TWO_KINDS "socketio:\n  rooms:\n" /* 5 lines */

static void test_cross_checks(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"tenants:\n  a: {hosts: [x, y]}\n  b:\n    hosts:\n      - z\n      - y\n",
         "c.yaml:6: tenants.b.hosts[1]: 'y' is given twice; the first time on line 2\n"},
        {"tenants: {a: {hosts: [x, x]}}\n",
         "c.yaml:1: tenants.a.hosts[1]: 'x' is given twice; the first time on line 1\n"},
        {"jobs:\n  a:\n    command: [sh]\n    routes: ['GET /x/{a}']\n  b:\n    command: [sh]\n    routes:\n "
         "     - POST /x/{a}\n"
         "      - GET /x/{b}\n",
         "c.yaml:9: jobs.b.routes[1]: 'GET /x/{b}' is the same as '/x/{a}' of jobs.a (line 4); change one of "
         "the two\n"},
        {KIND "'GET /x/{a}', 'GET /x/{b}']}}\n", "c.yaml:1: jobs.a.routes[1]: 'GET /x/{b}' is the same as "
                                                 "'/x/{a}' of jobs.a (line 1); change one of the two\n"},
        {KIND "'GET /api/download/{x}']}}\n",
         "c.yaml:1: jobs.a.routes[0]: 'GET /api/download/{x}' is the same as '/api/download/{downloadId}' of "
         "socketio.process.download_paths; change one of the two\n"},
        {"socketio:\n  process:\n    download_paths:\n      - /d/{downloadId}\n      - /d/{downloadId}\n",
         "c.yaml:5: socketio.process.download_paths[1]: 'GET /d/{downloadId}' is the same as "
         "'/d/{downloadId}' of "
         "socketio.process.download_paths (line 4); change one of the two\n"},
        {KIND "GET /v1/x]}}\n",
         "c.yaml:1: jobs.a.routes[0]: '/v1/x' is a path that the server needs itself; choose another\n"},
        {KIND "GET /livez]}}\n",
         "c.yaml:1: jobs.a.routes[0]: '/livez' is a path that the server needs itself; choose another\n"},
        {KIND "GET /metrics/x, GET /readyz]}}\n",
         "c.yaml:1: jobs.a.routes[0]: '/metrics/x' is a path that the server needs itself; choose another\n"
         "c.yaml:1: jobs.a.routes[1]: '/readyz' is a path that the server needs itself; choose another\n"},
        {KIND "POST /socket.io]}}\n",
         "c.yaml:1: jobs.a.routes[0]: '/socket.io' is a path that the server needs itself; choose another\n"},
        {"socketio: {path: /d/, process: {download_paths: ['/d/{downloadId}']}}\n",
         "c.yaml:1: socketio.process.download_paths[0]: '/d/{downloadId}' is a path that the server needs "
         "itself; choose "
         "another\n"},
        {"jobs: {a: {command: [sh, \"{project id}\"]}}\n",
         "c.yaml:1: jobs.a.command[1]: expected the name of a parameter between '{' and '}', such as "
         "{projectId}, not "
         "'{project id}'; texts with other braces can be passed in 'environment'\n"},
        {"jobs: {a: {command: [sh, \"x{a}{\"]}}\n",
         "c.yaml:1: jobs.a.command[1]: expected the name of a parameter between '{' and '}', such as "
         "{projectId}, not "
         "'{}'; texts with other braces can be passed in 'environment'\n"},
        {"jobs: {a: {command: [\"/bin/{x}\"]}}\n", "c.yaml:1: jobs.a.command[0]: the program must not hold a "
                                                   "placeholder, or callers could choose what runs\n"},
        {"jobs: {a: {command: [./run]}}\n", "c.yaml:1: jobs.a.command[0]: expected an absolute path or a "
                                            "name that PATH finds, not './run'; jobs start in a "
                                            "directory of their own\n"},
        {"jobs: {a: {command: [\"\"]}}\n", "c.yaml:1: jobs.a.command[0]: expected an absolute path or a name "
                                           "that PATH finds, not ''; jobs start in a "
                                           "directory of their own\n"},
        {ROOMS ROOM("join: j, kinds: [a, nope, bb]"),
         "c.yaml:6: socketio.rooms[0].kinds[1]: 'nope' is not a kind of jobs; define it under 'jobs'\n"
         "c.yaml:6: socketio.rooms[0].kinds[2]: 'bb' is not a kind of jobs; define it under 'jobs'\n"},
        {"jobs: {export: {command: [sh]}}\nsocketio:\n  rooms:\n" ROOM("join: j, kinds: [exprot]"),
         "c.yaml:4: socketio.rooms[0].kinds[0]: 'exprot' is not a kind of jobs; did you mean 'export'?\n"},
        {ROOMS ROOM("join: l, kinds: [a]"),
         "c.yaml:6: socketio.rooms[0].leave: 'l' has a meaning already (line 6); each event has one\n"},
        {ROOMS ROOM("join: j, kinds: [a]") "  - {join: j, leave: l2, topic: \"q/{projectId}\", kinds: [b]}\n",
         "c.yaml:7: socketio.rooms[1].join: 'j' has a meaning already (line 6); each event has one\n"},
        {ROOMS ROOM("join: j, publish: [say, say]"), "c.yaml:6: socketio.rooms[0].publish[1]: 'say' has a "
                                                     "meaning already (line 6); each event has one\n"},
        {ROOMS ROOM("join: j, publish: [l]"),
         "c.yaml:6: socketio.rooms[0].publish[0]: 'l' has a meaning already (line 6); each event has one\n"},
        {ROOMS ROOM("join: j, publish: [say]") "  - {join: say, leave: l2, topic: \"q/{projectId}\"}\n",
         "c.yaml:7: socketio.rooms[1].join: 'say' has a meaning already (line 6); each event has one\n"},
        {ROOMS ROOM("join: j, kinds: [a], key: id"),
         "c.yaml:6: socketio.rooms[0].key: 'id' is not a field of the topic "
         "'p/{projectId}'; name one that stands there in braces\n"},
        {ROOMS "  - {join: j, leave: l, topic: fixed, kinds: [a]}\n",
         "c.yaml:6: socketio.rooms[0].key: 'projectId' is not a field of the topic 'fixed'; name one that "
         "stands there in "
         "braces\n"},
        {"http:\n  head_max: 4KiB\n", "c.yaml: http.target_max: more than http.head_max, of which it is a "
                                      "part; lower it, or raise http.head_max\n"},
        {"websocket:\n  ping_timeout: 26s\n",
         "c.yaml:2: websocket.ping_timeout: longer than websocket.ping_interval: the next ping would go out "
         "before this one is "
         "given up; lower it, or raise websocket.ping_interval\n"},
    };
    ASSERT_ALL(cases, RB_BAD_CONFIG);
}

static void test_no_false_alarm(void **state)
{
    (void)state;
    static const char *const cases[] = {
        KIND "'GET /x/{a}', 'POST /x/{a}', GET /x/b, 'GET /x/{a}/c', 'GET /x/{a}/{b}', 'GET /x/b/{d}']}}\n",
        KIND "GET /v1x, 'GET /d/{x}']}}\nsocketio: {enabled: false, path: /d/}\n",
        "jobs: {a: {command: [sh, \"{anything}\", \"}\"]}}\n",
        "jobs: {a: {command: [sh, \"{id}\"], routes: ['GET /x/{projectId}']}}\n",
        "http: {head_max: 8KiB, target_max: 8KiB}\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_messages(cases[i], RB_OK, "");
}

static void test_warnings(void **state)
{
    (void)state;
    static const struct message_case cases[] = {
        {"jobs: {a: {command: [/nonexistent/program]}}\n",
         "c.yaml:1: warning: jobs.a.command[0]: '/nonexistent/program' cannot be run: No such file or "
         "directory\n"},
        {"jobs: {a: {command: [no-such-program-in-path]}}\n",
         "c.yaml:1: warning: jobs.a.command[0]: 'no-such-program-in-path' is not found in PATH\n"},
        {"jobs: {a: {command: [sh, \"{projectID}\"], routes: ['GET /x/{projectId}']}}\n",
         "c.yaml:1: warning: jobs.a.command[1]: no route has the parameter {projectID}; did you mean "
         "'{projectId}'?\n"},
        {"jobs: {a: {command: [sh], result_keep: 90s}}\nsocketio:\n  rooms:\n" ROOM("join: j, kinds: [a]"),
         "c.yaml:4: warning: socketio.rooms[0].keep: outcomes are announced for 10m, but results of 'a' are "
         "kept for 90s only; "
         "raise its result_keep\n"},
        /* rooms that interrupted clients come back to */
        {"topics:\n  keep_age: 90s\n" GENERAL_ROOM,
         "c.yaml:2: warning: topics.keep_age: " TOO_SHORT(
             "90s") "raise topics.keep_age, or lower the window\n"},
        {"topics:\n  rules:\n    q/*: {keep_age: 1s}\n    p/*: {keep_age: 1s}\n    p/**: {keep_age: "
         "2s}\n" GENERAL_ROOM,
         "c.yaml:4: warning: topics.rules.p/*: " TOO_SHORT(
             "1s") "raise what the rule keeps, or lower the window\n"},
        {"topics:\n  rules:\n    p/7: {retention: none}\n    \"**\": {keep_age: 2m}\n  keep_age: "
         "1s\n" GENERAL_ROOM,
         "c.yaml:3: warning: topics.rules.p/7: " TOO_SHORT(
             "0s") "raise what the rule keeps, or lower the window\n"},
        {"connection:\n  output_max: 64KiB\n",
         "c.yaml:2: warning: connection.output_max: less than topics.message_max: events between the two "
         "cannot be delivered; "
         "raise it, or lower topics.message_max\n"},
    };
    ASSERT_ALL(cases, RB_OK);

    struct rb_config c;
    struct rb_buf messages = {0};
    assert_int_equal(rb_config_parse(&c, rb_str_of(cases[0].text), "c.yaml", &messages), RB_OK);
    assert_int_equal(c.warnings.count, 1);
    assert_str(c.warnings.items[0],
               "c.yaml:1: warning: jobs.a.command[0]: '/nonexistent/program' cannot be run: No such file or "
               "directory");
    rb_config_fini(&c);
    rb_buf_fini(&messages);

    /* With errors, the warnings come in their places. */
    assert_messages("jobs: {a: {command: [/nonexistent/program]}}\nthreads: x\n", RB_BAD_CONFIG,
                    "c.yaml:1: warning: jobs.a.command[0]: '/nonexistent/program' cannot be run: No such "
                    "file or directory\n"
                    "c.yaml:2: threads: expected a whole number from 0 to 64, not 'x'\n");
}

static void test_many_errors(void **state)
{
    (void)state;
    /* In the order of the file, though collections are read last. */
    assert_messages(
        "jobs:\n  a: {comand: [sh]}\nlisten: x\ntopics:\n  rules: {a: {retention: som}}\nthreads: y\n",
        RB_BAD_CONFIG,
        "c.yaml:2: jobs.a.comand: unknown option; did you mean 'command'?\n"
        "c.yaml:2: jobs.a.command: " NO_WORK "c.yaml:3: listen: " ADDRESS "'x'\n"
        "c.yaml:5: topics.rules.a.retention: expected one of limits, none, last, count, age, bytes, not "
        "'som'\n"
        "c.yaml:6: threads: expected a whole number from 0 to 64, not 'y'\n");
    struct rb_buf text = {0}, messages = {0}, expected = {0};
    for (int i = 1; i <= 23; i++) {
        rb_buf_add_fmt(&text, "listen%d: x\n", i);
        if (i <= 20)
            rb_buf_add_fmt(&expected, "c.yaml:%d: listen%d: unknown option; did you mean 'listen'?\n", i, i);
    }
    struct rb_config c;
    assert_int_equal(rb_config_parse(&c, rb_buf_str(&text), "c.yaml", &messages), RB_BAD_CONFIG);
    rb_buf_add_text(&expected, "c.yaml: and 3 more errors\n");
    assert_str(rb_buf_str(&messages), rb_buf_text(&expected));
    rb_buf_fini(&text);
    rb_buf_fini(&messages);
    rb_buf_fini(&expected);
    /* What YAML itself refuses is the only error: nothing behind it can be trusted. */
    assert_messages("listen: x\nlisten: y\n", RB_BAD_CONFIG,
                    "c.yaml:2: listen: given twice; the first time on line 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_options), cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_wrong_texts),     cmocka_unit_test(test_cross_checks),
        cmocka_unit_test(test_no_false_alarm),  cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_many_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
