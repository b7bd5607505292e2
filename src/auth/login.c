/* One check costs some 100 ms of a core and 32 MiB. So RB_LOGIN_AT_ONCE of them run in the whole process and
 * the others stand in line, wherever they came in; whose turn it is is told its loop, which puts the work on
 * the pool. The brake is asked when a check comes and again when its turn has come: a crowd of guesses that
 * came at once is not worked off. */
#include "auth/login.h"

#include "auth/brake.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "net/address.h"

#include <pthread.h>
#include <string.h>

/* What stands in for the verifier of a user who is not there: 16 and 32 bytes of zeros, which nothing fits.
 */
static const char nobodys_verifier[] =
    "scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct rb_logins {
    struct rb_store *store;
    struct rb_brake *by_address, *by_login; /* failures */
    pthread_mutex_t mutex;                  /* guards the rest */
    bool is_closing;
    unsigned running, waiting_count;
    struct rb_list waiting;
};

struct rb_login_check {
    struct rb_list node; /* in waiting; under its mutex */
    struct rb_mail mail;
    struct rb_logins *logins;
    struct rb_loop *loop;
    rb_login_done_fn *done; /* NULL: cancelled */
    void *arg;
    struct rb_arena arena;
    rb_str tenant, login, address;
    char *password;
    size_t password_bytes;
    unsigned char login_key[RB_SHA256_BYTES]; /* for the brake, whose keys are short */
    rb_err err;
    struct rb_user_record user;
};

struct rb_logins *rb_logins_new(struct rb_store *store)
{
    struct rb_logins *logins = rb_new(struct rb_logins);
    logins->store = store;
    logins->by_address = rb_brake_new(RB_LOGIN_WINDOW_MS, RB_LOGIN_FAILURES_MAX);
    logins->by_login = rb_brake_new(RB_LOGIN_WINDOW_MS, RB_LOGIN_FAILURES_MAX);
    pthread_mutex_init(&logins->mutex, NULL);
    rb_list_init(&logins->waiting);
    return logins;
}

void rb_logins_free(struct rb_logins *logins)
{
    if (!logins) return;
    RB_CHECK(logins->running == 0 && rb_list_is_empty(&logins->waiting));
    rb_brake_free(logins->by_address);
    rb_brake_free(logins->by_login);
    pthread_mutex_destroy(&logins->mutex);
    rb_free(logins);
}

/* ---- the brake ---- */

bool rb_login_is_braked(struct rb_logins *logins, rb_str address, uint64_t *out_wait_ms)
{
    char holder[RB_ADDRESS_TEXT_BYTES];
    rb_address_holder(address, holder);
    return rb_brake_is_on(logins->by_address, rb_str_of(holder), out_wait_ms);
}

void rb_login_count_guess(struct rb_logins *logins, rb_str address)
{
    char holder[RB_ADDRESS_TEXT_BYTES];
    rb_address_holder(address, holder);
    rb_brake_count(logins->by_address, rb_str_of(holder));
}

static rb_str login_key(const struct rb_login_check *check)
{
    return rb_str_make(check->login_key, sizeof check->login_key);
}

static bool is_braked(const struct rb_login_check *check)
{
    uint64_t wait_ms;
    return rb_login_is_braked(check->logins, check->address, &wait_ms) ||
           rb_brake_is_on(check->logins->by_login, login_key(check), &wait_ms);
}

/* ---- one check ---- */

static struct rb_login_check *new_check(struct rb_logins *logins, rb_str tenant, rb_str login,
                                        rb_str password, rb_str address)
{
    struct rb_login_check *check = rb_new(struct rb_login_check);
    check->logins = logins;
    check->loop = rb_loop_current();
    check->tenant = rb_arena_copy(&check->arena, tenant);
    check->login = rb_arena_copy(&check->arena, login);
    check->address = rb_arena_copy(&check->arena, address);
    password = rb_str_sub(password, 0, RB_PASSWORD_BYTES_MAX + 1); /* one more: it fits nobody */
    check->password_bytes = password.n;
    check->password = rb_arena_alloc(&check->arena, password.n + 1);
    if (password.n) memcpy(check->password, password.p, password.n);
    /* A slash is not in the names of tenants. */
    rb_sha256(rb_arena_fmt(&check->arena, "%.*s/%.*s", RB_STR_FMT(check->tenant), RB_STR_FMT(check->login)),
              check->login_key);
    return check;
}

static void free_check(struct rb_login_check *check)
{
    explicit_bzero(check->password, check->password_bytes);
    rb_arena_fini(&check->arena);
    rb_free(check);
}

static void finish(struct rb_login_check *check)
{
    if (check->done) check->done(check->arg, check->err, check->err ? NULL : &check->user);
    free_check(check);
}

static rb_err read_user(struct rb_reader *reader, void *arg)
{
    struct rb_login_check *check = arg;
    return rb_read_user(reader, &check->arena, check->tenant, check->login, &check->user);
}

static void work(void *arg)
{
    struct rb_login_check *check = arg;
    check->err = rb_store_read_wait(check->logins->store, read_user, check);
    if (check->err && check->err != RB_NOT_FOUND) return;
    bool is_somebody = check->err == RB_OK && !check->user.is_disabled;
    rb_str verifier = check->user.verifier.p ? check->user.verifier : rb_str_of(nobodys_verifier);
    bool fits = rb_password_fits(rb_str_make(check->password, check->password_bytes), verifier);
    check->err = fits && is_somebody ? RB_OK : RB_UNAUTHENTICATED;
    check->user.verifier = RB_STR_NONE;
}

