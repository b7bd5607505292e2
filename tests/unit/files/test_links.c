/* Temporary public links: what a fetch gets, for how long, and what is left on disk. */
#include "files_fixture.h"

#include "files/links.h"
#include "http/loopback.h"

static struct rig {
    struct fixture *f;
    struct rb_links *links;
    struct server server;
} rig;

static int start(void **state)
{
    if (set_up(state)) return -1;
    rig.f = *state;
    rig.links = rb_links_new(rig.f->files);
    struct rb_router *router = rb_router_new();
    assert_int_equal(rb_links_add_routes(rig.links, router), RB_OK);
    server_start(&rig.server, router, &test_limits);
    return 0;
}

static int stop(void **state)
{
    server_stop(&rig.server);
    rb_links_free(rig.links);
    return tear_down(state);
}

struct made {
    char name[RB_LINK_NAME_BYTES];
};

static struct made make_link(int fd, const char *label, const char *type, uint64_t ttl_ms)
{
    struct made made;
    struct rb_link_spec spec = {
        .fd = fd, .label = rb_str_of(label), .type = rb_str_of(type), .ttl_ms = ttl_ms};
    assert_int_equal(rb_links_make(rig.links, &spec, made.name), RB_OK);
    return made;
}

static struct made make_of(const char *text, const char *label, uint64_t ttl_ms)
{
    make_file(below(rig.f, "source"), text);
    int fd = open(below(rig.f, "source"), O_RDONLY);
    struct made made = make_link(fd, label, NULL, ttl_ms);
    close(fd);
    return made;
}

static struct rb_buf fetch(const char *method, const char *name, const char *headers)
{
    char input[512];
    snprintf(input, sizeof input, "%s /temp/%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method,
             name, headers);
    return exchange(&rig.server, input);
}

static void assert_fetch(const char *name, const char *headers, const char *const *texts)
{
    struct rb_buf answer = fetch("GET", name, headers);
    for (; *texts; texts++) assert_has(&answer, *texts);
    rb_buf_fini(&answer);
}
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *on_disk(const char *name)
{
    return rb_arena_fmt(&rig.f->arena, "%s/links/%s", rig.f->dir, name).p;
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *label, *ending;
    } cases[] = {
        {"a.pdf", ".pdf"},
        {"a.tar.gz", ".gz"},
        {"a", ""},
        {"", ""},
        {"a.PDF", ""},
        {"a.abcdefghij", ".abcdefghij"},
        {"a.abcdefghijk", ""},
        {"a.", ""},
        {".pdf", ".pdf"},
        {"a./../etc", ""},
        {"a.p\"f", ""},
        {"\xc3\xa9.txt", ".txt"},
    };
    struct made first = make_of("x", "a", 1000);
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct made made = make_of("x", cases[i].label, 1000);
        assert_int_equal(strspn(made.name, "abcdefghijklmnopqrstuvwxyz234567"), 32);
        assert_str(rb_str_of(made.name + 32), cases[i].ending);
        assert_int_not_equal(memcmp(made.name, first.name, 32), 0);
        assert_fetch(made.name, "", TEXTS("HTTP/1.1 200 "));
    }
}

static void what_a_fetch_gets(void **state)
{
    (void)state;
    struct made made = make_of("0123456789", "r\xc3\xa9port.pdf", RB_LINK_TTL_MS);
    assert_fetch(
        made.name, "",
        TEXTS(
            "HTTP/1.1 200 ", "\r\n\r\n0123456789", "Content-Type: application/pdf\r\n",
            "Content-Disposition: attachment; filename=\"r_port.pdf\"; filename*=UTF-8''r%C3%A9port.pdf\r\n",
            "Cache-Control: private, no-store\r\n", "Referrer-Policy: no-referrer\r\n",
            "X-Content-Type-Options: nosniff\r\n", "Accept-Ranges: bytes\r\n", "Content-Length: 10\r\n"));
    assert_fetch(made.name, "Range: bytes=2-4\r\n",
                 TEXTS("HTTP/1.1 206 ", "\r\n\r\n234", "Content-Range: bytes 2-4/10\r\n",
                       "private, no-store\r\n"));
    assert_fetch(made.name, "Range: bytes=10-\r\n", TEXTS("HTTP/1.1 416 "));
    struct rb_buf head = fetch("HEAD", made.name, "");
    assert_has(&head, "Content-Length: 10\r\n");
    assert_has_not(&head, "0123456789");
    rb_buf_fini(&head);
}

static void a_type_that_is_known(void **state)
{
    struct fixture *f = *state;
    make_file(below(f, "source"), "x");
    int fd = open(below(f, "source"), O_RDONLY);
    struct made made = make_link(fd, "a.pdf", "text/x-own", 1000);
    close(fd);
    assert_fetch(made.name, "", TEXTS("Content-Type: text/x-own\r\n"));
}

