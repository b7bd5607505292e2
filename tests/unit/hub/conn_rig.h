/* Connections without a transport, and who sends to them. On top of the hub's rig. */
#ifndef RB_CONN_RIG_H
#define RB_CONN_RIG_H

#include "hub_rig.h"

#include "hub/registry.h"

/* ---- connections ---- */

struct fake {
    struct rb_conn conn;
    struct rig *rig;
    struct rb_loop *loop;
    const char *tenant, *client, *door, *space;
    struct rb_conn_facts more; /* what it says beside these */
    rb_err refusal;            /* what it answers sends and calls with */
    struct rb_buf got;
    uint32_t numbers[RB_CONN_CALLS_MAX + 1]; /* of the calls that came */
    unsigned call_count;
    struct rb_handle id;
    struct rb_handle former; /* to be inherited */
};

static struct fake *fake_of(struct rb_conn *conn)
{
    return RB_OUTER(conn, struct fake, conn);
}

static void fake_describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct fake *fake = fake_of(conn);
    *out = fake->more;
    out->tenant = rb_str_of(fake->tenant);
    out->client = rb_str_of(fake->client);
    out->door = fake->door;
    out->transport = "none";
    if (!out->address.p) out->address = RB_STR("::1");
    out->space = rb_str_of(fake->space);
}

static rb_err fake_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    struct fake *fake = fake_of(conn);
    rb_buf_add_fmt(&fake->got, "send %.*s %.*s;", RB_STR_FMT(name), RB_STR_FMT(data));
    return fake->refusal;
}

static rb_err fake_call(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms)
{
    struct fake *fake = fake_of(conn);
    rb_buf_add_fmt(&fake->got, "call %.*s %.*s %u;", RB_STR_FMT(name), RB_STR_FMT(data),
                   (unsigned)timeout_ms);
    fake->numbers[fake->call_count++] = number;
    return fake->refusal;
}

static void fake_close(struct rb_conn *conn, rb_err why)
{
    rb_buf_add_fmt(&fake_of(conn)->got, "close %s;", rb_reason_name(why));
    rb_conn_withdraw(conn);
}

static void fake_want_output(struct rb_conn *conn)
{
    (void)conn;
}

static void fake_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub)
{
    (void)conn, (void)sub;
}

static const struct rb_conn_ops fake_ops = {.want_output = fake_want_output,
                                            .on_subscribed = fake_subscribed,
                                            .describe = fake_describe,
                                            .on_send = fake_send,
                                            .on_call = fake_call,
                                            .on_close = fake_close};
static const struct rb_conn_ops mute_ops = {.want_output = fake_want_output,
                                            .on_subscribed = fake_subscribed,
                                            .describe = fake_describe};

static void act_announce(void *arg)
{
    struct fake *fake = arg;
    assert_true(rb_conn_announce(&fake->conn));
    rb_conn_id(&fake->conn, &fake->id);
}

static inline void act_inherit(void *arg)
{
    struct fake *fake = arg;
    rb_conn_inherit(&fake->conn, &fake->former);
    rb_conn_id(&fake->conn, &fake->id);
}

static inline void act_retire(void *arg)
{
    struct fake *fake = arg;
    rb_conn_retire(&fake->conn, &fake->id);
}

static inline void act_withdraw(void *arg)
{
    rb_conn_withdraw(&((struct fake *)arg)->conn);
}

static void act_part(void *arg)
{
    rb_conn_fini(&((struct fake *)arg)->conn);
}

static inline void fake_init(struct rig *rig, struct fake *fake, int loop, const struct rb_conn_ops *ops)
{
    fake->rig = rig;
    fake->loop = rig->loops[loop];
    if (!fake->tenant) fake->tenant = "t";
    if (!fake->client) fake->client = "c";
    if (!fake->door) fake->door = "fake";
    rb_conn_init(&fake->conn, rig->hub, ops);
}

static inline void fake_open(struct rig *rig, struct fake *fake, int loop)
{
    fake_init(rig, fake, loop, &fake_ops);
    on(fake->loop, act_announce, fake);
}

static inline void fake_end(struct fake *fake)
{
    on(fake->loop, act_part, fake);
    rb_buf_fini(&fake->got);
}