/* ---- turns ---- */

static void on_turn(struct rb_mail *mail);

/* One has ended: whoever waits longest takes its place. */
static void pass_on(struct rb_logins *logins)
{
    pthread_mutex_lock(&logins->mutex);
    struct rb_list *node = rb_list_pop_front(&logins->waiting);
    if (node)
        logins->waiting_count--;
    else
        logins->running--;
    pthread_mutex_unlock(&logins->mutex);
    if (!node) return;
    struct rb_login_check *next = RB_OUTER(node, struct rb_login_check, node);
    next->mail.run = on_turn;
    rb_loop_post(next->loop, &next->mail);
}

static void on_worked(void *arg)
{
    struct rb_login_check *check = arg;
    if (check->err == RB_UNAUTHENTICATED) {
        rb_login_count_guess(check->logins, check->address);
        rb_brake_count(check->logins->by_login, login_key(check));
    }
    pass_on(check->logins);
    finish(check);
}

static void on_turn(struct rb_mail *mail)
{
    struct rb_login_check *check = RB_OUTER(mail, struct rb_login_check, mail);
    if (check->done && !is_braked(check)) {
        rb_loop_work(check->loop, work, on_worked, check);
        return;
    }
    check->err = RB_TOO_MANY_REQUESTS;
    pass_on(check->logins);
    finish(check);
}

static void on_refused(struct rb_mail *mail)
{
    finish(RB_OUTER(mail, struct rb_login_check, mail));
}

static void refuse(struct rb_login_check *check, rb_err err)
{
    check->err = err;
    check->mail.run = on_refused;
    rb_loop_post(check->loop, &check->mail);
}

/* ---- asking ---- */

enum place { PLACE_FREE, PLACE_IN_LINE, PLACE_NONE, PLACE_CLOSED };

static enum place take_place(struct rb_login_check *check)
{
    struct rb_logins *logins = check->logins;
    enum place place = PLACE_NONE;
    pthread_mutex_lock(&logins->mutex);
    if (logins->is_closing) {
        place = PLACE_CLOSED;
    } else if (logins->running < RB_LOGIN_AT_ONCE) {
        logins->running++;
        place = PLACE_FREE;
    } else if (logins->waiting_count < RB_LOGIN_WAITING_MAX) {
        logins->waiting_count++;
        rb_list_push_back(&logins->waiting, &check->node);
        place = PLACE_IN_LINE;
    }
    pthread_mutex_unlock(&logins->mutex);
    return place;
}

struct rb_login_check *rb_login_check(struct rb_logins *logins, rb_str tenant, rb_str login, rb_str password,
                                      rb_str address, rb_login_done_fn *done, void *arg)
{
    struct rb_login_check *check = new_check(logins, tenant, login, password, address);
    check->done = done;
    check->arg = arg;
    if (is_braked(check)) {
        refuse(check, RB_TOO_MANY_REQUESTS);
        return check;
    }
    switch (take_place(check)) {
    case PLACE_FREE: rb_loop_work(check->loop, work, on_worked, check); break;
    case PLACE_IN_LINE: break;
    case PLACE_NONE: refuse(check, RB_OVERLOADED); break;
    case PLACE_CLOSED: refuse(check, RB_SHUTTING_DOWN); break;
    }
    return check;
}

void rb_logins_close(struct rb_logins *logins)
{
    if (!logins) return;
    struct rb_list waiting;
    pthread_mutex_lock(&logins->mutex);
    logins->is_closing = true;
    logins->waiting_count = 0;
    rb_list_move_all(&waiting, &logins->waiting);
    for (struct rb_list *node; (node = rb_list_pop_front(&waiting)) != NULL;)
        refuse(RB_OUTER(node, struct rb_login_check, node), RB_SHUTTING_DOWN);
    pthread_mutex_unlock(&logins->mutex);
}

void rb_login_cancel(struct rb_login_check *check)
{
    if (!check) return;
    struct rb_logins *logins = check->logins;
    pthread_mutex_lock(&logins->mutex);
    bool is_waiting = rb_list_is_linked(&check->node);
    if (is_waiting) {
        rb_list_remove(&check->node);
        logins->waiting_count--;
    }
    pthread_mutex_unlock(&logins->mutex);
    check->done = NULL;
    if (is_waiting) free_check(check);
}

/* ---- who a user is ---- */

bool rb_list_is_valid(rb_str list)
{
    rb_str item;
    if (list.n == 0) return true;
    while (rb_str_split(&list, ',', &item))
        if (!rb_auth_name_is_valid(item)) return false;
    return true;
}

struct rb_identity rb_user_identity(const struct rb_user_record *user)
{
    bool is_backend = rb_str_lists(user->roles, rb_str_of(rb_role_name(RB_ROLE_BACKEND)));
    return (struct rb_identity){.tenant = user->tenant,
                                .client = user->login,
                                .role = is_backend ? RB_ROLE_BACKEND : RB_ROLE_CLIENT};
}
