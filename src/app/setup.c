#include "app/setup.h"

#include <stdlib.h>

/* ---- jobs ---- */

static char **text_list(struct rb_arena *arena, const struct rb_config_strings *strings)
{
    char **list = rb_arena_array(arena, char *, strings->count + 1);
    for (size_t i = 0; i < strings->count; i++)
        list[i] = (char *)(uintptr_t)rb_arena_copy(arena, strings->items[i]).p;
    return list;
}

static char **environment(struct rb_arena *arena, const struct rb_config_pairs *pairs)
{
    char **list = rb_arena_array(arena, char *, pairs->count + 1);
    for (size_t i = 0; i < pairs->count; i++)
        list[i] = (char *)(uintptr_t)rb_arena_fmt(arena, "%.*s=%.*s", RB_STR_FMT(pairs->items[i].name),
                                                  RB_STR_FMT(pairs->items[i].value))
                      .p;
    return list;
}

/* A scenario is run by this program. */
static struct rb_config_strings command_of(const struct rb_config_job *job, const char *self_path,
                                           struct rb_arena *arena)
{
    if (job->scenario.n == 0) return job->command;
    char *path = realpath(job->scenario.p, NULL); /* workers run in other directories */
    rb_str *items = rb_arena_array(arena, rb_str, 3);
    items[0] = rb_str_of(self_path);
    items[1] = RB_STR("scenario");
    items[2] = path ? rb_arena_copy(arena, rb_str_of(path)) : job->scenario;
    free(path);
    return (struct rb_config_strings){items, 3};
}

struct rb_job_kind *rb_setup_kinds(const struct rb_config *config, const char *self_path,
                                   struct rb_arena *arena, unsigned *out_count)
{
    struct rb_job_kind *kinds =
        rb_arena_array(arena, struct rb_job_kind, config->jobs.count + RB_BIMSERVER_KINDS);
    for (size_t i = 0; i < config->jobs.count; i++) {
        const struct rb_config_job *job = &config->jobs.items[i];
        struct rb_config_strings command = command_of(job, self_path, arena);
        kinds[i] = (struct rb_job_kind){
            .name = job->kind,
            .is_external = job->is_external,
            .command = text_list(arena, &command),
            .command_count = (unsigned)command.count,
            .environment = environment(arena, &job->environment),
            .timeout_ms = job->timeout_ms,
            .kill_grace_ms = job->kill_grace_ms,
            .queue_timeout_ms = job->queue_timeout_ms,
            .concurrency = (uint32_t)job->concurrency,
            .queue_max = (uint32_t)job->queue_max,
            .attempts = (uint32_t)job->attempts,
            .retry_backoff_ms = job->retry_backoff_ms,
            .retry = job->is_retried,
            .always_zip = job->result == RB_CONFIG_RESULT_ZIP,
            .result_bytes_max = job->result_bytes_max,
            .result_keep_ms = job->result_keep_ms,
            .log_bytes_max = (uint32_t)job->log_bytes_max,
            .memory_bytes_max = job->memory_bytes_max,
            .open_files_max = (uint32_t)job->open_files_max,
            .progress_interval_ms = job->progress_interval_ms,
        };
    }
    *out_count = (unsigned)config->jobs.count;
    for (unsigned i = 0; config->bimserver.is_enabled && i < RB_BIMSERVER_KINDS; i++)
        kinds[(*out_count)++] = rb_bimserver_kinds[i];
    return kinds;
}

const char *rb_setup_url(const struct rb_config *config, unsigned port, struct rb_arena *arena)
{
    rb_str host = config->listen.host;
    if (rb_str_is(host, "0.0.0.0")) host = RB_STR("127.0.0.1");
    if (rb_str_is(host, "::")) host = RB_STR("::1");
    bool is_v6 = rb_str_find(host, ':') >= 0;
    return rb_arena_fmt(arena, "http://%s%.*s%s:%u", is_v6 ? "[" : "", RB_STR_FMT(host), is_v6 ? "]" : "",
                        port)
        .p;
}

/* ---- topics ---- */

enum { ROOM_KEEP_COUNT = 1000, HOUR_MS = 60 * 60 * 1000, DAY_MS = 24 * HOUR_MS };

/* "projects/{projectId}" of any tenant: "*" "/projects/" "*". */
static rb_str room_pattern(struct rb_arena *arena, rb_str topic)
{
    struct rb_buf pattern = {0};
    rb_str element;
    rb_buf_add_text(&pattern, "*");
    while (rb_str_split(&topic, '/', &element)) {
        rb_buf_add_char(&pattern, '/');
        rb_buf_add_str(&pattern, rb_str_find(element, '{') >= 0 ? RB_STR("*") : element);
    }
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&pattern));
    rb_buf_fini(&pattern);
    return copy;
}

