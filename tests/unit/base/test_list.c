#include "test.h"

#include "base/list.h"

struct item {
    char name;
    struct rb_list link;
};

/* The names in order, read forwards, after making sure that backwards gives the reverse. */
static const char *names(struct rb_list *head)
{
    static char text[32];
    size_t n = 0;
    RB_LIST_EACH(it, head) text[n++] = RB_OUTER(it, struct item, link)->name;
    text[n] = '\0';
    for (struct rb_list *it = head->prev; it != head; it = it->prev)
        assert_int_equal(RB_OUTER(it, struct item, link)->name, text[--n]);
    assert_int_equal(n, 0);
    return text;
}

static void test_order(void **state)
{
    (void)state;
    struct rb_list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    rb_list_init(&head);
    assert_true(rb_list_is_empty(&head));
    assert_null(rb_list_pop_front(&head));
    assert_false(rb_list_is_linked(&a.link));
    rb_list_push_back(&head, &b.link);
    rb_list_push_back(&head, &c.link);
    rb_list_push_front(&head, &a.link);
    assert_string_equal(names(&head), "abc");
    assert_true(rb_list_is_linked(&b.link));
    assert_false(rb_list_is_empty(&head));

    rb_list_remove(&b.link);
    assert_string_equal(names(&head), "ac");
    assert_false(rb_list_is_linked(&b.link));
    rb_list_remove(&b.link);
    assert_string_equal(names(&head), "ac");
    rb_list_push_back(&head, &b.link);
    assert_string_equal(names(&head), "acb");
    assert_ptr_equal(rb_list_pop_front(&head), &a.link);
    assert_ptr_equal(rb_list_pop_front(&head), &c.link);
    assert_ptr_equal(rb_list_pop_front(&head), &b.link);
    assert_false(rb_list_is_linked(&b.link));
    assert_true(rb_list_is_empty(&head));
}

static void test_walking_and_removing(void **state)
{
    (void)state;
    struct rb_list head;
    struct item items[6];
    for (unsigned keep = 0; keep < 64; keep++) { /* every subset of six */
        char expected[7];
        size_t n = 0;
        rb_list_init(&head);
        for (int i = 0; i < 6; i++) {
            items[i] = (struct item){.name = (char)('a' + i)};
            rb_list_push_back(&head, &items[i].link);
        }
        int i = 0;
        RB_LIST_EACH(it, &head)
        {
            assert_ptr_equal(it, &items[i].link);
            if (keep & 1u << i)
                expected[n++] = items[i].name;
            else
                rb_list_remove(it);
            i++;
        }
        assert_int_equal(i, 6);
        expected[n] = '\0';
        assert_string_equal(names(&head), expected);
    }
}

static void test_move_all(void **state)
{
    (void)state;
    struct rb_list from, to;
    struct item a = {.name = 'a'}, b = {.name = 'b'};
    rb_list_init(&from);
    rb_list_move_all(&to, &from);
    assert_true(rb_list_is_empty(&to));
    assert_true(rb_list_is_empty(&from));

    rb_list_push_back(&from, &a.link);
    rb_list_move_all(&to, &from);
    assert_string_equal(names(&to), "a");
    assert_true(rb_list_is_empty(&from));

    rb_list_push_back(&to, &b.link);
    rb_list_move_all(&from, &to);
    assert_string_equal(names(&from), "ab");
    assert_true(rb_list_is_empty(&to));
    rb_list_remove(&b.link);
    assert_string_equal(names(&from), "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_walking_and_removing),
        cmocka_unit_test(test_move_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
