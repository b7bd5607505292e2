/* Passwords, and logins that are checked from two loops over a store of their own. */
#include "store/store_fixture.h"

#include "auth/login.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "codec/base64.h"

#include <pthread.h>
#include <semaphore.h>

/* ---- passwords ---- */

/* As rb_password_verifier, at next to no cost. */
static void make_cheap(const char *password, char out[RB_PASSWORD_VERIFIER_BYTES])
{
    unsigned char hash[32];
    struct rb_buf text = {0};
    assert_true(
        rb_scrypt(rb_str_of(password), RB_STR("salt"), (struct rb_scrypt_cost){1, 1, 1}, hash, sizeof hash));
    rb_buf_add_text(&text, "scrypt$1$1$1$c2FsdA$");
    rb_base64url_encode(&text, rb_str_make(hash, sizeof hash));
    strcpy(out, rb_buf_text(&text));
    rb_buf_fini(&text);
}

static void test_passwords(void **state)
{
    (void)state;
    char verifier[RB_PASSWORD_VERIFIER_BYTES], other[RB_PASSWORD_VERIFIER_BYTES],
        cheap[RB_PASSWORD_VERIFIER_BYTES];
    assert_true(rb_password_verifier(RB_STR("correct horse"), verifier));
    assert_true(rb_password_verifier(RB_STR("correct horse"), other));
    assert_true(rb_str_starts(rb_str_of(verifier), RB_STR("scrypt$15$8$1$")));
    assert_string_not_equal(verifier, other); /* salted */
    assert_true(rb_password_fits(RB_STR("correct horse"), rb_str_of(verifier)));
    assert_false(rb_password_fits(RB_STR("correct horsf"), rb_str_of(verifier)));
    assert_false(rb_password_fits(RB_STR_NONE, rb_str_of(verifier)));

    make_cheap("pw", cheap); /* what it costs stands in it */
    assert_true(rb_password_fits(RB_STR("pw"), rb_str_of(cheap)));
    assert_false(rb_password_fits(RB_STR("pW"), rb_str_of(cheap)));
    for (size_t n = strlen(cheap); n-- > 0;)
        assert_false(rb_password_fits(RB_STR("pw"), rb_str_make(cheap, n)));
    static const char *const wrong[] = {"bcrypt$1$1$1$c2FsdA$AA", "scrypt$99$1$1$c2FsdA$AA",
                                        "scrypt$$1$1$c2FsdA$AA", ""};
    for (size_t i = 0; i < RB_COUNT(wrong); i++)
        assert_false(rb_password_fits(RB_STR("pw"), rb_str_of(wrong[i])));
    strcat(cheap, "$");
    assert_false(rb_password_fits(RB_STR("pw"), rb_str_of(cheap)));
}

