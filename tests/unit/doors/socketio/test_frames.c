/* Ready frames in a queue, and taken apart. */
#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/ws.h"
#include "doors/socketio/frames.h"

#include <string.h>

struct item {
    enum rb_ws_opcode opcode;
    size_t bytes;
};

static struct rb_blob *blob_of(const struct item *items, size_t count)
{
    struct rb_buf out = {0};
    for (size_t i = 0; i < count; i++) {
        char *payload = rb_alloc(items[i].bytes + 1);
        memset(payload, 'a' + (int)i, items[i].bytes);
        rb_ws_put_frame(&out, items[i].opcode, rb_str_make(payload, items[i].bytes));
        rb_free(payload);
    }
    struct rb_blob *blob = rb_blob_copy(rb_buf_str(&out));
    rb_buf_fini(&out);
    return blob;
}

static void assert_item(const struct frame *frame, const struct item *item, size_t i)
{
    assert_int_equal(frame->is_binary, item->opcode == RB_WS_BINARY);
    assert_int_equal(frame->payload.n, item->bytes);
    for (size_t k = 0; k < item->bytes; k++) assert_int_equal(frame->payload.p[k], 'a' + (int)i);
}

/* Each of the three ways to say a length, at its ends. */
static const struct item items[] = {{RB_WS_TEXT, 0},       {RB_WS_BINARY, 1},    {RB_WS_TEXT, 125},
                                    {RB_WS_BINARY, 126},   {RB_WS_TEXT, 127},    {RB_WS_TEXT, 65535},
                                    {RB_WS_BINARY, 65536}, {RB_WS_TEXT, 100000}, {RB_WS_BINARY, 0}};

static void test_next(void **state)
{
    (void)state;
    struct rb_blob *blob = blob_of(items, RB_COUNT(items));
    struct frame frame;
    size_t at = 0;
    for (size_t i = 0; i < RB_COUNT(items); i++) {
        assert_true(frame_next(blob, &at, &frame));
        assert_item(&frame, &items[i], i);
    }
    assert_false(frame_next(blob, &at, &frame));
    rb_blob_unref(blob);
}

static void test_queue(void **state)
{
    (void)state;
    struct frame_queue queue = {0};
    struct frame frame;
    struct rb_blob *blob;
    assert_true(frames_are_empty(&queue));
    assert_false(frames_peek(&queue, &frame, &blob));
    for (int round = 0; round < 3;
         round++) { /* 1, 2 and 3 frames a blob, more blobs than the first ring holds */
        size_t per_blob = (size_t)round + 1;
        for (size_t i = 0; i + per_blob <= RB_COUNT(items); i += per_blob)
            frames_push(&queue, blob_of(items + i, per_blob));
        frames_push(&queue, rb_blob_new(0)); /* is nothing */
        for (size_t i = 0; i < RB_COUNT(items) / per_blob * per_blob; i++) {
            assert_true(frames_peek(&queue, &frame, &blob));
            assert_item(&frame, &items[i], i % per_blob);
            frames_skip(&queue);
        }
        assert_true(frames_are_empty(&queue));
        assert_int_equal(queue.bytes, 0);
        assert_null(queue.entries); /* it owns nothing then */
    }
}

/* A blob of which a part was taken is popped as the rest of it. */
static void test_pop(void **state)
{
    (void)state;
    struct frame_queue queue = {0};
    struct frame frame;
    size_t at = 0;
    struct rb_blob *first = blob_of(items, 3), *second = blob_of(items, 1);
    frames_push(&queue, first);
    frames_push(&queue, rb_blob_ref(second));
    frames_skip(&queue);
    struct rb_blob *rest = frames_pop(&queue);
    assert_true(frame_next(rest, &at, &frame));
    assert_item(&frame, &items[1], 1);
    assert_true(frame_next(rest, &at, &frame));
    assert_item(&frame, &items[2], 2);
    assert_false(frame_next(rest, &at, &frame));
    rb_blob_unref(rest);
    assert_int_equal(queue.bytes, second->n);
    rest = frames_pop(&queue);
    assert_ptr_equal(rest, second); /* not copied */
    rb_blob_unref(rest);
    rb_blob_unref(second);
    assert_null(frames_pop(&queue));
    frames_push(&queue, blob_of(items, 3));
    frames_push(&queue, blob_of(items, 3));
    frames_fini(&queue);
    assert_true(frames_are_empty(&queue));
}

static void test_no_memory(void **state)
{
    (void)state;
    struct frame_queue queue = {0};
    frames_push(&queue, blob_of(items, 2));
    frames_skip(&queue);
    rb_mem_fail_after(0);
    assert_null(frames_pop(&queue));
    rb_mem_fail_after(-1);
    assert_true(frames_are_empty(&queue));
}

/* ---- marks ---- */

struct noted {
    struct rb_mark mark;
    unsigned reached, written;
};

static void on_reached(struct rb_mark *mark, bool is_written)
{
    struct noted *noted = RB_OUTER(mark, struct noted, mark);
    noted->reached++;
    noted->written += is_written;
}

static void put(struct frame_queue *queue, struct noted *noted)
{
    *noted = (struct noted){.mark.reached = on_reached};
    frames_mark(queue, &noted->mark);
}

static void expect_mark(const struct noted *noted, unsigned reached, unsigned written)
{
    assert_int_equal(noted->reached, reached);
    assert_int_equal(noted->written, written);
}

static void test_marks(void **state)
{
    (void)state;
    struct frame_queue queue = {0};
    struct noted at_once, first[2], second, third, fourth;
    put(&queue, &at_once);
    expect_mark(&at_once, 1, 1);
    frames_push(&queue, blob_of(items, 2));
    for (int i = 0; i < 2; i++) put(&queue, &first[i]);
    frames_push(&queue, blob_of(items, 1));
    put(&queue, &second);
    frames_push(&queue, blob_of(items, 1));
    put(&queue, &third);
    for (int i = 0; i < 8; i++) frames_push(&queue, blob_of(items, 1)); /* the ring grows */
    put(&queue, &fourth);

    frames_skip(&queue);
    expect_mark(&first[0], 0, 0); /* half of the blob is still to come */
    frames_skip(&queue);
    for (int i = 0; i < 2; i++) expect_mark(&first[i], 1, 1);
    struct rb_mark *taken = frames_take_marks(&queue);
    assert_ptr_equal(taken, &second.mark);
    assert_null(taken->next);
    rb_blob_unref(frames_pop(&queue));
    expect_mark(&second, 0, 0); /* it is the caller's */
    frames_skip(&queue);
    expect_mark(&third, 1, 1);
    frames_fini(&queue);
    expect_mark(&fourth, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),      cmocka_unit_test(test_queue), cmocka_unit_test(test_pop),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
