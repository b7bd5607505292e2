/* What each type of component does. Everything that concerns the server is one call of its API with the job's
 * own credential, so a scenario can do no more than who started it. */
#include "app/scenario_run.h"

#include "base/check.h"
#include "base/clock.h"
#include "codec/url.h"

#include <time.h>

enum {
    SLACK_MS = 15 * 1000, /* what a call may take beside what it was told to wait for */
    OPERATION_MS = 10 * 1000,
    WAIT_SECONDS_MAX = 30 * 24 * 3600,
    POLL_SECONDS = 30
};

/* ---- properties ---- */

static rb_json_val property(const struct rb_scenario_component *component, const char *name)
{
    return rb_json_get(component->json, name);
}

static bool has(const struct rb_scenario_component *component, const char *name)
{
    return rb_json_type(property(component, name)) != RB_JSON_NONE;
}

/* A number, or a text that is one; `otherwise` when there is none. */
static double number_of(struct scenario_run *run, const struct rb_scenario_component *component,
                        const char *name, double otherwise)
{
    struct rb_json doc;
    rb_str text, json = has(component, name) ? scenario_vars_value(&run->vars, property(component, name))
                                             : RB_STR_NONE;
    double number = otherwise;
    if (!json.p || rb_json_parse(&doc, json, NULL)) return otherwise;
    rb_json_val value = rb_json_root(&doc);
    if (rb_json_string(value, &run->step, &text)) {
        rb_json_fini(&doc);
        if (rb_json_parse(&doc, rb_arena_copy(&run->step, text), NULL)) return otherwise;
        value = rb_json_root(&doc);
    }
    rb_json_double(value, &number);
    rb_json_fini(&doc);
    return number;
}

static rb_str text_of(struct scenario_run *run, const struct rb_scenario_component *component,
                      const char *name)
{
    struct rb_json doc;
    rb_str text = RB_STR_NONE, json = scenario_vars_value(&run->vars, property(component, name));
    if (!json.p || rb_json_parse(&doc, json, NULL)) return RB_STR_NONE;
    if (!rb_json_string(rb_json_root(&doc), &run->step, &text)) text = json;
    rb_json_fini(&doc);
    return text;
}

static void give_up(struct scenario_run *run, rb_str message)
{
    run->has_failed = true;
    run->message = message;
}

static void set(struct scenario_run *run, const struct rb_scenario_component *component,
                const char *property_name, rb_str json)
{
    rb_str variable = RB_STR_NONE;
    rb_json_string(property(component, property_name), &run->step, &variable);
    if (variable.n && scenario_vars_set(&run->vars, variable, json))
        give_up(run,
                rb_arena_fmt(&run->step, "variables of more than 1 MiB, with %.*s", RB_STR_FMT(variable)));
}

/* ---- outcomes ---- The result on success only; the error on the others, and none on success. */

static enum rb_scenario_exit succeed(struct scenario_run *run, const struct rb_scenario_component *component,
                                     rb_str result)
{
    set(run, component, "resultVariable", result);
    set(run, component, "errorVariable", RB_STR_NONE);
    return RB_SCENARIO_TRANSFER;
}

static enum rb_scenario_exit fail(struct scenario_run *run, const struct rb_scenario_component *component,
                                  enum rb_scenario_exit out, unsigned code, rb_str message)
{
    struct rb_buf text = {0};
    struct rb_json_out json = {.buf = &text};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "error_code");
    rb_json_put_u64(&json, code);
    rb_json_put_key(&json, "error_message");
    rb_json_put_str(&json, message);
    rb_json_end_object(&json);
    run->message = rb_arena_fmt(&run->step, "%.*s: %.*s", RB_STR_FMT(component->title), RB_STR_FMT(message));
    set(run, component, "errorVariable", rb_buf_str(&text));
    rb_buf_fini(&text);
    return out;
}

static enum rb_scenario_exit fail_too_large(struct scenario_run *run,
                                            const struct rb_scenario_component *component)
{
    return fail(run, component, RB_SCENARIO_TRANSFER_ERROR, 1413, RB_STR("the properties are too large"));
}

