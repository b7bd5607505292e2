/* Connections come, go, break and are continued on all loops while everybody sends to them, calls them,
 * closes them and searches: each errand and each search must come back exactly once, with an outcome that can
 * be. */
#include "conn_rig.h"

enum { PLACES = 16, STEPS = 4000, RETIRED_MAX = 64, PER_TURN = 4 };

struct churner;

struct place {
    struct fake fake;
    struct churner *churner;
    bool is_used;
};

/* What all loops know: ids of connections that are or were, and of those that wait to be continued. */
struct board {
    pthread_mutex_t lock;
    struct rb_handle ids[64];
    struct rb_handle retired[RETIRED_MAX];
    unsigned retired_count;
};

struct churner {
    struct rig *rig;
    struct rb_loop *loop;
    struct board *board;
    uint64_t random;
    unsigned steps, sent, back, outcomes[RB_REASON_COUNT];
    bool is_done, has_failed;
    struct rb_mail step;
    struct place places[PLACES];
};

static unsigned draw(struct churner *churner, unsigned below)
{
    churner->random ^= churner->random << 13;
    churner->random ^= churner->random >> 7;
    churner->random ^= churner->random << 17;
    return (unsigned)(churner->random % below);
}

/* ---- the board ---- */

static void note_id(struct churner *churner, const struct rb_handle *id)
{
    pthread_mutex_lock(&churner->board->lock);
    churner->board->ids[draw(churner, RB_COUNT(churner->board->ids))] = *id;
    pthread_mutex_unlock(&churner->board->lock);
}

static struct rb_handle any_id(struct churner *churner)
{
    pthread_mutex_lock(&churner->board->lock);
    struct rb_handle id = churner->board->ids[draw(churner, RB_COUNT(churner->board->ids))];
    pthread_mutex_unlock(&churner->board->lock);
    return id;
}

static void put_retired(struct churner *churner, const struct rb_handle *id)
{
    pthread_mutex_lock(&churner->board->lock);
    bool has_room = churner->board->retired_count < RETIRED_MAX;
    if (has_room) churner->board->retired[churner->board->retired_count++] = *id;
    pthread_mutex_unlock(&churner->board->lock);
    if (!has_room) rb_hub_release(churner->rig->hub, id);
}

static bool take_retired(struct churner *churner, struct rb_handle *out_id)
{
    pthread_mutex_lock(&churner->board->lock);
    struct board *board = churner->board;
    bool has_one = board->retired_count > 0;
    if (has_one) {
        unsigned at = draw(churner, board->retired_count);
        *out_id = board->retired[at];
        board->retired[at] = board->retired[--board->retired_count];
    }
    pthread_mutex_unlock(&churner->board->lock);
    return has_one;
}

/* ---- connections ---- */

/* Some calls are answered at once, others late or never. */
static rb_err on_call(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms)
{
    (void)name, (void)data, (void)timeout_ms;
    struct place *place = RB_OUTER(fake_of(conn), struct place, fake);
    place->fake.numbers[place->fake.call_count++ % RB_COUNT(place->fake.numbers)] = number;
    return draw(place->churner, 20) == 0 ? RB_OUT_OF_MEMORY : RB_OK;
}

static rb_err on_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    (void)conn, (void)name, (void)data;
    return RB_OK;
}

static void on_close(struct rb_conn *conn, rb_err why)
{
    (void)why;
    rb_conn_withdraw(conn);
}

static const struct rb_conn_ops churn_ops = {
    .describe = fake_describe, .on_send = on_send, .on_call = on_call, .on_close = on_close};

static void open_place(struct churner *churner, struct place *place)
{
    struct rb_handle former;
    place->churner = churner;
    place->is_used = true;
    place->fake = (struct fake){.tenant = "t", .client = "c", .door = "churn"};
    rb_conn_init(&place->fake.conn, churner->rig->hub, &churn_ops);
    if (draw(churner, 2) && take_retired(churner, &former))
        rb_conn_inherit(&place->fake.conn, &former);
    else
        assert_true(rb_conn_announce(&place->fake.conn));
    rb_conn_id(&place->fake.conn, &place->fake.id);
    note_id(churner, &place->fake.id);
}

static void end_place(struct churner *churner, struct place *place)
{
    place->is_used = false;
    if (place->fake.conn.is_announced && draw(churner, 2)) {
        rb_conn_retire(&place->fake.conn, &place->fake.id);
        put_retired(churner, &place->fake.id);
    } else {
        rb_conn_fini(&place->fake.conn);
    }
}

static void answer_some(struct churner *churner, struct place *place)
{
    struct fake *fake = &place->fake;
    if (fake->call_count == 0) return;
    unsigned known = fake->call_count < RB_COUNT(fake->numbers) ? fake->call_count : RB_COUNT(fake->numbers);
    for (unsigned i = 0; i < 5; i++)
        rb_conn_reply(&fake->conn, fake->numbers[draw(churner, known)], draw(churner, 4) == 0, RB_STR("[]"));
}

/* ---- errands and searches ---- */

