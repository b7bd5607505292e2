#include "test.h"

#include "net/admission.h"

#include <arpa/inet.h>
#include <string.h>

static struct sockaddr_storage peer(const char *address)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    bool is_v6 = strchr(address, ':') != NULL;
    storage.ss_family = is_v6 ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(storage.ss_family, address, is_v6 ? (void *)&v6->sin6_addr : &v4->sin_addr),
                     1);
    return storage;
}

static bool enter(struct rb_admission *admission, int fd, const char *address)
{
    struct sockaddr_storage storage = peer(address);
    return rb_admission_enter(admission, fd, &storage);
}

static void test_the_gate(void **state)
{
    (void)state;
    struct rb_admission *admission = rb_admission_new(2, 0, 10);
    assert_true(rb_admission_is_open(admission));
    assert_true(enter(admission, 3, "10.0.0.1"));
    assert_true(rb_admission_is_open(admission));
    assert_true(enter(admission, 4, "10.0.0.1"));
    assert_false(rb_admission_is_open(admission));
    assert_int_equal(rb_admission_count(admission), 2);
    rb_admission_leave(admission, 3);
    assert_true(rb_admission_is_open(admission));
    rb_admission_leave(admission, 4);
    assert_int_equal(rb_admission_count(admission), 0);
    rb_admission_free(admission);
    rb_admission_free(NULL);
}

static void test_one_address(void **state)
{
    (void)state;
    struct rb_admission *admission = rb_admission_new(100, 2, 10);
    assert_true(enter(admission, 1, "10.0.0.1"));
    assert_true(enter(admission, 2, "10.0.0.1"));
    assert_false(enter(admission, 3, "10.0.0.1"));
    assert_int_equal(rb_admission_count(admission), 3); /* its descriptor is open until it is told */
    rb_admission_leave(admission, 3);                   /* which frees nobody's place */
    assert_false(enter(admission, 3, "10.0.0.1"));
    rb_admission_leave(admission, 3);
    assert_true(enter(admission, 3, "10.0.0.2"));
    rb_admission_leave(admission, 1);
    assert_true(enter(admission, 1, "10.0.0.1"));
    for (int fd = 1; fd <= 3; fd++) rb_admission_leave(admission, fd);
    assert_int_equal(rb_admission_count(admission), 0);
    rb_admission_free(admission);
}

static void test_what_is_one_address(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool is_same;
    } rows[] = {
        {"10.0.0.1", "10.0.0.2", false},
        {"2001:db8::1", "2001:db8::ffff:2", true},     /* one network of 64 bits */
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false}, /* two */
        {"10.0.0.1", "::ffff:10.0.0.1", true},         /* the same, mapped */
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rb_admission *admission = rb_admission_new(100, 1, 10);
        assert_true(enter(admission, 1, rows[i].first));
        assert_int_equal(enter(admission, 2, rows[i].second), !rows[i].is_same);
        rb_admission_leave(admission, 1);
        rb_admission_leave(admission, 2);
        rb_admission_free(admission);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_gate), cmocka_unit_test(test_one_address),
                                       cmocka_unit_test(test_what_is_one_address)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
