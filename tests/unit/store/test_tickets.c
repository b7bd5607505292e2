#include "store_fixture.h"

static struct rb_ticket_record ticket(unsigned char first, const char *topic, uint64_t expires_ms,
                                      int64_t uses)
{
    struct rb_ticket_record record = {.hash = {first},
                                      .topic = rb_str_of(topic),
                                      .client = RB_STR("c"),
                                      .created_ms = 1000,
                                      .expires_ms = expires_ms,
                                      .uses_left = uses};
    return record;
}

static rb_err insert(struct fixture *f, struct rb_ticket_record record, uint32_t alive_max)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_ticket_insert(tx, &record, alive_max);
    rb_err err = rb_store_commit_wait(f->store, tx);
    rb_tx_free(tx);
    return err;
}

static rb_err use(struct fixture *f, unsigned char first)
{
    unsigned char hash[32] = {first};
    struct rb_tx *tx = rb_tx_new();
    rb_tx_ticket_use(tx, hash);
    rb_err err = rb_store_commit_wait(f->store, tx);
    rb_tx_free(tx);
    return err;
}

static void sweep(struct fixture *f, uint64_t now_ms, uint64_t called_ms)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_tickets_sweep(tx, now_ms, called_ms);
    assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
    rb_tx_free(tx);
}

struct finding {
    struct fixture *f;
    unsigned char hash[32];
    const char *name;
    struct rb_ticket_record ticket;
    struct rb_policy_record policy;
    struct rb_account_record account, *accounts;
    uint32_t count;
};

static rb_err read_ticket(struct rb_reader *reader, void *arg)
{
    struct finding *finding = arg;
    return rb_read_ticket(reader, &finding->f->arena, finding->hash, &finding->ticket);
}

static rb_err read_policy(struct rb_reader *reader, void *arg)
{
    struct finding *finding = arg;
    return rb_read_policy(reader, &finding->f->arena, rb_str_of(finding->name), &finding->policy);
}

static rb_err read_account(struct rb_reader *reader, void *arg)
{
    struct finding *finding = arg;
    return rb_read_account(reader, &finding->f->arena, rb_str_of(finding->name), &finding->account);
}

static rb_err read_accounts(struct rb_reader *reader, void *arg)
{
    struct finding *finding = arg;
    return rb_read_accounts(reader, &finding->f->arena, RB_STR_NONE, &finding->accounts, &finding->count);
}

static void test_tickets_survive_and_are_used_up(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(insert(f, ticket(1, "t/a", 5000, -1), 0), RB_OK);
    assert_int_equal(insert(f, ticket(2, "t/a", 5000, 2), 0), RB_OK);
    reopen_store(f);
    struct finding finding = {.f = f, .hash = {2}};
    assert_int_equal(rb_store_read_wait(f->store, read_ticket, &finding), RB_OK);
    assert_str(finding.ticket.topic, "t/a");
    assert_str(finding.ticket.client, "c");
    assert_int_equal(finding.ticket.expires_ms, 5000);
    assert_int_equal(use(f, 2), RB_OK);
    assert_int_equal(use(f, 2), RB_OK);
    assert_int_equal(use(f, 2), RB_TICKET_EXPIRED);
    assert_int_equal(rb_store_read_wait(f->store, read_ticket, &finding), RB_OK);
    assert_int_equal(finding.ticket.uses_left, 0);
    finding.hash[0] = 3;
    assert_int_equal(rb_store_read_wait(f->store, read_ticket, &finding), RB_NOT_FOUND);
}

static void test_tickets_of_a_topic_are_limited(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(insert(f, ticket(1, "t/a", 5000, -1), 2), RB_OK);
    assert_int_equal(insert(f, ticket(2, "t/a", 900, -1), 2), RB_OK); /* expired before the next is made */
    assert_int_equal(insert(f, ticket(3, "t/a", 5000, -1), 2), RB_OK);
    assert_int_equal(insert(f, ticket(4, "t/a", 5000, -1), 2), RB_TOO_MANY_REQUESTS);
    assert_int_equal(insert(f, ticket(4, "t/b", 5000, -1), 2), RB_OK);
}

