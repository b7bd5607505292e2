#include "app/config_read.h"

#include "app/config_forms.h"
#include "app/config_value.h"
#include "app/scenario.h"
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Checks across options. They look at the struct, where a value that was wrong has been left out or is its
 * default: so those that compare numbers run only if all else is right. */

#define FMT(...) rb_arena_fmt(r->scratch, __VA_ARGS__)

static rb_str clean(struct rb_config_reader *r, rb_str text)
{
    return rb_report_clean(r->scratch, text);
}

/* ---- tenants ---- */

static void check_hosts(struct rb_config_reader *r)
{
    struct rb_map seen = {0}; /* host -> where it stands first */
    for (size_t i = 0; i < r->config->tenants.count; i++) {
        const struct rb_config_tenant *tenant = &r->config->tenants.items[i];
        for (size_t j = 0; j < tenant->hosts.count; j++) {
            const rb_str *host = &tenant->hosts.items[j], *first = rb_map_get(&seen, *host);
            if (first)
                rb_reader_error(r, host,
                                FMT("'%.*s' is given twice; the first time on line %u", RB_STR_FMT(*host),
                                    rb_reader_line(r, first)));
            else
                rb_map_put(&seen, *host, (void *)host);
        }
    }
    rb_map_fini(&seen);
}

/* ---- routes ---- */

