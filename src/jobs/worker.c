/* How a worker is started: through this very program (see worker_exec.c), with an environment of its own
 * making. */
#include "jobs/jobs_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *fmt_u64(struct rb_arena *arena, const char *name, uint64_t value)
{
    return (char *)(uintptr_t)rb_arena_fmt(arena, "%s=%llu", name, (unsigned long long)value).p;
}

static char *fmt_str(struct rb_arena *arena, const char *name, rb_str value)
{
    return (char *)(uintptr_t)rb_arena_fmt(arena, "%s=%.*s", name, RB_STR_FMT(value)).p;
}

char **worker_arguments(const struct job *job, struct rb_arena *arena, char **command)
{
    const struct rb_job_kind *spec = job->kind->spec;
    enum { OURS_MAX = 7 };
    char **argv = rb_arena_array(arena, char *, OURS_MAX + spec->command_count + 1);
    unsigned n = 0;
    argv[n++] = job->jobs->self_path;
    argv[n++] = (char *)(uintptr_t) "worker-exec";
    argv[n++] = fmt_u64(arena, "parent", (uint64_t)getpid());
    /* One more than allowed, so that a file which meets the limit is seen to have passed it. */
    argv[n++] = fmt_u64(arena, "file_bytes", spec->result_bytes_max + 1);
    if (spec->memory_bytes_max) argv[n++] = fmt_u64(arena, "memory_bytes", spec->memory_bytes_max);
    if (spec->open_files_max) argv[n++] = fmt_u64(arena, "open_files", spec->open_files_max);
    argv[n++] = (char *)(uintptr_t) "--";
    RB_CHECK(n <= OURS_MAX);
    memcpy(argv + n, command, spec->command_count * sizeof argv[0]);
    return argv;
}

/* ---- credentials ---- */

void worker_lend_token(struct job *job)
{
    const struct rb_job_record *record = &job->record;
    struct rb_auth *auth = job->jobs->setup.auth;
    if (!auth) return;
    struct rb_identity identity = {.tenant = record->tenant, .client = record->client, .job = record->id};
    bool is_known = rb_role_find(record->role, &identity.role);
    if (!is_known || identity.role == RB_ROLE_TICKET) identity.role = RB_ROLE_CLIENT;
    rb_auth_lend(auth, &identity, job->run->token);
}

void worker_take_back_token(struct run *run)
{
    if (run->token[0]) rb_auth_take_back(run->job->jobs->setup.auth, rb_str_of(run->token));
    run->token[0] = '\0';
}

/* ---- environment ---- */

static unsigned count_environment(const struct rb_job_kind *spec)
{
    unsigned count = 0;
    while (spec->environment && spec->environment[count]) count++;
    return count;
}

static bool is_set_by(char *const *environment, unsigned count, const char *name)
{
    size_t bytes = strlen(name);
    for (unsigned i = 0; i < count; i++)
        if (strncmp(environment[i], name, bytes) == 0 && environment[i][bytes] == '=') return true;
    return false;
}

char **worker_environment(const struct job *job, struct rb_arena *arena)
{
    const struct rb_job_kind *spec = job->kind->spec;
    const char *path = getenv("PATH");
    rb_str out_dir = rb_arena_fmt(arena, "%.*s/out", RB_STR_FMT(job->run->dir));
    rb_str token = job->run->token[0] ? rb_str_of(job->run->token) : RB_STR_NONE;
    const struct {
        const char *name;
        rb_str value; /* NONE: it is not there */
        bool is_firm; /* else the kind may say otherwise */
    } ours[] = {
        {"RINGBACK_OUT", out_dir, true},
        {"RINGBACK_JOB", job->record.id, true},
        {"RINGBACK_KIND", job->record.kind, true},
        {"RINGBACK_TENANT", job->record.tenant, true},
        {"RINGBACK_INPUT", job->run->input, true},
        {"RINGBACK_TOKEN", token, true},
        {"RINGBACK_URL", token.p ? rb_str_of(job->jobs->setup.url) : RB_STR_NONE, true},
        {"PATH", rb_str_of(path ? path : "/usr/local/bin:/usr/bin:/bin"), false},
        {"HOME", job->run->dir, false},
        {"LANG", RB_STR("C.UTF-8"), false},
    };
    unsigned count = count_environment(spec), n = 0;
    char **environment = rb_arena_array(arena, char *, RB_COUNT(ours) + count + 1);
    for (size_t i = 0; i < RB_COUNT(ours); i++)
        if (ours[i].value.p && (ours[i].is_firm || !is_set_by(spec->environment, count, ours[i].name)))
            environment[n++] = fmt_str(arena, ours[i].name, ours[i].value);
    for (unsigned i = 0; i < count; i++)
        if (strncmp(spec->environment[i], "RINGBACK_", 9) != 0) environment[n++] = spec->environment[i];
    return environment;
}