struct rb_topic_rule *rb_setup_topic_rules(const struct rb_config *config, struct rb_arena *arena,
                                           unsigned *out_count)
{
    size_t most = config->topics.rules.count + config->socketio.rooms.count + 5;
    struct rb_topic_rule *rules = rb_arena_array(arena, struct rb_topic_rule, most);
    unsigned count = 0;
    /* A job's events go with the job. */
    rules[count++] =
        (struct rb_topic_rule){RB_STR("*/jobs/*"), {1000, 4 << 20, RB_CONFIG_KEEP_AGE_MS_MAX, true, false}};
    /* A task's latest message goes with the task's policy, which decides whether there is one. */
    rules[count++] = (struct rb_topic_rule){RB_STR(RB_ENVOY_TOPICS),
                                            {.count = 1,
                                             .bytes = RB_CONFIG_KEEP_BYTES_MAX,
                                             .age_ms = RB_CONFIG_KEEP_AGE_MS_MAX,
                                             .is_policys = true}};
    rules[count++] = (struct rb_topic_rule){RB_STR(RB_ERA_TOPICS), {1000, 1 << 20, HOUR_MS, false, false}};
    rules[count++] = (struct rb_topic_rule){RB_STR(RB_BIMSERVER_TOPICS), {0, 0, 0, false, false}};
    for (size_t i = 0; i < config->socketio.rooms.count; i++) {
        /* Results are kept for who comes back, and for who was connected all the time but joins late. */
        const struct rb_config_room *room = &config->socketio.rooms.items[i];
        if (room->kinds.count == 0) continue;
        uint64_t age_ms = room->keep_ms > DAY_MS ? room->keep_ms : DAY_MS;
        rules[count++] = (struct rb_topic_rule){room_pattern(arena, room->topic),
                                                {ROOM_KEEP_COUNT, 1 << 20, age_ms, true, false}};
    }
    for (size_t i = 0; i < config->topics.rules.count; i++) {
        const struct rb_config_rule *rule = &config->topics.rules.items[i];
        rules[count++] = (struct rb_topic_rule){rb_arena_fmt(arena, "*/%.*s", RB_STR_FMT(rule->pattern)),
                                                {(uint32_t)rule->keep_count, rule->keep_bytes,
                                                 rule->keep_age_ms, rule->is_durable, false}};
    }
    rules[count++] = (struct rb_topic_rule){RB_STR("**"),
                                            {(uint32_t)config->topics.keep_count, config->topics.keep_bytes,
                                             config->topics.keep_age_ms, false, false}};
    *out_count = count;
    return rules;
}

/* ---- the Envoy door ---- */

const struct rb_account_record *rb_setup_accounts(const struct rb_config *config, struct rb_arena *arena,
                                                  unsigned *out_count)
{
    size_t count = config->accounts.count;
    struct rb_account_record *accounts = rb_arena_array(arena, struct rb_account_record, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct rb_config_account *account = &config->accounts.items[i];
        accounts[i] = (struct rb_account_record){.public_id = account->public_id,
                                                 .tenant = account->tenant,
                                                 .secret = account->secret,
                                                 .is_guarded = account->is_guarded};
    }
    *out_count = (unsigned)count;
    return accounts;
}

void rb_setup_envoy(const struct rb_config *config, struct rb_envoy_setup *out)
{
    out->path = config->envoy.path;
    out->origins = config->origins.items;
    out->origin_count = (unsigned)config->origins.count;
    out->body_bytes_max = (uint32_t)config->envoy.body_bytes_max;
    out->message_bytes_max = (uint32_t)config->envoy.message_bytes_max;
    out->context_bytes_max = (uint32_t)config->envoy.context_bytes_max;
    out->sockets_max = (uint32_t)config->envoy.sockets_max;
    out->tokens_max = (uint32_t)config->envoy.tokens_max;
    out->calls_per_s = (uint32_t)config->envoy.calls_per_s;
    out->refusals_per_min = (uint32_t)config->envoy.refusals_per_min;
}

/* ---- the Socket.IO door ---- */

static enum rb_http1_method method_of(rb_str text)
{
    static const struct {
        const char *text;
        enum rb_http1_method method;
    } methods[] = {{"GET", RB_HTTP1_GET},       {"POST", RB_HTTP1_POST},   {"PUT", RB_HTTP1_PUT},
                   {"DELETE", RB_HTTP1_DELETE}, {"PATCH", RB_HTTP1_PATCH}, {"HEAD", RB_HTTP1_HEAD}};
    for (size_t i = 0; i < RB_COUNT(methods); i++)
        if (rb_str_is(text, methods[i].text)) return methods[i].method;
    return RB_HTTP1_OTHER;
}