static void test_long_passwords_fit_nobody(void **state)
{
    (void)state;
    char text[RB_PASSWORD_BYTES_MAX + 2], verifier[RB_PASSWORD_VERIFIER_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    make_cheap(text, verifier);
    assert_false(rb_password_fits(rb_str_of(text), rb_str_of(verifier)));
    text[RB_PASSWORD_BYTES_MAX] = '\0';
    make_cheap(text, verifier);
    assert_true(rb_password_fits(rb_str_of(text), rb_str_of(verifier)));
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(rb_str_lists(RB_STR("a,b,c"), RB_STR("b")));
    assert_true(rb_str_lists(RB_STR("c"), RB_STR("c")));
    assert_false(rb_str_lists(RB_STR("ab,c"), RB_STR("b")));
    assert_false(rb_str_lists(RB_STR("a,,c"), RB_STR("")));
    assert_false(rb_str_lists(RB_STR_NONE, RB_STR("a")));
    assert_true(rb_list_is_valid(RB_STR("a,b-c.d_E9")) && rb_list_is_valid(RB_STR("")) &&
                rb_list_is_valid(RB_STR_NONE));
    assert_false(rb_list_is_valid(RB_STR("a,")) || rb_list_is_valid(RB_STR(",a")) ||
                 rb_list_is_valid(RB_STR("a, b")));
    struct rb_user_record user = {.tenant = RB_STR("t"),
                                  .login = RB_STR("ann"),
                                  .roles = RB_STR("x,backend")};
    struct rb_identity identity = rb_user_identity(&user);
    assert_str(identity.tenant, "t");
    assert_str(identity.client, "ann");
    assert_int_equal(identity.role, RB_ROLE_BACKEND);
    user.roles = RB_STR("backends");
    assert_int_equal(rb_user_identity(&user).role, RB_ROLE_CLIENT);
}

/* ---- logins ---- */

enum { LOOPS = 2 };

struct rig {
    struct fixture *store;
    struct rb_loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    struct rb_logins *logins;
};

static void *run_thread(void *loop)
{
    rb_loop_run(loop);
    return NULL;
}

static void add_user(struct fixture *f, const char *login, const char *password, bool is_disabled)
{
    char verifier[RB_PASSWORD_VERIFIER_BYTES];
    make_cheap(password, verifier);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_insert(tx, &(struct rb_user_record){.tenant = RB_STR("t"),
                                                   .login = rb_str_of(login),
                                                   .id = rb_str_of(login),
                                                   .verifier = rb_str_of(verifier),
                                                   .is_disabled = is_disabled});
    assert_int_equal(commit(f, tx), RB_OK);
}

static int set_up_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    if (set_up((void **)&rig->store) != 0) return -1;
    add_user(rig->store, "ann", "password", false);
    add_user(rig->store, "bob", "password", false);
    add_user(rig->store, "eve", "password", true);
    rig->logins = rb_logins_new(rig->store->store);
    for (int i = 0; i < LOOPS; i++) {
        rig->loops[i] = rb_loop_new("test");
        pthread_create(&rig->threads[i], NULL, run_thread, rig->loops[i]);
    }
    *state = rig;
    return 0;
}

static int tear_down_rig(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < LOOPS; i++) {
        rb_loop_stop(rig->loops[i]);
        pthread_join(rig->threads[i], NULL);
    }
    for (int i = 0; i < LOOPS; i++) rb_loop_end(rig->loops[i]);
    rb_logins_free(rig->logins);
    for (int i = 0; i < LOOPS; i++) rb_loop_free(rig->loops[i]);
    tear_down((void **)&rig->store);
    free(rig);
    return 0;
}

/* Some checks that one loop is asked for in one letter. */
struct crowd {
    struct rb_mail mail;
    struct rig *rig;
    int loop;
    const char *login, *password, *address;
    int count, cancelled_from; /* those from there on are cancelled at once */
    int left;                  /* on the loop */
    int answers[RB_REASON_COUNT];
    char id[40];
    bool is_asking;
    sem_t done;
};

static void on_answer(void *arg, rb_err err, const struct rb_user_record *user)
{
    struct crowd *crowd = arg;
    assert_false(crowd->is_asking);
    assert_int_equal(err == RB_OK, user != NULL);
    if (user) {
        assert_null(user->verifier.p);
        snprintf(crowd->id, sizeof crowd->id, "%.*s", RB_STR_FMT(user->id));
    }
    crowd->answers[err]++;
    if (--crowd->left == 0) sem_post(&crowd->done);
}

static void on_crowd(struct rb_mail *mail)
{
    struct crowd *crowd = RB_OUTER(mail, struct crowd, mail);
    crowd->left = crowd->cancelled_from;
    crowd->is_asking = true;
    for (int i = 0; i < crowd->count; i++) {
        char login[40], password[RB_PASSWORD_BYTES_MAX + 2], address[40]; /* gone when the check is made */
        strcpy(login, crowd->login), strcpy(password, crowd->password), strcpy(address, crowd->address);
        struct rb_login_check *check =
            rb_login_check(crowd->rig->logins, RB_STR("t"), rb_str_of(login), rb_str_of(password),
                           rb_str_of(address), on_answer, crowd);
        memset(login, 'x', sizeof login), memset(password, 'x', sizeof password),
            memset(address, 'x', sizeof address);
        if (i >= crowd->cancelled_from) rb_login_cancel(check);
    }
    crowd->is_asking = false;
    if (crowd->left == 0) sem_post(&crowd->done);
}

static void send_crowd(struct crowd *crowd)
{
    sem_init(&crowd->done, 0, 0);
    crowd->mail.run = on_crowd;
    rb_loop_post(crowd->rig->loops[crowd->loop], &crowd->mail);
}

