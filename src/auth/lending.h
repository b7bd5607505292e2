/* The tokens that are lent to workers (auth.h, "lending"). Any thread. Only for auth.c. */
#ifndef RB_AUTH_LENDING_H
#define RB_AUTH_LENDING_H

#include "auth/auth.h"
#include "base/crypto.h"

struct rb_lending;
struct rb_lending *rb_lending_new(void);
void rb_lending_free(struct rb_lending *lending);

void rb_lending_lend(struct rb_lending *lending, const struct rb_identity *identity,
                     char out[RB_TOKEN_TEXT_BYTES]);
void rb_lending_take_back(struct rb_lending *lending, rb_str token);

bool rb_lending_has_form(rb_str token); /* no other token begins like that */
/* By the SHA-256 of the token: a reference, or NULL: it is not out. */
const struct rb_identity *rb_lending_find(struct rb_lending *lending,
                                          const unsigned char hash[RB_SHA256_BYTES]);

#endif
