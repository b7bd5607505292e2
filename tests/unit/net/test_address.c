#include "net/address.h"

#include "test.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a resolver ---- In the place of the C library's, for names that end in ".test"; the others are its
 * own.
 */

static const struct name {
    const char *name;
    const char *addresses[4]; /* in the order in which they are found */
} names[] = {
    {"both.test", {"::1", "127.0.0.1"}},      {"away.test", {"::1", "192.0.2.1", "127.0.0.1"}},
    {"late.test", {"192.0.2.1", "::1"}},      {"nowhere.test", {"192.0.2.1", "2001:db8::1"}},
    {"two.test", {"127.0.0.2", "127.0.0.1"}},
};

static int find(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, port, hints, out);
}

int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, name) != 0) continue;
        struct addrinfo **last = out;
        for (const char *const *address = names[i].addresses; *address; address++) {
            assert_int_equal(find(*address, port, hints, last), 0);
            last = &(*last)->ai_next;
        }
        return 0;
    }
    return find(name, port, hints, out);
}

/* ---- tests ---- */

static bool has_ipv6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0) close(fd);
    return has;
}

/* NULL, with the reason, when it cannot be listened there. */
static const char *listened_on(const char *host, uint16_t port, struct rb_buf *why)
{
    static char text[RB_ADDRESS_TEXT_BYTES];
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    int fd;
    if (!rb_listen_socket(rb_str_of(host), port, 0, &fd, &port, why)) return NULL;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &n), 0);
    rb_address_text(&bound, text);
    close(fd);
    return text;
}

static void a_name_is_its_first_address_that_is_here(void **state)
{
    (void)state;
    static const struct {
        const char *host, *expected;
        bool needs_ipv6;
    } cases[] = {
        {"both.test", "127.0.0.1"}, {"away.test", "127.0.0.1"}, {"late.test", "::1", true},
        {"nowhere.test", NULL},     {"two.test", "127.0.0.2"},  {"localhost", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1"}, {"127.0.0.3", "127.0.0.3"}, {"::1", "::1", true},
        {"0.0.0.0", "0.0.0.0"},     {"::", "::", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rb_buf why = {0};
        if (cases[i].needs_ipv6 && !has_ipv6()) continue;
        const char *got = listened_on(cases[i].host, 0, &why);
        if (!cases[i].expected) {
            assert_null(got);
            assert_str(rb_buf_str(&why), "cannot listen on nowhere.test:0: Cannot assign requested address");
        } else {
            if (!got) fail_msg("%s", rb_buf_text(&why));
            assert_string_equal(got, cases[i].expected);
        }
        rb_buf_fini(&why);
    }
}

static int listen_at(const char *host, uint16_t *port)
{
    struct rb_buf why = {0};
    int fd = -1;
    if (!rb_listen_socket(rb_str_of(host), *port, 0, &fd, port, &why)) fail_msg("%s", rb_buf_text(&why));
    assert_true(*port != 0);
    return fd;
}

static void a_port_in_use_is_noticed(void **state)
{
    (void)state;
    struct rb_buf why = {0};
    uint16_t port = 0;
    int first = listen_at("127.0.0.1", &port);
    assert_false(rb_listen_is_free(RB_STR("127.0.0.1"), port, &why));
    assert_true(rb_str_starts(rb_buf_str(&why), RB_STR("cannot listen on 127.0.0.1:")));
    assert_true(rb_str_ends(rb_buf_str(&why), RB_STR(": Address already in use")));
    rb_buf_clear(&why);
    assert_false(rb_listen_is_free(RB_STR("0.0.0.0"), port, &why));
    assert_false(rb_listen_is_free(RB_STR("both.test"), port, &why)); /* though ::1 is free */
    assert_true(rb_listen_is_free(RB_STR("127.0.0.2"), port, &why));
    int second = listen_at("127.0.0.1", &port); /* our own loops share it */
    close(second);
    close(first);
    rb_buf_clear(&why);
    assert_true(rb_listen_is_free(RB_STR("127.0.0.1"), port, &why));
    assert_int_equal(why.n, 0);
    rb_buf_fini(&why);
}

/* Somebody else's, which is not shared: the other address of the name would be free. */
static void a_taken_address_is_not_passed_over(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&address, &n), 0);
    struct rb_buf why = {0};
    assert_null(listened_on("both.test", ntohs(address.sin_port), &why));
    assert_true(rb_str_ends(rb_buf_str(&why), RB_STR(": Address already in use")));
    rb_buf_fini(&why);
    close(other);
}

static void bad_addresses_are_refused_in_words(void **state)
{
    (void)state;
    static const char *const hosts[] = {"", "256.1.1.1", "not an address", "192.0.2.1", "::zz"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct rb_buf why = {0};
        int fd = -7;
        uint16_t got = 7;
        assert_false(rb_listen_socket(rb_str_of(hosts[i]), 0, 0, &fd, &got, &why));
        assert_true(rb_str_starts(rb_buf_str(&why), RB_STR("cannot listen on ")));
        assert_int_equal(fd, -7);
        assert_int_equal(got, 7);
        rb_buf_fini(&why);
    }
    char long_host[300];
    memset(long_host, 'a', sizeof long_host);
    struct rb_buf why = {0};
    assert_false(rb_listen_is_free(rb_str_make(long_host, sizeof long_host), 1, &why));
    assert_true(rb_str_ends(rb_buf_str(&why), RB_STR("the host name is too long")));
    rb_buf_fini(&why);
}

static void addresses_are_printed(void **state)
{
    (void)state;
    char text[RB_ADDRESS_TEXT_BYTES];
    struct sockaddr_storage address = {.ss_family = AF_INET6};
    ((struct sockaddr_in6 *)&address)->sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    rb_address_text(&address, text);
    assert_string_equal(text, "::1");
    address.ss_family = AF_UNIX;
    rb_address_text(&address, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_its_first_address_that_is_here),
        cmocka_unit_test(a_port_in_use_is_noticed),
        cmocka_unit_test(a_taken_address_is_not_passed_over),
        cmocka_unit_test(bad_addresses_are_refused_in_words),
        cmocka_unit_test(addresses_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
