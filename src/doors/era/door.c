/* The door as a whole: its paths, and what is open on which loop. */
#include "base/mem.h"
#include "doors/era/link.h"

struct rb_era_door *rb_era_door_new(const struct rb_era_setup *setup)
{
    struct rb_era_door *door = rb_new(struct rb_era_door);
    door->setup = *setup;
    door->notices = era_notices_new();
    door->heres = rb_new_array(struct era_here, setup->loop_count);
    for (unsigned i = 0; i < setup->loop_count; i++) {
        struct era_here *here = &door->heres[i];
        here->door = door;
        here->loop = setup->loops[i];
        rb_list_init(&here->links);
    }
    return door;
}

void rb_era_set_jobs(struct rb_era_door *door, struct rb_jobs *jobs)
{
    door->jobs = jobs;
}

void rb_era_door_free(struct rb_era_door *door)
{
    if (!door) return;
    era_notices_free(door->notices);
    rb_free(door->heres);
    rb_free(door);
}

struct era_here *era_here(struct rb_era_door *door)
{
    return &door->heres[rb_loop_place(door->setup.loops, door->setup.loop_count)];
}

void rb_era_close_all(struct rb_era_door *door, rb_err why)
{
    if (!door) return;
    struct era_here *here = era_here(door);
    here->is_closing = true;
    RB_LIST_EACH(node, &here->links) era_link_shut(node, why);
}

/* ---- routes ---- */

rb_err rb_era_add_routes(struct rb_era_door *door, struct rb_router *router, struct rb_buf *why)
{
    static const struct {
        const char *pattern;
        rb_handler_fn *handler;
    } sockets[] = {{"/ws", era_connect_user},
                   {"/ws/token/v1", era_connect_token},
                   {"/ws/token/v1/{token}", era_connect_token}};
    rb_err err = RB_OK;
    for (size_t i = 0; i < RB_COUNT(sockets) && !err; i++)
        err = rb_router_add(router, RB_HTTP1_GET, rb_str_of(sockets[i].pattern), 0, sockets[i].handler, door);
    if (!err) err = era_add_operation_routes(door, router);
    if (!err) err = era_add_session_routes(door, router);
    if (!err) err = era_add_files_routes(door, router);
    if (!err) err = era_add_search_routes(door, router);
    if (!err) err = era_add_script_routes(door, router);
    if (err) rb_buf_add_text(why, "era: one of its paths is taken by something else");
    return err;
}
