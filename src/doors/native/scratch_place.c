/* From an id in a request to the name of a scratch. What connects is asked on its own loop. */
#include "auth/session.h"
#include "doors/native/scratch_private.h"

static bool is_for(const struct errand *errand, rb_str client)
{
    return errand->who->role == RB_ROLE_BACKEND || rb_str_eq(errand->who->client, client);
}

static rb_err find_session(struct scratch_place *place, rb_str id)
{
    struct errand *errand = place->errand;
    struct rb_session *session = rb_session_find(errand->door->setup.sessions, id);
    rb_err err = RB_NO_SUCH_CONNECTION;
    if (session && rb_session_connections(session) > 0 &&
        rb_str_eq(session->who->tenant, errand->who->tenant) && is_for(errand, session->who->client)) {
        place->session = rb_arena_copy(&errand->request->arena, id);
        err = RB_OK;
    }
    rb_session_unref(session);
    return err;
}

static void take_facts(struct scratch_place *place, const struct rb_conn_row *row)
{
    struct rb_arena *arena = &place->errand->request->arena;
    place->is_connections = !row->facts.session.n;
    place->session = rb_arena_copy(arena, place->is_connections ? rb_str_of(row->id) : row->facts.session);
}

static void on_shown(struct rb_conn_errand *asked)
{
    struct scratch_place *place = asked->arg;
    if (place) {
        rb_err err = asked->err;
        place->asked = NULL;
        if (!err && !is_for(place->errand, asked->row->facts.client)) err = RB_NO_SUCH_CONNECTION;
        if (!err) take_facts(place, asked->row);
        place->found(place, err);
    }
    rb_conn_errand_free(asked);
}

static void ask_connection(struct scratch_place *place)
{
    struct errand *errand = place->errand;
    place->asked = rb_conn_errand_new(errand->door->setup.hub, RB_CONN_SHOW, on_shown, place);
    place->asked->to = place->conn;
    place->asked->tenant = rb_arena_copy(&place->asked->arena, errand->who->tenant);
    rb_conn_errand_send(place->asked);
}

void scratch_place_find(struct scratch_place *place, struct errand *errand, rb_str id,
                        void (*found)(struct scratch_place *place, rb_err err), void *arg)
{
    *place = (struct scratch_place){.errand = errand, .found = found, .arg = arg};
    if (rb_handle_parse(id, &place->conn))
        ask_connection(place);
    else
        found(place, find_session(place, id));
}

void scratch_place_leave(struct scratch_place *place)
{
    if (place->asked) place->asked->arg = NULL;
    place->asked = NULL;
}
