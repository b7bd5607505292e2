/* Sessions: their times, and that nobody comes in while one is given up. */
#include "auth/session.h"

#include "loop/loop_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { IDLE_MS = 3600000, GRACE_MS = 30000 };

/* ---- what was told ---- */

static struct told {
    _Atomic int count;
    char last[RB_SESSION_ID_BYTES];
} told;

static void on_deserted(void *arg, rb_str id)
{
    struct told *it = arg;
    snprintf(it->last, sizeof it->last, "%.*s", RB_STR_FMT(id));
    atomic_fetch_add(&it->count, 1);
}

/* ---- a table on a loop that the test turns ---- */

struct rig {
    struct rb_loop *loop;
    struct rb_sessions *sessions;
    const struct rb_identity *who;
    uint64_t swept_ms;
};

static int set_up(void **state)
{
    static struct rig rig;
    atomic_store(&told.count, 0);
    rig.loop = rb_loop_new("test");
    rig.sessions = rb_sessions_new(&(struct rb_sessions_setup){IDLE_MS, GRACE_MS, on_deserted, &told});
    rig.who = rb_identity_new(&(struct rb_identity){.tenant = RB_STR("t"), .client = RB_STR("ann")});
    rb_sessions_run(rig.sessions, rig.loop);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    rb_loop_end(rig->loop);
    rb_sessions_free(rig->sessions);
    rb_loop_free(rig->loop);
    rb_identity_unref(rig->who);
    return 0;
}

static bool is_swept(void *arg)
{
    return rb_clock_ms() >= ((struct rig *)arg)->swept_ms;
}

/* So much later, without a sweep. */
static void pass(uint64_t ms)
{
    rb_clock_test_advance_ms(ms);
}

static void sweep(struct rig *rig)
{
    pass(1000);
    rig->swept_ms = rb_clock_ms() + 20; /* the loop has had its turn */
    run_until(rig->loop, is_swept, rig);
}

static struct rb_session *open(struct rig *rig, bool is_transient)
{
    char login[] = "ann", roles[] = "a,b"; /* copied */
    return rb_session_open(rig->sessions,
                           &(struct rb_session){.who = rig->who,
                                                .user_id = RB_STR("u1"),
                                                .login = rb_str_of(login),
                                                .roles = rb_str_of(roles)},
                           is_transient);
}

static bool is_found(struct rig *rig, const struct rb_session *session)
{
    struct rb_session *found = rb_session_find(rig->sessions, rb_str_of(session->id));
    assert_true(!found || found == session);
    rb_session_unref(found);
    return found != NULL;
}

/* ---- what is known of one ---- */

static void test_facts(void **state)
{
    struct rig *rig = *state;
    struct rb_session *session = open(rig, false), *other = open(rig, false);
    assert_string_not_equal(session->id, other->id);
    assert_int_equal(strlen(session->id), 36);
    for (size_t i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_non_null(strchr(is_dash ? "-" : "0123456789abcdef", session->id[i]));
    }
    assert_int_equal(session->id[14], '4');
    assert_non_null(strchr("89ab", session->id[19]));
    assert_ptr_equal(session->who, rig->who);
    assert_str(session->user_id, "u1");
    assert_str(session->login, "ann");
    assert_str(session->roles, "a,b");
    assert_null(session->capabilities.p);
    assert_true(session->created_ms > 0);
    assert_true(is_found(rig, session));
    assert_null(rb_session_find(rig->sessions, RB_STR("x")));
    assert_null(rb_session_find(rig->sessions, RB_STR_NONE));
    rb_session_unref(session);
    rb_session_unref(rb_session_ref(other));
    rb_session_unref(other);
    rb_session_unref(NULL);
}

/* ---- times ---- */