static void what_is_not_there(void **state)
{
    (void)state;
    struct made made = make_of("x", "a.txt", 1000);
    static const char *const none[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.txt", "..%2f..%2fringback.db",
                                       "%2e%2e", "x"};
    for (size_t i = 0; i < RB_COUNT(none); i++) {
        struct rb_buf answer = fetch("GET", none[i], "");
        if (!strstr(rb_buf_text(&answer), " 404 ") && !strstr(rb_buf_text(&answer), " 400 "))
            fail_msg("%s", none[i]);
        rb_buf_fini(&answer);
    }
    made.name[33] = 0; /* without its ending */
    assert_fetch(made.name, "",
                 TEXTS("HTTP/1.1 404 ", "\"reason\":\"not_found\"", "Cache-Control: private, no-store\r\n"));
    struct rb_buf answer = fetch("DELETE", made.name, "");
    assert_has(&answer, "HTTP/1.1 405 ");
    rb_buf_fini(&answer);
}

/* Whatever becomes of the source. */
static void contents_are_its_own(void **state)
{
    struct fixture *f = *state;
    struct made made = make_of("as it was", "a.txt", RB_LINK_TTL_MS);
    make_file(below(f, "source"), "changed");
    assert_fetch(made.name, "", TEXTS("\r\n\r\nas it was"));
    unlink(below(f, "source"));
    assert_fetch(made.name, "", TEXTS("\r\n\r\nas it was"));
}

static void results_are_not_copied(void **state)
{
    struct fixture *f = *state;
    struct stat result, linked;
    make_dir(below(f, "results/ab"));
    make_file(below(f, "results/ab/abcdef.1"), "the result");
    int fd = open(below(f, "results/ab/abcdef.1"), O_RDONLY);
    struct made made = make_link(fd, "a.txt", NULL, RB_LINK_TTL_MS);
    assert_int_equal(fstat(fd, &result), 0);
    assert_int_equal(lstat(on_disk(made.name), &linked), 0);
    assert_int_equal(result.st_ino, linked.st_ino);
    unlink(below(f, "results/ab/abcdef.1"));
    assert_fetch(made.name, "", TEXTS("\r\n\r\nthe result"));
    struct made again = make_link(fd, "b.txt", NULL, RB_LINK_TTL_MS); /* it has no name any more */
    assert_fetch(again.name, "", TEXTS("\r\n\r\nthe result"));
    close(fd);
}

static void its_time(void **state)
{
    (void)state;
    struct made made = make_of("x", "a.txt", RB_LINK_TTL_MS);
    rb_clock_test_advance_ms(4 * 60000 + 59000);
    assert_fetch(made.name, "", TEXTS("HTTP/1.1 200 "));
    rb_clock_test_advance_ms(2000);
    assert_fetch(made.name, "", TEXTS("HTTP/1.1 404 ")); /* no sweep has come */
    assert_true(exists(on_disk(made.name)));
}

static void run_links(void *arg)
{
    rb_links_run(arg, rig.server.loop);
}

static void swept(void **state)
{
    (void)state;
    struct made gone = make_of("x", "a.txt", 1000), kept = make_of("x", "b.txt", 60000);
    server_call(&rig.server, run_links, rig.links);
    rb_clock_test_advance_ms(6000);
    for (int i = 0; exists(on_disk(gone.name)); i++) {
        if (i == 20000) fail_msg("it is still there");
        settle(&rig.server);
    }
    assert_true(exists(on_disk(kept.name)));
    assert_fetch(kept.name, "", TEXTS("HTTP/1.1 200 "));
}

static void at_most_a_day(void **state)
{
    (void)state;
    const uint64_t hour_ms = 60 * 60 * 1000;
    struct made made = make_of("x", "a.txt", 48 * hour_ms);
    rb_clock_test_advance_ms(23 * hour_ms);
    assert_fetch(made.name, "", TEXTS("HTTP/1.1 200 "));
    rb_clock_test_advance_ms(hour_ms + 1000);
    assert_fetch(made.name, "", TEXTS("HTTP/1.1 404 "));
}

static void what_cannot_be_copied(void **state)
{
    struct fixture *f = *state;
    char name[RB_LINK_NAME_BYTES] = "untouched";
    int fd = open(f->dir, O_RDONLY);
    struct rb_link_spec spec = {.fd = fd, .label = RB_STR("a.txt"), .ttl_ms = 1000};
    assert_int_equal(rb_links_make(rig.links, &spec, name), RB_STORE_FAILED);
    assert_str(rb_str_of(name), "untouched");
    assert_int_equal(rmdir(below(f, "links")), 0); /* nothing was left in it */
    make_dir(below(f, "links"));
    close(fd);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        RUN(names),
        RUN(what_a_fetch_gets),
        RUN(a_type_that_is_known),
        RUN(what_is_not_there),
        RUN(contents_are_its_own),
        RUN(results_are_not_copied),
        RUN(its_time),
        RUN(swept),
        RUN(at_most_a_day),
        RUN(what_cannot_be_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
