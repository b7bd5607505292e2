#include "net/listener.h"

#include "loop/loop_rig.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLERS = 200 };

static struct rb_loop *loop;
static struct rb_listener *listener;
static uint16_t port;
static int callers[CALLERS], accepted[CALLERS];
static unsigned accepted_count, wanted;

static void on_accept(void *arg, int take_fd, const struct sockaddr_storage *peer)
{
    assert_ptr_equal(arg, &accepted_count);
    char text[RB_ADDRESS_TEXT_BYTES];
    rb_address_text(peer, text);
    assert_string_equal(text, "127.0.0.1");
    assert_true(fcntl(take_fd, F_GETFL) & O_NONBLOCK);
    int no_delay = 0;
    socklen_t n = sizeof no_delay;
    getsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &n);
    assert_int_equal(no_delay, 1);
    accepted[accepted_count++] = take_fd;
}

static int listen_here(void)
{
    struct rb_buf why = {0};
    int fd = -1;
    if (!rb_listen_socket(RB_STR("127.0.0.1"), port, &fd, &port, &why)) fail_msg("%s", rb_buf_text(&why));
    assert_true(port != 0);
    return fd;
}

static void call(unsigned count)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned i = 0; i < count; i++) {
        callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(callers[i], (struct sockaddr *)&to, sizeof to), 0);
    }
}

static void hang_up(unsigned count)
{
    for (unsigned i = 0; i < count; i++) close(callers[i]), close(accepted[i]);
}

static bool are_accepted(void *arg)
{
    (void)arg;
    return accepted_count >= wanted;
}

static int open_listener(void **state)
{
    (void)state;
    rb_clock_test_enable();
    loop = rb_loop_new("test");
    port = 0;
    listener = rb_listener_open(loop, listen_here(), on_accept, &accepted_count);
    accepted_count = 0;
    return 0;
}

static int close_listener(void **state)
{
    (void)state;
    rb_listener_close(listener);
    rb_listener_close(NULL);
    rb_loop_free(loop);
    return 0;
}

static void callers_are_accepted(void **state)
{
    (void)state;
    call(CALLERS);
    wanted = CALLERS;
    run_until(loop, are_accepted, NULL);
    assert_int_equal(accepted_count, CALLERS);
    for (int i = 0; i < CALLERS; i += 50) { /* each its own */
        char c = (char)i;
        assert_int_equal(send(accepted[i], &c, 1, 0), 1);
    }
    hang_up(CALLERS);
}

static unsigned looks;

static bool look_a_while(void *arg)
{
    (void)arg;
    return ++looks == 20;
}

/* The soft limit counts numbers, not descriptors, so what is open above it stays open. */
static void a_lack_of_descriptors_is_a_pause(void **state)
{
    (void)state;
    enum { ROOM = 5, ROUNDS = 4 };
    call(ROOM * ROUNDS); /* they wait in the backlog */
    int next = dup(0);
    close(next);
    struct rlimit usual;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)next + ROOM, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        wanted = ROOM * round;
        run_until(loop, are_accepted, NULL);
        looks = 0;
        run_until(loop, look_a_while, NULL);
        assert_int_equal(accepted_count, wanted);
        for (unsigned i = wanted - ROOM; i < wanted; i++) close(accepted[i]);
        rb_clock_test_advance_ms(100); /* the end of the pause finds room for the next */
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    for (unsigned i = 0; i < ROOM * ROUNDS; i++) close(callers[i]);
}

static void a_port_in_use_is_noticed(void **state)
{
    (void)state;
    struct rb_buf why = {0};
    assert_false(rb_listen_is_free(RB_STR("127.0.0.1"), port, &why));
    assert_true(rb_str_starts(rb_buf_str(&why), RB_STR("cannot listen on 127.0.0.1:")));
    assert_true(rb_str_ends(rb_buf_str(&why), RB_STR(": Address already in use")));
    rb_buf_clear(&why);
    assert_false(rb_listen_is_free(RB_STR("0.0.0.0"), port, &why));
    int second = listen_here(); /* our own loops share it */
    close(second);
    rb_listener_close(listener);
    listener = NULL;
    rb_buf_clear(&why);
    assert_true(rb_listen_is_free(RB_STR("127.0.0.1"), port, &why));
    assert_int_equal(why.n, 0);
    rb_buf_fini(&why);
}

static void bad_addresses_are_refused_in_words(void **state)
{
    (void)state;
    static const char *const hosts[] = {"", "256.1.1.1", "not an address", "192.0.2.1", "::zz"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct rb_buf why = {0};
        int fd = -7;
        uint16_t got = 7;
        assert_false(rb_listen_socket(rb_str_of(hosts[i]), 0, &fd, &got, &why));
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
#define ON_A_LISTENER(test) cmocka_unit_test_setup_teardown(test, open_listener, close_listener)
    const struct CMUnitTest tests[] = {
        ON_A_LISTENER(callers_are_accepted),     ON_A_LISTENER(a_lack_of_descriptors_is_a_pause),
        ON_A_LISTENER(a_port_in_use_is_noticed), cmocka_unit_test(bad_addresses_are_refused_in_words),
        cmocka_unit_test(addresses_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