static void test_idle_ones_end(void **state)
{
    struct rig *rig = *state;
    struct rb_session *session = open(rig, false);
    pass(IDLE_MS - 5000);
    assert_true(is_found(rig, session)); /* which is use */
    pass(IDLE_MS - 5000);
    sweep(rig);
    assert_true(rb_session_is_open(session));
    pass(5000);
    sweep(rig);
    assert_false(is_found(rig, session));
    assert_false(rb_session_is_open(session));
    assert_int_equal(told.count, 1);
    assert_string_equal(told.last, session->id);
    assert_false(rb_session_attach(session));
    sweep(rig);
    assert_int_equal(told.count, 1);
    rb_session_unref(session);
}

static void test_one_sweep_takes_all(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 3; i++) {
        rb_session_unref(open(rig, false));
        rb_session_unref(open(rig, true));
    }
    pass(IDLE_MS);
    sweep(rig);
    assert_int_equal(told.count, 6);
}

/* They have ended when their time is over, not when the sweep comes. */
static void test_times_are_exact(void **state)
{
    struct rig *rig = *state;
    struct rb_session *found = open(rig, false), *attached = open(rig, false), *transient = open(rig, true);
    pass(GRACE_MS);
    assert_false(rb_session_attach(transient));
    assert_int_equal(told.count, 1);
    pass(IDLE_MS);
    assert_false(is_found(rig, found));
    assert_int_equal(told.count, 2);
    assert_false(rb_session_attach(attached));
    assert_int_equal(told.count, 3);
    sweep(rig);
    assert_int_equal(told.count, 3);
    rb_session_unref(found);
    rb_session_unref(attached);
    rb_session_unref(transient);
}

static void test_connections_keep_it(void **state)
{
    struct rig *rig = *state;
    struct rb_session *session = open(rig, false);
    assert_true(rb_session_attach(session));
    assert_true(rb_session_attach(session));
    assert_int_equal(rb_session_connections(session), 2);
    pass(2 * IDLE_MS);
    sweep(rig);
    assert_true(is_found(rig, session));
    rb_session_detach(session);
    pass(GRACE_MS);
    sweep(rig);
    assert_int_equal(told.count, 0); /* there is another */
    rb_session_detach(session);
    pass(GRACE_MS - 2000);
    sweep(rig);
    assert_int_equal(told.count, 0);
    assert_true(rb_session_attach(session)); /* in time */
    pass(GRACE_MS);
    sweep(rig);
    assert_int_equal(told.count, 0);
    rb_session_detach(session);
    pass(GRACE_MS);
    sweep(rig);
    assert_int_equal(told.count, 1);
    assert_true(rb_session_is_open(session)); /* it is still logged in */
    pass(GRACE_MS);
    sweep(rig);
    assert_int_equal(told.count, 1);
    assert_true(rb_session_attach(session));
    rb_session_detach(session);
    pass(GRACE_MS);
    assert_true(rb_session_attach(session)); /* which comes before the sweep, and finds it deserted */
    assert_int_equal(told.count, 2);
    rb_session_detach(session);
    rb_session_unref(session);
}

static void test_transient_ones_go_with_their_connections(void **state)
{
    struct rig *rig = *state;
    struct rb_session *session = open(rig, true);
    assert_true(rb_session_attach(session));
    pass(2 * IDLE_MS);
    sweep(rig);
    assert_true(is_found(rig, session));
    rb_session_detach(session);
    pass(GRACE_MS - 2000);
    assert_true(is_found(rig, session)); /* which is no connection */
    pass(2000);
    sweep(rig);
    assert_int_equal(told.count, 1);
    assert_false(is_found(rig, session));
    rb_session_unref(session);
}

static void test_logout(void **state)
{
    struct rig *rig = *state;
    struct rb_session *session = open(rig, false), *used = open(rig, false);
    assert_true(rb_session_attach(used));
    assert_true(rb_session_attach(session));
    rb_session_detach(session); /* its grace time is cut short */
    rb_session_close(session);
    rb_session_close(session);
    rb_session_close(used);
    assert_false(is_found(rig, session));
    assert_false(is_found(rig, used));
    assert_false(rb_session_is_open(used));
    assert_false(rb_session_attach(used));
    sweep(rig);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.last, session->id);
    rb_session_detach(used);
    sweep(rig);
    assert_int_equal(told.count, 2);
    assert_string_equal(told.last, used->id);
    rb_session_unref(session);
    rb_session_unref(used);
}

