/* One lock guards the table and what changes in its sessions; it is held for a few assignments, and while
 * on_deserted is called: so no connection can come in between. Nothing is searched for: sessions that nobody
 * uses stand in the order in which their time is over, in two rings, since the two times are the same for
 * all. */
#include "auth/session.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SWEEP_MS = 1000 };

enum state {
    OPEN,
    ENDING, /* is found no more; on_deserted is yet to be called, when no connection is attached */
    ENDED
};

struct session {
    _Atomic uint32_t refs; /* one is the table's until it has ended */
    struct rb_sessions *table;
    bool is_transient;
    /* Under the table's lock. */
    enum state state;
    unsigned connections;
    uint64_t used_ms, deserted_ms; /* monotonic */
    struct rb_list idle_node;      /* in idle: open, not transient, without connections */
    struct rb_list deserted_node;  /* in deserted: without connections, on_deserted to be called */
    struct rb_session facts;
    char text[];
};

struct rb_sessions {
    struct rb_sessions_setup setup;
    struct rb_loop *loop;
    struct rb_timer sweep;
    pthread_mutex_t mutex;         /* guards the rest */
    struct rb_map by_id;           /* the open ones */
    struct rb_list idle, deserted; /* the one whose time is over first is first */
};

static struct session *session_of(const struct rb_session *session)
{
    return RB_OUTER((struct rb_session *)session, struct session, facts);
}

static rb_str id_of(const struct session *session)
{
    return rb_str_make(session->facts.id, RB_SESSION_ID_BYTES - 1);
}

/* ---- references ---- */

struct rb_session *rb_session_ref(struct rb_session *session)
{
    atomic_fetch_add_explicit(&session_of(session)->refs, 1, memory_order_relaxed);
    return session;
}

void rb_session_unref(struct rb_session *session)
{
    if (!session) return;
    struct session *it = session_of(session);
    if (atomic_fetch_sub_explicit(&it->refs, 1, memory_order_acq_rel) != 1) return;
    rb_identity_unref(it->facts.who);
    rb_free(it);
}

/* ---- ending, with the lock held ---- */

static void begin_to_end(struct session *it)
{
    struct rb_sessions *table = it->table;
    it->state = ENDING;
    rb_map_remove(&table->by_id, id_of(it));
    rb_list_remove(&it->idle_node);
    rb_list_remove(&it->deserted_node);
    if (it->connections == 0) rb_list_push_front(&table->deserted, &it->deserted_node);
}

/* The caller has a reference if it goes on with the session. */
static void tell_deserted(struct session *it)
{
    struct rb_sessions *table = it->table;
    rb_list_remove(&it->deserted_node);
    if (table->setup.on_deserted) table->setup.on_deserted(table->setup.arg, id_of(it));
    if (it->state == OPEN && !it->is_transient) return;
    if (it->state == OPEN) rb_map_remove(&table->by_id, id_of(it));
    it->state = ENDED;
    rb_session_unref(&it->facts);
}

static bool is_idle_over(const struct session *it, uint64_t now_ms)
{
    return rb_list_is_linked(&it->idle_node) && it->used_ms + it->table->setup.idle_ms <= now_ms;
}

static bool is_grace_over(const struct session *it, uint64_t now_ms)
{
    return rb_list_is_linked(&it->deserted_node) &&
           (it->state == ENDING || it->deserted_ms + it->table->setup.grace_ms <= now_ms);
}

/* What the sweep would have found by now, and whether the token still is good with which it was opened.
 * Whether the session is open still. */
static bool catch_up(struct session *it)
{
    uint64_t now_ms = rb_clock_ms();
    bool is_over = is_idle_over(it, now_ms) || rb_identity_has_ended(it->facts.who);
    if (it->state == OPEN && is_over) begin_to_end(it);
    if (is_grace_over(it, now_ms)) tell_deserted(it);
    return it->state == OPEN;
}

static void begin_to_idle(struct session *it)
{
    if (it->is_transient || it->connections > 0) return;
    it->used_ms = rb_clock_ms();
    rb_list_remove(&it->idle_node);
    rb_list_push_back(&it->table->idle, &it->idle_node);
}

static void begin_grace(struct session *it)
{
    it->deserted_ms = rb_clock_ms();
    rb_list_push_back(&it->table->deserted, &it->deserted_node);
}

/* ---- the table ---- */

struct rb_sessions *rb_sessions_new(const struct rb_sessions_setup *setup)
{
    struct rb_sessions *sessions = rb_new(struct rb_sessions);
    sessions->setup = *setup;
    pthread_mutex_init(&sessions->mutex, NULL);
    rb_list_init(&sessions->idle);
    rb_list_init(&sessions->deserted);
    return sessions;
}

/* One at a time, so that nobody waits long for the lock. */
static bool sweep_one(struct rb_sessions *sessions, uint64_t now_ms)
{
    bool has_swept = false;
    pthread_mutex_lock(&sessions->mutex);
    if (!rb_list_is_empty(&sessions->idle)) {
        struct session *oldest = RB_OUTER(sessions->idle.next, struct session, idle_node);
        has_swept = is_idle_over(oldest, now_ms);
        if (has_swept) begin_to_end(oldest);
    }
    if (!rb_list_is_empty(&sessions->deserted)) {
        struct session *oldest = RB_OUTER(sessions->deserted.next, struct session, deserted_node);
        bool is_over = is_grace_over(oldest, now_ms);
        if (is_over) tell_deserted(oldest);
        has_swept |= is_over;
    }
    pthread_mutex_unlock(&sessions->mutex);
    return has_swept;
}

