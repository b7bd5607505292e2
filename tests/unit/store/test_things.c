/* Things: numbers of a space, and what stands under them. */
#include "store_fixture.h"

struct looking {
    struct fixture *f;
    const char *tenant, *space;
    uint64_t number, after;
    uint32_t limit, count;
    struct rb_thing_record thing, *things;
};

static rb_err find(struct rb_reader *reader, void *arg)
{
    struct looking *it = arg;
    return rb_read_thing(reader, &it->f->arena, rb_str_of(it->tenant), rb_str_of(it->space), it->number,
                         &it->thing);
}

static rb_err list(struct rb_reader *reader, void *arg)
{
    struct looking *it = arg;
    return rb_read_things(reader, &it->f->arena, rb_str_of(it->tenant), rb_str_of(it->space), it->after,
                          it->limit, &it->things, &it->count);
}

static uint64_t add(struct fixture *f, const char *tenant, const char *space, const char *body)
{
    struct rb_tx *tx = rb_tx_new();
    const uint64_t *place = rb_tx_thing_insert(tx, rb_str_of(tenant), rb_str_of(space), rb_str_of(body));
    assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
    uint64_t number = *place;
    rb_tx_free(tx);
    return number;
}

static rb_err change(struct fixture *f, const char *space, uint64_t number, const char *body)
{
    struct rb_tx *tx = rb_tx_new();
    if (body)
        rb_tx_thing_update(tx, RB_STR("t"), rb_str_of(space), number, rb_str_of(body));
    else
        rb_tx_thing_delete(tx, RB_STR("t"), rb_str_of(space), number);
    return commit(f, tx);
}

static void test_numbers_are_never_used_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, "t", "a", "{}"), 1);
    assert_int_equal(add(f, "t", "a", "{}"), 2);
    assert_int_equal(add(f, "t", "b", "{}"), 1);
    assert_int_equal(add(f, "u", "a", "{}"), 1);
    assert_int_equal(change(f, "a", 2, NULL), RB_OK);
    assert_int_equal(change(f, "a", 1, NULL), RB_OK);
    reopen_store(f);
    assert_int_equal(add(f, "t", "a", "{}"), 3);
    assert_int_equal(add(f, "t", "b", "{}"), 2);
}

static void test_things_change_and_go(void **state)
{
    struct fixture *f = *state;
    add(f, "t", "a", "[1]");
    add(f, "t", "b", "[2]");
    assert_int_equal(change(f, "a", 1, "[3]"), RB_OK);
    assert_int_equal(change(f, "a", 2, "[3]"), RB_NOT_FOUND);
    assert_int_equal(change(f, "c", 1, "[3]"), RB_NOT_FOUND);
    struct looking it = {.f = f, .tenant = "t", .space = "a", .number = 1};
    assert_int_equal(rb_store_read_wait(f->store, find, &it), RB_OK);
    assert_int_equal(it.thing.number, 1);
    assert_str(it.thing.body, "[3]");
    it.space = "b";
    assert_int_equal(rb_store_read_wait(f->store, find, &it), RB_OK);
    assert_str(it.thing.body, "[2]");
    it.tenant = "u";
    assert_int_equal(rb_store_read_wait(f->store, find, &it), RB_NOT_FOUND);
    it.tenant = "t";
    assert_int_equal(change(f, "b", 1, NULL), RB_OK);
    assert_int_equal(change(f, "b", 1, NULL), RB_NOT_FOUND);
    assert_int_equal(rb_store_read_wait(f->store, find, &it), RB_NOT_FOUND);
}

static void test_lists_go_page_by_page(void **state)
{
    struct fixture *f = *state;
    static const char *const bodies[] = {"1", "2", "3", "4", "5"};
    for (int i = 0; i < 5; i++) add(f, "t", "a", bodies[i]);
    add(f, "t", "b", "9");
    assert_int_equal(change(f, "a", 2, NULL), RB_OK);
    struct looking it = {.f = f, .tenant = "t", .space = "a", .limit = 3};
    assert_int_equal(rb_store_read_wait(f->store, list, &it), RB_OK);
    assert_int_equal(it.count, 3);
    assert_int_equal(it.things[1].number, 3);
    assert_str(it.things[2].body, "4");
    it.after = 4;
    assert_int_equal(rb_store_read_wait(f->store, list, &it), RB_OK);
    assert_int_equal(it.count, 1);
    assert_str(it.things[0].body, "5");
    it.space = "c";
    assert_int_equal(rb_store_read_wait(f->store, list, &it), RB_OK);
    assert_int_equal(it.count, 0);
}

/* A transaction that fails has taken no number. */
static void test_a_failed_one_leaves_no_gap(void **state)
{
    struct fixture *f = *state;
    struct rb_tx *tx = rb_tx_new();
    rb_tx_thing_insert(tx, RB_STR("t"), RB_STR("a"), RB_STR("1"));
    rb_tx_thing_delete(tx, RB_STR("t"), RB_STR("a"), 7);
    assert_int_equal(commit(f, tx), RB_NOT_FOUND);
    assert_int_equal(add(f, "t", "a", "1"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers_are_never_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_things_change_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_go_page_by_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_one_leaves_no_gap, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
