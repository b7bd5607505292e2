/* Tickets and signed calls, over a store of their own, on one loop. */
#include "auth/signing.h"
#include "auth/ticket.h"
#include "base/clock.h"
#include "base/mem.h"
#include "test.h"

#include <ftw.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig {
    char dir[200];
    struct rb_store *store;
    struct rb_loop *loop;
    pthread_t thread;
    struct rb_tickets *tickets;
    struct rb_signing *signing;
};

static const struct rb_account_record configured[] = {
    {.public_id = {"shop", 4}, .tenant = {"demo", 4}, .secret = {"key", 3}, .is_guarded = true}};

static void *run_thread(void *loop)
{
    rb_loop_run(loop);
    return NULL;
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct rb_buf why = {0};
    const char *base = getenv("TMPDIR");
    snprintf(rig->dir, sizeof rig->dir, "%s/rb-auth-XXXXXX", base && strlen(base) < 150 ? base : "/tmp");
    if (!mkdtemp(rig->dir) || rb_store_open(rig->dir, true, &rig->store, &why)) return -1;
    rig->loop = rb_loop_new("test");
    rig->tickets = rb_tickets_new(rig->store);
    rig->signing = rb_signing_new(rig->store, &rig->loop, 1, configured, 1);
    pthread_create(&rig->thread, NULL, run_thread, rig->loop);
    *state = rig;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    rb_loop_stop(rig->loop);
    pthread_join(rig->thread, NULL);
    rb_loop_end(rig->loop);
    rb_store_close(rig->store);
    rb_loop_end(rig->loop);
    rb_tickets_free(rig->tickets);
    rb_signing_free(rig->signing);
    rb_loop_free(rig->loop);
    nftw(rig->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(rig);
    return 0;
}

static void commit(struct rig *rig, struct rb_tx *tx)
{
    assert_int_equal(rb_store_commit_wait(rig->store, tx), RB_OK);
    rb_tx_free(tx);
}

/* ---- asking, on the loop ---- */

struct question {
    struct rb_mail mail;
    struct rig *rig;
    const char *text; /* the ticket, or who signs */
    const char *signature, *body;
    rb_err err;
    char answer[64]; /* the topic, or the tenant */
    sem_t done;
};

static void finish(struct question *question, rb_err err, rb_str answer)
{
    question->err = err;
    snprintf(question->answer, sizeof question->answer, "%.*s", RB_STR_FMT(answer));
    sem_post(&question->done);
}

static void on_ticket(void *arg, rb_err err, const struct rb_ticket_record *ticket)
{
    finish(arg, err, ticket ? ticket->topic : RB_STR(""));
}

static void on_account(void *arg, rb_err err, const struct rb_account *account)
{
    finish(arg, err, account ? account->tenant : RB_STR(""));
}

static void on_question(struct rb_mail *mail)
{
    struct question *question = RB_OUTER(mail, struct question, mail);
    if (question->body)
        rb_signing_check(question->rig->signing, rb_str_of(question->text), rb_str_of(question->signature),
                         rb_str_of(question->body), on_account, question);
    else
        rb_ticket_check(question->rig->tickets, rb_str_of(question->text), on_ticket, question);
}

static rb_err ask(struct question *question)
{
    sem_init(&question->done, 0, 0);
    question->mail.run = on_question;
    rb_loop_post(question->rig->loop, &question->mail);
    sem_wait(&question->done);
    sem_destroy(&question->done);
    return question->err;
}

static rb_err check_ticket(struct rig *rig, const char *text)
{
    return ask(&(struct question){.rig = rig, .text = text});
}

/* ---- tickets ---- */

static void make(struct rig *rig, enum rb_ticket_form form, int64_t uses, char out[RB_TICKET_TEXT_BYTES])
{
    uint64_t now_ms = rb_clock_wall_ms();
    struct rb_ticket_record record = {.topic = RB_STR("demo/t"),
                                      .client = RB_STR("c"),
                                      .created_ms = now_ms,
                                      .expires_ms = now_ms + 60000,
                                      .uses_left = uses};
    struct rb_tx *tx = rb_tx_new();
    rb_ticket_make(form, out, record.hash);
    rb_tx_ticket_insert(tx, &record, 0);
    commit(rig, tx);
}

static void tickets_are_good_for_their_time_and_uses(void **state)
{
    struct rig *rig = *state;
    char many[RB_TICKET_TEXT_BYTES], two[RB_TICKET_TEXT_BYTES];
    make(rig, RB_TICKET_NATIVE, -1, many);
    make(rig, RB_TICKET_BASE64, 2, two);
    assert_true(rb_ticket_is_native(rb_str_of(many)) && !rb_ticket_is_native(rb_str_of(two)));
    struct question question = {.rig = rig, .text = many};
    assert_int_equal(ask(&question), RB_OK);
    assert_string_equal(question.answer, "demo/t");
    assert_int_equal(check_ticket(rig, two), RB_OK);
    assert_int_equal(check_ticket(rig, two), RB_OK);
    assert_int_equal(check_ticket(rig, two), RB_TICKET_EXPIRED);
    rb_clock_test_advance_ms(60000);
    assert_int_equal(check_ticket(rig, many), RB_TICKET_EXPIRED);
}

static void stubborn_ones_are_refused_unseen(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(check_ticket(rig, ""), RB_UNAUTHENTICATED);
    for (int i = 0; i < RB_TICKET_REFUSALS_MAX; i++)
        assert_int_equal(check_ticket(rig, "no"), RB_UNAUTHENTICATED);
    assert_int_equal(check_ticket(rig, "no"), RB_TOO_MANY_REQUESTS);
    assert_int_equal(check_ticket(rig, "another"), RB_UNAUTHENTICATED);
    rb_clock_test_advance_ms(60000);
    assert_int_equal(check_ticket(rig, "no"), RB_UNAUTHENTICATED);
}

/* ---- signatures ---- */

static rb_err check(struct rig *rig, const char *who, const char *signature, const char *body)
{
    return ask(&(struct question){.rig = rig, .text = who, .signature = signature, .body = body});
}

static void sign(const char *key, const char *body, bool upper, char out[2 * RB_SHA512_BYTES + 1])
{
    unsigned char mac[RB_SHA512_BYTES];
    rb_hmac_sha512(rb_str_of(key), rb_str_of(body), mac);
    for (size_t i = 0; i < sizeof mac; i++) snprintf(out + 2 * i, 3, upper ? "%02X" : "%02x", mac[i]);
}

static void only_the_signature_of_the_body_is_good(void **state)
{
    struct rig *rig = *state;
    char good[2 * RB_SHA512_BYTES + 1], upper[2 * RB_SHA512_BYTES + 1], nobody[2 * RB_SHA512_BYTES + 1];
    sign("key", "body", false, good);
    sign("key", "body", true, upper);
    sign("nobody", "body", false, nobody);
    struct question question = {.rig = rig, .text = "shop", .signature = good, .body = "body"};
    assert_int_equal(ask(&question), RB_OK);
    assert_string_equal(question.answer, "demo");
    assert_int_equal(check(rig, "shop", upper, "body"), RB_OK);
    assert_int_equal(check(rig, "shop", good, "bodY"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "Shop", good, "body"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "else", nobody, "body"),
                     RB_UNAUTHENTICATED); /* what stands in for no secret */
    assert_int_equal(check(rig, "", nobody, "body"), RB_UNAUTHENTICATED);
    assert_int_equal(check(rig, "shop", "", "body"), RB_UNAUTHENTICATED);
    for (size_t i = 0; i < strlen(good); i += 7) {
        char bad[sizeof good];
        strcpy(bad, good);
        bad[i] = bad[i] == '0' ? '1' : '0';
        assert_int_equal(check(rig, "shop", bad, "body"), RB_UNAUTHENTICATED);
        bad[i] = 'g';
        assert_int_equal(check(rig, "shop", bad, "body"), RB_UNAUTHENTICATED);
    }
}

static void accounts_come_and_go(void **state)
{
    struct rig *rig = *state;
    char good[2 * RB_SHA512_BYTES + 1];
    struct rb_account_record account = {.public_id = RB_STR("new"),
                                        .tenant = RB_STR("other"),
                                        .secret = RB_STR("secret")};
    sign("secret", "{}", false, good);
    assert_int_equal(check(rig, "new", good, "{}"), RB_UNAUTHENTICATED);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_account_insert(tx, &account);
    commit(rig, tx);
    assert_int_equal(check(rig, "new", good, "{}"), RB_OK);
    tx = rb_tx_new();
    rb_tx_account_delete(tx, account.tenant, account.public_id);
    commit(rig, tx);
    rb_clock_test_advance_ms(RB_SIGNING_CACHE_MS);
    assert_int_equal(check(rig, "new", good, "{}"), RB_UNAUTHENTICATED);
}

static void replays(void **state)
{
    struct rig *rig = *state;
    char lower[2 * RB_SHA512_BYTES + 1], upper[2 * RB_SHA512_BYTES + 1], other[2 * RB_SHA512_BYTES + 1];
    sign("key", "body", false, lower);
    sign("key", "body", true, upper);
    sign("key", "other", true, other);
    assert_false(rb_signing_is_replay(rig->signing, rb_str_of(lower)));
    assert_true(rb_signing_is_replay(rig->signing, rb_str_of(upper)));
    assert_false(rb_signing_is_replay(rig->signing, rb_str_of(other)));
    rb_clock_test_advance_ms(RB_REPLAY_WINDOW_MS);
    assert_false(rb_signing_is_replay(rig->signing, rb_str_of(lower)));
}

int main(void)
{
    rb_clock_test_enable();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tickets_are_good_for_their_time_and_uses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stubborn_ones_are_refused_unseen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_signature_of_the_body_is_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accounts_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