/* What is left when the process ends. */
/* A worker's token is taken back: what was opened with it is of no use any more. */
static void test_it_ends_with_a_lent_token(void **state)
{
    struct rig *rig = *state;
    struct rb_session *attached = open(rig, true), *idle = open(rig, false);
    assert_true(rb_session_attach(attached));
    assert_true(is_found(rig, idle));
    rb_identity_end(rig->who);
    assert_false(rb_session_is_open(attached));
    assert_false(is_found(rig, attached));
    assert_false(is_found(rig, idle));
    assert_false(rb_session_attach(idle));
    assert_int_equal(atomic_load(&told.count), 1); /* of the idle one; the other has a connection */
    rb_session_detach(attached);
    sweep(rig);
    assert_int_equal(atomic_load(&told.count), 2);
    rb_session_unref(attached);
    rb_session_unref(idle);
}

static void test_the_table_goes_first(void **state)
{
    struct rig *rig = *state;
    struct rb_session *open_one = open(rig, false), *closed = open(rig, false), *deserted = open(rig, true);
    rb_session_close(closed);
    rb_session_unref(open(rig, true));
    rb_sessions_free(rig->sessions);
    rig->sessions = NULL;
    rb_session_unref(open_one);
    rb_session_unref(closed);
    rb_session_unref(deserted);
    assert_int_equal(told.count, 0);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 3000, SHARED = 8 };

static struct rb_session *shared[SHARED];
static _Atomic int attached[SHARED];
static _Atomic int threads_left;

static int index_of(rb_str id)
{
    for (int i = 0; i < SHARED; i++)
        if (rb_str_is(id, shared[i]->id)) return i;
    return -1;
}

static void on_deserted_with_threads(void *arg, rb_str id)
{
    (void)arg;
    int i = index_of(id);
    if (i >= 0) assert_int_equal(atomic_load(&attached[i]), 0);
}

static void *use_sessions(void *arg)
{
    struct rig *rig = arg;
    for (int round = 0; round < ROUNDS; round++) {
        int i = round % SHARED;
        struct rb_session *session = rb_session_find(rig->sessions, rb_str_of(shared[i]->id));
        if (session && rb_session_attach(session)) {
            atomic_fetch_add(&attached[i], 1);
            (void)rb_session_connections(session);
            atomic_fetch_sub(&attached[i], 1);
            rb_session_detach(session);
        }
        rb_session_unref(session);
        struct rb_session *own = open(rig, round % 2 == 0);
        if (own && round % 3 == 0) rb_session_close(own);
        rb_session_unref(own);
        if (round % 100 == 0) pass(GRACE_MS / 4);
    }
    atomic_fetch_sub(&threads_left, 1);
    return NULL;
}

static bool are_threads_done(void *arg)
{
    (void)arg;
    return atomic_load(&threads_left) == 0;
}

static void test_many_threads(void **state)
{
    struct rig *rig = *state;
    pthread_t threads[THREADS];
    rb_loop_end(rig->loop);
    rb_sessions_free(rig->sessions);
    rb_loop_free(rig->loop);
    rig->loop = rb_loop_new("test");
    rig->sessions =
        rb_sessions_new(&(struct rb_sessions_setup){IDLE_MS, GRACE_MS, on_deserted_with_threads, NULL});
    rb_sessions_run(rig->sessions, rig->loop);
    for (int i = 0; i < SHARED; i++) shared[i] = open(rig, i % 2 == 0);
    atomic_store(&threads_left, THREADS);
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, use_sessions, rig);
    run_until(rig->loop, are_threads_done, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < SHARED; i++) rb_session_unref(shared[i]);
}

int main(void)
{
    rb_clock_test_enable();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_ones_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_sweep_takes_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_connections_keep_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transient_ones_go_with_their_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_logout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_ends_with_a_lent_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_table_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
