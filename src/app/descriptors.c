#include "app/descriptors.h"

#include "base/check.h"
#include "base/log.h"

#include <sys/resource.h>

/* What is not for connections: the store and the listening sockets, results on their way to clients, pipes to
 * workers. */
enum { KEPT = 64, KEPT_PER_LOOP = 16, KEPT_PER_JOB = 6 };
enum { DESCRIPTORS_MAX = 16 * 1024 * 1024 };

static uint64_t kept_back(const struct rb_config *config, unsigned loop_count)
{
    uint64_t kept = KEPT + KEPT_PER_LOOP * loop_count;
    for (size_t i = 0; i < config->jobs.count; i++) kept += KEPT_PER_JOB * config->jobs.items[i].concurrency;
    return kept;
}

static uint64_t raise_limit(void)
{
    struct rlimit limit;
    RB_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    RB_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur;
}

struct rb_admission *rb_descriptors_share_out(const struct rb_config *config, unsigned loop_count,
                                              uint32_t *out_connections_max)
{
    uint64_t descriptors = raise_limit();
    uint64_t kept = kept_back(config, loop_count);
    uint64_t most = descriptors > 2 * kept ? descriptors - kept : descriptors / 2;
    uint64_t wanted = config->limits.connections;
    if (wanted > most)
        RB_LOG_WARN("server.few_descriptors", RB_KV_U64("descriptors", descriptors),
                    RB_KV_U64("connections", most), RB_KV_U64("wanted", wanted),
                    RB_KV_TEXT("remedy", "raise the hard limit of open files (ulimit -Hn, LimitNOFILE)"));
    else
        RB_LOG_INFO("server.descriptors", RB_KV_U64("descriptors", descriptors),
                    RB_KV_U64("connections", wanted ? wanted : most),
                    RB_KV_TEXT("remedy",
                               "for more, raise the hard limit of open files (ulimit -Hn, LimitNOFILE)"));
    *out_connections_max = (uint32_t)(wanted > 0 && wanted < most ? wanted : most);
    return rb_admission_new(*out_connections_max, (uint32_t)config->limits.connections_per_address,
                            (uint32_t)descriptors);
}
