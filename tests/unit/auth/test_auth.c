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

/* A new one has its own text. */
static void test_new_identity(void **state)
{
    (void)state;
    char tenant[] = "acme", client[] = "bob";
    const struct rb_identity *identity = rb_identity_new(&(struct rb_identity){
        .tenant = rb_str_make(tenant, 4), .client = rb_str_make(client, 3), .role = RB_ROLE_BACKEND});
    tenant[0] = client[0] = 'x';
    assert_ptr_equal(rb_identity_ref(identity), identity);
    rb_identity_unref(identity);
    assert_str(identity->tenant, "acme");
    assert_str(identity->client, "bob");
    assert_int_equal(identity->role, RB_ROLE_BACKEND);
    rb_identity_unref(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shared_identities, set_up, tear_down),
        cmocka_unit_test(test_new_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
