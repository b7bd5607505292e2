/* Users, and points with their tokens. */
#include "store_fixture.h"

struct finding {
    struct fixture *f;
    const char *tenant, *name; /* tenant NULL: all */
    unsigned char hash[32];
    struct rb_user_record user, *users;
    struct rb_point_record point, *points;
    struct rb_token_record token;
    uint32_t count;
};

static rb_err find_user(struct rb_reader *reader, void *arg)
{
    struct finding *it = arg;
    return rb_read_user(reader, &it->f->arena, rb_str_of(it->tenant), rb_str_of(it->name), &it->user);
}

static rb_err find_user_by_id(struct rb_reader *reader, void *arg)
{
    struct finding *it = arg;
    return rb_read_user_by_id(reader, &it->f->arena, rb_str_of(it->tenant), rb_str_of(it->name), &it->user);
}

static rb_err list_users(struct rb_reader *reader, void *arg)
{
    struct finding *it = arg;
    return rb_read_users(reader, &it->f->arena, rb_str_of(it->tenant), &it->users, &it->count);
}

static rb_err find_point(struct rb_reader *reader, void *arg)
{
    struct finding *it = arg;
    return rb_read_point(reader, &it->f->arena, it->hash, &it->point);
}

static rb_err list_points(struct rb_reader *reader, void *arg)
{
    struct finding *it = arg;
    return rb_read_points(reader, &it->f->arena, rb_str_of(it->tenant), &it->points, &it->count);
}

static rb_err find_token(struct rb_reader *reader, void *arg)
{
    struct finding *it = arg;
    return rb_read_token(reader, &it->f->arena, it->hash, &it->token);
}

/* ---- users ---- */

static struct rb_user_record a_user(const char *tenant, const char *login, const char *id)
{
    return (struct rb_user_record){.tenant = rb_str_of(tenant),
                                   .login = rb_str_of(login),
                                   .id = rb_str_of(id),
                                   .name = RB_STR("Ann A."),
                                   .verifier = RB_STR("v"),
                                   .roles = RB_STR("backend,auditor"),
                                   .created_ms = 7};
}

static rb_err add_user(struct fixture *f, struct rb_user_record user)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_insert(tx, &user);
    return commit(f, tx);
}

static rb_err set_password(struct fixture *f, const char *login, const char *verifier)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_password(tx, RB_STR("t"), rb_str_of(login), rb_str_of(verifier));
    return commit(f, tx);
}

static rb_err remove_user(struct fixture *f, const char *tenant, const char *login)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_delete(tx, rb_str_of(tenant), rb_str_of(login));
    return commit(f, tx);
}

static void test_users_come_back(void **state)
{
    struct fixture *f = *state;
    struct rb_user_record limited = a_user("t", "bob", "u2");
    limited.capabilities = RB_STR("");
    limited.is_disabled = true;
    assert_int_equal(add_user(f, limited), RB_OK);
    assert_int_equal(add_user(f, a_user("t", "ann", "u1")), RB_OK);
    assert_int_equal(add_user(f, a_user("t", "ann", "u3")), RB_CONFLICT);
    assert_int_equal(add_user(f, a_user("other", "ann", "u3")), RB_OK);
    reopen_store(f);

    struct finding it = {.f = f, .tenant = "t", .name = "ann"};
    assert_int_equal(rb_store_read_wait(f->store, find_user, &it), RB_OK);
    assert_str(it.user.id, "u1");
    assert_str(it.user.name, "Ann A.");
    assert_str(it.user.verifier, "v");
    assert_str(it.user.roles, "backend,auditor");
    assert_null(it.user.capabilities.p);
    assert_false(it.user.is_disabled);
    assert_int_equal(it.user.created_ms, 7);
    it.name = "u2";
    assert_int_equal(rb_store_read_wait(f->store, find_user, &it), RB_NOT_FOUND);
    assert_int_equal(rb_store_read_wait(f->store, find_user_by_id, &it), RB_OK);
    assert_str(it.user.login, "bob");
    assert_true(it.user.capabilities.p && it.user.capabilities.n == 0); /* none is not any */
    assert_true(it.user.is_disabled);
    it.name = "u3"; /* of another tenant */
    assert_int_equal(rb_store_read_wait(f->store, find_user_by_id, &it), RB_NOT_FOUND);

    assert_int_equal(rb_store_read_wait(f->store, list_users, &it), RB_OK);
    assert_int_equal(it.count, 2);
    assert_str(it.users[0].login, "ann");
    assert_null(it.users[0].verifier.p);
    it.tenant = NULL;
    assert_int_equal(rb_store_read_wait(f->store, list_users, &it), RB_OK);
    assert_int_equal(it.count, 3);
}

