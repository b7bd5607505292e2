#include "http/http_private.h"

#include "test.h"

static const char *const patterns[] = {
    "GET /",
    "GET /v1/jobs",
    "POST /v1/jobs/{kind}",
    "GET /v1/jobs/{id}",
    "POST /v1/jobs/batch",
    "GET /v1/jobs/{id}/events",
    "GET /v1/{thing}/special/{x}",
    "PUT /v1/scratch/{connection}/{name}",
    "DELETE /v1/scratch/{connection}/{name}",
    "GET /socket.io/",
    "POST /socket.io/",
    "GET /console/{path...}",
    "GET /console/own",
    "OPTIONS /cors",
    "GET /cors",
    "OTHER /any",
    "HEAD /both",
    "GET /both",
};

static enum rb_http1_method method_of(rb_str text)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "OTHER"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (rb_str_is(text, names[i])) return (enum rb_http1_method)i;
    fail();
    return RB_HTTP1_OTHER;
}

static rb_err add(struct rb_router *router, const char *line, void *arg)
{
    rb_str pattern = rb_str_of(line), method;
    rb_str_split(&pattern, ' ', &method);
    return rb_router_add(router, method_of(method), pattern, 0, NULL, arg);
}

static struct rb_router *make_router(void)
{
    struct rb_router *router = rb_router_new();
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        assert_int_equal(add(router, patterns[i], (void *)patterns[i]), RB_OK);
    return router;
}

/* The outcome as text: the pattern and its parameters, or the reason and what is allowed. */
static rb_str outcome(const struct rb_router *router, const char *line, struct rb_arena *arena)
{
    rb_str path = rb_str_of(line), method;
    rb_str_split(&path, ' ', &method);
    struct route_match match;
    rb_err err = router_find(router, method_of(method), path, arena, &match);
    if (err == RB_METHOD_NOT_ALLOWED) {
        rb_str allow = allow_text(arena, match.allowed);
        return rb_arena_fmt(arena, "405 %.*s", RB_STR_FMT(allow));
    }
    if (err) return rb_arena_fmt(arena, "%d", rb_reason(err)->http_status);
    rb_str text = rb_arena_fmt(arena, "%s", (const char *)match.route->what.arg);
    for (unsigned i = 0; i < match.route->name_count; i++)
        text = rb_arena_fmt(arena, "%.*s %.*s=%.*s", RB_STR_FMT(text), RB_STR_FMT(match.route->names[i]),
                            RB_STR_FMT(match.params[i]));
    return text;
}

static void finds(void **state)
{
    (void)state;
    static const struct {
        const char *request, *expected;
    } cases[] = {
        {"GET /", "GET /"},
        {"GET /v1/jobs", "GET /v1/jobs"},
        {"GET /v1/jobs/", "404"},
        {"GET /v1/jobs/7", "GET /v1/jobs/{id} id=7"},
        {"POST /v1/jobs/7", "POST /v1/jobs/{kind} kind=7"},
        {"POST /v1/jobs/batch", "POST /v1/jobs/batch"},
        {"GET /v1/jobs/batch", "GET /v1/jobs/{id} id=batch"}, /* the literal has no GET */
        {"DELETE /v1/jobs/batch", "405 GET, HEAD, POST, OPTIONS"},
        {"HEAD /v1/jobs/7", "GET /v1/jobs/{id} id=7"},
        {"HEAD /both", "HEAD /both"},
        {"GET /both", "GET /both"},
        {"GET /v1/jobs/special/3", "GET /v1/{thing}/special/{x} thing=jobs x=3"}, /* back from the literal */
        {"GET /v1/jobs/a%2Fb/events", "GET /v1/jobs/{id}/events id=a/b"},
        {"GET /v1/jobs/%7Bid%7D", "GET /v1/jobs/{id} id={id}"},
        {"GET /v1/jobs/%C3%A4+b%20c", "GET /v1/jobs/{id} id=\xc3\xa4+b c"},
        {"GET /%761/jobs", "GET /v1/jobs"}, /* elements are compared decoded */
        {"GET /v1%2Fjobs", "404"},
        {"GET //v1/jobs", "404"},
        {"GET /v1//jobs", "404"},
        {"GET /v1/jobs//events", "404"},
        {"GET //", "404"},
        {"GET /v1/./jobs", "400"},
        {"GET /v1/../jobs", "400"},
        {"GET /v1/jobs/..", "400"},
        {"GET /v1/jobs/%2e%2E", "400"},
        {"GET /console/../v1", "400"},
        {"GET /v1/jobs/%2", "400"},
        {"GET /v1/jobs/%00", "400"},
        {"GET /v1/jobs/%ff", "400"},
        {"GET /v1/jobs/...", "GET /v1/jobs/{id} id=..."},
        {"GET jobs", "400"},
        {"PUT /v1/scratch/c/n", "PUT /v1/scratch/{connection}/{name} connection=c name=n"},
        {"GET /v1/scratch/c/n", "405 PUT, DELETE, OPTIONS"},
        {"OTHER /v1/scratch/c/n", "405 PUT, DELETE, OPTIONS"},
        {"OPTIONS /v1/scratch/c/n", "405 PUT, DELETE, OPTIONS"},
        {"OPTIONS /cors", "OPTIONS /cors"},
        {"OTHER /any", "OTHER /any"},
        {"POST /socket.io/", "POST /socket.io/"},
        {"POST /socket.io", "404"},
        {"GET /console", "404"},
        {"GET /console/", "GET /console/{path...} path="},
        {"GET /console/a", "GET /console/{path...} path=a"},
        {"GET /console/a/b%20c/", "GET /console/{path...} path=a/b c/"},
        {"GET /console/a//b", "404"},
        {"GET /console/a%2Fb", "404"}, /* could not be told from a/b */
        {"GET /console/own", "GET /console/own"},
        {"GET /console/own/x", "GET /console/{path...} path=own/x"},
        {"POST /console/x", "405 GET, HEAD, OPTIONS"},
        {"GET /console/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6",
         "GET /console/{path...} "
         "path=1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6"},
    };
    struct rb_router *router = make_router();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        rb_str got = outcome(router, cases[i].request, &arena);
        if (!rb_str_is(got, cases[i].expected))
            fail_msg("%s gave \"%.*s\", not \"%s\"", cases[i].request, RB_STR_FMT(got), cases[i].expected);
        rb_arena_fini(&arena);
    }
    rb_router_free(router);
}

