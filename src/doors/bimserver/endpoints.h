/* Endpoints: the numbers by which calls, on whatever loop, name an open stream. Process-wide, in the order in
 * which they were given out, from 2 on. Any thread. */
#ifndef RB_BIMSERVER_ENDPOINTS_H
#define RB_BIMSERVER_ENDPOINTS_H

#include "auth/auth.h"
#include "base/handle.h"

struct bim_endpoints;
struct bim_endpoints *bim_endpoints_new(void);
void bim_endpoints_free(struct bim_endpoints *endpoints); /* NULL is fine */
/* It is theirs who opened it, with this token (copied). */
uint64_t bim_endpoints_add(struct bim_endpoints *endpoints, const struct rb_handle *connection,
                           const struct rb_identity *who, rb_str token);
void bim_endpoints_remove(struct bim_endpoints *endpoints, uint64_t number);
/* False for one of somebody else, too. */
bool bim_endpoints_find(struct bim_endpoints *endpoints, uint64_t number, const struct rb_identity *who,
                        struct rb_handle *out_connection);
/* The newest one of this token. */
bool bim_endpoints_find_by_token(struct bim_endpoints *endpoints, rb_str token,
                                 struct rb_handle *out_connection);
/* All of them, but no more than so many; the newest first. */
unsigned bim_endpoints_list_by_token(struct bim_endpoints *endpoints, rb_str token, struct rb_handle *out,
                                     unsigned out_max);

#endif
