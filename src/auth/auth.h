/* Who may do what: opaque bearer tokens resolve to (tenant, client, role).
 *
 * A token is 32 random characters (192 bits) behind a prefix; the store has only its SHA-256, so a token is
 * shown once, when it is made. Each loop caches what it looked up for a short time, so a token that was
 * revoked elsewhere works at most that much longer. */
#ifndef RB_AUTH_AUTH_H
#define RB_AUTH_AUTH_H

#include "base/arena.h"
#include "loop/loop.h"
#include "store/store.h"

enum rb_role {
    RB_ROLE_CLIENT,  /* starts jobs, sees its own, subscribes */
    RB_ROLE_BACKEND, /* publishes; sees all of its tenant */
    RB_ROLE_TICKET   /* the holder of a ticket: its one topic, and nothing else. No token has it */
};
const char *rb_role_name(enum rb_role role);
bool rb_role_find(rb_str name, enum rb_role *out_role);

struct rb_identity {
    rb_str tenant, client;
    enum rb_role role;
    rb_str job; /* id of the job whose worker this is (rb_auth_lend); NONE: nobody's worker */
};
/* One that is shared: what rb_auth_check finds is, so that all connections of one token hold the same. Never
 * changed; any thread. ref and unref are for shared ones only. */
const struct rb_identity *rb_identity_new(const struct rb_identity *identity); /* a copy; one reference */
const struct rb_identity *rb_identity_ref(const struct rb_identity *identity);
void rb_identity_unref(const struct rb_identity *identity); /* NULL is fine */
/* For what outlives the check of a token, connections and sessions: whether the token was lent, and is taken
 * back. Then they end, too. Any thread. */
bool rb_identity_has_ended(const struct rb_identity *identity);
void rb_identity_end(const struct rb_identity *identity);

/* ---- making tokens ---- */
enum { RB_TOKEN_TEXT_BYTES = 40 };
/* A new token into `out` (zero-terminated), its record for the store into the transaction. label names it for
 * listing and revoking. */
void rb_token_make(struct rb_tx *tx, const struct rb_identity *identity, rb_str label, uint64_t expires_ms,
                   char out[RB_TOKEN_TEXT_BYTES]);
/* The same for a token made before. */
void rb_token_add(struct rb_tx *tx, rb_str token, const struct rb_identity *identity, rb_str label,
                  uint64_t expires_ms);
/* Tenants, clients and labels: 1 to 64 characters of [A-Za-z0-9._@+-], so that an address of mail is one. */
bool rb_auth_name_is_valid(rb_str name);

/* ---- checking ---- */
struct rb_auth; /* shared by all loops; each has a cache of its own inside */
enum { RB_AUTH_CACHE_MS = 10000, RB_AUTH_CACHE_MAX = 10000 };
struct rb_auth *rb_auth_new(struct rb_store *store, struct rb_loop *const *loops, unsigned loop_count);
void rb_auth_free(struct rb_auth *auth); /* after the loops have ended */

/* identity is NULL unless err is RB_OK, and is valid during the call only, unless a reference is taken. */
typedef void rb_auth_done_fn(void *arg, rb_err err, const struct rb_identity *identity);
struct rb_auth_check;
/* On one of the loops. Calls done once, at once or later: RB_OK, RB_UNAUTHENTICATED, or a store error.
 * Returns what can be cancelled, NULL when done was called. */
struct rb_auth_check *rb_auth_check(struct rb_auth *auth, rb_str token, rb_auth_done_fn *done, void *arg);
void rb_auth_cancel(struct rb_auth_check *check); /* done will not be called; NULL is fine */
/* A token has been deleted: no loop believes any more what it looked up before this. Any thread. */
void rb_auth_forget(struct rb_auth *auth);

/* ---- lending ---- A token for the worker of a job, good until it is taken back; in memory only, never
 * cached, begins with "rbj_". rb_auth_check knows it like any other. Any thread. */
void rb_auth_lend(struct rb_auth *auth, const struct rb_identity *identity, char out[RB_TOKEN_TEXT_BYTES]);
void rb_auth_take_back(struct rb_auth *auth, rb_str token);

/* The token of "Bearer TOKEN" (RFC 6750); NONE when the header value is something else. */
rb_str rb_auth_bearer(rb_str authorization);

#endif
