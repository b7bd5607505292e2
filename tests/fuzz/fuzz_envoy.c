/* Any bytes as a call of the Envoy door, and as a client's first frame. What was JSON before trailing commas
 * were dropped is the same JSON after it, and what is read can be answered. */
#include "base/check.h"
#include "codec/envoy.h"
#include "codec/json_canonical.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_commas(const char *before, const char *after, size_t size)
{
    struct rb_json doc;
    for (size_t i = 0; i < size; i++)
        RB_CHECK(before[i] == after[i] || (before[i] == ',' && after[i] == ' '));
    if (rb_json_parse(&doc, rb_str_make(before, size), NULL) != RB_OK) return;
    RB_CHECK(memcmp(before, after, size) == 0);
    rb_json_fini(&doc);
}

static void check_call(rb_str text)
{
    struct rb_arena arena = {0};
    struct rb_envoy_call call;
    struct rb_json doc;
    struct rb_buf reply = {0}, canonical = {0};
    struct rb_json_out out = {.buf = &canonical};
    enum rb_envoy_error error = rb_envoy_call_read(&call, text, &arena);
    if (error) {
        rb_envoy_put_error(&reply, call.id, error, RB_STR("x"));
    } else {
        rb_json_put_canonical(&out, call.params);
        rb_envoy_put_result(&reply, call.id, rb_buf_str(&canonical));
    }
    RB_CHECK(rb_json_parse(&doc, rb_buf_str(&reply), NULL) == RB_OK);
    rb_json_fini(&doc);
    rb_buf_fini(&reply);
    rb_buf_fini(&canonical);
    rb_envoy_call_fini(&call);
    rb_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rb_arena arena = {0};
    char *text = malloc(size + 1);
    RB_CHECK(text != NULL);
    memcpy(text, data, size);
    rb_envoy_drop_trailing_commas(text, size);
    check_commas((const char *)data, text, size);
    check_call(rb_str_make(text, size));
    rb_envoy_client_token(rb_str_make(text, size), &arena);
    rb_arena_fini(&arena);
    free(text);
    return 0;
}
