#include "http/cors.h"

static bool lists(const struct rb_cors *cors, rb_str origin)
{
    for (unsigned i = 0; i < cors->origin_count; i++)
        if (rb_str_ieq(cors->origins[i], origin)) return true;
    return false;
}

bool rb_cors_is_valid(const struct rb_cors *cors)
{
    return !cors->with_credentials || !lists(cors, RB_STR("*"));
}

static bool is_open_to_all(const struct rb_cors *cors)
{
    RB_CHECK(rb_cors_is_valid(cors));
    return lists(cors, RB_STR("*"));
}

static void add_origin(const struct rb_cors *cors, struct rb_request *request)
{
    rb_str origin = rb_request_header(request, "Origin");
    if (is_open_to_all(cors)) origin = RB_STR("*");
    if (origin.p && lists(cors, origin)) rb_answer_header(request, "Access-Control-Allow-Origin", origin);
    if (cors->with_credentials) rb_answer_header(request, "Access-Control-Allow-Credentials", RB_STR("true"));
}

void rb_cors_add(const struct rb_cors *cors, struct rb_request *request)
{
    if (!rb_cors_is_on(cors)) return;
    add_origin(cors, request);
    if (!is_open_to_all(cors)) rb_answer_header(request, "Vary", RB_STR("Origin"));
}

void rb_cors_answer_preflight(const struct rb_cors *cors, struct rb_request *request, rb_str methods)
{
    RB_CHECK(rb_cors_is_on(cors));
    rb_str headers = rb_request_header(request, "Access-Control-Request-Headers");
    add_origin(cors, request);
    rb_answer_header(request, "Vary",
                     is_open_to_all(cors) ? RB_STR("Access-Control-Request-Headers")
                                          : RB_STR("Origin, Access-Control-Request-Headers"));
    rb_answer_header(request, "Access-Control-Allow-Methods", methods);
    if (headers.p) rb_answer_header(request, "Access-Control-Allow-Headers", headers);
    /* Against RFC 9110 section 8.6, but what the field does: browsers have waited for the body of a 204. */
    rb_answer_header(request, "Content-Length", RB_STR("0"));
    rb_answer(request, 204, RB_STR_NONE, RB_STR_NONE);
}
