#include "conn_rig.h"

/* ---- one connection ---- */

static void test_from_every_loop(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) fake_open(rig, &fakes[i], i);
    assert_int_equal(rb_hub_connection_count(rig->hub), LOOPS);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(rb_handle_loop(&fakes[i].id), i);
        for (int from = 0; from < LOOPS; from++) {
            assert_int_equal(send_to(rig, from, fakes[i].id, "[1, 2]"), RB_OK);
            expect_got(&fakes[i], "send n [1, 2];");
        }
    }
    fakes[1].refusal = RB_OUT_OF_MEMORY;
    assert_int_equal(send_to(rig, 0, fakes[1].id, ""), RB_OUT_OF_MEMORY);
    expect_got(&fakes[1], "send n ;");
    for (int i = 0; i < LOOPS; i++) fake_end(&fakes[i]);
    assert_int_equal(rb_hub_connection_count(rig->hub), 0);
}

/* Whatever is asked of it: a connection of another tenant is not there, nor is one that has gone, nor one
 * that never was. */
static void test_there_is_none(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0}, next = {0};
    fake_open(rig, &fake, 1);
    struct rb_handle stale = fake.id, wrong = fake.id, other_loop = fake.id, no_loop = fake.id,
                     no_node = fake.id, no_slot = fake.id;
    wrong.bytes[RB_HANDLE_BYTES - 1] ^= 1;
    other_loop.bytes[2] = 2;
    no_loop.bytes[2] = LOOPS;
    no_node.bytes[1] = 1;
    no_slot.bytes[3] = 0xff;
    const struct rb_handle none[] = {wrong, other_loop, no_loop, no_node, no_slot};
    static const enum rb_conn_errand_kind kinds[] = {RB_CONN_SEND, RB_CONN_CALL, RB_CONN_CLOSE, RB_CONN_SHOW};
    for (size_t k = 0; k < RB_COUNT(kinds); k++) {
        struct asked foreign = {.kind = kinds[k], .to = fake.id, .tenant = "other"};
        assert_int_equal(ask_now(rig, 0, &foreign), RB_NO_SUCH_CONNECTION);
        for (size_t i = 0; i < RB_COUNT(none); i++) {
            struct asked asked = {.kind = kinds[k], .to = none[i]};
            assert_int_equal(ask_now(rig, 0, &asked), RB_NO_SUCH_CONNECTION);
        }
    }
    expect_got(&fake, "");
    fake_end(&fake);
    assert_int_equal(send_to(rig, 0, stale, "1"), RB_NO_SUCH_CONNECTION);
    fake_open(rig, &next, 1);
    assert_int_equal(rb_handle_slot(&next.id), rb_handle_slot(&stale));
    assert_int_equal(send_to(rig, 0, stale, "1"), RB_NO_SUCH_CONNECTION);
    expect_got(&next, "");
    fake_end(&next);
}

static void test_close(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    fake_open(rig, &fake, 1);
    assert_int_equal(ask_now(rig, 0, &CLOSE(fake.id, RB_CLOSED_BY_BACKEND)), RB_OK);
    expect_got(&fake, "close closed_by_backend;");
    assert_int_equal(rb_hub_connection_count(rig->hub), 0); /* as it has withdrawn */
    assert_int_equal(send_to(rig, 0, fake.id, "1"), RB_NO_SUCH_CONNECTION);
    on(fake.loop, act_withdraw, &fake); /* again is fine */
    fake_end(&fake);
}

static void test_what_a_protocol_has_not(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    fake_init(rig, &fake, 1, &mute_ops);
    on(fake.loop, act_announce, &fake);
    assert_int_equal(send_to(rig, 0, fake.id, "1"), RB_CALL_UNSUPPORTED);
    assert_int_equal(ask_now(rig, 0, &CALL(fake.id, "1")), RB_CALL_UNSUPPORTED);
    assert_int_equal(ask_now(rig, 0, &CLOSE(fake.id, RB_IDLE)), RB_CALL_UNSUPPORTED);
    assert_int_equal(ask_now(rig, 0, &SHOW(fake.id)), RB_OK);
    fake_end(&fake);
}

static void test_show(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {.client = "ann", .door = "native"};
    char id[RB_HANDLE_TEXT_BYTES];
    fake_open(rig, &fake, 2);
    struct asked asked = SHOW(fake.id);
    assert_int_equal(ask_now(rig, 0, &asked), RB_OK);
    assert_string_equal(asked.row, "ann native  ::1 0");
    rb_handle_text(&fake.id, id);
    assert_string_equal(asked.row_id, id);

    fake.space = "/chat";
    on(fake.loop, act_subscribe, &(struct subscribing){&fake, "t/a", NULL});
    on(fake.loop, act_subscribe, &(struct subscribing){&fake, "t/b/c", NULL});
    asked = SHOW(fake.id);
    assert_int_equal(ask_now(rig, 0, &asked), RB_OK);
    assert_string_equal(asked.row, "ann native /chat ::1 2 a b/c");
    fake_end(&fake);
}

enum { MANY_TOPICS = RB_CONN_TOPICS_SHOWN + 5 };