static enum rb_scenario_exit fail_asking(struct scenario_run *run,
                                         const struct rb_scenario_component *component,
                                         struct rb_api_answer *answer)
{
    rb_str why = rb_arena_copy(&run->step, answer->why);
    unsigned code = answer->status ? 1000 + (unsigned)answer->status : 1503;
    rb_api_answer_fini(answer);
    return fail(run, component, RB_SCENARIO_TRANSFER_ERROR, code, why);
}

/* ---- operation ---- */

/* All but what is the scenario's own. */
static rb_str operation_body(struct scenario_run *run, const struct rb_scenario_component *component)
{
    const rb_str own = RB_STR("type,title,comment,resultVariable,errorVariable,"
                              "transfer,transferTimeout,transferError");
    struct rb_buf text = {.limit = 4 * RB_SCENARIO_BYTES_MAX};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    for (rb_json_val at = rb_json_first(component->json); rb_json_type(at); at = rb_json_next(at)) {
        rb_str key = rb_json_key(at, &run->step);
        if (rb_str_lists(own, key)) continue;
        rb_json_put_key_str(&out, key);
        scenario_vars_fill(&run->vars, &out, at);
    }
    rb_json_end_object(&out);
    rb_str body = text.failed ? RB_STR_NONE : rb_arena_copy(&run->step, rb_buf_str(&text));
    rb_buf_fini(&text);
    return body;
}

static uint64_t ms_of(double seconds)
{
    return seconds > 0 ? (uint64_t)((seconds < WAIT_SECONDS_MAX ? seconds : WAIT_SECONDS_MAX) * 1000) : 0;
}

static enum rb_scenario_exit do_operation(struct scenario_run *run,
                                          const struct rb_scenario_component *component)
{
    struct rb_api_answer answer;
    uint64_t wait_ms = ms_of(number_of(run, component, "timeoutSec", OPERATION_MS / 1000.0));
    rb_str body = operation_body(run, component);
    if (!body.p) return fail_too_large(run, component);
    rb_api_ask(run->api, "POST", RB_STR("/era/v1/operation"), body, wait_ms + SLACK_MS, &answer);
    if (answer.err) return fail_asking(run, component, &answer);

    rb_json_val root = rb_json_root(&answer.doc), error = rb_json_get(root, "error");
    rb_str transfer = RB_STR_NONE, message = RB_STR_NONE;
    uint64_t code = 1500;
    rb_json_string(rb_json_get(root, "transfer"), &run->step, &transfer);
    rb_json_string(rb_json_get(error, "error_message"), &run->step, &message);
    rb_json_u64(rb_json_get(error, "error_code"), &code);
    enum rb_scenario_exit out;
    if (rb_str_is(transfer, "transfer"))
        out = succeed(run, component, rb_json_raw(rb_json_get(root, "result")));
    else
        out = fail(run, component,
                   rb_str_is(transfer, "transferTimeout") ? RB_SCENARIO_TRANSFER_TIMEOUT
                                                          : RB_SCENARIO_TRANSFER_ERROR,
                   (unsigned)code, message);
    rb_api_answer_fini(&answer);
    return out;
}

/* ---- job ---- */

/* Asks for the job until it has ended or the time is over; the answer is the last one. */
static void wait_for_job(struct scenario_run *run, struct rb_api_answer *answer, uint64_t until_ms)
{
    rb_str id = RB_STR_NONE, state = RB_STR_NONE;
    while (!answer->err) {
        rb_json_val root = rb_json_root(&answer->doc);
        rb_json_string(rb_json_get(root, "id"), &run->step, &id);
        rb_json_string(rb_json_get(root, "state"), &run->step, &state);
        uint64_t now_ms = rb_clock_ms();
        if (!rb_str_lists(RB_STR("queued,running"), state) || now_ms >= until_ms) return;
        uint64_t seconds = (until_ms - now_ms + 999) / 1000;
        if (seconds > POLL_SECONDS) seconds = POLL_SECONDS;
        rb_str path =
            rb_arena_fmt(&run->step, "/v1/jobs/%.*s?wait=%llu", RB_STR_FMT(id), (unsigned long long)seconds);
        rb_api_answer_fini(answer);
        rb_api_ask(run->api, "GET", path, RB_STR_NONE, seconds * 1000 + SLACK_MS, answer);
    }
}

