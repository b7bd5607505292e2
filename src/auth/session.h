/* Sessions: what a login creates. Several connections may share one; it ends by logout, when nothing has used
 * it for its idle time, with the token that was lent to whom it is of, or with the process. An open
 * connection counts as use.
 *
 * Any thread: a session is counted (ref, unref), its facts never change, and the rest is behind one short
 * lock. An id is a random UUID (RFC 9562, version 4: 122 random bits); nobody can guess it. The table sweeps
 * itself once a second from the loop that it is given. */
#ifndef RB_AUTH_SESSION_H
#define RB_AUTH_SESSION_H

#include "auth/auth.h"

enum { RB_SESSION_ID_BYTES = 37 /* zero-terminated */, RB_SESSIONS_MAX = 1000000 };

struct rb_session {
    char id[RB_SESSION_ID_BYTES];
    const struct rb_identity *who;
    rb_str user_id, login;      /* of a user; NONE for an API client */
    rb_str roles, capabilities; /* "a,b": rb_str_lists. capabilities NONE: any */
    uint64_t created_ms;        /* wall clock */
};

struct rb_sessions;
struct rb_sessions_setup {
    uint64_t idle_ms;  /* 60 minutes */
    uint64_t grace_ms; /* 30 s: after the last connection has gone, on_deserted is called */
    /* From the loop of rb_sessions_run, and from inside rb_session_find and rb_session_attach when those find
     * the time over; also when the session has ended, so it may be called again for the same. Never while a
     * connection is attached, and the table's lock is held: must not come back here. NULL: nobody wants to
     * know. */
    void (*on_deserted)(void *arg, rb_str id);
    void *arg;
};
struct rb_sessions *rb_sessions_new(const struct rb_sessions_setup *setup);
void rb_sessions_run(struct rb_sessions *sessions, struct rb_loop *loop); /* before the loops run */
void rb_sessions_free(struct rb_sessions *sessions); /* after the loops have ended; NULL is fine */

/* facts: all but id and created_ms; copied. One reference. NULL: there are RB_SESSIONS_MAX. is_transient: it
 * lives as long as connections are attached, and its grace time (API clients, which have no login). */
struct rb_session *rb_session_open(struct rb_sessions *sessions, const struct rb_session *facts,
                                   bool is_transient);
/* A reference to a live one, which is used by that; NULL: none of this id. */
struct rb_session *rb_session_find(struct rb_sessions *sessions, rb_str id);
struct rb_session *rb_session_ref(struct rb_session *session);
void rb_session_unref(struct rb_session *session); /* NULL is fine */
void rb_session_close(
    struct rb_session *session); /* logout: found no more; its scratch goes as if deserted long ago */

/* A connection of this session is open, and is no more. false: the session has ended meanwhile. */
__attribute__((warn_unused_result)) bool rb_session_attach(struct rb_session *session);
void rb_session_detach(struct rb_session *session);
unsigned rb_session_connections(const struct rb_session *session);
bool rb_session_is_open(const struct rb_session *session);

#endif
