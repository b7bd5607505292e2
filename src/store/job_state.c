#include "base/check.h"
#include "store/store.h"

/* The numbers stand in databases: rows are only ever added at the end. */
static const char *const names[] = {
    [RB_JOB_STATE_QUEUED] = "queued",       [RB_JOB_STATE_RUNNING] = "running",
    [RB_JOB_STATE_FINISHED] = "finished",   [RB_JOB_STATE_FAILED] = "failed",
    [RB_JOB_STATE_CANCELLED] = "cancelled", [RB_JOB_STATE_EXPIRED] = "expired",
};
_Static_assert(RB_JOB_STATE_QUEUED == 0 && RB_JOB_STATE_FINISHED == 2 && RB_JOB_STATE_EXPIRED == 5,
               "statements.h counts on them");

const char *rb_job_state_name(enum rb_job_state state)
{
    RB_CHECK((size_t)state < RB_COUNT(names));
    return names[state];
}

bool rb_job_state_find(rb_str name, enum rb_job_state *out_state)
{
    for (size_t i = 0; i < RB_COUNT(names); i++) {
        if (!rb_str_is(name, names[i])) continue;
        *out_state = (enum rb_job_state)i;
        return true;
    }
    return false;
}