static void on_sweep(struct rb_timer *timer)
{
    struct rb_sessions *sessions = RB_OUTER(timer, struct rb_sessions, sweep);
    uint64_t now_ms = rb_clock_ms();
    while (sweep_one(sessions, now_ms)) continue;
    rb_timer_start(sessions->loop, timer, SWEEP_MS, on_sweep);
}

void rb_sessions_run(struct rb_sessions *sessions, struct rb_loop *loop)
{
    sessions->loop = loop;
    rb_timer_start(loop, &sessions->sweep, SWEEP_MS, on_sweep);
}

void rb_sessions_free(struct rb_sessions *sessions)
{
    if (!sessions) return;
    rb_timer_stop(&sessions->sweep);
    RB_LIST_EACH(node, &sessions->deserted)
    {
        struct session *it = RB_OUTER(node, struct session, deserted_node);
        rb_list_remove(node);
        if (it->state == ENDING) rb_session_unref(&it->facts); /* the others are below */
    }
    struct session *it;
    for (size_t at = 0; (it = rb_map_next(&sessions->by_id, &at)) != NULL;) rb_session_unref(&it->facts);
    rb_map_fini(&sessions->by_id);
    pthread_mutex_destroy(&sessions->mutex);
    rb_free(sessions);
}

/* ---- one session ---- */

static void make_id(char out[RB_SESSION_ID_BYTES])
{
    unsigned char b[16];
    rb_random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* the RFC's variant */
    snprintf(out, RB_SESSION_ID_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

static rb_str put(char **at, rb_str s)
{
    if (!s.p) return RB_STR_NONE;
    memcpy(*at, s.p, s.n);
    *at += s.n;
    return rb_str_make(*at - s.n, s.n);
}

static struct session *new_session(struct rb_sessions *sessions, const struct rb_session *facts,
                                   bool is_transient)
{
    struct session *it =
        rb_alloc(sizeof *it + facts->user_id.n + facts->login.n + facts->roles.n + facts->capabilities.n);
    char *at = it->text;
    atomic_init(&it->refs, 2);
    it->table = sessions;
    it->is_transient = is_transient;
    make_id(it->facts.id);
    it->facts.who = rb_identity_ref(facts->who);
    it->facts.user_id = put(&at, facts->user_id);
    it->facts.login = put(&at, facts->login);
    it->facts.roles = put(&at, facts->roles);
    it->facts.capabilities = put(&at, facts->capabilities);
    it->facts.created_ms = rb_clock_wall_ms();
    return it;
}

struct rb_session *rb_session_open(struct rb_sessions *sessions, const struct rb_session *facts,
                                   bool is_transient)
{
    struct session *it = NULL;
    pthread_mutex_lock(&sessions->mutex);
    if (sessions->by_id.count < RB_SESSIONS_MAX) {
        it = new_session(sessions, facts, is_transient);
        rb_map_put(&sessions->by_id, id_of(it), it);
        begin_to_idle(it);
        if (is_transient) begin_grace(it);
    }
    pthread_mutex_unlock(&sessions->mutex);
    return it ? &it->facts : NULL;
}

struct rb_session *rb_session_find(struct rb_sessions *sessions, rb_str id)
{
    struct rb_session *found = NULL;
    pthread_mutex_lock(&sessions->mutex);
    struct session *it = rb_map_get(&sessions->by_id, id);
    if (it) rb_session_ref(&it->facts);
    bool is_open = it && catch_up(it);
    if (is_open) begin_to_idle(it);
    pthread_mutex_unlock(&sessions->mutex);
    if (is_open)
        found = &it->facts;
    else if (it)
        rb_session_unref(&it->facts);
    return found;
}

void rb_session_close(struct rb_session *session)
{
    struct session *it = session_of(session);
    pthread_mutex_lock(&it->table->mutex);
    if (it->state == OPEN) begin_to_end(it);
    pthread_mutex_unlock(&it->table->mutex);
}

bool rb_session_attach(struct rb_session *session)
{
    struct session *it = session_of(session);
    pthread_mutex_lock(&it->table->mutex);
    bool is_open = catch_up(it);
    if (is_open) {
        it->connections++;
        rb_list_remove(&it->idle_node);
        rb_list_remove(&it->deserted_node);
    }
    pthread_mutex_unlock(&it->table->mutex);
    return is_open;
}

void rb_session_detach(struct rb_session *session)
{
    struct session *it = session_of(session);
    pthread_mutex_lock(&it->table->mutex);
    RB_CHECK(it->connections > 0);
    it->connections--;
    if (it->connections == 0 && it->state == OPEN) {
        begin_to_idle(it);
        begin_grace(it);
    } else if (it->connections == 0) {
        rb_list_push_front(&it->table->deserted, &it->deserted_node);
    }
    pthread_mutex_unlock(&it->table->mutex);
}

unsigned rb_session_connections(const struct rb_session *session)
{
    struct session *it = session_of(session);
    pthread_mutex_lock(&it->table->mutex);
    unsigned connections = it->connections;
    pthread_mutex_unlock(&it->table->mutex);
    return connections;
}

bool rb_session_is_open(const struct rb_session *session)
{
    struct session *it = session_of(session);
    pthread_mutex_lock(&it->table->mutex);
    bool is_open = it->state == OPEN && !rb_identity_has_ended(session->who);
    pthread_mutex_unlock(&it->table->mutex);
    return is_open;
}
