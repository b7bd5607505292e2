#include "app/test_clock.h"

#include "base/clock.h"
#include "codec/json.h"

static void on_request(struct rb_request *request, void *arg)
{
    (void)arg;
    struct rb_json doc;
    uint64_t advance_ms;
    rb_err err = rb_json_parse(&doc, request->body, NULL);
    if (!err) {
        if (!rb_json_u64(rb_json_get(rb_json_root(&doc), "advance_ms"), &advance_ms)) err = RB_BAD_REQUEST;
        rb_json_fini(&doc);
    }
    if (err) {
        rb_answer_problem(request, err, RB_STR("Send {\"advance_ms\":N}."));
        return;
    }
    rb_clock_test_advance_ms(advance_ms);
    rb_answer_json(request, 200, RB_STR("{}"));
}

void rb_test_clock_add_route(struct rb_router *router)
{
    rb_clock_test_enable();
    RB_CHECK(rb_router_add(router, RB_HTTP1_POST, RB_STR("/test/clock"), 0, on_request, NULL) == RB_OK);
}
