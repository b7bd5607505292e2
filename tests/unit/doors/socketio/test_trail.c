#include "test.h"

#include "doors/socketio/trail.h"

enum { A = 1, B = 2, C = 3 };

static const struct trail_place nothing = {0};

/* A story of one client: one step a letter. 'a', 'b', 'c' take an event of that topic, 'm' is a ping, 'p' its
 * pong. The offsets of each topic count from 1. */
static void tell(struct trail *trail, const char *story)
{
    uint64_t offsets[4] = {0};
    for (; *story; story++) {
        if (*story == 'm') {
            trail_mark(trail);
        } else if (*story == 'p') {
            trail_confirm(trail);
        } else {
            uint32_t topic = (uint32_t)(*story - 'a' + A);
            assert_true(trail_note(trail, topic, offsets[topic], offsets[topic] + 1));
            offsets[topic]++;
        }
    }
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *story;
        struct trail_place named;
        bool is_known;
        uint64_t base_a, base_b; /* confirmed cursors */
        uint64_t a, b;           /* where the client stands */
    } cases[] = {
        {"", {0}, true, 0, 0, 0, 0},
        {"", {A, 1}, false, 0, 0, 0, 0},
        /* one room: the offset says it all */
        {"aaa", {0}, true, 0, 0, 0, 0},
        {"aaa", {A, 1}, true, 0, 0, 1, 0},
        {"aaa", {A, 3}, true, 0, 0, 3, 0},
        {"aaa", {A, 4}, false, 0, 0, 0, 0},
        {"aaa", {B, 1}, false, 0, 0, 0, 0},
        {"aaampa", {A, 3}, true, 3, 0, 3, 0},
        {"aaampa", {A, 4}, true, 3, 0, 4, 0},
        {"aaampa", {A, 2}, false, 3, 0, 0, 0}, /* it has got more than that, as its pong says */
        {"aaamap", {A, 4}, true, 3, 0, 4, 0},  /* what came after the ping is not confirmed by its pong */
        {"aaamap", {A, 3}, true, 3, 0, 3, 0},
        /* two rooms: the order says where the other one stood */
        {"abab", {A, 1}, true, 0, 0, 1, 0},
        {"abab", {B, 1}, true, 0, 0, 1, 1},
        {"abab", {A, 2}, true, 0, 0, 2, 1},
        {"abab", {B, 2}, true, 0, 0, 2, 2},
        {"aabb", {B, 1}, true, 0, 0, 2, 1},
        {"aabb", {A, 1}, true, 0, 0, 1, 0},
        {"abmpba", {B, 1}, true, 1, 1, 1, 1},
        {"abmpba", {B, 2}, true, 1, 1, 1, 2},
        {"abmpba", {A, 2}, true, 1, 1, 2, 2},
        {"abmpba", {A, 1}, false, 1, 1, 0, 0},
        {"abmbap", {A, 2}, true, 1, 1, 2, 2},
        {"abmbap", {0}, true, 1, 1, 1, 1},
        /* a room that was left in between (c) still orders the others */
        {"acb", {C, 1}, true, 0, 0, 1, 0},
        {"acmpb", {C, 1}, true, 1, 0, 1, 0},
        {"acmpb", {B, 1}, true, 1, 0, 1, 1},
        {"amapap", {A, 2}, true, 1, 0, 2, 0}, /* a second pong without a ping proves nothing more */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trail trail = {0};
        struct trail_point point;
        tell(&trail, cases[i].story);
        bool is_known = trail_find(&trail, cases[i].named, nothing, &point);
        if (is_known != cases[i].is_known) fail_msg("case %zu: %s", i, cases[i].story);
        if (is_known) {
            uint64_t a = trail_offset(&trail, &point, A, cases[i].base_a);
            uint64_t b = trail_offset(&trail, &point, B, cases[i].base_b);
            if (a != cases[i].a || b != cases[i].b)
                fail_msg("case %zu: %s: %llu, %llu", i, cases[i].story, (unsigned long long)a,
                         (unsigned long long)b);
        }
        trail_fini(&trail);
    }
}

/* A client names what it got under an earlier id until it has got something new. */
static void test_stale(void **state)
{
    (void)state;
    const struct trail_place stale = {A, 2};
    struct trail trail = {0};
    struct trail_point point;
    trail_begin(&trail, nothing);
    assert_true(trail_find(&trail, stale, stale, &point));
    assert_int_equal(point.entries, 0);
    assert_int_equal(trail_offset(&trail, &point, A, 0), 0); /* of this life it has got nothing */
    trail_note(&trail, B, 0, 1);
    assert_true(trail_find(&trail, stale, stale, &point));
    assert_int_equal(trail_offset(&trail, &point, B, 0), 0);
    trail_note(&trail, A, 0, 2); /* and now it may mean either */
    assert_false(trail_find(&trail, stale, stale, &point));
    assert_true(trail_find(&trail, (struct trail_place){A, 1}, stale, &point));
    assert_int_equal(trail_offset(&trail, &point, B, 0), 1);
    trail_mark(&trail);
    trail_confirm(&trail);
    trail_note(&trail, B, 1, 2);
    assert_true(
        trail_find(&trail, (struct trail_place){A, 2}, stale, &point)); /* confirmed: no doubt any more */
    trail_fini(&trail);
}

/* After a recovery it begins anew, where the client stood. */
static void test_begin(void **state)
{
    (void)state;
    const struct trail_place named = {A, 5};
    struct trail trail = {0};
    struct trail_point point;
    tell(&trail, "ab");
    trail_begin(&trail, named);
    assert_int_equal(trail.last.offset, 5);
    assert_true(trail_find(&trail, named, nothing, &point));
    assert_false(trail_find(&trail, (struct trail_place){B, 1}, nothing, &point));
    trail_note(&trail, A, 5, 9); /* a run of several */
    assert_true(trail_find(&trail, named, nothing, &point));
    assert_int_equal(trail_offset(&trail, &point, A, 5), 5);
    assert_true(trail_find(&trail, (struct trail_place){A, 7}, nothing, &point));
    assert_int_equal(trail_offset(&trail, &point, A, 5), 7);
    trail_fini(&trail);
}

static void test_bounds(void **state)
{
    (void)state;
    struct trail trail = {0};
    struct trail_point point;
    for (uint64_t i = 0; i < 100000; i++) assert_true(trail_note(&trail, A, i, i + 1)); /* one entry */
    assert_true(trail_note(&trail, A, 100007, 100008)); /* what lies between was for others */
    assert_int_equal(trail.count, 1);
    trail_fini(&trail);
    trail = (struct trail){0};
    for (uint64_t i = 0; i < TRAIL_ENTRIES_MAX; i++) assert_true(trail_note(&trail, i % 2 ? A : B, i, i + 1));
    assert_true(trail_find(&trail, nothing, nothing, &point));
    assert_false(trail_note(&trail, C, 0, 1)); /* said once */
    assert_true(trail_note(&trail, C, 1, 2));
    assert_int_equal(trail.last.offset, 2);
    assert_false(trail_find(&trail, nothing, nothing, &point));
    trail_mark(&trail);
    trail_confirm(&trail);
    assert_false(trail_find(&trail, (struct trail_place){C, 2}, nothing, &point));
    trail_fini(&trail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
