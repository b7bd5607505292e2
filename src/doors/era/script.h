/* Scripts: jobs that are started, waited for, and read. What the Era Platform calls a service script is a
 * kind of job. */
#ifndef RB_ERA_SCRIPT_H
#define RB_ERA_SCRIPT_H

#include "codec/json.h"
#include "doors/era/era_private.h"

enum {
    SCRIPT_PARAMETERS_MAX = 20,
    SCRIPT_RESULT_BYTES_MAX = 64 * 1024 /* larger ones are named, not shown */
};

struct era_script_spec {
    const struct rb_identity *who; /* shared; whose job it is */
    rb_str kind, params;           /* params: a JSON object */
    uint64_t timeout_ms;           /* then the job is cancelled; 0: it is only started, and nobody waits */
};

/* err RB_OK: it has ended, somehow (job->state), or with timeout_ms 0: it is started. Else RB_CALL_TIMEOUT,
 * or why it was not started. Valid during the call. */
struct era_script_end {
    rb_err err;
    rb_str detail;                   /* for people; may be NONE */
    const struct rb_job_record *job; /* NULL unless err is RB_OK */
    rb_str result; /* one JSON value: what is in the file when that is JSON or text, else what the file is.
                      NONE: no file */
    bool is_variables; /* result is an object that came as variables.json */
};
typedef void era_script_done_fn(void *arg, const struct era_script_end *end);

/* The members startparam1 to startparam20 of what was asked, as the job's parameters. */
void era_script_put_parameters(struct rb_buf *params, rb_json_val object);

struct era_script;
/* On a loop; the spec is copied. done comes once, there, never from inside this; NULL: nobody wants to know.
 */
struct era_script *era_script_start(struct rb_era_door *door, const struct era_script_spec *spec,
                                    era_script_done_fn *done, void *arg);
/* done will not be called. is_abort: the job is cancelled, as soon as there is one. NULL is fine. */
void era_script_leave(struct era_script *script, bool is_abort);

/* The members of {job_id, state, result, error}; of variables.json its members in place of `result`. */
void era_script_put_variables(struct rb_json_out *out, const struct era_script_end *end);

#endif
