/* Connections that break and are continued, on the same loop and on others, under the same id. */
#include "conn_rig.h"

static void fake_continue(struct rig *rig, struct fake *fake, int loop, struct rb_handle former)
{
    fake_init(rig, fake, loop, &fake_ops);
    fake->former = former;
    on(fake->loop, act_inherit, fake);
    settle(rig);
}

static void fake_retire(struct rig *rig, struct fake *fake)
{
    on(fake->loop, act_retire, fake);
    settle(rig);
    rb_buf_fini(&fake->got);
}

static void expect_same(const struct rb_handle *a, const struct rb_handle *b)
{
    assert_memory_equal(a->bytes, b->bytes, RB_HANDLE_BYTES);
}

/* From every loop, with every kind of errand, and for its own tenant only. */
static void expect_lives(struct rig *rig, struct fake *fake, const struct rb_handle *id)
{
    char text[RB_HANDLE_TEXT_BYTES];
    rb_handle_text(id, text);
    expect_same(&fake->id, id);
    for (int from = 0; from < LOOPS; from++) {
        assert_int_equal(send_to(rig, from, *id, "1"), RB_OK);
        expect_got(fake, "send n 1;");
        struct asked foreign = {.kind = RB_CONN_SEND, .to = *id, .tenant = "other"};
        assert_int_equal(ask_now(rig, from, &foreign), RB_NO_SUCH_CONNECTION);
    }
    struct asked shown = SHOW(*id), call = CALL(*id, "1");
    assert_int_equal(ask_now(rig, 0, &shown), RB_OK);
    assert_string_equal(shown.row_id, text);
    fake->call_count = 0;
    ask_later(rig, 0, &call);
    assert_true(reply(fake, await_call(fake), false, "[]"));
    assert_int_equal(outcome(&call), RB_OK);
    rb_buf_clear(&fake->got);
    struct found found = {0};
    search_page(rig, 0, &found);
    assert_int_equal(found.count, 1);
    assert_true(has_found(&found, id));
    rb_buf_fini(&found.ids);
    assert_int_equal(rb_hub_connection_count(rig->hub), 1);
}

static void expect_waits(struct rig *rig, const struct rb_handle *id)
{
    struct found found = {0};
    for (int from = 0; from < LOOPS; from++) {
        assert_int_equal(send_to(rig, from, *id, "1"), RB_CONNECTION_LOST);
        struct asked foreign = {.kind = RB_CONN_CALL, .to = *id, .tenant = "other"};
        assert_int_equal(ask_now(rig, from, &foreign), RB_NO_SUCH_CONNECTION);
    }
    search_page(rig, 0, &found);
    assert_int_equal(found.count, 0);
    assert_int_equal(rb_hub_connection_count(rig->hub), 0);
}

static void expect_gone(struct rig *rig, const struct rb_handle *id)
{
    settle(rig);
    assert_int_equal(send_to(rig, 0, *id, "1"), RB_NO_SUCH_CONNECTION);
    assert_int_equal(rb_hub_connection_count(rig->hub), 0);
}

/* The way of an id over loops: the first is where it begins. Ends by the end of the connection that has it.
 */
static void test_ways(void **state)
{
    struct rig *rig = *state;
    static const char *const ways[] = {"0", "00", "01", "010", "011", "012", "0120", "0000", "31313", "2"};
    for (size_t i = 0; i < RB_COUNT(ways); i++) {
        struct fake fakes[8] = {0};
        size_t n = strlen(ways[i]);
        fake_open(rig, &fakes[0], ways[i][0] - '0');
        struct rb_handle id = fakes[0].id;
        for (size_t k = 0; k < n; k++) {
            if (k > 0) fake_continue(rig, &fakes[k], ways[i][k] - '0', id);
            expect_lives(rig, &fakes[k], &id);
            if (k + 1 == n) break;
            fake_retire(rig, &fakes[k]);
            expect_same(&fakes[k].id, &id);
            expect_waits(rig, &id);
        }
        fake_end(&fakes[n - 1]);
        expect_gone(rig, &id);
    }
}

static void act_release(void *arg)
{
    struct fake *fake = arg;
    rb_hub_release(fake->rig->hub, &fake->id);
}