static const struct rb_sio_room *rooms_of(const struct rb_config *config, struct rb_arena *arena)
{
    size_t count = config->socketio.rooms.count;
    struct rb_sio_room *rooms = rb_arena_array(arena, struct rb_sio_room, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct rb_config_room *room = &config->socketio.rooms.items[i];
        rooms[i] = (struct rb_sio_room){
            .join = room->join,
            .leave = room->leave,
            .topic = room->topic,
            .key = room->key,
            .tenant_field = room->tenant_field.n ? room->tenant_field : RB_STR_NONE,
            .tenant_is_host = room->tenant == RB_CONFIG_ROOM_TENANT_HOST,
            .publish = room->publish.items,
            .publish_count = (unsigned)room->publish.count,
            .kinds = room->kinds.items,
            .kind_count = (unsigned)room->kinds.count,
            .to_whole_room = room->results == RB_CONFIG_ROOM_RESULTS_ROOM,
            .keep_ms = room->keep_ms,
        };
    }
    return rooms;
}

static const struct rb_sio_route *routes_of(const struct rb_config *config, struct rb_arena *arena,
                                            unsigned *out_count)
{
    size_t most = 0;
    for (size_t i = 0; i < config->jobs.count; i++) most += config->jobs.items[i].routes.count;
    struct rb_sio_route *routes = rb_arena_array(arena, struct rb_sio_route, most + 1);
    unsigned count = 0;
    for (size_t i = 0; i < config->jobs.count; i++) {
        const struct rb_config_job *job = &config->jobs.items[i];
        for (size_t k = 0; k < job->routes.count; k++)
            routes[count++] = (struct rb_sio_route){method_of(job->routes.items[k].method),
                                                    job->routes.items[k].path, job->kind};
    }
    *out_count = count;
    return routes;
}

static const struct rb_sio_tenant *tenants_of(const struct rb_config *config, struct rb_arena *arena)
{
    struct rb_sio_tenant *tenants = rb_arena_array(arena, struct rb_sio_tenant, config->tenants.count + 1);
    for (size_t i = 0; i < config->tenants.count; i++) {
        const struct rb_config_tenant *tenant = &config->tenants.items[i];
        tenants[i] = (struct rb_sio_tenant){tenant->name, tenant->hosts.items, (unsigned)tenant->hosts.count};
    }
    return tenants;
}

static enum rb_sio_recovery recovery_of(const struct rb_config *config)
{
    switch (config->socketio.recovery) {
    case RB_CONFIG_RECOVERY_OFF: return RB_SIO_RECOVERY_OFF;
    case RB_CONFIG_RECOVERY_ASKED: return RB_SIO_RECOVERY_ASKED;
    case RB_CONFIG_RECOVERY_ALWAYS: return RB_SIO_RECOVERY_ALWAYS;
    }
    RB_UNREACHABLE();
}

void rb_setup_socketio(const struct rb_config *config, struct rb_arena *arena, struct rb_sio_setup *out)
{
    out->path = config->socketio.path;
    out->ping_interval_ms = (uint32_t)config->socketio.ping_interval_ms;
    out->ping_timeout_ms = (uint32_t)config->socketio.ping_timeout_ms;
    out->connect_timeout_ms = (uint32_t)config->socketio.connect_timeout_ms;
    out->upgrade_timeout_ms = (uint32_t)config->socketio.upgrade_timeout_ms;
    out->close_timeout_ms = (uint32_t)config->socketio.close_timeout_ms;
    out->has_v3 = config->socketio.has_v3;
    out->has_polling = config->socketio.has_polling;
    out->recovery = recovery_of(config);
    out->recovery_ms = config->socketio.recovery_window_ms;
    out->subscriptions_max = (uint32_t)config->connection.subscriptions_max;
    out->cors_credentials = config->socketio.has_cors_credentials;
    out->payload_bytes_max = (uint32_t)config->socketio.payload_bytes_max;
    out->namespaces = config->socketio.namespaces.items;
    out->namespace_count = (unsigned)config->socketio.namespaces.count;
    out->origins = config->origins.items;
    out->origin_count = (unsigned)config->origins.count;
    out->rooms = rooms_of(config, arena);
    out->room_count = (unsigned)config->socketio.rooms.count;
    out->routes = routes_of(config, arena, &out->route_count);
    out->download_paths = config->socketio.process.download_paths.items;
    out->download_path_count = (unsigned)config->socketio.process.download_paths.count;
    out->tenants = tenants_of(config, arena);
    out->tenant_count = (unsigned)config->tenants.count;
    out->sync_timeout_ms = config->socketio.process.sync_timeout_ms;
    out->sync_timeout_cancels = config->socketio.process.sync_timeout_job == RB_CONFIG_SYNC_JOB_CANCEL;
}
