/* Waiting for a job's end, for a while: `?wait=`, `Prefer: wait`, synchronous calls. */
#ifndef RB_JOBS_WAIT_H
#define RB_JOBS_WAIT_H

#include "hub/watcher.h"
#include "jobs/jobs.h"

struct rb_job_wait;
/* On a loop with a shard. done comes once: RB_OK when the job is over (its record is stored by then),
 * RB_WAIT_TIMEOUT. The wait is gone after it. topic is the job's (rb_job_topic). */
struct rb_job_wait *rb_job_wait_start(struct rb_hub *hub, rb_str topic, uint64_t timeout_ms,
                                      void (*done)(void *arg, rb_err err), void *arg);
/* done will not be called. NULL is fine. */
void rb_job_wait_cancel(struct rb_job_wait *wait);

#endif
