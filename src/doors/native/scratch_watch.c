/* Scratches of connections that have no session: nobody says when such a connection goes, whatever its door,
 * so those few that have been given files are looked after, every five seconds. One that breaks and comes
 * back under its id within the grace time finds its files again. */
#include "auth/session.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/native/scratch_private.h"

#include <string.h>

enum { LOOK_MS = 5000, GRACE_MS = 30000 };

struct watched {
    struct native_here *here;
    char id[RB_HANDLE_TEXT_BYTES]; /* its key, and the name of the scratch */
    struct rb_handle conn;
    uint64_t seen_ms; /* when it was there last */
    struct rb_conn_errand *asked;
    size_t tenant_bytes;
    char tenant[];
};

static void let_go(struct watched *watched)
{
    rb_map_remove(&watched->here->watched, rb_str_of(watched->id));
    if (watched->asked) watched->asked->arg = NULL;
    rb_free(watched);
}

static void on_shown(struct rb_conn_errand *asked)
{
    struct watched *watched = asked->arg;
    uint64_t now_ms = rb_clock_ms();
    if (watched) {
        watched->asked = NULL;
        if (asked->err != RB_NO_SUCH_CONNECTION) {
            watched->seen_ms = now_ms;
        } else if (now_ms - watched->seen_ms >= GRACE_MS) {
            struct native_here *here = watched->here;
            rb_scratch_drop(here->door->setup.scratches, here->loop, rb_str_of(watched->id));
            let_go(watched);
        }
    }
    rb_conn_errand_free(asked);
}

static void look(struct watched *watched)
{
    if (watched->asked) return;
    watched->asked = rb_conn_errand_new(watched->here->door->setup.hub, RB_CONN_SHOW, on_shown, watched);
    watched->asked->to = watched->conn;
    watched->asked->tenant =
        rb_arena_copy(&watched->asked->arena, rb_str_make(watched->tenant, watched->tenant_bytes));
    rb_conn_errand_send(watched->asked);
}

static void on_look(struct rb_timer *timer)
{
    struct native_here *here = RB_OUTER(timer, struct native_here, watch);
    struct watched *watched;
    size_t at = 0;
    while ((watched = rb_map_next(&here->watched, &at)) != NULL) look(watched);
    if (here->watched.count > 0) rb_timer_start(here->loop, timer, LOOK_MS, on_look);
}

static void watch(struct native_here *here, const struct rb_handle *conn, rb_str tenant)
{
    struct watched *watched = rb_alloc(sizeof *watched + tenant.n);
    watched->here = here;
    watched->conn = *conn;
    watched->seen_ms = rb_clock_ms();
    watched->tenant_bytes = tenant.n;
    memcpy(watched->tenant, tenant.p, tenant.n);
    rb_handle_text(conn, watched->id);
    rb_map_put(&here->watched, rb_str_of(watched->id), watched);
    if (!rb_timer_is_running(&here->watch)) rb_timer_start(here->loop, &here->watch, LOOK_MS, on_look);
}

/* What was put after the session had gone would stay until the server stops. */
static void drop_if_over(struct native_here *here, rb_str id)
{
    struct rb_session *session = rb_session_find(here->door->setup.sessions, id);
    if (!session) rb_scratch_drop(here->door->setup.scratches, here->loop, id);
    rb_session_unref(session);
}

void scratch_place_watch(const struct scratch_place *place)
{
    struct native_here *here = native_here(place->errand->door);
    if (!place->is_connections)
        drop_if_over(here, place->session);
    else if (!here->is_closing && !rb_map_get(&here->watched, place->session))
        watch(here, &place->conn, place->errand->who->tenant);
}

void scratch_watches_close(struct native_here *here)
{
    struct watched *watched;
    size_t at = 0;
    rb_timer_stop(&here->watch);
    while ((watched = rb_map_next(&here->watched, &at)) != NULL) let_go(watched);
    rb_map_fini(&here->watched);
}
