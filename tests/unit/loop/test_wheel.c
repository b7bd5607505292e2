#include "loop/wheel.h"

#include "test.h"

#include <string.h>

enum { TIMERS = 400, OPERATIONS = 100000 };

/* A model that cannot be wrong: an array, looked through each time. */
static struct rb_wheel wheel;
static struct item {
    struct rb_timer timer;
    uint64_t due_ms;
    bool is_running;
} items[TIMERS];
static uint64_t target_ms, last_due_ms, seed;
static unsigned due_count, stops_from_callbacks, starts_from_callbacks;

static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static uint64_t draw_delay(void)
{
    switch (draw(10)) {
    case 0: return 0;
    case 1: return 1;
    case 2:
    case 3: return draw(130);
    case 4:
    case 5: return draw(70 * 1000);
    case 6: return draw((uint64_t)1 << 31);
    case 7: return draw((uint64_t)1 << 43); /* more than all levels of a seven-level wheel */
    case 8: return ((uint64_t)1 << (6 * draw(9))) + draw(3) - 1;
    default: return draw(2) ? UINT64_MAX - wheel.now_ms : draw((uint64_t)1 << 62);
    }
}

static void on_due(struct rb_timer *timer);

static void start(struct item *item, uint64_t delay_ms)
{
    rb_timer_stop(&item->timer);
    uint64_t due_ms = wheel.now_ms + delay_ms;
    item->timer.due_ms = due_ms;
    item->timer.on_due = on_due;
    rb_wheel_add(&wheel, &item->timer);
    item->due_ms = item->timer.due_ms;
    item->is_running = true;
    if (delay_ms && due_ms < (uint64_t)1 << 59) assert_int_equal(item->due_ms, due_ms);
    assert_true(item->due_ms > wheel.now_ms);
}

static void stop(struct item *item)
{
    rb_timer_stop(&item->timer);
    item->is_running = false;
}

static void on_due(struct rb_timer *timer)
{
    struct item *item = RB_OUTER(timer, struct item, timer);
    assert_true(item->is_running);
    assert_false(rb_timer_is_running(timer));
    assert_true(item->due_ms >= last_due_ms);
    assert_true(item->due_ms <= target_ms);
    assert_int_equal(item->due_ms, wheel.now_ms);
    last_due_ms = item->due_ms;
    item->is_running = false;
    due_count++;
    if (draw(4) == 0) {
        stop(&items[draw(TIMERS)]);
        stops_from_callbacks++;
    }
    if (draw(4) == 0) {
        start(&items[draw(TIMERS)], draw_delay()); /* which may have been waiting for this very moment */
        starts_from_callbacks++;
    }
    if (draw(4) == 0) start(item, 1 + draw(5000));
}

static uint64_t soonest(void)
{
    uint64_t due_ms = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (items[i].is_running && items[i].due_ms < due_ms) due_ms = items[i].due_ms;
    return due_ms;
}

static void advance(uint64_t now_ms)
{
    target_ms = now_ms;
    last_due_ms = 0;
    rb_wheel_advance(&wheel, now_ms);
    assert_int_equal(wheel.now_ms, now_ms);
    assert_true(soonest() > now_ms);
}

static void agrees_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 4; round++) {
        seed = round * 0x9e3779b97f4a7c15u;
        memset(items, 0, sizeof items);
        rb_wheel_init(&wheel, round == 1 ? 0 : draw((uint64_t)1 << (10 * round)));
        for (int i = 0; i < OPERATIONS / 4; i++) {
            uint64_t what = draw(16);
            if (what < 8)
                start(&items[draw(TIMERS)], draw_delay());
            else if (what < 10)
                stop(&items[draw(TIMERS)]);
            else if (what < 13)
                advance(wheel.now_ms + draw(200));
            else if (what < 14)
                advance(wheel.now_ms + draw(1000 * 1000));
            else if (what < 15 && rb_wheel_next_ms(&wheel) < (uint64_t)1 << 45)
                advance(rb_wheel_next_ms(&wheel));
            else if (draw(200) == 0)
                advance(wheel.now_ms + draw((uint64_t)1 << 43));
            uint64_t next_ms = rb_wheel_next_ms(&wheel);
            assert_true(next_ms <= soonest());
            assert_true(next_ms > wheel.now_ms);
            assert_int_equal(next_ms == UINT64_MAX, soonest() == UINT64_MAX);
        }
    }
    print_message("%u due, %u stops and %u starts from callbacks\n", due_count, stops_from_callbacks,
                  starts_from_callbacks);
    assert_true(due_count > 5000 && stops_from_callbacks > 1000 && starts_from_callbacks > 1000);
}

static char order[32];
static struct named {
    struct rb_timer timer;
    char name;
} named[4];

static void note(struct rb_timer *timer)
{
    order[strlen(order)] = RB_OUTER(timer, struct named, timer)->name;
}

static void note_and_stop_the_next(struct rb_timer *timer)
{
    note(timer);
    rb_timer_stop(&named[1].timer);
}

static void note_and_again(struct rb_timer *timer)
{
    note(timer);
    timer->due_ms += 10;
    rb_wheel_add(&wheel, timer);
}

static void add(int i, char name, uint64_t due_ms, void (*run)(struct rb_timer *))
{
    named[i] = (struct named){.timer = {.due_ms = due_ms, .on_due = run}, .name = name};
    rb_wheel_add(&wheel, &named[i].timer);
}

static void prepare(void)
{
    memset(order, 0, sizeof order);
    rb_wheel_init(&wheel, 1000);
}

static void a_callback_stops_its_neighbour(void **state)
{
    (void)state;
    prepare();
    add(0, 'a', 1005, note_and_stop_the_next);
    add(1, 'b', 1005, note);
    add(2, 'c', 1005, note);
    rb_wheel_advance(&wheel, 2000);
    assert_string_equal(order, "ac");
}

static void one_started_again_runs_as_often_as_it_is_due(void **state)
{
    (void)state;
    prepare();
    add(0, 'r', 1010, note_and_again);
    add(1, 'x', 1035, note);
    rb_wheel_advance(&wheel, 1050);
    assert_string_equal(order, "rrrxrr");
    assert_true(rb_wheel_next_ms(&wheel) <= 1060);
    rb_timer_stop(&named[0].timer);
    assert_int_equal(rb_wheel_next_ms(&wheel), UINT64_MAX);
}

static void the_past_is_due_next(void **state)
{
    (void)state;
    prepare();
    add(0, 'p', 3, note);
    rb_wheel_advance(&wheel, 1000);
    assert_string_equal(order, "");
    assert_int_equal(rb_wheel_next_ms(&wheel), 1001);
    rb_wheel_advance(&wheel, 1001);
    assert_string_equal(order, "p");
    rb_wheel_advance(&wheel, 5); /* time never goes back */
    assert_int_equal(wheel.now_ms, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_naive_model),
        cmocka_unit_test(a_callback_stops_its_neighbour),
        cmocka_unit_test(one_started_again_runs_as_often_as_it_is_due),
        cmocka_unit_test(the_past_is_due_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
