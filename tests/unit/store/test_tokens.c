/* Tokens, also made by the command line beside a running server. */
#include "store_fixture.h"

struct token_reading {
    struct rb_arena *arena;
    unsigned char hash[32];
    rb_str tenant;
    struct rb_token_record token, *tokens;
    uint32_t count;
};

static rb_err read_token_fn(struct rb_reader *reader, void *arg)
{
    struct token_reading *r = arg;
    return rb_read_token(reader, r->arena, r->hash, &r->token);
}

static rb_err read_tokens_fn(struct rb_reader *reader, void *arg)
{
    struct token_reading *r = arg;
    return rb_read_tokens(reader, r->arena, r->tenant, &r->tokens, &r->count);
}

static struct rb_token_record a_token(unsigned char first_byte, const char *tenant, const char *label)
{
    return (struct rb_token_record){.hash = {first_byte, 0, 0xff},
                                    .tenant = rb_str_of(tenant),
                                    .client = RB_STR("c"),
                                    .role = RB_STR("backend"),
                                    .label = rb_str_of(label),
                                    .created_ms = 3,
                                    .expires_ms = 4};
}

static rb_err insert_token(struct rb_store *store, const struct rb_token_record *token)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_token_insert(tx, token);
    rb_err err = rb_store_commit_wait(store, tx);
    rb_tx_free(tx);
    return err;
}

static rb_err delete_token(struct rb_store *store, const char *tenant, const char *label)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_token_delete(tx, rb_str_of(tenant), rb_str_of(label));
    rb_err err = rb_store_commit_wait(store, tx);
    rb_tx_free(tx);
    return err;
}

static void test_tokens_come_back(void **state)
{
    struct fixture *f = *state;
    struct rb_token_record tokens[] = {a_token(1, "t", "b"), a_token(2, "t", "a"), a_token(3, "u", "a")};
    for (int i = 0; i < 3; i++) assert_int_equal(insert_token(f->store, &tokens[i]), RB_OK);
    assert_int_equal(insert_token(f->store, &tokens[0]), RB_CONFLICT); /* the same hash */
    reopen_store(f);

    struct token_reading r = {.arena = &f->arena};
    memcpy(r.hash, tokens[0].hash, 32);
    assert_int_equal(rb_store_read_wait(f->store, read_token_fn, &r), RB_OK);
    assert_memory_equal(r.token.hash, tokens[0].hash, 32);
    assert_str(r.token.tenant, "t");
    assert_str(r.token.client, "c");
    assert_str(r.token.role, "backend");
    assert_str(r.token.label, "b");
    assert_int_equal(r.token.created_ms, 3);
    assert_int_equal(r.token.expires_ms, 4);
    r.hash[31] = 1;
    assert_int_equal(rb_store_read_wait(f->store, read_token_fn, &r), RB_NOT_FOUND);

    r.tenant = RB_STR("t");
    assert_int_equal(rb_store_read_wait(f->store, read_tokens_fn, &r), RB_OK);
    assert_int_equal(r.count, 2);
    assert_str(r.tokens[0].label, "a");
    assert_str(r.tokens[1].label, "b");
    r.tenant = RB_STR_NONE;
    assert_int_equal(rb_store_read_wait(f->store, read_tokens_fn, &r), RB_OK);
    assert_int_equal(r.count, 3);

    assert_int_equal(delete_token(f->store, "t", "a"), RB_OK);
    assert_int_equal(delete_token(f->store, "t", "a"), RB_NOT_FOUND);
    assert_int_equal(rb_store_read_wait(f->store, read_tokens_fn, &r), RB_OK);
    assert_int_equal(r.count, 2);
}

static void test_what_has_expired_is_swept(void **state)
{
    struct fixture *f = *state;
    struct token_reading r = {.arena = &f->arena, .tenant = RB_STR("t")};
    struct rb_token_record tokens[] = {a_token(1, "t", "login-1"), a_token(2, "t", "login-2"),
                                       a_token(3, "t", "login-3"), a_token(4, "t", "login-4"),
                                       a_token(5, "t", "other"),   a_token(6, "u", "login-5")};
    tokens[2].expires_ms = 0; /* never */
    tokens[3].expires_ms = 5;
    for (int i = 0; i < 6; i++) assert_int_equal(insert_token(f->store, &tokens[i]), RB_OK);
    for (uint64_t now_ms = 3; now_ms <= 4; now_ms++) {
        struct rb_tx *tx = rb_tx_new();
        rb_tx_tokens_sweep(tx, r.tenant, RB_STR("login-1"), RB_STR("login."), now_ms);
        assert_int_equal(rb_store_commit_wait(f->store, tx), RB_OK);
        rb_tx_free(tx);
        assert_int_equal(rb_store_read_wait(f->store, read_tokens_fn, &r), RB_OK);
        assert_int_equal(r.count, now_ms == 3 ? 5 : 4);
    }
    assert_str(r.tokens[0].label, "login-1");
    assert_str(r.tokens[1].label, "login-3");
}

static void test_the_command_line_works_beside_a_server(void **state)
{
    struct fixture *f = *state;
    struct rb_store *command_line;
    assert_int_equal(rb_store_open(f->dir, false, &command_line, &f->why), RB_OK);
    assert_int_equal(rb_store_epoch(command_line), rb_store_epoch(f->store));
    for (int i = 0; i < 20; i++) {
        struct rb_token_record token = a_token((unsigned char)i, "t", "x");
        assert_int_equal(insert_token(command_line, &token), RB_OK);
        struct rb_job_record job = a_job((char[2]){(char)('a' + i)});
        insert_job(f, &job);
    }
    rb_store_close(command_line);
    struct token_reading r = {.arena = &f->arena, .tenant = RB_STR("t")};
    assert_int_equal(rb_store_read_wait(f->store, read_tokens_fn, &r), RB_OK);
    assert_int_equal(r.count, 20);
    assert_int_equal(read_open_jobs(f).count, 20);
}

static void test_the_command_line_may_come_first(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_store(f, false), RB_OK);
    uint64_t epoch = rb_store_epoch(f->store);
    struct rb_token_record token = a_token(1, "t", "x");
    assert_int_equal(insert_token(f->store, &token), RB_OK);
    close_store(f);
    assert_int_equal(open_store(f, true), RB_OK);
    assert_int_equal(rb_store_epoch(f->store), epoch);
    struct token_reading r = {.arena = &f->arena, .tenant = RB_STR("t")};
    assert_int_equal(rb_store_read_wait(f->store, read_tokens_fn, &r), RB_OK);
    assert_int_equal(r.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tokens_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_expired_is_swept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_command_line_works_beside_a_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_command_line_may_come_first, set_up_dir, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