static bool is_below(rb_str path, rb_str prefix) /* prefix without '/' at its end */
{
    return rb_str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

static bool is_our_own(const struct rb_config *config, rb_str path)
{
    static const char *const own[] = {"/v1", "/livez", "/readyz", "/metrics"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (is_below(path, rb_str_of(own[i]))) return true;
    rb_str door = config->socketio.path, envoy = config->envoy.path;
    return (config->socketio.is_enabled && is_below(path, rb_str_sub(door, 0, door.n - 1))) ||
           (config->envoy.is_enabled && envoy.n > 1 && is_below(path, rb_str_sub(envoy, 0, envoy.n - 1))) ||
           (config->era.is_enabled && (is_below(path, RB_STR("/ws")) || is_below(path, RB_STR("/era/v1")) ||
                                       is_below(path, RB_STR("/rest/v1")))) ||
           rb_config_bimserver_has(config, path);
}

/* Method and path with the names of the parameters left out: what two routes must not have in common. All
 * else the router can tell apart, since it prefers literal elements. */
static rb_str shape_of(struct rb_config_reader *r, rb_str method, rb_str path)
{
    struct rb_buf shape = {0};
    rb_str rest = rb_str_from(path, 1), element;
    rb_buf_add_str(&shape, method);
    while (rb_str_split(&rest, '/', &element)) {
        rb_buf_add_char(&shape, '/');
        rb_buf_add_str(&shape, element.p[0] == '{' ? RB_STR("{}") : element);
    }
    rb_str copy = rb_arena_copy(r->scratch, rb_buf_str(&shape));
    rb_buf_fini(&shape);
    return copy;
}

struct taken_path {
    const void *field;
    rb_str path, owner;
};

static void check_path(struct rb_config_reader *r, struct rb_map *taken, rb_str owner, const void *field,
                       rb_str method, rb_str path)
{
    if (is_our_own(r->config, path)) {
        rb_reader_error(
            r, field, FMT("'%.*s' is a path that the server needs itself; choose another", RB_STR_FMT(path)));
        return;
    }
    rb_str shape = shape_of(r, method, path);
    const struct taken_path *other = rb_map_get(taken, shape);
    if (other) {
        unsigned line = rb_reader_line(r, other->field);
        rb_reader_error(r, field,
                        FMT("'%.*s %.*s' is the same as '%.*s' of %.*s%s; change one of the two",
                            RB_STR_FMT(method), RB_STR_FMT(path), RB_STR_FMT(other->path),
                            RB_STR_FMT(other->owner), line ? FMT(" (line %u)", line).p : ""));
        return;
    }
    struct taken_path *mine = rb_arena_new(r->scratch, struct taken_path);
    *mine = (struct taken_path){field, path, owner};
    rb_map_put(taken, shape, mine);
}

static void check_paths(struct rb_config_reader *r)
{
    const struct rb_config *config = r->config;
    const struct rb_config_strings *downloads = &config->socketio.process.download_paths;
    struct rb_map taken = {0}; /* shape -> struct taken_path */
    for (size_t i = 0; config->socketio.is_enabled && i < downloads->count; i++)
        check_path(r, &taken, RB_STR("socketio.process.download_paths"), &downloads->items[i], RB_STR("GET"),
                   downloads->items[i]);
    for (size_t i = 0; i < config->jobs.count; i++) {
        const struct rb_config_job *job = &config->jobs.items[i];
        rb_str owner = FMT("jobs.%.*s", RB_STR_FMT(clean(r, job->kind)));
        for (size_t j = 0; j < job->routes.count; j++)
            check_path(r, &taken, owner, &job->routes.items[j], job->routes.items[j].method,
                       job->routes.items[j].path);
    }
    rb_map_fini(&taken);
}

/* ---- commands ---- */

/* A name that no route gives may still come in a query or a JSON body; only if it looks like one that does,
 * it is a slip. */
static void check_placeholder(struct rb_config_reader *r, const struct rb_config_job *job,
                              const rb_str *argument, rb_str name)
{
    if (!rb_form_field.is_met(name)) {
        rb_reader_error(r, argument,
                        FMT("expected the name of a parameter between '{' and '}', such as {projectId}, not "
                            "'{%.*s}'; texts "
                            "with other braces can be passed in 'environment'",
                            RB_STR_FMT(clean(r, name))));
        return;
    }
    struct rb_nearest nearest = {.word = name};
    for (size_t i = 0; i < job->routes.count; i++) {
        rb_str rest = job->routes.items[i].path, parameter;
        while (rb_template_next(&rest, &parameter)) {
            if (rb_str_eq(parameter, name)) return;
            rb_nearest_offer(&nearest, parameter);
        }
    }
    if (nearest.best.n)
        rb_reader_warning(r, argument,
                          FMT("no route has the parameter {%.*s}; did you mean '{%.*s}'?", RB_STR_FMT(name),
                              RB_STR_FMT(nearest.best)));
}

static bool is_in_path(struct rb_config_reader *r, rb_str program)
{
    const char *search = getenv("PATH");
    rb_str rest = rb_str_of(search ? search : "/usr/local/bin:/usr/bin:/bin"), folder;
    while (rb_str_split(&rest, ':', &folder))
        if (access(FMT("%.*s/%.*s", RB_STR_FMT(folder), RB_STR_FMT(program)).p, X_OK) == 0) return true;
    return false;
}

static void check_program(struct rb_config_reader *r, const rb_str *program)
{
    rb_str shown = clean(r, *program);
    bool has_slash = rb_str_find(*program, '/') >= 0;
    if (program->n == 0 || (has_slash && program->p[0] != '/')) {
        rb_reader_error(r, program,
                        FMT("expected an absolute path or a name that PATH finds, not '%.*s'; jobs start in "
                            "a directory of "
                            "their own",
                            RB_STR_FMT(shown)));
    } else if (rb_str_find(*program, '{') >= 0) {
        rb_reader_error(r, program,
                        FMT("the program must not hold a placeholder, or callers could choose what runs"));
    } else if (has_slash && access(program->p, X_OK) != 0) {
        rb_reader_warning(r, program, FMT("'%.*s' cannot be run: %s", RB_STR_FMT(shown), strerror(errno)));
    } else if (!has_slash && !is_in_path(r, *program)) {
        rb_reader_warning(r, program, FMT("'%.*s' is not found in PATH", RB_STR_FMT(shown)));
    }
}

/* ---- jobs ---- */

static void check_work(struct rb_config_reader *r, const struct rb_config_job *job)
{
    bool has_command = job->command.count > 0 || rb_reader_is_given(r, &job->command);
    bool has_scenario = job->scenario.n > 0 || rb_reader_is_given(r, &job->scenario);
    if (!has_command && !has_scenario && !job->is_external)
        rb_reader_error(r, &job->command,
                        FMT("missing; add a list, the program and its arguments, or 'external: true', or "
                            "'scenario: FILE'"));
    if (has_command + has_scenario + job->is_external > 1)
        rb_reader_error(r, job->is_external ? (const void *)&job->is_external : &job->scenario,
                        FMT("a kind has one of command, external and scenario; remove the others"));
}

/* What is wrong inside the file, a line each. */
static void check_scenario_file(struct rb_config_reader *r, const struct rb_config_job *job, const char *path)
{
    struct rb_scenario scenario;
    struct rb_buf messages = {0};
    rb_str rest, line;
    bool is_fine = rb_scenario_load(&scenario, path, &messages) == RB_OK;
    if (is_fine) rb_scenario_fini(&scenario);
    rest = rb_buf_str(&messages);
    while (!is_fine && rest.n > 0 && rb_str_split(&rest, '\n', &line))
        if (line.n) rb_reader_error(r, &job->scenario, rb_report_clean_line(r->scratch, line));
    rb_buf_fini(&messages);
}

static void check_scenario(struct rb_config_reader *r, const struct rb_config_job *job)
{
    rb_str shown = clean(r, job->scenario);
    char *path = realpath(job->scenario.p, NULL);
    if (!path || access(path, R_OK) != 0)
        rb_reader_error(r, &job->scenario,
                        FMT("'%.*s' cannot be read: %s", RB_STR_FMT(shown), strerror(errno)));
    else if (strchr(path, '{'))
        rb_reader_error(r, &job->scenario,
                        FMT("'%.*s' has a brace in its path, which would be a placeholder; move it",
                            RB_STR_FMT(shown)));
    else
        check_scenario_file(r, job, path);
    free(path);
}

static void check_job(struct rb_config_reader *r, const struct rb_config_job *job)
{
    check_work(r, job);
    if (job->scenario.n) check_scenario(r, job);
    if (job->command.count) check_program(r, &job->command.items[0]);
    for (size_t i = 1; i < job->command.count; i++) {
        rb_str rest = job->command.items[i], name;
        while (rb_template_next(&rest, &name)) check_placeholder(r, job, &job->command.items[i], name);
    }
}

/* ---- rooms ---- */

const struct rb_config_job *rb_config_check_kind(struct rb_config_reader *r, const rb_str *name)
{
    const struct rb_config_job *job = rb_config_job_find(r->config, *name);
    if (job) return job;
    struct rb_nearest nearest = {.word = *name};
    for (size_t i = 0; i < r->config->jobs.count; i++)
        rb_nearest_offer(&nearest, r->config->jobs.items[i].kind);
    rb_reader_error(r, name,
                    nearest.best.n
                        ? FMT("'%.*s' is not a kind of jobs; did you mean '%.*s'?", RB_STR_FMT(*name),
                              RB_STR_FMT(nearest.best))
                        : FMT("'%.*s' is not a kind of jobs; define it under 'jobs'", RB_STR_FMT(*name)));
    return NULL;
}

static void check_kind(struct rb_config_reader *r, const struct rb_config_room *room, const rb_str *name)
{
    const struct rb_config_job *job = rb_config_check_kind(r, name);
    if (!job || room->keep_ms <= job->result_keep_ms) return;
    struct rb_buf keep = {0}, result_keep = {0};
    rb_value_add_duration(&keep, room->keep_ms);
    rb_value_add_duration(&result_keep, job->result_keep_ms);
    rb_reader_warning(r, &room->keep_ms,
                      FMT("outcomes are announced for %s, but results of '%.*s' are kept for %s only; raise "
                          "its result_keep",
                          rb_buf_text(&keep), RB_STR_FMT(*name), rb_buf_text(&result_keep)));
    rb_buf_fini(&keep);
    rb_buf_fini(&result_keep);
}

/* Joins, leaves, then what members publish; NULL behind the last. */
static const rb_str *event_at(const struct rb_config_room *room, size_t i)
{
    if (i < 2) return i == 0 ? &room->join : &room->leave;
    return i - 2 < room->publish.count ? &room->publish.items[i - 2] : NULL;
}

static void check_event(struct rb_config_reader *r, const struct rb_config_room *room, const rb_str *event)
{
    for (const struct rb_config_room *other = r->config->socketio.rooms.items; other <= room; other++) {
        const rb_str *earlier;
        for (size_t i = 0; (earlier = event_at(other, i)) != NULL && earlier != event; i++) {
            if (earlier->n == 0 || !rb_str_eq(*earlier, *event)) continue;
            rb_reader_error(r, event,
                            FMT("'%.*s' has a meaning already (line %u); each event has one",
                                RB_STR_FMT(clean(r, *event)), rb_reader_line(r, earlier)));
            return;
        }
    }
}

/* How a rule's pattern and the topics of a room lie to each other. */
enum overlap { OVERLAP_NONE, OVERLAP_SOME, OVERLAP_ALL };

static enum overlap overlap_of(rb_str pattern, rb_str topic)
{
    enum overlap overlap = OVERLAP_ALL;
    rb_str want, have;
    while (rb_str_split(&pattern, '/', &want)) {
        if (rb_str_is(want, "**")) return overlap;
        if (!rb_str_split(&topic, '/', &have)) return OVERLAP_NONE;
        if (rb_str_is(want, "*") || rb_str_eq(want, have)) continue;
        if (have.p[0] != '{') return OVERLAP_NONE;
        overlap = OVERLAP_SOME;
    }
    return topic.p ? OVERLAP_NONE : overlap;
}

static void check_keep(struct rb_config_reader *r, const struct rb_config_room *room, const void *field,
                       rb_str name, uint64_t keep_count, uint64_t keep_age_ms)
{
    uint64_t window_ms = r->config->socketio.recovery_window_ms;
    if (keep_count > 0 && keep_age_ms >= window_ms) return;
    struct rb_buf window = {0}, age = {0};
    rb_value_add_duration(&window, window_ms);
    rb_value_add_duration(&age, keep_count > 0 ? keep_age_ms : 0);
    rb_reader_warning(
        r, field,
        FMT("clients can be recovered for %s (socketio.recovery_window), but events of '%.*s' are kept "
            "for %s only; raise %.*s, or lower the window",
            rb_buf_text(&window), RB_STR_FMT(clean(r, room->topic)), rb_buf_text(&age), RB_STR_FMT(name)));
    rb_buf_fini(&window);
    rb_buf_fini(&age);
}

/* Who was interrupted can only be given what is kept. Rooms with kinds have a rule of their own (setup.c). */
static void check_room_keeps(struct rb_config_reader *r, const struct rb_config_room *room)
{
    const struct rb_config *config = r->config;
    if (config->socketio.recovery == RB_CONFIG_RECOVERY_OFF || room->kinds.count > 0) return;
    for (size_t i = 0; i < config->topics.rules.count; i++) {
        const struct rb_config_rule *rule = &config->topics.rules.items[i];
        enum overlap overlap = overlap_of(rule->pattern, room->topic);
        if (overlap != OVERLAP_NONE)
            check_keep(r, room, rule, RB_STR("what the rule keeps"), rule->keep_count, rule->keep_age_ms);
        if (overlap == OVERLAP_ALL) return;
    }
    check_keep(r, room, &config->topics.keep_age_ms, RB_STR("topics.keep_age"), 1,
               config->topics.keep_age_ms);
}

static void check_room(struct rb_config_reader *r, const struct rb_config_room *room)
{
    const rb_str *event;
    for (size_t i = 0; (event = event_at(room, i)) != NULL; i++) check_event(r, room, event);
    if (room->topic.n && !rb_template_has(room->topic, room->key))
        rb_reader_error(r, &room->key,
                        FMT("'%.*s' is not a field of the topic '%.*s'; name one that stands there in braces",
                            RB_STR_FMT(room->key), RB_STR_FMT(clean(r, room->topic))));
    for (size_t i = 0; i < room->kinds.count; i++) check_kind(r, room, &room->kinds.items[i]);
}

/* ---- numbers that depend on each other ---- */

static void check_numbers(struct rb_config_reader *r)
{
    const struct rb_config *config = r->config;
    if (config->http.target_bytes_max > config->http.head_bytes_max)
        rb_reader_error(
            r, &config->http.target_bytes_max,
            FMT("more than http.head_max, of which it is a part; lower it, or raise http.head_max"));
    if (config->websocket.ping_timeout_ms > config->websocket.ping_interval_ms)
        rb_reader_error(r, &config->websocket.ping_timeout_ms,
                        FMT("longer than websocket.ping_interval: the next ping would go out before this one "
                            "is given up; lower "
                            "it, or raise websocket.ping_interval"));
    if (config->envoy.message_bytes_max >= config->envoy.body_bytes_max)
        rb_reader_error(r, &config->envoy.message_bytes_max,
                        FMT("not less than envoy.body_max, of which it is a part; lower it, or raise "
                            "envoy.body_max"));
    if (config->envoy.is_enabled && config->socketio.is_enabled &&
        rb_str_eq(config->envoy.path, config->socketio.path))
        rb_reader_error(r, &config->envoy.path, FMT("the same as socketio.path; choose another"));
    if (config->era.silence_ms < config->era.ping_interval_ms)
        rb_reader_error(
            r, &config->era.silence_ms,
            FMT("shorter than era.ping_interval, so nobody would be asked for a sign of life; raise it"));
    if (config->connection.output_bytes_max < config->topics.message_bytes_max)
        rb_reader_warning(r, &config->connection.output_bytes_max,
                          FMT("less than topics.message_max: events between the two cannot be delivered; "
                              "raise it, or lower "
                              "topics.message_max"));
}

void rb_config_check(struct rb_config_reader *r)
{
    const struct rb_config *config = r->config;
    check_hosts(r);
    check_paths(r);
    for (size_t i = 0; i < config->jobs.count; i++) check_job(r, &config->jobs.items[i]);
    for (size_t i = 0; i < config->socketio.rooms.count; i++) check_room(r, &config->socketio.rooms.items[i]);
    rb_config_check_era(r);
    rb_config_check_bimserver(r);
    if (r->report->errors > 0) return;
    check_numbers(r);
    for (size_t i = 0; i < config->socketio.rooms.count; i++)
        check_room_keeps(r, &config->socketio.rooms.items[i]);
}
