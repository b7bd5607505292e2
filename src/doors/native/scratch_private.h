/* Scratch directories (files/scratch.h) as this door reaches them: by a live connection's id, or by a
 * session's. */
#ifndef RB_NATIVE_SCRATCH_PRIVATE_H
#define RB_NATIVE_SCRATCH_PRIVATE_H

#include "doors/native/native_private.h"
#include "hub/registry.h"

/* Whose scratch a request means. A connection that shares a session has that one's; any other has one by its
 * own id. */
struct scratch_place {
    struct errand *errand; /* who is known */
    void (*found)(struct scratch_place *place, rb_err err);
    void *arg;
    rb_str session; /* in the request's arena */
    bool is_connections;
    struct rb_handle conn;        /* when it is_connections */
    struct rb_conn_errand *asked; /* on its way */
};

/* scratch_place.c: `found` comes once, at once or later, before the request ends. Back ends: those of their
 * tenant; clients: their own. A session counts while it has a connection. RB_NO_SUCH_CONNECTION: no such
 * connection or session, or not for who asks. */
void scratch_place_find(struct scratch_place *place, struct errand *errand, rb_str id,
                        void (*found)(struct scratch_place *place, rb_err err), void *arg);
void scratch_place_leave(struct scratch_place *place); /* `found` will not be called; safe at any time */

/* scratch_watch.c: something was or may be put there. A scratch ends with its session, which sees to that
 * itself; one of a connection is dropped when the connection has been gone for 30 seconds, as this finds out.
 */
void scratch_place_watch(const struct scratch_place *place);

/* scratch_api.c: as JSON, and its entity tag */
void scratch_file_put(struct rb_json_out *out, const struct scratch_place *place,
                      const struct rb_scratch_file *file);
rb_str scratch_etag(struct rb_arena *arena, uint64_t version);

#endif
