#include "net/address.h"

#include "base/check.h"
#include "test.h"

#include <string.h>

static void who_is_in(void **state)
{
    (void)state;
    static const struct {
        const char *address, *list;
        bool is_in;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.3", "10.0.0.0/8", true},
        {"11.1.2.3", "10.0.0.0/8", false},
        {"10.1.2.3", "10.255.255.255/8", true}, /* bits of the host do not count */
        {"192.0.2.130", "192.0.2.128/25", true},
        {"192.0.2.127", "192.0.2.128/25", false},
        {"192.0.2.7", "192.0.2.6/31", true},
        {"192.0.2.8", "192.0.2.6/31", false},
        {"192.0.2.7", "0.0.0.0/0", true},
        {"192.0.2.7", "192.0.2.7/32", true},
        {"::1", "10.0.0.0/8,::1", true},
        {"0:0:0:0:0:0:0:1", "::1", true},
        {"::1", "0.0.0.0/0", false},
        {"2001:db8:1::5", "2001:db8::/32", true},
        {"2001:db9::5", "2001:db8::/32", false},
        {"2001:db8:8000::", "2001:db8:8000::/33", true},
        {"2001:db8:7fff::", "2001:db8:8000::/33", false},
        {"2001:db8::5", "::/0", true},
        {"::ffff:10.1.2.3", "10.0.0.0/8", true}, /* the same client on a socket of both kinds */
        {"::ffff:11.1.2.3", "10.0.0.0/8", false},
        {"10.1.2.3", "::ffff:10.1.2.3", true},
        {"10.1.2.3", "::ffff:10.0.0.0/104", true},
        {"11.1.2.3", "::ffff:10.0.0.0/104", false},
        {"10.1.2.3", "::/0", false}, /* all of IPv6 */
        {"::ffff:10.1.2.3", "::/64", false},
        {"10.1.2.3", "", false},
        {"", "0.0.0.0/0,::/0", false},
        {"localhost", "0.0.0.0/0,::/0", false},
        {"10.1.2.3", "nonsense,10.0.0.0/33,10.1.2.3", true},
        {"10.1.2.3", "10.0.0.0/33", false},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++)
        if (rb_address_in_list(rb_str_of(rows[i].address), rb_str_of(rows[i].list)) != rows[i].is_in)
            fail_msg("%s in %s", rows[i].address, rows[i].list);
    assert_false(rb_address_in_list(RB_STR("::1"), RB_STR_NONE));
    assert_false(rb_address_in_list(RB_STR_NONE, RB_STR("::1")));
}

static void what_a_list_is(void **state)
{
    (void)state;
    static const char *const good[] = {"10.0.0.1", "10.0.0.0/8", "::/0",
                                       "10.0.0.0/0,2001:db8::/128,::ffff:1.2.3.4/96"};
    static const char *const bad[] = {"",           ",",         "10.0.0.1,",   "10.0.0.0/33",
                                      "::/129",     "10.0.0.0/", "10.0.0/8",    "a.b.c.d",
                                      "10.0.0.1 ",  "/8",        "10.0.0.0/-1", "10.0.0.0/8/8",
                                      "host",       "[::1]",     "fe80::1%lo",  "10.0.0.1:80",
                                      "10.0.0.0/ 8"};
    for (size_t i = 0; i < RB_COUNT(good); i++)
        if (!rb_address_list_is_valid(rb_str_of(good[i]))) fail_msg("%s", good[i]);
    for (size_t i = 0; i < RB_COUNT(bad); i++)
        if (rb_address_list_is_valid(rb_str_of(bad[i]))) fail_msg("%s", bad[i]);
    assert_false(rb_address_list_is_valid(RB_STR_NONE));
}

static void who_counts_as_one(void **state)
{
    (void)state;
    static const struct {
        const char *address, *holder;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3"},
        {"::ffff:10.1.2.3", "10.1.2.3"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8:1:2::", "2001:db8:1:2::"},
        {"2001:db8:1:3::1", "2001:db8:1:3::"},
        {"::1", "::"},
        {"nonsense", "nonsense"},
        {"", ""},
    };
    char holder[RB_ADDRESS_TEXT_BYTES], text[100];
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        rb_address_holder(rb_str_of(rows[i].address), holder);
        assert_string_equal(holder, rows[i].holder);
    }
    rb_address_holder(RB_STR_NONE, holder);
    assert_string_equal(holder, "");
    memset(text, 'x', sizeof text);
    rb_address_holder(rb_str_make(text, sizeof text), holder);
    assert_int_equal(strlen(holder), RB_ADDRESS_TEXT_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_in), cmocka_unit_test(what_a_list_is),
                                       cmocka_unit_test(who_counts_as_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
