/* Users: people with a login and a password, of one tenant.
 *
 * A password is kept as an scrypt verifier (RFC 7914; N 2^15, r 8, p 1, 16 random bytes of salt), computed on
 * the worker pool, RB_LOGIN_AT_ONCE at a time, so that a crowd that logs in neither takes all memory nor the
 * pool. Brake: after RB_LOGIN_FAILURES_MAX failures within RB_LOGIN_WINDOW_MS from one address (of IPv6: one
 * network of 64 bits), or for one tenant and login, the next is refused unread (RB_TOO_MANY_REQUESTS). An
 * unknown login costs as much time as a wrong password. */
#ifndef RB_AUTH_LOGIN_H
#define RB_AUTH_LOGIN_H

#include "auth/auth.h"

enum {
    RB_LOGIN_FAILURES_MAX = 5,
    RB_LOGIN_WINDOW_MS = 3 * 60 * 1000,
    RB_LOGIN_AT_ONCE = 2,
    RB_LOGIN_WAITING_MAX = 1000, /* more: RB_OVERLOADED */
    RB_PASSWORD_BYTES_MAX = 1024,
    RB_PASSWORD_VERIFIER_BYTES = 160 /* zero-terminated text */
};

/* Blocking, some 100 ms: for the command line and the pool. False: memory is out. */
bool rb_password_verifier(rb_str password, char out[RB_PASSWORD_VERIFIER_BYTES]);
bool rb_password_fits(rb_str password, rb_str verifier);

struct rb_logins;
struct rb_logins *rb_logins_new(struct rb_store *store);
/* Any thread, before the loops end: who stands in line, and who comes from now on, is answered
 * RB_SHUTTING_DOWN. NULL is fine. */
void rb_logins_close(struct rb_logins *logins);
void rb_logins_free(struct rb_logins *logins); /* when no check is under way; NULL is fine */

/* user is NULL unless err is RB_OK, and valid during the call. */
typedef void rb_login_done_fn(void *arg, rb_err err, const struct rb_user_record *user);
struct rb_login_check;
/* On a loop; calls done there, once, never from inside this. RB_OK, RB_UNAUTHENTICATED (also for a disabled
 * user), RB_TOO_MANY_REQUESTS, RB_OVERLOADED, a store error. address: of the client, as rb_request_peer gives
 * it. */
struct rb_login_check *rb_login_check(struct rb_logins *logins, rb_str tenant, rb_str login, rb_str password,
                                      rb_str address, rb_login_done_fn *done, void *arg);
void rb_login_cancel(struct rb_login_check *check); /* done will not be called; NULL is fine */

/* For guesses of other credentials (session ids): whether the address has had too many; notes one more. Any
 * thread. */
bool rb_login_is_braked(struct rb_logins *logins, rb_str address, uint64_t *out_wait_ms);
void rb_login_count_guess(struct rb_logins *logins, rb_str address);

/* A list as users and API clients have it ("a,b,c"; rb_str_lists): names as rb_auth_name_is_valid has them;
 * empty is fine. */
bool rb_list_is_valid(rb_str list);
/* The identity of a user: its role is backend when the user's roles name that. Slices are borrowed. */
struct rb_identity rb_user_identity(const struct rb_user_record *user);

#endif
