#include "net/listener.h"

#include "loop/loop_rig.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLERS = 200, SEND_BUFFER = 32 * 1024 };

static struct rb_loop *loop;
static struct rb_listener *listener;
static uint16_t port;
static int callers[CALLERS], accepted[CALLERS];
static unsigned caller_count, accepted_count, wanted;

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
    int send_buffer = 0;
    n = sizeof send_buffer;
    getsockopt(take_fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, &n);
    assert_int_equal(send_buffer, 2 * SEND_BUFFER); /* Linux doubles it, for its own use */
    accepted[accepted_count++] = take_fd;
}

static int listen_here(void)
{
    struct rb_buf why = {0};
    int fd = -1;
    if (!rb_listen_socket(RB_STR("127.0.0.1"), port, SEND_BUFFER, &fd, &port, &why))
        fail_msg("%s", rb_buf_text(&why));
    assert_true(port != 0);
    return fd;
}

static void call(unsigned count)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned i = 0; i < count; i++) {
        int fd = callers[caller_count++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    }
}

static void hang_up(void)
{
    while (caller_count) close(callers[--caller_count]);
    while (accepted_count) close(accepted[--accepted_count]);
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
    caller_count = accepted_count = 0;
    return 0;
}

static int close_listener(void **state)
{
    (void)state;
    hang_up();
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
}

/* ---- the log, which is standard error ---- */

static int log_fd, usual_stderr;

static void catch_log(void)
{
    log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(log_fd >= 0);
    usual_stderr = dup(STDERR_FILENO);
    dup2(log_fd, STDERR_FILENO);
}

/* How often it says so, since it is caught. */
static unsigned log_count(const char *what)
{
    static char text[64 * 1024];
    ssize_t n = pread(log_fd, text, sizeof text - 1, 0);
    assert_true(n >= 0 && n < (ssize_t)sizeof text - 1);
    text[n] = '\0';
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) count++;
    return count;
}

static void release_log(void)
{
    dup2(usual_stderr, STDERR_FILENO);
    close(usual_stderr);
    close(log_fd);
}

/* ---- a lack of descriptors ---- */

static unsigned looks;

static bool look_a_while(void *arg)
{
    (void)arg;
    return ++looks == 20;
}

static void let_pass(uint64_t ms)
{
    rb_clock_test_advance_ms(ms);
    looks = 0;
    run_until(loop, look_a_while, NULL);
}

static struct rlimit usual;

/* The soft limit counts numbers, not descriptors, so what is open above it stays open. */
static void leave_descriptors(unsigned count)
{
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)next + count, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
}

static void on_word(struct rb_watch *watch, unsigned events)
{
    (void)events;
    char c;
    assert_int_equal(recv(watch->fd, &c, 1, 0), 1);
    assert_int_equal(send(watch->fd, &c, 1, 0), 1);
}

static bool is_answered(void *arg)
{
    char c;
    return recv(*(int *)arg, &c, 1, MSG_DONTWAIT) == 1;
}

