/* Any bytes as a message of the Era door. What is read can be answered with the very qid that came, and asked
 * back as a request of ours, whose reply is known again under its own name only. */
#include "base/check.h"
#include "codec/era.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const struct rb_era_message *message, struct rb_arena *arena)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    struct rb_era_message again;
    rb_era_begin_reply(&out, message->method, message->qid);
    rb_era_put_error(&out, 1400, message->method);
    rb_era_end(&out);
    rb_err err = rb_era_read(&again, rb_buf_str(&text), arena);
    RB_CHECK(err == RB_OK || (err == RB_BAD_NAME && message->method.n > RB_ERA_METHOD_BYTES_MAX - 7));
    if (!err) RB_CHECK(rb_str_eq(again.qid, message->qid));
    rb_era_message_fini(&again);
    rb_buf_fini(&text);
}

static void check_request(const struct rb_era_message *message, struct rb_arena *arena)
{
    struct rb_buf text = {0}, reply = {0};
    struct rb_json_out out = {.buf = &reply};
    struct rb_era_message request, answer;
    uint32_t number = 0;
    if (rb_era_put_request(&text, 41, message->method, rb_json_raw(message->params)) != RB_OK) return;
    RB_CHECK(rb_era_read(&request, rb_buf_str(&text), arena) == RB_OK);
    rb_era_begin_reply(&out, message->method, request.qid);
    rb_era_end(&out);
    if (rb_era_read(&answer, rb_buf_str(&reply), arena) == RB_OK)
        RB_CHECK(rb_era_reply_read(&answer, &number) == RB_ERA_REPLY && number == 41);
    rb_era_message_fini(&answer);
    rb_era_message_fini(&request);
    rb_buf_fini(&reply);
    rb_buf_fini(&text);
}

static void check_answer(const struct rb_era_message *message)
{
    uint32_t number;
    struct rb_json doc;
    struct rb_buf text = {0};
    rb_era_reply_read(message, &number);
    rb_era_put_reply(&text, message);
    RB_CHECK(rb_json_parse(&doc, rb_buf_str(&text), NULL) == RB_OK);
    rb_json_fini(&doc);
    rb_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rb_arena arena = {0};
    struct rb_era_message message;
    if (rb_era_read(&message, rb_str_make(data, size), &arena) == RB_OK) {
        check_reply(&message, &arena);
        check_request(&message, &arena);
        check_answer(&message);
    }
    rb_era_message_fini(&message);
    rb_arena_fini(&arena);
    return 0;
}
