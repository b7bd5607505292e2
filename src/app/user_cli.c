/* `ringback user add|passwd|list|remove`: people who log in with a password. Works beside a running server,
 * which sees the change with the next login. */
#include "app/cli.h"
#include "app/password_input.h"
#include "base/clock.h"
#include "base/random.h"
#include "codec/utf8.h"

#include <stdio.h>

enum { ID_CHARACTERS = 20, NAME_BYTES_MAX = 200 };

struct request {
    rb_str data, tenant, login, name, roles, capabilities, password_file;
    bool as_json;
};

static int fail(const char *what, rb_str detail)
{
    return rb_cli_fail("user", what, detail);
}

static int check_names(const struct request *request)
{
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(request->login))
        return fail("--tenant and --login take 1 to 64 characters of A-Z a-z 0-9 . _ - @ +", RB_STR_NONE);
    return RB_EXIT_OK;
}

static int make_verifier(const struct request *request, char out[RB_PASSWORD_VERIFIER_BYTES])
{
    struct rb_password_input password;
    struct rb_buf why = {0};
    int status = RB_EXIT_OK;
    if (!rb_password_input_read(request->password_file, &password, &why))
        status = fail("no password", rb_buf_str(&why));
    else if (!rb_password_verifier(rb_password_input_str(&password), out))
        status = fail("not done", rb_str_of(rb_reason(RB_OUT_OF_MEMORY)->sentence));
    rb_password_input_wipe(&password);
    rb_buf_fini(&why);
    return status;
}

/* ---- add and passwd ---- */

static bool is_readable(rb_str name)
{
    if (name.n > NAME_BYTES_MAX || !rb_utf8_is_valid(name)) return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f) return false;
    return true;
}

static int store_user(const struct request *request, const char *verifier)
{
    char id[ID_CHARACTERS + 2] = "u";
    rb_random_text(id + 1, ID_CHARACTERS);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_insert(tx, &(struct rb_user_record){.tenant = request->tenant,
                                                   .login = request->login,
                                                   .id = rb_str_of(id),
                                                   .name = request->name,
                                                   .verifier = rb_str_of(verifier),
                                                   .roles = request->roles,
                                                   .capabilities = request->capabilities,
                                                   .created_ms = rb_clock_wall_ms()});
    int status = rb_cli_commit("user", request->data, tx, "there is a user of this login");
    if (status != RB_EXIT_OK) return status;
    const struct rb_cli_member members[] = {{"id", rb_str_of(id)},
                                            {"login", request->login},
                                            {"tenant", request->tenant}};
    if (request->as_json)
        rb_cli_print_object(members, RB_COUNT(members));
    else
        printf("%s\n", id);
    return status;
}

static int add(void *arg)
{
    const struct request *request = arg;
    char verifier[RB_PASSWORD_VERIFIER_BYTES];
    int status = check_names(request);
    if (status != RB_EXIT_OK) return status;
    if (!rb_list_is_valid(request->roles) || !rb_list_is_valid(request->capabilities))
        return fail("--roles and --capabilities take names with commas between, no blanks", RB_STR_NONE);
    if (!is_readable(request->name)) return fail("--name takes up to 200 bytes of one line", RB_STR_NONE);
    status = make_verifier(request, verifier);
    return status == RB_EXIT_OK ? store_user(request, verifier) : status;
}

static int passwd(void *arg)
{
    const struct request *request = arg;
    char verifier[RB_PASSWORD_VERIFIER_BYTES];
    int status = check_names(request);
    if (status == RB_EXIT_OK) status = make_verifier(request, verifier);
    if (status != RB_EXIT_OK) return status;
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_password(tx, request->tenant, request->login, rb_str_of(verifier));
    return rb_cli_commit("user", request->data, tx, NULL);
}

/* ---- list ---- */

struct listing {
    struct rb_arena arena;
    rb_str tenant;
    struct rb_user_record *users;
    uint32_t count;
};

static rb_err read_users(struct rb_reader *reader, void *arg)
{
    struct listing *listing = arg;
    return rb_read_users(reader, &listing->arena, listing->tenant, &listing->users, &listing->count);
}

static void print_user(const struct rb_user_record *user, bool as_json)
{
    char created[RB_CLOCK_TEXT_BYTES];
    rb_clock_format(user->created_ms, created);
    if (as_json) {
        const struct rb_cli_member members[] = {{"id", user->id},
                                                {"login", user->login},
                                                {"tenant", user->tenant},
                                                {"name", user->name},
                                                {"roles", user->roles},
                                                {"capabilities", user->capabilities},
                                                {"created", rb_str_of(created)}};
        rb_cli_print_object(members, RB_COUNT(members));
        return;
    }
    printf("%.*s\t%.*s\t%.*s\t%.*s\troles %.*s", RB_STR_FMT(user->tenant), RB_STR_FMT(user->login),
           RB_STR_FMT(user->id), RB_STR_FMT(user->name), RB_STR_FMT(user->roles));
    if (user->capabilities.p) printf("\tcapabilities %.*s", RB_STR_FMT(user->capabilities));
    printf("\tcreated %s%s\n", created, user->is_disabled ? "\tdisabled" : "");
}

static int list(void *arg)
{
    const struct request *request = arg;
    struct listing listing = {.tenant = request->tenant};
    int status = rb_cli_read("user", request->data, read_users, &listing);
    for (uint32_t i = 0; i < listing.count; i++) print_user(&listing.users[i], request->as_json);
    rb_arena_fini(&listing.arena);
    return status;
}

/* ---- remove ---- */

static int remove_user(void *arg)
{
    const struct request *request = arg;
    if (!request->tenant.p || !request->login.p)
        return fail("remove needs --tenant and --login", RB_STR_NONE);
    struct rb_tx *tx = rb_tx_new();
    rb_tx_user_delete(tx, request->tenant, request->login);
    return rb_cli_commit("user", request->data, tx, NULL);
}

int rb_user_main(int argc, char **argv)
{
    struct request r = {.data = RB_STR("./ringback-data"), .name = RB_STR(""), .roles = RB_STR("")};
    const struct rb_cli_flag flags[] = {
        {"--data", "DIR", "the server's data directory; default ./ringback-data", &r.data, NULL},
        {"--tenant", "NAME", "whose user", &r.tenant, NULL},
        {"--login", "NAME", "what the user logs in with", &r.login, NULL},
        {"--name", "TEXT", "add: for people", &r.name, NULL},
        {"--roles", "A,B", "add: with backend among them the user may do what a back end may", &r.roles,
         NULL},
        {"--capabilities", "A,B", "add: what the user may switch on; default anything", &r.capabilities,
         NULL},
        {"--password-file", "FILE", "add, passwd: where the password stands; default is standard input",
         &r.password_file, NULL},
        {"--json", NULL, "add: print an object; list: one a line", NULL, &r.as_json},
    };
    static const struct rb_cli_action actions[] = {
        {"add", add}, {"passwd", passwd}, {"list", list}, {"remove", remove_user}};
    return rb_cli_run_action("user", actions, RB_COUNT(actions), flags, RB_COUNT(flags), argc, argv, &r);
}
