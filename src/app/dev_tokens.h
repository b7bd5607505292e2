/* The two tokens of `ringback dev`: made once for a data directory and kept, so that clients stay known over
 * restarts. */
#ifndef RB_APP_DEV_TOKENS_H
#define RB_APP_DEV_TOKENS_H

#include "auth/auth.h"

struct rb_dev_tokens {
    char client[RB_TOKEN_TEXT_BYTES];
    char backend[RB_TOKEN_TEXT_BYTES];
};

/* Reads DIR/dev.env or makes new tokens; writes it with this address (readable for its owner only); has the
 * store know them. */
bool rb_dev_tokens_open(struct rb_store *store, rb_str data, const char *url, struct rb_dev_tokens *out,
                        struct rb_buf *why);

#endif
