/* Errors in this door's words: numbers, 1000 and an HTTP status. */
#include "codec/json.h"
#include "doors/era/era_private.h"

unsigned era_code(rb_err err)
{
    static const struct {
        rb_err err;
        unsigned code;
    } special[] = {
        {RB_CALL_TIMEOUT, 1408},        {RB_WAIT_TIMEOUT, 1408},
        {RB_JOB_TIMEOUT, 1408},         {RB_EXPIRED, 1404},
        {RB_DISK_FULL, 1500},           {RB_NOT_IMPLEMENTED, 1400},
        {RB_UNSUPPORTED_VERSION, 1400},
    };
    static const unsigned known[] = {401, 403, 404, 405, 408, 409, 410, 413, 429, 503};
    for (size_t i = 0; i < RB_COUNT(special); i++)
        if (special[i].err == err) return special[i].code;
    int status = rb_reason(err)->http_status;
    for (size_t i = 0; i < RB_COUNT(known); i++)
        if ((unsigned)status == known[i]) return 1000 + known[i];
    return status < 500 ? 1400 : 1500;
}

void era_answer_error(struct rb_request *request, rb_err err, rb_str detail)
{
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    unsigned code = era_code(err);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "error_code");
    rb_json_put_u64(&out, code);
    rb_json_put_key(&out, "error_message");
    rb_json_put_str(&out, detail.n ? detail : rb_str_of(rb_reason(err)->sentence));
    rb_json_end_object(&out);
    rb_answer_header(request, "Cache-Control", RB_STR("no-store"));
    if (body.failed)
        rb_answer_problem(request, RB_OUT_OF_MEMORY, RB_STR_NONE);
    else
        rb_answer_json(request, (int)code - 1000, rb_buf_str(&body));
    rb_buf_fini(&body);
}