static void test_show_no_more_topics_than_that(void **state)
{
    struct rig *rig = *state;
    struct fake fake = {0};
    char topic[20];
    fake_open(rig, &fake, 0);
    for (int i = 0; i < MANY_TOPICS; i++) {
        snprintf(topic, sizeof topic, "t/%d", i);
        on(fake.loop, act_subscribe, &(struct subscribing){&fake, topic, NULL});
    }
    struct asked asked = SHOW(fake.id);
    assert_int_equal(ask_now(rig, 0, &asked), RB_OK);
    assert_true(strncmp(asked.row, "c fake  ::1 105 0 1 2 ", 22) == 0);
    assert_non_null(strstr(asked.row, " 98 99"));
    assert_null(strstr(asked.row, " 100"));
    fake_end(&fake);
}

/* ---- all connections ---- */

static void test_filters(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[] = {{.client = "ann", .door = "native"},
                           {.client = "ann", .door = "socketio"},
                           {.client = "bob", .door = "native"},
                           {.tenant = "other", .client = "ann", .door = "native"},
                           {.client = "cid", .door = "native"}};
    static const struct {
        const char *client, *door, *topic;
        const char *expected; /* indices of fakes */
    } table[] = {
        {NULL, NULL, NULL, "0124"},     {"ann", NULL, NULL, "01"},   {NULL, "native", NULL, "024"},
        {"ann", "native", NULL, "0"},   {NULL, NULL, "t/x", "02"},   {"bob", NULL, "t/x", "2"},
        {"bob", "socketio", "t/x", ""}, {"nobody", NULL, NULL, ""},  {"", NULL, NULL, ""},
        {NULL, NULL, "t/xx", ""},       {NULL, NULL, "other/x", ""},
    };
    for (size_t i = 0; i < RB_COUNT(fakes); i++) fake_open(rig, &fakes[i], (int)i % LOOPS);
    on(fakes[0].loop, act_subscribe, &(struct subscribing){&fakes[0], "t/x", NULL});
    on(fakes[2].loop, act_subscribe, &(struct subscribing){&fakes[2], "t/x", NULL});
    on(fakes[3].loop, act_subscribe, &(struct subscribing){&fakes[3], "other/x", NULL});
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct found found = {.client = table[i].client, .door = table[i].door, .topic = table[i].topic};
        search_page(rig, (int)i % LOOPS, &found);
        for (size_t k = 0; k < RB_COUNT(fakes); k++)
            if (has_found(&found, &fakes[k].id) != (strchr(table[i].expected, (int)('0' + k)) != NULL))
                fail_msg("row %zu, connection %zu", i, k);
        assert_int_equal(found.next_at, 0);
        assert_int_equal(found.count, strlen(table[i].expected));
        rb_buf_fini(&found.ids);
    }
    for (size_t i = 0; i < RB_COUNT(fakes); i++) fake_end(&fakes[i]);
}

enum { EACH = 2600, CROWD = LOOPS * EACH }; /* more than a slice, more than a block */

struct crowd {
    struct rig *rig;
    struct fake *fakes;
    int loop;
    unsigned step; /* of each so many one */
};

static void act_announce_crowd(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < EACH; i++) act_announce(&crowd->fakes[crowd->loop * EACH + i]);
}

static void act_part_some(void *arg)
{
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < EACH; i++)
        if (i % crowd->step != 0) act_part(&crowd->fakes[(unsigned)crowd->loop * EACH + i]);
}

static void act_part_crowd(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < EACH; i++) act_part(&crowd->fakes[crowd->loop * EACH + i]);
}

static struct crowd crowd_open(struct rig *rig, const struct rb_conn_ops *ops)
{
    struct crowd crowd = {.rig = rig, .fakes = rb_new_array(struct fake, CROWD)};
    for (int i = 0; i < CROWD; i++) {
        crowd.fakes[i].client = i % 7 == 0 ? "seventh" : "c";
        fake_init(rig, &crowd.fakes[i], i / EACH, ops);
    }
    for (crowd.loop = 0; crowd.loop < LOOPS; crowd.loop++)
        on(rig->loops[crowd.loop], act_announce_crowd, &crowd);
    return crowd;
}

static void crowd_end(struct crowd *crowd)
{
    for (crowd->loop = 0; crowd->loop < LOOPS; crowd->loop++)
        on(crowd->rig->loops[crowd->loop], act_part_crowd, crowd);
    rb_free(crowd->fakes);
}

/* Page after page, of any size: each connection once. */
static void search_all(struct rig *rig, struct found *found)
{
    unsigned pages = 0;
    do {
        unsigned before = found->count;
        search_page(rig, (int)(pages++ % LOOPS), found);
        found->at = found->next_at;
        if (found->next_at) assert_int_equal(found->count - before, found->limit);
    } while (found->next_at);
}

static bool is_seventh(int i)
{
    return i % 7 == 0;
}

