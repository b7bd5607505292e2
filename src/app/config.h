/* The configuration: one YAML file, read once at the start, never changed after.
 *
 * Plain data. Every text in it is in the configuration's own arena, is followed by a zero byte, and lives
 * until rb_config_fini; after loading any thread may read. Each field is described by its row of the table in
 * options.c, from which the parser, the checks and the reference page come. The unit is in the name of the
 * field; 0 means what the row says. */
#ifndef RB_APP_CONFIG_H
#define RB_APP_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/reason.h"

struct rb_config_strings {
    const rb_str *items;
    size_t count;
};

struct rb_config_pairs {
    const struct rb_config_pair {
        rb_str name, value;
    } * items;
    size_t count;
};

/* "GET /projects/{projectId}", in its two parts. A `{name}` is a whole path element. */
struct rb_config_routes {
    const struct rb_config_route {
        rb_str method, path;
    } * items;
    size_t count;
};

struct rb_config_address {
    rb_str host; /* IPv6 without its brackets */
    uint64_t port;
};

enum rb_config_log_format { RB_CONFIG_LOG_TEXT, RB_CONFIG_LOG_JSON };

struct rb_config_tenant {
    rb_str name;
    struct rb_config_strings hosts;
};

/* The most that can be kept: what stands for "no limit" too. */
#define RB_CONFIG_KEEP_COUNT_MAX ((uint64_t)100000000)
#define RB_CONFIG_KEEP_BYTES_MAX ((uint64_t)64 << 30)
#define RB_CONFIG_KEEP_AGE_MS_MAX ((uint64_t)3650 * 86400000)

/* What is kept of the topics that match. After loading, the three numbers alone say it: an event stays while
 * it is within all of them, and keep_count 0 keeps nothing. `retention` is what the user wrote. */
enum rb_config_retention {
    RB_CONFIG_RETENTION_LIMITS, /* keep_count, keep_bytes and keep_age together */
    RB_CONFIG_RETENTION_NONE,
    RB_CONFIG_RETENTION_LAST,
    RB_CONFIG_RETENTION_COUNT,
    RB_CONFIG_RETENTION_AGE,
    RB_CONFIG_RETENTION_BYTES
};

struct rb_config_rule {
    rb_str pattern; /* of topic names within a tenant */
    enum rb_config_retention retention;
    uint64_t keep_count, keep_bytes, keep_age_ms;
    bool is_durable;
};

enum rb_config_result { RB_CONFIG_RESULT_AUTO, RB_CONFIG_RESULT_ZIP };

struct rb_config_job {
    rb_str kind;
    /* What runs: one of the three. */
    struct rb_config_strings command; /* at least the program; empty: none */
    bool is_external;
    rb_str scenario; /* path; empty: none */
    struct rb_config_routes routes;
    uint64_t timeout_ms, kill_grace_ms;
    uint64_t concurrency, queue_max, queue_timeout_ms;
    uint64_t attempts, retry_backoff_ms;
    bool is_retried; /* after a restart of the server */
    enum rb_config_result result;
    uint64_t result_bytes_max, result_keep_ms, log_bytes_max;
    struct rb_config_pairs environment;
    uint64_t memory_bytes_max; /* 0 = none */
    uint64_t open_files_max;
    uint64_t progress_interval_ms;
};

enum rb_config_room_tenant { RB_CONFIG_ROOM_TENANT_HOST, RB_CONFIG_ROOM_TENANT_TOKEN };
enum rb_config_room_results { RB_CONFIG_ROOM_RESULTS_STARTER, RB_CONFIG_ROOM_RESULTS_ROOM };

struct rb_config_room {
    rb_str join, leave; /* names of events */
    rb_str topic;       /* with {name} of fields of the join argument */
    rb_str key;
    rb_str tenant_field; /* empty: not looked at */
    enum rb_config_room_tenant tenant;
    struct rb_config_strings publish; /* names of events */
    struct rb_config_strings kinds;
    enum rb_config_room_results results;
    uint64_t keep_ms;
};

enum rb_config_recovery { RB_CONFIG_RECOVERY_OFF, RB_CONFIG_RECOVERY_ASKED, RB_CONFIG_RECOVERY_ALWAYS };

struct rb_config_account {
    rb_str public_id;
    rb_str tenant, secret;
    bool is_guarded;
};

enum rb_config_sync_job { RB_CONFIG_SYNC_JOB_CONTINUE, RB_CONFIG_SYNC_JOB_CANCEL };

struct rb_config_capability {
    rb_str name;
    struct rb_config_strings families, roles, events, requests, methods;
    rb_str kind, url; /* empty: none */
    uint64_t timeout_ms;
};

