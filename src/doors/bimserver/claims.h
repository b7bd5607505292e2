/* Who is doing what only one may do at a time. Any thread. */
#ifndef RB_BIMSERVER_CLAIMS_H
#define RB_BIMSERVER_CLAIMS_H

#include "base/str.h"

struct bim_claims;
struct bim_claims *bim_claims_new(void);
void bim_claims_free(struct bim_claims *claims);                  /* NULL is fine */
bool bim_claims_take(struct bim_claims *claims, rb_str key);      /* false: somebody has it */
void bim_claims_give_back(struct bim_claims *claims, rb_str key); /* of who has it */

#endif
