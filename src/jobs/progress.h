/* A running worker's reports on their way to the job's topic, at a pace that topics and clients can bear.
 *
 * The shape of progress goes out at most once in an interval, the latest one; so a worker may report as often
 * as it likes. At once goes what people wait for: another stage, and 100. Infos, warnings, errors and custom
 * events go out one by one, as many a second as the limits say (stages among them); what is beyond is
 * counted. One loop. */
#ifndef RB_JOBS_PROGRESS_H
#define RB_JOBS_PROGRESS_H

#include "hub/hub.h"
#include "jobs/report.h"

enum {
    PROGRESS_EVENTS_MAX = 100,             /* a second, besides the shape at its pace */
    PROGRESS_EVENT_BYTES_MAX = 1024 * 1024 /* likewise */
};

struct progress {
    struct report report;
    struct rb_hub *hub;
    struct rb_loop *loop;
    rb_str topic;         /* borrowed */
    uint64_t interval_ms; /* 0: what comes in the same millisecond is one */
    struct rb_timer pace; /* runs from one publication of the shape until the next is allowed */
    bool is_behind;       /* the shape has changed since */
    uint64_t window_start_ms;
    unsigned window_events;
    size_t window_bytes;
    uint64_t dropped;
};
void progress_init(struct progress *progress, struct rb_hub *hub, struct rb_loop *loop, rb_str topic,
                   uint64_t interval_ms);
void progress_take(struct progress *progress, const struct report_line *line);
void progress_end(struct progress *progress); /* publishes the last shape; nothing follows */
void progress_fini(struct progress *progress);

#endif