static void await_crowd(struct crowd *crowd)
{
    sem_wait(&crowd->done);
    sem_destroy(&crowd->done);
}

static struct crowd one(struct rig *rig, const char *login, const char *password, const char *address)
{
    return (struct crowd){.rig = rig,
                          .login = login,
                          .password = password,
                          .address = address,
                          .count = 1,
                          .cancelled_from = 1};
}

static rb_err check(struct rig *rig, const char *login, const char *password, const char *address)
{
    struct crowd crowd = one(rig, login, password, address);
    send_crowd(&crowd);
    await_crowd(&crowd);
    for (int i = 0; i < RB_REASON_COUNT; i++)
        if (crowd.answers[i]) return (rb_err)i;
    return RB_OK;
}

static void test_who_may_come_in(void **state)
{
    struct rig *rig = *state;
    struct crowd ann = one(rig, "ann", "password", "::1");
    send_crowd(&ann);
    await_crowd(&ann);
    assert_int_equal(ann.answers[RB_OK], 1);
    assert_string_equal(ann.id, "ann");
    assert_int_equal(check(rig, "ann", "Password", "1"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "ann", "", "1"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "nobody", "password", "2"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "eve", "password", "2"), RB_UNAUTHENTICATED); /* disabled */
    assert_int_equal(check(rig, "bob", "password", "2"), RB_OK);
}

static void test_long_passwords_are_not_cut(void **state)
{
    struct rig *rig = *state;
    char password[RB_PASSWORD_BYTES_MAX + 2] = {0};
    memset(password, 'x', RB_PASSWORD_BYTES_MAX);
    add_user(rig->store, "long", password, false);
    assert_int_equal(check(rig, "long", password, "1"), RB_OK);
    password[RB_PASSWORD_BYTES_MAX] = 'x';
    assert_int_equal(check(rig, "long", password, "1"), RB_UNAUTHENTICATED);
}

static void test_guesses_are_braked(void **state)
{
    struct rig *rig = *state;
    uint64_t wait_ms = 0;
    for (int i = 0; i < RB_LOGIN_FAILURES_MAX; i++)
        assert_int_equal(check(rig, "ann", "no", "1"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "ann", "password", "1"), RB_TOO_MANY_REQUESTS);
    assert_int_equal(check(rig, "bob", "password", "1"), RB_TOO_MANY_REQUESTS); /* the address */
    assert_int_equal(check(rig, "ann", "password", "2"), RB_TOO_MANY_REQUESTS); /* the login */
    assert_int_equal(check(rig, "bob", "password", "2"), RB_OK);
    assert_true(rb_login_is_braked(rig->logins, RB_STR("1"), &wait_ms));
    assert_in_range(wait_ms, 1, RB_LOGIN_WINDOW_MS);
    assert_false(rb_login_is_braked(rig->logins, RB_STR("2"), &wait_ms));
    rb_clock_test_advance_ms(RB_LOGIN_WINDOW_MS);
    assert_int_equal(check(rig, "ann", "password", "1"), RB_OK);
}

/* Who has one address of IPv6 has a whole network of them. */
static void test_another_address_of_ones_network_is_no_way_around(void **state)
{
    struct rig *rig = *state;
    static const char *const addresses[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3:4", "2001:db8::5",
                                            "2001:db8::6"};
    for (size_t i = 0; i < RB_COUNT(addresses); i++)
        assert_int_equal(check(rig, "nobody", "no", addresses[i]), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "ann", "password", "2001:db8::7"), RB_TOO_MANY_REQUESTS);
    assert_int_equal(check(rig, "ann", "password", "2001:db8:0:1::7"), RB_OK);
}

static void test_guesses_of_other_things_count(void **state)
{
    struct rig *rig = *state;
    uint64_t wait_ms;
    for (int i = 0; i < RB_LOGIN_FAILURES_MAX; i++) {
        assert_false(rb_login_is_braked(rig->logins, RB_STR("3"), &wait_ms));
        rb_login_count_guess(rig->logins, RB_STR("3"));
    }
    assert_true(rb_login_is_braked(rig->logins, RB_STR("3"), &wait_ms));
    assert_int_equal(check(rig, "ann", "password", "3"), RB_TOO_MANY_REQUESTS);
    assert_false(rb_login_is_braked(rig->logins, RB_STR_NONE, &wait_ms));
    rb_login_count_guess(rig->logins, RB_STR_NONE);
}