static void test_pages(void **state)
{
    struct rig *rig = *state;
    struct crowd crowd = crowd_open(rig, &fake_ops);
    static const unsigned limits[] = {1000, 650, 371};
    for (size_t k = 0; k < RB_COUNT(limits); k++) {
        struct found found = {.limit = limits[k], .client = k == 2 ? "seventh" : NULL};
        int missing = 0, expected = 0;
        search_all(rig, &found);
        for (int i = 0; i < CROWD; i++)
            if (k != 2 || is_seventh(i)) expected++;
        assert_int_equal(found.count, expected);
        for (int i = 0; i < CROWD; i += 13)
            if ((k != 2 || is_seventh(i)) && !has_found(&found, &crowd.fakes[i].id)) missing++;
        assert_int_equal(missing, 0);
        rb_buf_fini(&found.ids);
    }
    crowd_end(&crowd);
}

/* A page that is filled by the last there is says that there is no other. */
static void test_exact_page(void **state)
{
    struct rig *rig = *state;
    struct fake fakes[3] = {0};
    for (int i = 0; i < 3; i++) fake_open(rig, &fakes[i], i);
    struct found found = {.limit = 3};
    search_page(rig, 0, &found);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.next_at, 0);
    found.limit = 2;
    search_page(rig, 0, &found);
    assert_int_equal(found.count, 5);
    assert_int_not_equal(found.next_at, 0);
    found.at = found.next_at;
    search_page(rig, 0, &found);
    assert_int_equal(found.count, 6);
    assert_int_equal(found.next_at, 0);
    found.at = UINT64_MAX; /* where nothing is */
    search_page(rig, 0, &found);
    assert_int_equal(found.count, 6);
    rb_buf_fini(&found.ids);
    for (int i = 0; i < 3; i++) fake_end(&fakes[i]);
}

/* Between pages most of them go; who stays is met, and met once. */
static void test_pages_while_they_go(void **state)
{
    struct rig *rig = *state;
    struct crowd crowd = crowd_open(rig, &fake_ops);
    struct found found = {.limit = 100};
    search_page(rig, 0, &found);
    crowd.step = 100;
    for (crowd.loop = 0; crowd.loop < LOOPS; crowd.loop++) on(rig->loops[crowd.loop], act_part_some, &crowd);
    while (found.next_at) {
        found.at = found.next_at;
        search_page(rig, 0, &found);
    }
    assert_int_equal(found.count, 100 + CROWD / 100 - 1); /* one that stays was in the first page */
    for (int i = 0; i < CROWD; i += 100) assert_true(has_found(&found, &crowd.fakes[i].id));
    assert_int_equal(rb_hub_connection_count(rig->hub), CROWD / 100);
    rb_buf_fini(&found.ids);
    crowd_end(&crowd);
}

/* A search over a large table lets others have their turn: how many connections it looks at between two
 * letters of a bystander. */
struct bystander {
    struct rb_mail mail;
    struct rig *rig;
    bool is_over;
    unsigned turns;
};

static unsigned looked_at, looked_at_most; /* on the first loop */

static void describe_and_count(struct rb_conn *conn, struct rb_conn_facts *out)
{
    fake_describe(conn, out);
    if (fake_of(conn)->loop != fake_of(conn)->rig->loops[0]) return;
    if (++looked_at > looked_at_most) looked_at_most = looked_at;
}

static const struct rb_conn_ops counting_ops = {.describe = describe_and_count};

static void on_bystander(struct rb_mail *mail)
{
    struct bystander *bystander = RB_OUTER(mail, struct bystander, mail);
    looked_at = 0;
    bystander->turns++;
    if (!bystander->is_over) rb_loop_post(bystander->rig->loops[0], mail);
}

static void on_watched_search(struct rb_conn_search *search)
{
    ((struct bystander *)search->arg)->is_over = true;
    rb_conn_search_free(search);
}

static void act_search_and_watch(void *arg)
{
    struct bystander *bystander = arg;
    struct rb_conn_search *search = rb_conn_search_new(bystander->rig->hub, on_watched_search, bystander);
    search->tenant = RB_STR("nobody");
    search->limit = 1;
    rb_conn_search_send(search);
    bystander->mail.run = on_bystander;
    rb_loop_post(bystander->rig->loops[0], &bystander->mail);
}

static bool is_search_over(void *arg)
{
    return ((struct bystander *)arg)->is_over;
}

static void test_slices(void **state)
{
    struct rig *rig = *state;
    struct crowd crowd = crowd_open(rig, &counting_ops);
    struct bystander bystander = {.rig = rig};
    on(rig->loops[0], act_search_and_watch, &bystander);
    until(rig->loops[0], is_search_over, &bystander);
    settle(rig);
    assert_in_range(looked_at_most, 1, EACH / 2);
    assert_true(bystander.turns > 2);
    crowd_end(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_from_every_loop),
        ON_A_RIG(test_there_is_none),
        ON_A_RIG(test_close),
        ON_A_RIG(test_what_a_protocol_has_not),
        ON_A_RIG(test_show),
        ON_A_RIG(test_show_no_more_topics_than_that),
        ON_A_RIG(test_filters),
        ON_A_RIG(test_pages),
        ON_A_RIG(test_exact_page),
        ON_A_RIG(test_pages_while_they_go),
        ON_A_RIG(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