static void test_users_change_and_go(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add_user(f, a_user("t", "ann", "u1")), RB_OK);
    assert_int_equal(set_password(f, "ann", "w"), RB_OK);
    assert_int_equal(set_password(f, "bob", "w"), RB_NOT_FOUND);
    struct finding it = {.f = f, .tenant = "t", .name = "ann"};
    assert_int_equal(rb_store_read_wait(f->store, find_user, &it), RB_OK);
    assert_str(it.user.verifier, "w");
    assert_str(it.user.id, "u1");
    assert_int_equal(remove_user(f, "other", "ann"), RB_NOT_FOUND);
    assert_int_equal(remove_user(f, "t", "ann"), RB_OK);
    assert_int_equal(rb_store_read_wait(f->store, find_user, &it), RB_NOT_FOUND);
}

/* ---- points ---- */

static struct rb_point_record a_point(unsigned char first, const char *tenant, const char *code,
                                      const char *id)
{
    return (struct rb_point_record){.hash = {first},
                                    .tenant = rb_str_of(tenant),
                                    .code = rb_str_of(code),
                                    .id = rb_str_of(id),
                                    .type = RB_STR("erp"),
                                    .roles = RB_STR("backend"),
                                    .addresses = RB_STR("10.0.0.0/8"),
                                    .user_id = RB_STR("u1"),
                                    .created_ms = 9};
}

static rb_err add_point(struct fixture *f, struct rb_point_record point)
{
    struct rb_token_record token = {
        .tenant = point.tenant, .client = point.code, .role = RB_STR("backend"), .label = point.code};
    memcpy(token.hash, point.hash, sizeof token.hash);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_point_insert(tx, &point);
    rb_tx_token_insert(tx, &token);
    return commit(f, tx);
}

static rb_err remove_point(struct fixture *f, const char *code)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_point_delete(tx, RB_STR("t"), rb_str_of(code));
    return commit(f, tx);
}

static void test_points_come_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add_point(f, a_point(1, "t", "erp", "p1")), RB_OK);
    assert_int_equal(add_point(f, a_point(2, "t", "erp", "p2")), RB_CONFLICT); /* the code */
    assert_int_equal(add_point(f, a_point(1, "t", "crm", "p2")), RB_CONFLICT); /* the token */
    struct rb_point_record least = {
        .hash = {2}, .tenant = RB_STR("u"), .code = RB_STR("a"), .id = RB_STR("p2")};
    assert_int_equal(add_point(f, least), RB_OK);
    reopen_store(f);

    struct finding it = {.f = f, .hash = {1}};
    assert_int_equal(rb_store_read_wait(f->store, find_point, &it), RB_OK);
    assert_memory_equal(it.point.hash, it.hash, 32);
    assert_str(it.point.code, "erp");
    assert_str(it.point.id, "p1");
    assert_str(it.point.type, "erp");
    assert_str(it.point.roles, "backend");
    assert_null(it.point.capabilities.p);
    assert_str(it.point.addresses, "10.0.0.0/8");
    assert_str(it.point.user_id, "u1");
    assert_int_equal(it.point.created_ms, 9);
    assert_int_equal(rb_store_read_wait(f->store, list_points, &it), RB_OK);
    assert_int_equal(it.count, 2);
    assert_str(it.points[1].tenant, "u");
    assert_null(it.points[1].addresses.p);
    assert_null(it.points[1].user_id.p);
    it.hash[0] = 3;
    assert_int_equal(rb_store_read_wait(f->store, find_point, &it), RB_NOT_FOUND);
}

static void test_a_point_goes_with_its_token(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add_point(f, a_point(1, "t", "erp", "p1")), RB_OK);
    assert_int_equal(add_point(f, a_point(2, "t", "crm", "p2")), RB_OK);
    assert_int_equal(remove_point(f, "erp"), RB_OK);
    assert_int_equal(remove_point(f, "erp"), RB_NOT_FOUND);
    struct finding it = {.f = f, .hash = {1}};
    assert_int_equal(rb_store_read_wait(f->store, find_point, &it), RB_NOT_FOUND);
    assert_int_equal(rb_store_read_wait(f->store, find_token, &it), RB_NOT_FOUND);
    it.hash[0] = 2;
    assert_int_equal(rb_store_read_wait(f->store, find_token, &it), RB_OK);

    struct rb_tx *tx = rb_tx_new();
    rb_tx_token_delete(tx, RB_STR("t"), RB_STR("crm"));
    assert_int_equal(commit(f, tx), RB_OK);
    assert_int_equal(rb_store_read_wait(f->store, find_point, &it), RB_NOT_FOUND);
    assert_int_equal(add_point(f, a_point(2, "t", "crm", "p2")), RB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_users_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_users_change_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_points_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_point_goes_with_its_token, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
