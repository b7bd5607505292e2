/* The tokens of `ringback dev`, and the password of its user: made once for a data directory and kept, so
 * that clients stay known over restarts. */
#ifndef RB_APP_DEV_TOKENS_H
#define RB_APP_DEV_TOKENS_H

#include "auth/auth.h"

#define RB_DEV_USER "demo"

struct rb_dev_tokens {
    char client[RB_TOKEN_TEXT_BYTES];
    char backend[RB_TOKEN_TEXT_BYTES];
    char api[RB_TOKEN_TEXT_BYTES];      /* of an outside system */
    char password[RB_TOKEN_TEXT_BYTES]; /* of the user RB_DEV_USER */
};

/* Reads DIR/dev.env or makes what is missing; writes it with this address (readable for its owner only); has
 * the store know them. */
bool rb_dev_tokens_open(struct rb_store *store, rb_str data, const char *url, struct rb_dev_tokens *out,
                        struct rb_buf *why);

#endif
