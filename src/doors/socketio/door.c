/* The door as a whole: its endpoints, its part of each loop, its namespaces. */
#include "base/mem.h"
#include "doors/socketio/link_private.h"
#include "doors/socketio/recovery.h"

static struct link_endpoint make_endpoint(struct rb_sio_door *door, const struct link_ops *ops, rb_str path,
                                          bool has_v3)
{
    return (struct link_endpoint){.door = door,
                                  .ops = ops,
                                  .path = path,
                                  .has_polling = door->setup.has_polling,
                                  .has_websocket = true,
                                  .has_v3 = has_v3};
}

struct rb_sio_door *rb_sio_door_new(const struct rb_sio_setup *setup)
{
    struct rb_sio_door *door = rb_new(struct rb_sio_door);
    door->setup = *setup;
    door->socketio = make_endpoint(door, &space_link_ops, setup->path, setup->has_v3);
    door->engineio = make_endpoint(door, &conformance_engine_ops, RB_STR("/engine.io/"), true);
    door->namespaces = rb_new_array(struct sio_namespace, setup->namespace_count + 1);
    for (unsigned i = 0; i < setup->namespace_count; i++)
        space_namespace_init(&door->namespaces[i], setup->namespaces[i]);
    door->heres = rb_new_array(struct links_here, setup->loop_count);
    for (unsigned i = 0; i < setup->loop_count; i++) {
        struct links_here *here = &door->heres[i];
        here->door = door;
        here->loop = setup->loops[i];
        here->index = i;
        rb_handles_init(&here->table, 0, i);
        rb_list_init(&here->links);
        rb_list_init(&here->ending);
        rb_list_init(&here->farewells);
        here->recoveries = recoveries_new(here);
    }
    return door;
}

void rb_sio_door_free(struct rb_sio_door *door)
{
    if (!door) return;
    calls_free(door);
    for (unsigned i = 0; i < door->setup.loop_count; i++) {
        links_free(&door->heres[i]);
        recoveries_free(door->heres[i].recoveries);
        rb_handles_fini(&door->heres[i].table);
    }
    rb_free(door->heres);
    rb_free(door->namespaces);
    rb_free(door);
}

void rb_sio_set_jobs(struct rb_sio_door *door, struct rb_jobs *jobs)
{
    door->jobs = jobs;
}

void rb_sio_set_http(struct rb_sio_door *door, unsigned loop_index, struct rb_http *http)
{
    door->heres[loop_index].http = http;
}

struct links_here *links_here(struct rb_sio_door *door)
{
    struct rb_loop *here = rb_loop_current();
    for (unsigned i = 0; i < door->setup.loop_count; i++)
        if (door->heres[i].loop == here) return &door->heres[i];
    RB_UNREACHABLE();
}

void rb_sio_close_links(struct rb_sio_door *door, rb_err why)
{
    struct links_here *here = links_here(door);
    here->is_closing = true;
    RB_LIST_EACH(node, &here->links) link_close(RB_OUTER(node, struct sio_link, node), why);
    recoveries_close(here->recoveries);
}

static rb_err add_endpoint(struct link_endpoint *endpoint, struct rb_router *router, struct rb_buf *why)
{
    rb_err err = requests_add_routes(endpoint, router);
    if (err)
        rb_buf_add_fmt(why, "socketio.path: %.*s is taken by something else", RB_STR_FMT(endpoint->path));
    return err;
}

rb_err rb_sio_add_routes(struct rb_sio_door *door, struct rb_router *router, struct rb_buf *why)
{
    rb_err err = add_endpoint(&door->socketio, router, why);
    if (!err && door->setup.is_conformance) err = add_endpoint(&door->engineio, router, why);
    return err ? err : calls_add_routes(door, router, why);
}
