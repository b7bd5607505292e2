#include "auth/ticket.h"

#include "auth/brake.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/base64.h"

#include <string.h>

enum { RANDOM_BYTES = 33, REFUSALS_WINDOW_MS = 60 * 1000, TEXT_BYTES_MAX = 512 };

static const char native_head[] = "rbt_";

void rb_ticket_make(enum rb_ticket_form form, char out[RB_TICKET_TEXT_BYTES],
                    unsigned char out_hash[RB_SHA256_BYTES])
{
    unsigned char random[RANDOM_BYTES];
    struct rb_buf text = {0};
    rb_random_bytes(random, sizeof random);
    if (form == RB_TICKET_NATIVE) {
        rb_buf_add_text(&text, native_head);
        rb_base64url_encode(&text, rb_str_make(random, sizeof random));
    } else {
        rb_base64_encode(&text, rb_str_make(random, sizeof random));
    }
    RB_CHECK(!text.failed && text.n < RB_TICKET_TEXT_BYTES);
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    rb_sha256(rb_buf_str(&text), out_hash);
    rb_buf_fini(&text);
}

bool rb_ticket_is_native(rb_str text)
{
    return rb_str_starts(text, RB_STR("rbt_"));
}

/* ---- checking ---- */

struct rb_tickets {
    struct rb_store *store;
    struct rb_brake *refusals; /* by hash */
};

struct rb_ticket_check {
    struct rb_mail mail; /* back from the store's thread */
    struct rb_tickets *tickets;
    struct rb_loop *loop;
    rb_ticket_done_fn *done; /* NULL: cancelled */
    void *arg;
    struct rb_arena arena;
    struct rb_ticket_record record;
    rb_err err;
};

struct rb_tickets *rb_tickets_new(struct rb_store *store)
{
    struct rb_tickets *tickets = rb_new(struct rb_tickets);
    tickets->store = store;
    tickets->refusals = rb_brake_new(REFUSALS_WINDOW_MS, RB_TICKET_REFUSALS_MAX);
    return tickets;
}

void rb_tickets_free(struct rb_tickets *tickets)
{
    if (!tickets) return;
    rb_brake_free(tickets->refusals);
    rb_free(tickets);
}

static void end(struct rb_ticket_check *check, rb_err err)
{
    if (err == RB_NOT_FOUND) err = RB_UNAUTHENTICATED;
    if (err == RB_UNAUTHENTICATED || err == RB_TICKET_EXPIRED)
        rb_brake_count(check->tickets->refusals, rb_str_make(check->record.hash, sizeof check->record.hash));
    if (check->done) check->done(check->arg, err, err ? NULL : &check->record);
    rb_arena_fini(&check->arena);
    rb_free(check);
}

static void on_used(struct rb_mail *mail)
{
    struct rb_ticket_check *check = RB_OUTER(mail, struct rb_ticket_check, mail);
    end(check, check->err);
}

static void on_use_stored(struct rb_tx *tx, rb_err err)
{
    struct rb_ticket_check *check = tx->arg;
    check->err = err;
    check->mail.run = on_used;
    rb_loop_post(check->loop, &check->mail);
    rb_tx_free(tx);
}

static void on_read(void *arg, rb_err err)
{
    struct rb_ticket_check *check = arg;
    const struct rb_ticket_record *record = &check->record;
    if (!err && (record->expires_ms <= rb_clock_wall_ms() || record->uses_left == 0)) err = RB_TICKET_EXPIRED;
    if (err || record->uses_left < 0 || !check->done) {
        end(check, err);
        return;
    }
    struct rb_tx *tx = rb_tx_new();
    tx->done = on_use_stored;
    tx->arg = check;
    rb_tx_ticket_use(tx, record->hash);
    rb_store_commit(check->tickets->store, tx);
}

static rb_err read(struct rb_reader *reader, void *arg)
{
    struct rb_ticket_check *check = arg;
    unsigned char hash[RB_SHA256_BYTES];
    memcpy(hash, check->record.hash, sizeof hash);
    return rb_read_ticket(reader, &check->arena, hash, &check->record);
}

struct rb_ticket_check *rb_ticket_check(struct rb_tickets *tickets, rb_str text, rb_ticket_done_fn *done,
                                        void *arg)
{
    unsigned char hash[RB_SHA256_BYTES];
    uint64_t wait_ms;
    if (text.n == 0 || text.n > TEXT_BYTES_MAX) {
        done(arg, RB_UNAUTHENTICATED, NULL);
        return NULL;
    }
    rb_sha256(text, hash);
    if (rb_brake_is_on(tickets->refusals, rb_str_make(hash, sizeof hash), &wait_ms)) {
        done(arg, RB_TOO_MANY_REQUESTS, NULL);
        return NULL;
    }
    struct rb_ticket_check *check = rb_new(struct rb_ticket_check);
    check->tickets = tickets;
    check->loop = rb_loop_current();
    check->done = done;
    check->arg = arg;
    memcpy(check->record.hash, hash, sizeof hash);
    rb_store_read(tickets->store, check->loop, read, on_read, check);
    return check;
}

void rb_ticket_cancel(struct rb_ticket_check *check)
{
    if (check) check->done = NULL;
}