static inline void expect_got(struct fake *fake, const char *text)
{
    assert_string_equal(rb_buf_text(&fake->got), text);
    rb_buf_clear(&fake->got);
}

struct subscribing {
    struct fake *fake;
    const char *topic;
    const struct rb_encoding *encoding;
    bool is_behind_a_gap; /* else from the oldest that is kept */
};

static inline void act_subscribe(void *arg)
{
    static const rb_str client = {"c", 1};
    struct subscribing *subscribing = arg;
    struct rb_start start = {.at = subscribing->is_behind_a_gap ? RB_START_AFTER : RB_START_OLDEST};
    rb_conn_subscribe(&subscribing->fake->conn, rb_str_of(subscribing->topic), &client, &start,
                      subscribing->encoding, 0);
}

/* ---- errands ---- */

struct asked {
    enum rb_conn_errand_kind kind;
    struct rb_handle to;
    const char *tenant, *name, *data;
    uint64_t timeout_ms;
    rb_err why;
    enum rb_receipt receipt;
    rb_err (*visit)(struct rb_conn *conn, struct rb_conn_errand *errand);
    const char *door; /* of the visit */

    struct rig *rig;
    bool is_sending;
    unsigned done_count;
    rb_err err;
    enum rb_receipt reached;
    char reply[100];
    char row[500]; /* "client door space address topics" */
    char row_id[RB_HANDLE_TEXT_BYTES];
    sem_t done;
};

static inline void note_row(struct asked *asked, const struct rb_conn_row *row)
{
    struct rb_buf text = {0};
    rb_buf_add_fmt(&text, "%.*s %s %.*s %.*s %u", RB_STR_FMT(row->facts.client), row->facts.door,
                   RB_STR_FMT(row->facts.space), RB_STR_FMT(row->facts.address), row->topic_count);
    for (unsigned i = 0; i < row->topic_count && i < RB_CONN_TOPICS_SHOWN; i++)
        rb_buf_add_fmt(&text, " %.*s", RB_STR_FMT(row->topics[i]));
    snprintf(asked->row, sizeof asked->row, "%s", rb_buf_text(&text));
    memcpy(asked->row_id, row->id, sizeof asked->row_id);
    rb_buf_fini(&text);
}

static void on_errand_done(struct rb_conn_errand *errand)
{
    struct asked *asked = errand->arg;
    if (asked->is_sending || rb_loop_current() != errand->loop) abort();
    asked->done_count++;
    asked->err = errand->err;
    asked->reached = errand->reached;
    snprintf(asked->reply, sizeof asked->reply, "%.*s", RB_STR_FMT(errand->reply));
    if (errand->row) note_row(asked, errand->row);
    rb_conn_errand_free(errand);
    sem_post(&asked->done);
}

static void act_ask(void *arg)
{
    struct asked *asked = arg;
    struct rb_conn_errand *errand = rb_conn_errand_new(asked->rig->hub, asked->kind, on_errand_done, asked);
    errand->to = asked->to;
    errand->tenant = rb_arena_copy(&errand->arena, rb_str_of(asked->tenant ? asked->tenant : "t"));
    errand->name = rb_arena_copy(&errand->arena, rb_str_of(asked->name ? asked->name : "n"));
    errand->data = rb_arena_copy(&errand->arena, rb_str_of(asked->data));
    errand->timeout_ms = asked->timeout_ms ? asked->timeout_ms : 600000;
    errand->why = asked->why;
    errand->receipt = asked->receipt;
    errand->visit = asked->visit;
    errand->door = asked->door;
    asked->is_sending = true;
    rb_conn_errand_send(errand);
    asked->is_sending = false;
}

/* Sends it from this loop. */
static inline void ask_later(struct rig *rig, int loop, struct asked *asked)
{
    asked->rig = rig;
    sem_init(&asked->done, 0, 0);
    on(rig->loops[loop], act_ask, asked);
}

static inline rb_err outcome(struct asked *asked)
{
    sem_wait(&asked->done);
    sem_destroy(&asked->done);
    return asked->err;
}