static void save(struct fixture *f, const struct rb_policy_record *policy)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_policy_save(tx, policy);
    assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
    rb_tx_free(tx);
}

static void test_policies_are_replaced_and_forgotten(void **state)
{
    struct fixture *f = *state;
    struct rb_policy_record policy = {.topic = RB_STR("t/a"),
                                      .owner = RB_STR("shop"),
                                      .called_ms = 1000,
                                      .instances = 1,
                                      .keeps_last = true,
                                      .timeout_ms = 60000,
                                      .last_ms = 900,
                                      .last_flags = 1,
                                      .last_name = RB_STR("message"),
                                      .last_data = RB_STR("\"m\"")};
    struct finding finding = {.f = f, .name = "t/a"};
    assert_int_equal(rb_store_read_wait(f->store, read_policy, &finding), RB_NOT_FOUND);
    save(f, &policy);
    policy.is_completed = true;
    policy.deadline_ms = 77;
    save(f, &policy);
    reopen_store(f);
    assert_int_equal(rb_store_read_wait(f->store, read_policy, &finding), RB_OK);
    assert_str(finding.policy.owner, "shop");
    assert_str(finding.policy.last_data, "\"m\"");
    assert_true(finding.policy.is_completed && finding.policy.keeps_last &&
                !finding.policy.is_deadline_shared);
    assert_int_equal(finding.policy.instances, 1);
    assert_int_equal(finding.policy.deadline_ms, 77);
    assert_int_equal(insert(f, ticket(1, "t/a", 5000, -1), 0), RB_OK);
    sweep(f, 4999, 1000); /* it has a ticket */
    assert_int_equal(rb_store_read_wait(f->store, read_policy, &finding), RB_OK);
    sweep(f, 5000, 999); /* it was called since */
    assert_int_equal(rb_store_read_wait(f->store, read_policy, &finding), RB_OK);
    sweep(f, 5000, 1000);
    assert_int_equal(rb_store_read_wait(f->store, read_policy, &finding), RB_NOT_FOUND);
}

static rb_err change_account(struct fixture *f, const struct rb_account_record *account, bool is_insert)
{
    struct rb_tx *tx = rb_tx_new();
    if (is_insert)
        rb_tx_account_insert(tx, account);
    else
        rb_tx_account_delete(tx, account->tenant, account->public_id);
    rb_err err = rb_store_commit_wait(f->store, tx);
    rb_tx_free(tx);
    return err;
}

static void test_accounts(void **state)
{
    struct fixture *f = *state;
    struct rb_account_record account = {
        .public_id = RB_STR("p"), .tenant = RB_STR("t"), .secret = RB_STR("s"), .is_guarded = true};
    struct finding finding = {.f = f, .name = "p"};
    assert_int_equal(change_account(f, &account, true), RB_OK);
    assert_int_equal(change_account(f, &account, true), RB_CONFLICT);
    assert_int_equal(rb_store_read_wait(f->store, read_account, &finding), RB_OK);
    assert_str(finding.account.secret, "s");
    assert_true(finding.account.is_guarded);
    assert_int_equal(rb_store_read_wait(f->store, read_accounts, &finding), RB_OK);
    assert_int_equal(finding.count, 1);
    assert_null(finding.accounts[0].secret.p); /* lists have none */
    account.tenant = RB_STR("other");
    assert_int_equal(change_account(f, &account, false), RB_NOT_FOUND);
    account.tenant = RB_STR("t");
    assert_int_equal(change_account(f, &account, false), RB_OK);
    assert_int_equal(rb_store_read_wait(f->store, read_account, &finding), RB_NOT_FOUND);
}

static void test_the_secret_stays(void **state)
{
    struct fixture *f = *state;
    char before[RB_STORE_SECRET_BYTES], zeros[RB_STORE_SECRET_BYTES] = {0};
    memcpy(before, rb_store_secret(f->store).p, sizeof before);
    assert_memory_not_equal(before, zeros, sizeof before);
    reopen_store(f);
    assert_memory_equal(before, rb_store_secret(f->store).p, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tickets_survive_and_are_used_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tickets_of_a_topic_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_policies_are_replaced_and_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_accounts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_secret_stays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
