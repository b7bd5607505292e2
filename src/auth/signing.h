/* Accounts whose calls are signed: a public id, and a secret that both sides know. The signature is the
 * HMAC-SHA512 of the body as it was sent, under the secret's characters, in hexadecimal of either case.
 *
 * Accounts come from the configuration, or from the store (`ringback client create --signing`); the former
 * win. Those of the store are cached by each loop for a short time. Nothing here shows or logs a secret. */
#ifndef RB_AUTH_SIGNING_H
#define RB_AUTH_SIGNING_H

#include "loop/loop.h"
#include "store/store.h"

struct rb_account {
    rb_str public_id, tenant;
    bool is_guarded; /* rb_signing_is_replay is to be asked */
};

enum { RB_SIGNING_CACHE_MS = 10000, RB_SIGNING_CACHE_MAX = 10000, RB_REPLAY_WINDOW_MS = 5 * 60 * 1000 };

struct rb_signing;
/* The configured accounts are borrowed. */
struct rb_signing *rb_signing_new(struct rb_store *store, struct rb_loop *const *loops, unsigned loop_count,
                                  const struct rb_account_record *configured, unsigned configured_count);
void rb_signing_free(struct rb_signing *signing); /* after the loops have ended; NULL is fine */

/* account is NULL unless err is RB_OK, and valid during the call. */
typedef void rb_signing_done_fn(void *arg, rb_err err, const struct rb_account *account);
/* On one of the loops. Calls done once, at once or later: RB_OK, RB_UNAUTHENTICATED, or a store error. body
 * is borrowed until then. That there is no such account is not seen in the time it takes. */
void rb_signing_check(struct rb_signing *signing, rb_str public_id, rb_str signature, rb_str body,
                      rb_signing_done_fn *done, void *arg);

/* Whether this signature came before, within RB_REPLAY_WINDOW_MS; notes it. */
bool rb_signing_is_replay(struct rb_signing *signing, rb_str signature);

/* `bytes` of random as lower-case hexadecimal, zero-terminated: 2 * bytes + 1. For new ids and secrets. */
void rb_signing_random_hex(char *out, size_t bytes);

#endif
