/* Named cursors: how far each client has confirmed a topic, so that who comes back later, on whatever
 * connection and loop, starts behind it. Kept by the topic's home, and durably where the topic is durable;
 * never moved backwards. The store learns of a confirmation without anybody waiting for it: what a crash
 * forgets is delivered once more, nothing is lost. */
#include "base/mem.h"
#include "hub/hub_private.h"

#include <string.h>

struct cursor {
    uint64_t offset;
    size_t client_bytes;
    char client[];
};

void home_add_cursor(struct rb_topic *home, rb_str client, uint64_t offset)
{
    struct cursor *cursor = rb_map_get(&home->cursors, client);
    if (!cursor) {
        cursor = rb_alloc(sizeof *cursor + client.n);
        cursor->client_bytes = client.n;
        memcpy(cursor->client, client.p, client.n);
        rb_map_put(&home->cursors, rb_str_make(cursor->client, client.n), cursor);
    }
    if (offset > cursor->offset) cursor->offset = offset;
}

void home_drop_cursors(struct rb_topic *home)
{
    struct cursor *cursor;
    for (size_t at = 0; (cursor = rb_map_next(&home->cursors, &at)) != NULL;) rb_free(cursor);
    rb_map_fini(&home->cursors);
}

/* A cursor below what is kept says no more than no cursor: both start with the oldest event. */
void home_forget_cursors(struct rb_topic *home, struct rb_tx *tx)
{
    struct cursor *cursor;
    for (size_t at = 0; (cursor = rb_map_next(&home->cursors, &at)) != NULL;) {
        if (cursor->offset > home->log.trimmed_to) continue;
        rb_str client = rb_str_make(cursor->client, cursor->client_bytes);
        rb_tx_cursor_set(tx, topic_name(home), client, 0);
        rb_map_remove(&home->cursors, client);
        rb_free(cursor);
    }
}

/* One letter serves both: a question that travels to the home and back, and a confirmation that only goes
 * there. */
struct cursor_letter {
    struct rb_mail mail;
    struct rb_hub *hub;
    struct rb_sub_request *request; /* questions */
    struct rb_shard *asker;
    struct rb_position position;
    bool is_known;
    rb_str topic, client;
};

static struct cursor_letter *letter_about(struct rb_hub *hub, rb_str topic, rb_str client,
                                          void (*run)(struct rb_mail *))
{
    struct cursor_letter *letter = letter_new(sizeof *letter + topic.n + client.n, run);
    char *text = (char *)(letter + 1);
    memcpy(text, topic.p, topic.n);
    if (client.n) memcpy(text + topic.n, client.p, client.n);
    letter->hub = hub;
    letter->topic = rb_str_make(text, topic.n);
    letter->client = rb_str_make(text + topic.n, client.n);
    return letter;
}

static void on_answer(struct rb_mail *mail)
{
    struct cursor_letter *letter = RB_OUTER(mail, struct cursor_letter, mail);
    sub_found_cursor(letter->request, letter->is_known, letter->position);
    rb_free(letter);
}

static void on_question(struct rb_mail *mail)
{
    struct cursor_letter *letter = RB_OUTER(mail, struct cursor_letter, mail);
    struct rb_shard *shard = home_of(letter->hub, letter->topic);
    struct rb_topic *home = rb_map_get(&shard->topics, letter->topic);
    if (!home) home = home_open(shard, letter->topic);
    if (home_defer(home, mail)) return;
    struct cursor *cursor = rb_map_get(&home->cursors, letter->client);
    letter->is_known = cursor != NULL;
    letter->position = (struct rb_position){home->epoch, cursor ? cursor->offset : 0};
    mail->run = on_answer;
    rb_loop_post(letter->asker->loop, mail);
}

void cursor_ask(struct rb_hub *hub, rb_str topic, rb_str client, struct rb_sub_request *request)
{
    struct cursor_letter *letter = letter_about(hub, topic, client, on_question);
    letter->request = request;
    letter->asker = shard_here(hub);
    rb_loop_post(home_of(hub, topic)->loop, &letter->mail);
}

static void on_stored(struct rb_tx *tx, rb_err err)
{
    (void)err;
    rb_tx_free(tx);
}

static void on_confirmation(struct rb_mail *mail)
{
    struct cursor_letter *letter = RB_OUTER(mail, struct cursor_letter, mail);
    struct rb_shard *shard = home_of(letter->hub, letter->topic);
    struct rb_topic *home = rb_map_get(&shard->topics, letter->topic);
    if (home && home_defer(home, mail)) return;
    if (home) home_add_cursor(home, letter->client, letter->position.offset);
    if (rb_hub_keep(letter->hub, letter->topic)->is_durable) {
        struct rb_tx *tx = rb_tx_new();
        tx->done = on_stored;
        rb_tx_cursor_set(tx, letter->topic, letter->client, letter->position.offset >> TRANSIENT_BITS);
        rb_store_commit(letter->hub->store, tx);
    }
    rb_free(letter);
}

void rb_sub_confirm(struct rb_sub *sub, uint64_t offset)
{
    rb_hub_confirm(sub->topic->shard->hub, topic_name(sub->topic), *sub->client, offset);
}

void rb_hub_confirm(struct rb_hub *hub, rb_str topic, rb_str client, uint64_t offset)
{
    struct cursor_letter *letter = letter_about(hub, topic, client, on_confirmation);
    letter->position.offset = offset;
    rb_loop_post(home_of(hub, topic)->loop, &letter->mail);
}
