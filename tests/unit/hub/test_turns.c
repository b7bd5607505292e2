/* Subscriptions of one connection: they take turns, and may go at any time. */
#include "conn_rig.h"

enum { SUBS = 4 };

static struct rb_blob *encode(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    (void)encoding, (void)position, (void)event;
    return rb_blob_copy(rb_str_from(topic, topic.n - 1)); /* its letter */
}

static const struct rb_encoding encoding = {.encode = encode};

struct leaving {
    struct fake *fake;
    const char *topic;
};

static void act_leave(void *arg)
{
    struct leaving *leaving = arg;
    struct rb_conn_sub *sub = rb_conn_find(&leaving->fake->conn, rb_str_of(leaving->topic));
    rb_conn_unsubscribe(sub);
}

static void act_take_all(void *arg)
{
    struct fake *fake = arg;
    for (struct rb_blob *frame; (frame = rb_conn_take(&fake->conn)) != NULL; rb_blob_unref(frame))
        rb_buf_add_str(&fake->got, rb_blob_str(frame));
}

struct topic {
    char name[20];
};

/* Each row has topics of its own: "t/ROW/a" and so on. */
static struct topic topic(size_t row, char letter)
{
    struct topic topic;
    snprintf(topic.name, sizeof topic.name, "t/%zu/%c", row, letter);
    return topic;
}

static void join(struct fake *fake, size_t row, char letter)
{
    on(fake->loop, act_subscribe, &(struct subscribing){fake, topic(row, letter).name, &encoding});
}

static void leave(struct fake *fake, size_t row, char letter)
{
    on(fake->loop, act_leave, &(struct leaving){fake, topic(row, letter).name});
}

/* Two events wait in each. */
static void fill(struct rig *rig, struct fake *fake, size_t row)
{
    fake_open(rig, fake, 1);
    for (int i = 0; i < SUBS; i++) join(fake, row, (char)('a' + i));
    settle(rig);
    for (unsigned number = 1; number <= 2; number++)
        for (int i = 0; i < SUBS; i++) publish(rig, topic(row, (char)('a' + i)).name, number);
    settle(rig);
}

static void test_turns(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *leaving; /* in this order */
        const char *taken;
    } table[] = {
        {"", "abcdabcd"}, {"a", "bcdbcd"}, {"b", "acdacd"}, {"d", "abcabc"}, {"bc", "adad"}, {"cb", "adad"},
        {"da", "bcbc"},   {"abc", "dd"},   {"dcb", "aa"},   {"abcd", ""},    {"dcba", ""},   {"badc", ""},
    };
    for (size_t row = 0; row < RB_COUNT(table); row++) {
        struct fake fake = {0};
        fill(rig, &fake, row);
        for (const char *p = table[row].leaving; *p; p++) leave(&fake, row, *p);
        assert_int_equal(fake.conn.sub_count, SUBS - strlen(table[row].leaving));
        on(fake.loop, act_take_all, &fake);
        expect_got(&fake, table[row].taken);
        for (const char *p = table[row].leaving; *p; p++) join(&fake, row, *p); /* and may come back */
        assert_int_equal(fake.conn.sub_count, SUBS);
        fake_end(&fake);
    }
}

/* It ends while all have something to take, and some of it is taken. */
static void test_end_with_all_pending(void **state)
{
    struct rig *rig = *state;
    for (size_t row = 0; row < 2; row++) {
        struct fake fake = {0};
        fill(rig, &fake, row);
        if (row == 1) {
            leave(&fake, row, 'c');
            on(fake.loop, act_take_all, &fake);
            expect_got(&fake, "abdabd");
            publish(rig, topic(row, 'b').name, 3);
            settle(rig);
        }
        fake_end(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_turns),
        ON_A_RIG(test_end_with_all_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