static inline rb_err ask_now(struct rig *rig, int loop, struct asked *asked)
{
    ask_later(rig, loop, asked);
    return outcome(asked);
}

#define SEND(to_, data_) ((struct asked){.kind = RB_CONN_SEND, .to = (to_), .data = (data_)})
#define CALL(to_, data_) ((struct asked){.kind = RB_CONN_CALL, .to = (to_), .data = (data_)})
#define CLOSE(to_, why_) ((struct asked){.kind = RB_CONN_CLOSE, .to = (to_), .why = (why_)})
#define RECEIPT(to_, receipt_) ((struct asked){.kind = RB_CONN_SEND, .to = (to_), .receipt = (receipt_)})
#define VISIT(to_, visit_) ((struct asked){.kind = RB_CONN_VISIT, .to = (to_), .visit = (visit_)})
#define SHOW(to_) ((struct asked){.kind = RB_CONN_SHOW, .to = (to_)})

static inline rb_err send_to(struct rig *rig, int loop, struct rb_handle to, const char *data)
{
    return ask_now(rig, loop, &SEND(to, data));
}

/* ---- replies ---- */

struct replying {
    struct fake *fake;
    uint32_t number;
    bool is_error, was_known;
    const char *json;
};

static void act_reply(void *arg)
{
    struct replying *replying = arg;
    replying->was_known =
        rb_conn_reply(&replying->fake->conn, replying->number, replying->is_error, rb_str_of(replying->json));
}

static inline bool reply(struct fake *fake, uint32_t number, bool is_error, const char *json)
{
    struct replying replying = {.fake = fake, .number = number, .is_error = is_error, .json = json};
    on(fake->loop, act_reply, &replying);
    return replying.was_known;
}

static bool has_calls(void *arg)
{
    return ((struct fake *)arg)->call_count > 0;
}

/* The number of the call that comes first. */
static inline uint32_t await_call(struct fake *fake)
{
    until(fake->loop, has_calls, fake);
    return fake->numbers[0];
}

static inline struct rb_hub_numbers numbers(const struct rig *rig)
{
    struct rb_hub_numbers all;
    rb_hub_numbers(rig->hub, &all);
    return all;
}

/* ---- searching ---- */

struct found {
    struct rig *rig;
    const char *client, *door, *topic, *session, *capability, *application, *address;
    const struct rb_filter *filter;
    unsigned limit;
    uint64_t at;

    struct rb_buf ids; /* a space behind each */
    unsigned count;
    uint64_t next_at;
    sem_t done;
};

static inline void on_search_done(struct rb_conn_search *search)
{
    struct found *found = search->arg;
    if (rb_loop_current() != search->loop) abort();
    for (unsigned i = 0; i < search->row_count; i++) rb_buf_add_fmt(&found->ids, "%s ", search->rows[i].id);
    found->count += search->row_count;
    found->next_at = search->next_at;
    rb_conn_search_free(search);
    sem_post(&found->done);
}

static inline void act_search(void *arg)
{
    struct found *found = arg;
    struct rb_conn_search *search = rb_conn_search_new(found->rig->hub, on_search_done, found);
    search->tenant = RB_STR("t");
    search->client = rb_str_of(found->client);
    search->door = rb_str_of(found->door);
    search->topic = rb_str_of(found->topic);
    search->session = rb_str_of(found->session);
    search->capability = rb_str_of(found->capability);
    search->application = rb_str_of(found->application);
    search->address = rb_str_of(found->address);
    search->filter = found->filter;
    search->limit = found->limit ? found->limit : RB_CONN_PAGE_MAX;
    search->at = found->at;
    rb_conn_search_send(search);
}

/* Adds one page to what was found. */
static inline void search_page(struct rig *rig, int loop, struct found *found)
{
    found->rig = rig;
    sem_init(&found->done, 0, 0);
    on(rig->loops[loop], act_search, found);
    sem_wait(&found->done);
    sem_destroy(&found->done);
}

static inline bool has_found(struct found *found, const struct rb_handle *id)
{
    char text[RB_HANDLE_TEXT_BYTES];
    rb_handle_text(id, text);
    return strstr(rb_buf_text(&found->ids), text) != NULL;
}

#endif
