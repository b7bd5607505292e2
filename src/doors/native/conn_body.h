/* What back ends read of a live connection: as JSON, all of it or some members. Pure. */
#ifndef RB_NATIVE_CONN_BODY_H
#define RB_NATIVE_CONN_BODY_H

#include "doors/native/native_private.h"
#include "hub/registry.h"

enum { CONN_MASK_ALL = UINT32_MAX };

/* "a,b": a bit for each member. False: *out_unknown is none. */
bool conn_mask_read(rb_str names, uint32_t *out_mask, rb_str *out_unknown);
void conn_body_put(struct rb_json_out *out, const struct rb_conn_row *row, uint32_t mask);

#endif
