/* Tokens looked up by a loop, and whom they stand for. */
#include "loop/loop_rig.h"
#include "store/store_fixture.h"

#include "auth/auth.h"

struct asking {
    struct rb_mail mail;
    struct rb_auth *auth;
    const char *token;
    bool is_over;
    bool was_at_once; /* without a look into the store */
    rb_err err;
    const struct rb_identity *identity; /* referenced */
};

static void on_checked(void *arg, rb_err err, const struct rb_identity *identity)
{
    struct asking *asking = arg;
    asking->is_over = true;
    asking->err = err;
    if (identity) asking->identity = rb_identity_ref(identity);
}

static void on_asked(struct rb_mail *mail)
{
    struct asking *asking = RB_OUTER(mail, struct asking, mail);
    bool is_running = rb_auth_check(asking->auth, rb_str_of(asking->token), on_checked, asking) != NULL;
    asking->was_at_once = asking->is_over;
    assert_int_not_equal(is_running, asking->was_at_once);
}

static bool is_over(void *arg)
{
    return ((struct asking *)arg)->is_over;
}

static struct asking check(struct rb_loop *loop, struct rb_auth *auth, const char *token)
{
    struct asking asking = {.mail = {.run = on_asked}, .auth = auth, .token = token};
    rb_loop_post(loop, &asking.mail);
    run_until(loop, is_over, &asking);
    return asking;
}

static void add_tokens(struct rb_store *store)
{
    static const struct {
        const char *token;
        struct rb_identity identity;
    } table[] = {{"rb_ann", {{"acme", 4}, {"ann", 3}, RB_ROLE_CLIENT}},
                 {"rb_crm", {{"acme", 4}, {"crm", 3}, RB_ROLE_BACKEND}}};
    struct rb_tx *tx = rb_tx_new();
    for (size_t i = 0; i < RB_COUNT(table); i++)
        rb_token_add(tx, rb_str_of(table[i].token), &table[i].identity, table[i].identity.client, 0);
    assert_int_equal(rb_store_commit_wait(store, tx), RB_OK);
    rb_tx_free(tx);
}

/* All who come with a token have the same identity, which outlives the cache. */
static void test_shared_identities(void **state)
{
    struct fixture *f = *state;
    struct rb_loop *loop = rb_loop_new("test");
    struct rb_auth *auth = rb_auth_new(f->store, &loop, 1);
    add_tokens(f->store);

    struct asking ann = check(loop, auth, "rb_ann"), again = check(loop, auth, "rb_ann");
    struct asking crm = check(loop, auth, "rb_crm"), nobody = check(loop, auth, "rb_nobody");
    assert_int_equal(ann.err, RB_OK);
    assert_false(ann.was_at_once);
    assert_true(again.was_at_once);
    assert_ptr_equal(again.identity, ann.identity);
    assert_ptr_not_equal(crm.identity, ann.identity);
    assert_int_equal(crm.identity->role, RB_ROLE_BACKEND);
    assert_int_equal(nobody.err, RB_UNAUTHENTICATED);
    assert_null(nobody.identity);

    rb_loop_end(loop);
    rb_auth_free(auth);
    rb_loop_free(loop);
    rb_identity_unref(again.identity);
    rb_identity_unref(crm.identity);
    assert_str(ann.identity->tenant, "acme");
    assert_str(ann.identity->client, "ann");
    rb_identity_unref(ann.identity);
    rb_identity_unref(NULL);
}

static void test_lent_tokens(void **state)
{
    struct fixture *f = *state;
    struct rb_loop *loop = rb_loop_new("test");
    struct rb_auth *auth = rb_auth_new(f->store, &loop, 1);
    char ann[RB_TOKEN_TEXT_BYTES], bob[RB_TOKEN_TEXT_BYTES];
    rb_auth_lend(auth,
                 &(struct rb_identity){.tenant = RB_STR("acme"),
                                       .client = RB_STR("ann"),
                                       .role = RB_ROLE_BACKEND,
                                       .job = RB_STR("j1")},
                 ann);
    rb_auth_lend(
        auth, &(struct rb_identity){.tenant = RB_STR("acme"), .client = RB_STR("bob"), .job = RB_STR("j2")},
        bob);
    assert_true(rb_str_starts(rb_str_of(ann), RB_STR("rbj_")));
    assert_int_equal(strlen(ann), 36);
    assert_string_not_equal(ann, bob);

    struct asking good = check(loop, auth, ann), unknown = check(loop, auth, "rbj_nobody");
    assert_int_equal(good.err, RB_OK);
    assert_true(good.was_at_once);
    assert_str(good.identity->client, "ann");
    assert_str(good.identity->job, "j1");
    assert_int_equal(good.identity->role, RB_ROLE_BACKEND);
    assert_int_equal(unknown.err, RB_UNAUTHENTICATED);
    assert_true(unknown.was_at_once);

    assert_false(rb_identity_has_ended(good.identity));
    rb_auth_take_back(auth, rb_str_of(ann));
    rb_auth_take_back(auth, rb_str_of(ann));
    assert_true(rb_identity_has_ended(good.identity)); /* whoever has kept it sees that */
    struct asking late = check(loop, auth, ann), other = check(loop, auth, bob);
    assert_int_equal(late.err, RB_UNAUTHENTICATED); /* at once: it was never cached */
    assert_int_equal(other.err, RB_OK);
    rb_loop_end(loop);
    rb_auth_free(auth); /* bob's is still out */
    rb_loop_free(loop);
    assert_str(good.identity->job, "j1");
    rb_identity_unref(good.identity);
    rb_identity_unref(other.identity);
}

/* A new one has its own text. */
static void test_new_identity(void **state)
{
    (void)state;
    char tenant[] = "acme", client[] = "bob", job[] = "j";
    const struct rb_identity *identity = rb_identity_new(&(struct rb_identity){.tenant = rb_str_of(tenant),
                                                                               .client = rb_str_of(client),
                                                                               .role = RB_ROLE_BACKEND,
                                                                               .job = rb_str_of(job)});
    tenant[0] = client[0] = job[0] = 'x';
    assert_ptr_equal(rb_identity_ref(identity), identity);
    rb_identity_unref(identity);
    assert_str(identity->tenant, "acme");
    assert_str(identity->client, "bob");
    assert_int_equal(identity->role, RB_ROLE_BACKEND);
    assert_str(identity->job, "j");
    rb_identity_unref(identity);
    identity = rb_identity_new(&(struct rb_identity){.tenant = RB_STR("t"), .client = RB_STR("c")});
    assert_null(identity->job.p);
    rb_identity_unref(identity);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "A-Z.a_z-09", "anna.ferry+site@example.org"};
    static const char *const bad[] = {"", "a b", "a/b", "a,b", "\xc3\xbc", "a\n", "a\"b", "a:b", "a*"};
    char longest[65];
    for (size_t i = 0; i < RB_COUNT(good); i++) assert_true(rb_auth_name_is_valid(rb_str_of(good[i])));
    for (size_t i = 0; i < RB_COUNT(bad); i++) assert_false(rb_auth_name_is_valid(rb_str_of(bad[i])));
    memset(longest, 'x', sizeof longest);
    assert_true(rb_auth_name_is_valid(rb_str_make(longest, 64)));
    assert_false(rb_auth_name_is_valid(rb_str_make(longest, 65)));
    assert_false(rb_auth_name_is_valid(rb_str_make("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_shared_identities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lent_tokens, set_up, tear_down),
        cmocka_unit_test(test_new_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