/* Those that stand in line are no way around the brake. */
static void test_a_crowd_of_guesses(void **state)
{
    struct rig *rig = *state;
    struct crowd crowds[LOOPS];
    for (int i = 0; i < LOOPS; i++) {
        crowds[i] = one(rig, "ann", "no", "1");
        crowds[i].loop = i;
        crowds[i].count = crowds[i].cancelled_from = 100;
        send_crowd(&crowds[i]);
    }
    int tried = 0, refused = 0;
    for (int i = 0; i < LOOPS; i++) {
        await_crowd(&crowds[i]);
        tried += crowds[i].answers[RB_UNAUTHENTICATED];
        refused += crowds[i].answers[RB_TOO_MANY_REQUESTS];
    }
    assert_int_equal(tried + refused, 200);
    assert_in_range(tried, RB_LOGIN_FAILURES_MAX, RB_LOGIN_FAILURES_MAX + RB_LOGIN_AT_ONCE - 1);
}

static void test_all_of_a_crowd_have_their_turn(void **state)
{
    struct rig *rig = *state;
    struct crowd crowds[LOOPS];
    for (int i = 0; i < LOOPS; i++) {
        crowds[i] = one(rig, "ann", "password", "1");
        crowds[i].loop = i;
        crowds[i].count = crowds[i].cancelled_from = 60;
        send_crowd(&crowds[i]);
    }
    for (int i = 0; i < LOOPS; i++) {
        await_crowd(&crowds[i]);
        assert_int_equal(crowds[i].answers[RB_OK], 60);
    }
}

static void test_the_line_has_an_end(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 2; i++) {
        struct crowd crowd = one(rig, "ann", "password", "1");
        crowd.count = crowd.cancelled_from = RB_LOGIN_AT_ONCE + RB_LOGIN_WAITING_MAX + 3;
        send_crowd(&crowd);
        await_crowd(&crowd);
        assert_int_equal(crowd.answers[RB_OVERLOADED], 3);
        assert_int_equal(crowd.answers[RB_OK], RB_LOGIN_AT_ONCE + RB_LOGIN_WAITING_MAX);
    }
}

static void test_cancelled_ones_leave_the_line(void **state)
{
    struct rig *rig = *state;
    struct crowd crowd = one(rig, "ann", "password", "1");
    crowd.count = RB_LOGIN_WAITING_MAX;
    crowd.cancelled_from = 0;
    for (int i = 0; i < 2; i++) {
        send_crowd(&crowd);
        await_crowd(&crowd);
    }
    assert_int_equal(check(rig, "ann", "password", "1"), RB_OK);
    rb_login_cancel(NULL);
}

static void test_closing_empties_the_line(void **state)
{
    struct rig *rig = *state;
    struct crowd crowds[LOOPS];
    for (int i = 0; i < LOOPS; i++) {
        crowds[i] = one(rig, "ann", "password", "1");
        crowds[i].loop = i;
        crowds[i].count = crowds[i].cancelled_from = 400;
        send_crowd(&crowds[i]);
    }
    rb_logins_close(rig->logins);
    int answered = 0;
    for (int i = 0; i < LOOPS; i++) {
        await_crowd(&crowds[i]);
        answered += crowds[i].answers[RB_OK] + crowds[i].answers[RB_SHUTTING_DOWN];
    }
    assert_int_equal(answered, 800);
    assert_int_equal(check(rig, "ann", "password", "1"), RB_SHUTTING_DOWN);
}

int main(void)
{
    rb_clock_test_enable();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_long_passwords_fit_nobody),
        cmocka_unit_test(test_lists),
        cmocka_unit_test_setup_teardown(test_who_may_come_in, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_long_passwords_are_not_cut, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_guesses_are_braked, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_another_address_of_ones_network_is_no_way_around, set_up_rig,
                                        tear_down_rig),
        cmocka_unit_test_setup_teardown(test_guesses_of_other_things_count, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_a_crowd_of_guesses, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_all_of_a_crowd_have_their_turn, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_the_line_has_an_end, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_cancelled_ones_leave_the_line, set_up_rig, tear_down_rig),
        cmocka_unit_test_setup_teardown(test_closing_empties_the_line, set_up_rig, tear_down_rig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