static enum rb_scenario_exit do_job(struct scenario_run *run, const struct rb_scenario_component *component)
{
    struct rb_api_answer answer;
    struct rb_buf path = {0};
    rb_str state = RB_STR_NONE, message = RB_STR_NONE;
    rb_str parameters = has(component, "parameters")
                            ? scenario_vars_value(&run->vars, property(component, "parameters"))
                            : RB_STR("{}");
    uint64_t wait_ms = ms_of(number_of(run, component, "waitSec", 0));
    if (!parameters.p) return fail_too_large(run, component);
    rb_buf_add_text(&path, "/v1/jobs/");
    rb_url_encode(&path, text_of(run, component, "kind"));
    rb_api_ask(run->api, "POST", rb_arena_copy(&run->step, rb_buf_str(&path)), parameters, SLACK_MS, &answer);
    rb_buf_fini(&path);
    if (!answer.err && wait_ms) wait_for_job(run, &answer, rb_clock_ms() + wait_ms);
    if (answer.err) return fail_asking(run, component, &answer);

    rb_json_val root = rb_json_root(&answer.doc);
    rb_json_string(rb_json_get(root, "state"), &run->step, &state);
    rb_json_string(rb_json_get(root, "message"), &run->step, &message);
    enum rb_scenario_exit out;
    if (rb_str_is(state, "finished") || !wait_ms)
        out = succeed(run, component, rb_json_raw(root));
    else if (rb_str_lists(RB_STR("queued,running"), state))
        out =
            fail(run, component, RB_SCENARIO_TRANSFER_TIMEOUT, 1408, RB_STR("the job has not ended in time"));
    else
        out = fail(run, component, RB_SCENARIO_TRANSFER_ERROR, 1500,
                   message.n ? rb_arena_copy(&run->step, message) : state);
    rb_api_answer_fini(&answer);
    return out;
}

/* ---- the others ---- */

static void do_wait(struct scenario_run *run, const struct rb_scenario_component *component)
{
    uint64_t ms = ms_of(number_of(run, component, "seconds", 0));
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
}

/* All are filled in with the values from before. What is too deep to be read could not be used either. */
static void do_set(struct scenario_run *run, const struct rb_scenario_component *component)
{
    struct rb_json doc;
    rb_str json = scenario_vars_value(&run->vars, property(component, "variables"));
    rb_err err = json.p ? rb_json_parse(&doc, json, NULL) : RB_BODY_TOO_LARGE;
    if (!err) {
        err = scenario_vars_set_all(&run->vars, rb_json_root(&doc));
        rb_json_fini(&doc);
    }
    if (err)
        give_up(run, err == RB_TOO_DEEP ? RB_STR("a variable of more than 64 levels")
                                        : RB_STR("variables of more than 1 MiB"));
}

static void do_stop(struct scenario_run *run, const struct rb_scenario_component *component)
{
    rb_str state = RB_STR_NONE, result = RB_STR_NONE;
    rb_json_string(property(component, "state"), &run->step, &state);
    bool has_result = has(component, "result");
    if (has_result) result = scenario_vars_value(&run->vars, property(component, "result"));
    if (rb_str_is(state, "failed"))
        give_up(run, has(component, "message") ? text_of(run, component, "message") : component->title);
    if (has_result && (!result.p || scenario_vars_set(&run->vars, RB_STR("result"), result)))
        give_up(run, RB_STR("variables of more than 1 MiB, with result"));
}

enum rb_scenario_exit scenario_step(struct scenario_run *run, const struct rb_scenario_component *component)
{
    switch (component->type) {
    case RB_SCENARIO_START: return RB_SCENARIO_TRANSFER;
    case RB_SCENARIO_OPERATION: return do_operation(run, component);
    case RB_SCENARIO_JOB: return do_job(run, component);
    case RB_SCENARIO_WAIT: do_wait(run, component); return RB_SCENARIO_TRANSFER;
    case RB_SCENARIO_BRANCH:
        return rb_filter_fits(component->condition, scenario_vars_property, &run->vars)
                   ? RB_SCENARIO_TRANSFER
                   : RB_SCENARIO_TRANSFER_ELSE;
    case RB_SCENARIO_SET: do_set(run, component); return RB_SCENARIO_TRANSFER;
    case RB_SCENARIO_STOP: do_stop(run, component); return RB_SCENARIO_TRANSFER;
    }
    RB_UNREACHABLE();
}