static void test_release(void **state)
{
    struct rig *rig = *state;
    static const char *const ways[] = {"0", "01", "010", "12"};
    for (size_t i = 0; i < RB_COUNT(ways); i++)
        for (int from = 0; from < LOOPS; from++) {
            struct fake fakes[8] = {0};
            size_t n = strlen(ways[i]);
            fake_open(rig, &fakes[0], ways[i][0] - '0');
            for (size_t k = 1; k < n; k++) {
                fake_retire(rig, &fakes[k - 1]);
                fake_continue(rig, &fakes[k], ways[i][k] - '0', fakes[0].id);
            }
            on(rig->loops[from], act_release, &fakes[n - 1]); /* nothing, while it lives on its own loop */
            settle(rig);
            fake_retire(rig, &fakes[n - 1]);
            on(rig->loops[from], act_release, &fakes[n - 1]);
            expect_gone(rig, &fakes[0].id);
            on(rig->loops[from], act_release, &fakes[n - 1]);
        }
}

/* What is under way when it breaks is lost, also on the way to a guest. */
static void test_calls_are_lost(void **state)
{
    struct rig *rig = *state;
    struct fake first = {0}, guest = {0};
    fake_open(rig, &first, 0);
    struct asked call = CALL(first.id, "1");
    ask_later(rig, 1, &call);
    await_call(&first);
    fake_retire(rig, &first);
    assert_int_equal(outcome(&call), RB_CONNECTION_LOST);
    fake_continue(rig, &guest, 1, first.id);
    call = CALL(first.id, "1");
    ask_later(rig, 2, &call);
    await_call(&guest);
    fake_retire(rig, &guest);
    assert_int_equal(outcome(&call), RB_CONNECTION_LOST);
    on(rig->loops[3], act_release, &first);
}

/* What is on its way from the seat to a guest meets it no more. */
struct stop {
    struct rb_mail mail;
    struct fake *fake;
    sem_t is_in, may_go;
};

static void on_stop(struct rb_mail *mail)
{
    struct stop *stop = RB_OUTER(mail, struct stop, mail);
    sem_post(&stop->is_in);
    sem_wait(&stop->may_go);
    act_retire(stop->fake);
}

static void test_lost_on_the_way(void **state)
{
    struct rig *rig = *state;
    struct fake first = {0}, guest = {0};
    struct asked sent;
    fake_open(rig, &first, 0);
    fake_retire(rig, &first);
    fake_continue(rig, &guest, 1, first.id);
    struct stop stop = {.mail = {.run = on_stop}, .fake = &guest};
    sem_init(&stop.is_in, 0, 0);
    sem_init(&stop.may_go, 0, 0);
    rb_loop_post(guest.loop, &stop.mail);
    sem_wait(&stop.is_in);
    sent = SEND(first.id, "1");
    ask_later(rig, 0, &sent);
    for (int i = 0; i < 2; i++) on(rig->loops[0], act_nothing, NULL);
    sem_post(&stop.may_go);
    assert_int_equal(outcome(&sent), RB_CONNECTION_LOST);
    sem_destroy(&stop.is_in);
    sem_destroy(&stop.may_go);
    rb_buf_fini(&guest.got);
}

static void test_released_too_early(void **state)
{
    struct rig *rig = *state;
    struct fake first = {0}, second = {0};
    fake_open(rig, &first, 0);
    fake_retire(rig, &first);
    on(rig->loops[0], act_release, &first);
    settle(rig);
    fake_continue(rig, &second, 0, first.id);
    assert_memory_not_equal(second.id.bytes, first.id.bytes, RB_HANDLE_BYTES);
    assert_int_equal(send_to(rig, 1, second.id, "1"), RB_OK);
    fake_end(&second);
}

/* The hub lets go of seats that nobody has taken or released. */
static void test_seats_at_the_end(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[3] = {0};
    for (int i = 0; i < 3; i++) {
        fake_open(rig, &fakes[i], i);
        fake_retire(rig, &fakes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_ways),
        ON_A_RIG(test_release),
        ON_A_RIG(test_calls_are_lost),
        ON_A_RIG(test_lost_on_the_way),
        ON_A_RIG(test_released_too_early),
        ON_A_RIG(test_seats_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
