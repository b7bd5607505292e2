#include "test.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 20000 };

struct entry {
    char key[16];
    size_t key_n;
    int seen;
};

static rb_str key_of(const struct entry *entry)
{
    return rb_str_make(entry->key, entry->key_n);
}

static struct entry *make_entries(size_t count)
{
    struct entry *entries = rb_new_array(struct entry, count);
    for (size_t i = 0; i < count; i++)
        entries[i].key_n = (size_t)snprintf(entries[i].key, sizeof entries[i].key, "key%zu", i);
    return entries;
}

static void test_empty(void **state)
{
    (void)state;
    struct rb_map map = {0};
    size_t at = 0;
    assert_null(rb_map_get(&map, RB_STR("a")));
    assert_null(rb_map_remove(&map, RB_STR("a")));
    assert_null(rb_map_next(&map, &at));
    rb_map_fini(&map);
    rb_map_fini(&map);
}

static void test_keys_are_bytes(void **state)
{
    (void)state;
    struct rb_map map = {0};
    int empty, a, zero, longer;
    rb_map_put(&map, RB_STR(""), &empty);
    rb_map_put(&map, RB_STR("a"), &a);
    rb_map_put(&map, RB_STR("a\0"), &zero);
    rb_map_put(&map, RB_STR("a\0b"), &longer);
    assert_int_equal(map.count, 4);
    assert_ptr_equal(rb_map_get(&map, RB_STR_NONE), &empty);
    assert_ptr_equal(rb_map_get(&map, RB_STR("a")), &a);
    assert_ptr_equal(rb_map_get(&map, RB_STR("a\0")), &zero);
    assert_ptr_equal(rb_map_get(&map, RB_STR("a\0b")), &longer);
    assert_null(rb_map_get(&map, RB_STR("b")));
    rb_map_fini(&map);
}

/* The key moves with the value: the old one may go away. */
static void test_replacing(void **state)
{
    (void)state;
    struct rb_map map = {0};
    char *old_key = rb_str_dup(RB_STR("k")), *new_key = rb_str_dup(RB_STR("k"));
    int one, two;
    rb_map_put(&map, rb_str_of(old_key), &one);
    rb_map_put(&map, rb_str_of(new_key), &two);
    rb_free(old_key);
    assert_int_equal(map.count, 1);
    assert_ptr_equal(rb_map_get(&map, RB_STR("k")), &two);
    assert_ptr_equal(rb_map_remove(&map, RB_STR("k")), &two);
    assert_null(rb_map_get(&map, RB_STR("k")));
    rb_free(new_key);
    rb_map_fini(&map);
}

static void test_many_keys(void **state)
{
    (void)state;
    struct entry *entries = make_entries(MANY);
    struct rb_map map = {0};
    for (size_t i = 0; i < MANY; i++) rb_map_put(&map, key_of(&entries[i]), &entries[i]);
    assert_int_equal(map.count, MANY);
    assert_true(map.cap < 4 * MANY);
    for (size_t i = 0; i < MANY; i++) assert_ptr_equal(rb_map_get(&map, key_of(&entries[i])), &entries[i]);
    assert_null(rb_map_get(&map, RB_STR("key")));

    struct entry *entry;
    size_t walked = 0;
    for (size_t at = 0; (entry = rb_map_next(&map, &at)); walked++) assert_int_equal(entry->seen++, 0);
    assert_int_equal(walked, MANY);

    for (size_t i = 0; i < MANY; i += 2)
        assert_ptr_equal(rb_map_remove(&map, key_of(&entries[i])), &entries[i]);
    assert_int_equal(map.count, MANY / 2);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(rb_map_get(&map, key_of(&entries[i])), i % 2 ? &entries[i] : NULL);
    walked = 0;
    for (size_t at = 0; (entry = rb_map_next(&map, &at)); walked++)
        assert_int_equal((entry - entries) % 2, 1);
    assert_int_equal(walked, MANY / 2);
    for (size_t i = 1; i < MANY; i += 2) assert_non_null(rb_map_remove(&map, key_of(&entries[i])));
    assert_null(map.slots); /* an emptied map owns nothing */
    rb_map_fini(&map);
    rb_free(entries);
}

static void test_removal_while_walking(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    for (int keep_every = 1; keep_every < 5; keep_every++) { /* 4: nothing is kept */
        struct entry *entries = make_entries(COUNT), *entry;
        struct rb_map map = {0};
        for (size_t i = 0; i < COUNT; i++) rb_map_put(&map, key_of(&entries[i]), &entries[i]);
        size_t walked = 0, kept = 0;
        for (size_t at = 0; (entry = rb_map_next(&map, &at)); walked++) {
            assert_int_equal(entry->seen++, 0);
            if (keep_every < 4 && walked % (size_t)keep_every == 0) {
                kept++;
                continue;
            }
            assert_ptr_equal(rb_map_remove(&map, key_of(entry)), entry);
            memset(entry->key, 0, sizeof entry->key); /* a removed key is not looked at again */
        }
        assert_int_equal(walked, COUNT);
        assert_int_equal(map.count, kept);
        rb_map_fini(&map);
        rb_free(entries);
    }
}

/* A few live keys come and go for ever: the table does not grow, and misses still end. */
static void test_churn(void **state)
{
    (void)state;
    struct entry *entries = make_entries(MANY);
    struct rb_map map = {0};
    for (size_t i = 0; i < MANY; i++) {
        rb_map_put(&map, key_of(&entries[i]), &entries[i]);
        if (i >= 5) assert_ptr_equal(rb_map_remove(&map, key_of(&entries[i - 5])), &entries[i - 5]);
        assert_null(rb_map_get(&map, RB_STR("nobody")));
        assert_true(map.cap <= 32);
        assert_true(map.used < map.cap);
    }
    assert_int_equal(map.count, 5);
    for (size_t i = MANY - 5; i < MANY; i++)
        assert_ptr_equal(rb_map_get(&map, key_of(&entries[i])), &entries[i]);
    rb_map_fini(&map);
    rb_free(entries);
}

/* Against the simplest thing that could be right: one flag a key. */
static void test_against_a_model(void **state)
{
    (void)state;
    enum { KEYS = 64, STEPS = 200000 };
    struct entry *entries = make_entries(KEYS);
    bool is_in[KEYS] = {false};
    size_t count = 0;
    struct rb_map map = {0};
    uint64_t seed = 1;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t i = (size_t)(seed >> 40) % KEYS;
        bool adds = (seed >> 33 & 3) > (uint64_t)(step / 10000 % 3); /* now growing, now shrinking */
        if (adds) {
            rb_map_put(&map, key_of(&entries[i]), &entries[i]);
            count += !is_in[i];
        } else {
            assert_ptr_equal(rb_map_remove(&map, key_of(&entries[i])), is_in[i] ? &entries[i] : NULL);
            count -= is_in[i];
        }
        is_in[i] = adds;
        size_t other = (size_t)(seed >> 50) % KEYS;
        assert_ptr_equal(rb_map_get(&map, key_of(&entries[other])), is_in[other] ? &entries[other] : NULL);
        assert_int_equal(map.count, count);
    }
    rb_map_fini(&map);
    rb_free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_keys_are_bytes),
        cmocka_unit_test(test_replacing),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_removal_while_walking),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