static void a_lack_of_descriptors_is_a_pause(void **state)
{
    (void)state;
    enum { ROOM = 5, ROUNDS = 4 };
    call(ROOM * ROUNDS); /* they wait in the backlog */
    catch_log();
    leave_descriptors(ROOM);
    struct rb_watch other = {.fd = -1};
    for (unsigned round = 1; round <= ROUNDS; round++) {
        wanted = ROOM * round;
        run_until(loop, are_accepted, NULL);
        let_pass(0);
        assert_int_equal(accepted_count, wanted);
        if (round < ROUNDS) assert_int_equal(log_count("net.accept_paused"), 1);
        if (round == 1) { /* who is in already is served meanwhile */
            other = (struct rb_watch){.fd = accepted[0], .on_ready = on_word};
            rb_watch_set(loop, &other, RB_READABLE);
            assert_int_equal(send(callers[0], "x", 1, 0), 1);
            run_until(loop, is_answered, &callers[0]);
            rb_watch_set(loop, &other, 0);
            let_pass(40 * 60 * 1000); /* long trouble is the same trouble */
            assert_int_equal(accepted_count, wanted);
        }
        for (unsigned i = wanted - ROOM; i < wanted; i++) close(accepted[i]);
        assert_int_equal(log_count("net.accept_resumed"), 0);
        rb_clock_test_advance_ms(100); /* the end of the pause finds room for the next */
    }
    let_pass(100); /* the backlog may have looked full when it was empty already */
    let_pass(1000);
    assert_int_equal(log_count("net.accept_paused"), 1);
    assert_int_equal(log_count("Too many open files"), 1);
    assert_int_equal(log_count("net.accept_resumed"), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    release_log();
    accepted_count = 0; /* all closed */
}

/* ---- the gate ---- */

static bool is_open;
static unsigned asked;

static bool may_accept(void *arg)
{
    assert_ptr_equal(arg, &is_open);
    asked++;
    return is_open;
}

static bool lets_one_in(void *arg)
{
    (void)arg;
    return accepted_count == 0;
}

static void a_shut_gate_leaves_them_in_the_backlog(void **state)
{
    (void)state;
    catch_log();
    rb_listener_set_gate(listener, may_accept, &is_open);
    is_open = false;
    asked = 0;
    let_pass(0);
    assert_int_equal(asked, 0); /* nobody has come */
    call(3);
    let_pass(0);
    assert_int_equal(asked, 1);
    uint64_t from_ms = rb_clock_ms();
    for (unsigned i = 0; i < 10; i++) let_pass(50);
    assert_in_range(asked, 1 + 10, 1 + (rb_clock_ms() - from_ms) / 50 + 1);
    assert_int_equal(accepted_count, 0);
    is_open = true;
    let_pass(50);
    assert_int_equal(accepted_count, 3);
    is_open = false; /* again, within a second: the same episode */
    call(1);
    let_pass(0);
    is_open = true;
    let_pass(50);
    assert_int_equal(accepted_count, 4);
    assert_int_equal(log_count("net.accept_paused"), 1);
    assert_int_equal(log_count("net.accept_resumed"), 0);
    let_pass(1000);
    assert_int_equal(log_count("net.accept_resumed"), 1);
    is_open = false; /* and a new one */
    call(1);
    let_pass(0);
    assert_int_equal(accepted_count, 4);
    assert_int_equal(log_count("net.accept_paused"), 2);
    release_log();
}

static void the_gate_is_asked_for_each(void **state)
{
    (void)state;
    catch_log();
    rb_listener_set_gate(listener, lets_one_in, NULL);
    call(2);
    wanted = 1;
    run_until(loop, are_accepted, NULL);
    let_pass(50);
    assert_int_equal(accepted_count, 1);
    release_log();
}

static void a_pause_can_be_ended(void **state)
{
    (void)state;
    catch_log();
    rb_listener_resume(listener); /* nothing to end */
    rb_listener_set_gate(listener, may_accept, &is_open);
    is_open = false;
    call(2);
    let_pass(0);
    asked = 0;
    rb_listener_resume(listener);
    assert_int_equal(asked, 1); /* the gate is asked all the same */
    is_open = true;
    rb_listener_resume(listener);
    assert_int_equal(asked, 2);
    wanted = 2;
    run_until(loop, are_accepted, NULL);
    release_log();
}

int main(void)
{
#define ON_A_LISTENER(test) cmocka_unit_test_setup_teardown(test, open_listener, close_listener)
    const struct CMUnitTest tests[] = {
        ON_A_LISTENER(callers_are_accepted),
        ON_A_LISTENER(a_lack_of_descriptors_is_a_pause),
        ON_A_LISTENER(a_shut_gate_leaves_them_in_the_backlog),
        ON_A_LISTENER(the_gate_is_asked_for_each),
        ON_A_LISTENER(a_pause_can_be_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
