#include "doors/bimserver/bimserver.h"

#define DAYS(n) ((uint64_t)(n)*24 * 3600 * 1000)
#define EXTERNAL(name_, timeout, keep)                                                                       \
    {                                                                                                        \
        .name = {name_, sizeof(name_) - 1}, .is_external = true, .timeout_ms = (timeout),                    \
        .queue_timeout_ms = DAYS(1), .concurrency = 1, .queue_max = 100000, .attempts = 1,                   \
        .result_keep_ms = (keep), .log_bytes_max = 4096, .progress_interval_ms = 200                         \
    }

const struct rb_job_kind rb_bimserver_kinds[RB_BIMSERVER_KINDS] = {
    EXTERNAL(RB_BIMSERVER_TOPIC_KIND, DAYS(7), DAYS(7)),
    EXTERNAL(RB_BIMSERVER_DOWNLOAD_KIND, DAYS(1), DAYS(1)),
    EXTERNAL(RB_BIMSERVER_FILE_KIND, DAYS(1), DAYS(3650)),
};