static void refuses_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        rb_err expected;
    } cases[] = {
        {"GET ", RB_BAD_NAME},
        {"GET a", RB_BAD_NAME},
        {"GET /a//b", RB_BAD_NAME},
        {"GET /./b", RB_BAD_NAME},
        {"GET /a/..", RB_BAD_NAME},
        {"GET /a/{}", RB_BAD_NAME},
        {"GET /a/{x", RB_BAD_NAME},
        {"GET /a/x}", RB_BAD_NAME},
        {"GET /a/{x}y", RB_BAD_NAME},
        {"GET /a/{x y}", RB_BAD_NAME},
        {"GET /a/{...}", RB_BAD_NAME},
        {"GET /a/{x...}/b", RB_BAD_NAME},
        {"GET /a/{x}/{x}", RB_BAD_NAME},
        {"GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", RB_BAD_NAME},
        {"GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", RB_BAD_NAME},
        {"GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", RB_OK},
        {"GET /v1/jobs/{other}", RB_CONFLICT}, /* the same shape */
        {"GET /console/{rest...}", RB_CONFLICT},
        {"GET /v1/jobs", RB_CONFLICT},
        {"PATCH /v1/jobs", RB_OK},
    };
    struct rb_router *router = make_router();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_err err = add(router, cases[i].pattern, NULL);
        if (err != cases[i].expected) fail_msg("\"%s\" gave %s", cases[i].pattern, rb_reason_name(err));
    }
    rb_router_free(router);
    rb_router_free(NULL);
}

static void last_resort_hides_no_route(void **state)
{
    (void)state;
    static const struct {
        const char *request, *expected;
    } cases[] = {
        {"GET /nowhere/at/all", "GET /{rest...} rest=nowhere/at/all"},
        {"HEAD /nowhere", "GET /{rest...} rest=nowhere"},
        {"POST /nowhere", "404"},
        {"DELETE /v1/jobs", "405 GET, HEAD, OPTIONS"},
        {"GET /v1/scratch/c/n", "405 PUT, DELETE, OPTIONS"},
        {"GET /v1/jobs", "GET /v1/jobs"},
    };
    static const char pattern[] = "GET /{rest...}";
    struct rb_router *router = make_router();
    struct rb_route last = {.arg = (void *)(uintptr_t)pattern, .is_last_resort = true};
    assert_int_equal(rb_router_add_route(router, RB_HTTP1_GET, RB_STR("/{rest...}"), &last), RB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_arena arena = {0};
        assert_str(outcome(router, cases[i].request, &arena), cases[i].expected);
        rb_arena_fini(&arena);
    }
    rb_router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(last_resort_hides_no_route),
        cmocka_unit_test(refuses_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
