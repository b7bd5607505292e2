/* Requests that need a credential: `Authorization: Bearer TOKEN`. */
#ifndef RB_AUTH_GUARD_H
#define RB_AUTH_GUARD_H

#include "auth/auth.h"
#include "http/http.h"

/* who is shared (rb_identity_ref), and there as long as the request; NULL unless err is RB_OK. The request is
 * to be answered in both cases. */
typedef void rb_guarded_fn(struct rb_request *request, void *arg, rb_err err, const struct rb_identity *who);
/* Calls handler once, at once or later, on the request's loop. */
void rb_guard(struct rb_auth *auth, struct rb_request *request, rb_guarded_fn *handler, void *arg);

#endif