struct rb_config {
    struct rb_config_address listen;
    rb_str data;
    uint64_t threads; /* 0 = cores */
    struct rb_config_strings origins;
    struct {
        enum rb_log_level level;
        enum rb_config_log_format format;
    } log;
    struct rb_config_tenants {
        const struct rb_config_tenant *items;
        size_t count;
    } tenants;
    struct {
        uint64_t head_bytes_max, target_bytes_max, body_bytes_max;
        uint64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
        uint64_t wait_ms_max;
    } http;
    struct {
        uint64_t message_bytes_max, ping_interval_ms, ping_timeout_ms, auth_timeout_ms;
    } websocket;
    struct {
        uint64_t output_bytes_max, subscriptions_max;
        uint64_t send_buffer_bytes; /* 0 = the kernel's choice */
    } connection;
    struct {
        uint64_t connections, connections_per_address, connections_per_tenant, jobs_per_tenant; /* 0 = none */
    } limits;
    struct {
        uint64_t keep_count, keep_bytes, keep_age_ms, message_bytes_max;
        struct rb_config_rules {
            const struct rb_config_rule *items; /* in the order of the file; the first that matches counts */
            size_t count;
        } rules;
    } topics;
    struct {
        uint64_t scratch_bytes_max, scratch_files_max, upload_bytes_max, link_ttl_ms;
    } files;
    struct rb_config_jobs {
        const struct rb_config_job *items;
        size_t count;
    } jobs;
    struct {
        bool is_enabled;
        rb_str path; /* begins and ends with '/' */
        bool has_v3, has_polling;
        uint64_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms, payload_bytes_max;
        uint64_t upgrade_timeout_ms, close_timeout_ms;
        enum rb_config_recovery recovery;
        uint64_t recovery_window_ms;
        bool has_cors_credentials;
        struct rb_config_strings namespaces;
        struct rb_config_rooms {
            const struct rb_config_room *items;
            size_t count;
        } rooms;
        struct {
            uint64_t sync_timeout_ms;
            enum rb_config_sync_job sync_timeout_job;
            struct rb_config_strings download_paths;
        } process;
    } socketio;

    struct rb_config_accounts {
        const struct rb_config_account *items;
        size_t count;
    } accounts;
    struct {
        bool is_enabled;
        rb_str path; /* begins and ends with '/' */
        uint64_t body_bytes_max, message_bytes_max, context_bytes_max;
        uint64_t sockets_max, tokens_max, calls_per_s, refusals_per_min;
    } envoy;

    struct {
        bool is_enabled, is_cookie_secure;
        rb_str site, default_tenant, shared_dir;
        uint64_t message_bytes_max, login_timeout_ms, ping_interval_ms, silence_ms;
        rb_str incoming_kind, unclaimed_kind, unclaimed_url; /* empty: none */
        uint64_t unclaimed_timeout_ms;
        struct rb_config_capabilities {
            const struct rb_config_capability *items;
            size_t count;
        } capabilities;
    } era;

    struct {
        bool is_enabled;
        rb_str path;                               /* begins and ends with '/' */
        rb_str site, default_tenant, checkin_kind; /* empty: none */
        rb_str version;
        struct rb_config_strings fetch, services;
        uint64_t body_bytes_max, message_bytes_max;
        uint64_t protobuf_port; /* 0 = none */
        uint64_t protobuf_message_bytes_max;
    } bimserver;

    struct rb_config_strings warnings; /* each a line as in the messages, for the log */
    struct rb_arena arena;
};

/* Each of the three fills *out on success and leaves it alone otherwise. `messages` gets a line for every
 * error (the first 20) and warning, `NAME:LINE: PATH: what is wrong and what to do`, in the order of the
 * file; warnings say so, and do not fail. RB_BAD_CONFIG, RB_OUT_OF_MEMORY. Loading reads the file; both ask
 * the system whether the commands of jobs can be run. */
rb_err rb_config_load(struct rb_config *out, const char *path, struct rb_buf *messages);
rb_err rb_config_parse(struct rb_config *out, rb_str text, const char *name, struct rb_buf *messages);
void rb_config_defaults(struct rb_config *out); /* as an empty file */
void rb_config_fini(struct rb_config *config);  /* safe on zeroed storage */

const struct rb_config_job *rb_config_job_find(const struct rb_config *config,
                                               rb_str kind); /* NULL: no such kind */

/* The manual's page of all options, as Markdown: docs/reference/configuration.md. */
void rb_config_print_reference(struct rb_buf *out);

#endif
