#include "test.h"

#include "base/check.h"
#include "base/handle.h"

#include <string.h>

/* ---- as text ---- */

static void test_text(void **state)
{
    (void)state;
    static const struct {
        unsigned char bytes[RB_HANDLE_BYTES];
        const char *text;
        unsigned node, loop;
        uint32_t slot;
    } table[] = {
        {{0}, "AAAAAAAAAAAAAAAAAAAAAAAA", 0, 0, 0},
        {{0, 1, 2, 0, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, "AAECAAADBAUGBwgJCgsMDQ4P", 1, 2, 3},
        {"\xff\xfe\xfd\xfc\xfb\xfa\xff\xff\xff\xfb\xef\xbe\x00\x10\x83\xff\xff\xff",
         "__79_Pv6____----ABCD____", 0xfffe, 0xfd, 0xfcfbfa},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct rb_handle handle, parsed;
        char text[RB_HANDLE_TEXT_BYTES];
        memcpy(handle.bytes, table[i].bytes, sizeof handle.bytes);
        rb_handle_text(&handle, text);
        assert_string_equal(text, table[i].text);
        assert_true(rb_handle_parse(rb_str_of(text), &parsed));
        assert_memory_equal(parsed.bytes, handle.bytes, sizeof handle.bytes);
        assert_int_equal(rb_handle_node(&handle), table[i].node);
        assert_int_equal(rb_handle_loop(&handle), table[i].loop);
        assert_int_equal(rb_handle_slot(&handle), table[i].slot);
    }
}

static void test_text_that_is_none(void **state)
{
    (void)state;
    static const char *const table[] = {"",
                                        "AAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAA+AAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAA=",
                                        "/AAAAAAAAAAAAAAAAAAAAAAA",
                                        " AAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAA\xc3\xa4"};
    struct rb_handle handle;
    memset(&handle, 7, sizeof handle);
    for (size_t i = 0; i < RB_COUNT(table); i++)
        if (rb_handle_parse(rb_str_of(table[i]), &handle)) fail_msg("\"%s\"", table[i]);
    assert_false(rb_handle_parse(rb_str_make("AAAAAAAAAAA\0AAAAAAAAAAAA", RB_HANDLE_CHARACTERS), &handle));
    assert_int_equal(handle.bytes[0], 7);
}

/* ---- the table ---- */

static void test_names_and_lookups(void **state)
{
    (void)state;
    struct rb_handles table;
    struct rb_handle first, second, other;
    int a, b;
    rb_handles_init(&table, 0x1234, 5);
    uint32_t slot_a = rb_handles_add(&table, &a), slot_b = rb_handles_add(&table, &b);
    assert_int_not_equal(slot_a, slot_b);
    assert_int_equal(table.count, 2);
    rb_handles_name(&table, slot_a, &first);
    rb_handles_name(&table, slot_b, &second);
    assert_int_equal(rb_handle_node(&first), 0x1234);
    assert_int_equal(rb_handle_loop(&first), 5);
    assert_int_equal(rb_handle_slot(&first), slot_a);
    assert_ptr_equal(rb_handles_get(&table, &first), &a);
    assert_ptr_equal(rb_handles_get(&table, &second), &b);

    for (unsigned i = 0; i < RB_HANDLE_BYTES * 8; i++) { /* whatever bit is wrong */
        other = first;
        other.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_null(rb_handles_get(&table, &other));
    }

    assert_int_equal(rb_handles_note(&table, slot_a), 0);
    rb_handles_set_note(&table, slot_a, UINT32_MAX);
    rb_handles_set_note(&table, slot_b, 7);
    assert_int_equal(rb_handles_note(&table, slot_a), UINT32_MAX);
    rb_handles_replace(&table, slot_a, &b);
    assert_ptr_equal(rb_handles_get(&table, &first), &b);
    assert_int_equal(rb_handles_note(&table, slot_a), UINT32_MAX);
    rb_handles_remove(&table, slot_a);
    assert_null(rb_handles_get(&table, &first));
    assert_int_equal(rb_handles_add(&table, &a), slot_a); /* used again, under another name */
    assert_int_equal(rb_handles_note(&table, slot_a), 0);
    assert_int_equal(rb_handles_note(&table, slot_b), 7);
    assert_null(rb_handles_get(&table, &first));
    rb_handles_name(&table, slot_a, &other);
    assert_ptr_equal(rb_handles_get(&table, &other), &a);
    assert_memory_not_equal(other.bytes + 6, first.bytes + 6, RB_HANDLE_SECRET_BYTES);
    rb_handles_fini(&table);
    assert_null(rb_handles_get(&table, &other));
}

enum { MANY = 5000 };

/* Slots are used again, and handles go on naming their objects while the table grows. */
static void test_many(void **state)
{
    (void)state;
    static int objects[MANY];
    static uint32_t slots[MANY];
    static struct rb_handle handles[MANY];
    struct rb_handles table;
    rb_handles_init(&table, 0, 0);
    for (int i = 0; i < MANY; i++) {
        slots[i] = rb_handles_add(&table, &objects[i]);
        rb_handles_name(&table, slots[i], &handles[i]);
    }
    uint32_t blocks = table.block_count;
    for (int i = 0; i < MANY; i++) assert_ptr_equal(rb_handles_get(&table, &handles[i]), &objects[i]);
    for (int i = 0; i < MANY; i += 2) rb_handles_remove(&table, slots[i]);
    for (int i = 0; i < MANY; i += 2) slots[i] = rb_handles_add(&table, &objects[i]);
    assert_int_equal(table.count, MANY);
    assert_int_equal(table.block_count, blocks);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(rb_handles_get(&table, &handles[i]), i % 2 ? &objects[i] : NULL);
    rb_handles_fini(&table);
}

/* After a crowd has left, its blocks are given back, and who comes then gets a low slot. */
static void test_shrinking(void **state)
{
    (void)state;
    static int objects[MANY];
    static uint32_t slots[MANY];
    static struct rb_handle handles[MANY];
    struct rb_handles table;
    rb_handles_init(&table, 0, 0);
    for (int i = 0; i < MANY; i++) {
        slots[i] = rb_handles_add(&table, &objects[i]);
        rb_handles_name(&table, slots[i], &handles[i]);
    }
    uint32_t blocks = table.block_count;
    for (int i = 10; i < MANY - 1; i++) rb_handles_remove(&table, slots[i]);
    for (uint32_t i = 1; i + 1 < blocks; i++) assert_null(table.blocks[i]);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(rb_handles_get(&table, &handles[i]), i < 10 || i == MANY - 1 ? &objects[i] : NULL);
    assert_in_range(rb_handles_add(&table, &objects[10]), 0, 1023);
    for (int i = 11; i < MANY - 1; i++) slots[i] = rb_handles_add(&table, &objects[i]);
    assert_int_equal(table.block_count, blocks);
    assert_int_equal(table.count, MANY);
    assert_null(rb_handles_get(&table, &handles[3000]));
    assert_ptr_equal(rb_handles_get(&table, &handles[MANY - 1]), &objects[MANY - 1]);
    rb_handles_fini(&table);
}

static void test_walk(void **state)
{
    (void)state;
    static int objects[MANY];
    static uint32_t slots[MANY];
    struct rb_handles table;
    uint32_t at = 0;
    int *object, seen = 0;
    rb_handles_init(&table, 0, 0);
    assert_null(rb_handles_next(&table, &at));
    for (int i = 0; i < MANY; i++) slots[i] = rb_handles_add(&table, &objects[i]);
    for (at = 0; (object = rb_handles_next(&table, &at)) != NULL; seen++) (*object)++;
    assert_int_equal(seen, MANY);
    for (int i = 0; i < MANY; i++) assert_int_equal(objects[i], 1);

    /* What goes during the walk is not met, what stays is, also behind a hole of whole blocks. */
    seen = 0;
    for (at = 0; (object = rb_handles_next(&table, &at)) != NULL; seen++)
        if (object == &objects[9])
            for (int i = 10; i < MANY - 1; i++) rb_handles_remove(&table, slots[i]);
    assert_int_equal(seen, 11);
    assert_int_equal(table.count, 11);
    rb_handles_fini(&table);
}

/* 16 million places are too many for a test, so the last of them are reached from the list of blocks. */
static void test_full(void **state)
{
    (void)state;
    struct rb_handles table;
    int object;
    rb_handles_init(&table, 0, 0);
    table.first_open = table.block_count = RB_HANDLE_NO_SLOT / 1024; /* none of which is touched */
    assert_int_equal(rb_handles_add(&table, &object), RB_HANDLE_NO_SLOT);
    assert_int_equal(table.count, 0);
    table.first_open = table.block_count = 0;
    rb_handles_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_that_is_none),
        cmocka_unit_test(test_names_and_lookups),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_shrinking),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