static void on_back(struct rb_conn_errand *errand)
{
    struct churner *churner = errand->arg;
    if (rb_loop_current() != churner->loop) churner->has_failed = true;
    churner->back++;
    churner->outcomes[errand->err]++;
    rb_conn_errand_free(errand);
}

static void send_errand(struct churner *churner)
{
    enum rb_conn_errand_kind kinds[] = {RB_CONN_SEND, RB_CONN_CALL, RB_CONN_CALL,
                                        RB_CONN_CALL, RB_CONN_SHOW, RB_CONN_CLOSE};
    enum rb_conn_errand_kind kind = kinds[draw(churner, RB_COUNT(kinds))];
    if (kind == RB_CONN_CLOSE && draw(churner, 8)) kind = RB_CONN_SHOW;
    struct rb_conn_errand *errand = rb_conn_errand_new(churner->rig->hub, kind, on_back, churner);
    errand->to = any_id(churner);
    errand->tenant = RB_STR("t");
    errand->name = RB_STR("n");
    errand->timeout_ms = 1 + draw(churner, 3);
    churner->sent++;
    rb_conn_errand_send(errand);
}

static void on_searched(struct rb_conn_search *search)
{
    struct churner *churner = search->arg;
    if (search->row_count > search->limit || rb_loop_current() != churner->loop) churner->has_failed = true;
    churner->back++;
    rb_conn_search_free(search);
}

static void send_search(struct churner *churner)
{
    struct rb_conn_search *search = rb_conn_search_new(churner->rig->hub, on_searched, churner);
    search->tenant = RB_STR("t");
    search->limit = 1 + draw(churner, 30);
    churner->sent++;
    rb_conn_search_send(search);
}

/* ---- steps ---- */

static void act_once(struct churner *churner)
{
    struct place *place = &churner->places[draw(churner, PLACES)];
    if (!place->is_used)
        open_place(churner, place);
    else if (draw(churner, 6) == 0)
        end_place(churner, place);
    else
        answer_some(churner, place);
    send_errand(churner);
    if (draw(churner, 40) == 0) send_search(churner);
}

static void on_step(struct rb_mail *mail)
{
    struct churner *churner = RB_OUTER(mail, struct churner, step);
    for (int i = 0; i < PER_TURN && churner->steps > 0; i++, churner->steps--) act_once(churner);
    churner->is_done = churner->steps == 0;
    if (!churner->is_done) rb_loop_post(churner->loop, &churner->step);
}

static void act_begin(void *arg)
{
    struct churner *churner = arg;
    rb_loop_post(churner->loop, &churner->step);
}

static bool is_done(void *arg)
{
    return ((struct churner *)arg)->is_done;
}

static bool is_all_back(void *arg)
{
    struct churner *churner = arg;
    return churner->back == churner->sent;
}

static void act_end_places(void *arg)
{
    struct churner *churner = arg;
    struct rb_handle former;
    for (int i = 0; i < PLACES; i++)
        if (churner->places[i].is_used) end_place(churner, &churner->places[i]);
    while (take_retired(churner, &former))
        if (draw(churner, 2)) rb_hub_release(churner->rig->hub, &former); /* else the seat is left over */
}

static void test_churn(void **state)
{
    struct rig *rig = *state;
    static const rb_err possible[] = {RB_OK,          RB_NO_SUCH_CONNECTION, RB_CONNECTION_LOST,
                                      RB_CALL_FAILED, RB_OUT_OF_MEMORY,      RB_CALL_TIMEOUT};
    struct board *board = rb_new(struct board);
    struct churner *churners = rb_new_array(struct churner, LOOPS);
    unsigned seen[RB_REASON_COUNT] = {0};
    pthread_mutex_init(&board->lock, NULL);
    for (unsigned i = 0; i < LOOPS; i++) {
        churners[i] = (struct churner){
            .rig = rig, .loop = rig->loops[i], .board = board, .random = 77 + i, .steps = STEPS};
        churners[i].step.run = on_step;
    }
    for (int i = 0; i < LOOPS; i++) on(churners[i].loop, act_begin, &churners[i]);
    for (int i = 0; i < LOOPS; i++) until(churners[i].loop, is_done, &churners[i]);
    for (int i = 0; i < LOOPS; i++) on(churners[i].loop, act_end_places, &churners[i]);
    for (int i = 0; i < LOOPS; i++) until(churners[i].loop, is_all_back, &churners[i]);
    settle(rig);
    for (int i = 0; i < LOOPS; i++) {
        assert_false(churners[i].has_failed);
        assert_int_equal(churners[i].back, churners[i].sent);
        for (rb_err err = 0; err < RB_REASON_COUNT; err++) seen[err] += churners[i].outcomes[err];
    }
    for (size_t i = 0; i < RB_COUNT(possible); i++) {
        if (seen[possible[i]] == 0) fail_msg("never: %s", rb_reason_name(possible[i]));
        seen[possible[i]] = 0;
    }
    for (rb_err err = 0; err < RB_REASON_COUNT; err++) assert_int_equal(seen[err], 0);
    assert_int_equal(rb_hub_connection_count(rig->hub), 0);
    pthread_mutex_destroy(&board->lock);
    rb_free(churners);
    rb_free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_RIG(test_churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
