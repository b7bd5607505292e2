/* The door as a whole: its paths, and what is open on which loop. */
#include "base/mem.h"
#include "doors/envoy/envoy_private.h"

struct rb_envoy_door *rb_envoy_door_new(const struct rb_envoy_setup *setup)
{
    struct rb_envoy_door *door = rb_new(struct rb_envoy_door);
    door->setup = *setup;
    door->refusals = rb_brake_new(60 * 1000, setup->refusals_per_min);
    door->calls = rb_brake_new(1000, setup->calls_per_s);
    door->heres = rb_new_array(struct envoy_here, setup->loop_count);
    for (unsigned i = 0; i < setup->loop_count; i++) {
        struct envoy_here *here = &door->heres[i];
        here->door = door;
        here->loop = setup->loops[i];
        rb_list_init(&here->links);
        rb_countdowns_init(&here->countdowns, here->loop, &envoy_countdown_ops);
    }
    return door;
}

void rb_envoy_door_free(struct rb_envoy_door *door)
{
    if (!door) return;
    for (unsigned i = 0; i < door->setup.loop_count; i++) rb_countdowns_fini(&door->heres[i].countdowns);
    rb_brake_free(door->refusals);
    rb_brake_free(door->calls);
    rb_free(door->heres);
    rb_free(door);
}

struct envoy_here *envoy_here(struct rb_envoy_door *door)
{
    return &door->heres[rb_loop_place(door->setup.loops, door->setup.loop_count)];
}

void rb_envoy_close_all(struct rb_envoy_door *door, rb_err why)
{
    if (!door) return;
    struct envoy_here *here = envoy_here(door);
    here->is_closing = true;
    RB_LIST_EACH(node, &here->links) envoy_link_shut(node, why);
}

/* ---- routes ---- */

static rb_err add_path(struct rb_envoy_door *door, struct rb_router *router, rb_str path)
{
    const struct rb_route call = {.handler = envoy_calls_handle,
                                  .arg = door,
                                  .body_max = door->setup.body_bytes_max,
                                  .on_refused = envoy_calls_refused};
    rb_err err = rb_router_add_route(router, RB_HTTP1_POST, path, &call);
    if (!err) err = rb_router_add(router, RB_HTTP1_GET, path, 0, envoy_link_handle, door);
    return err;
}

/* "/envoy/", "/envoy" (people forget the slash) and "/envoy/api", which some callers append. */
rb_err rb_envoy_add_routes(struct rb_envoy_door *door, struct rb_router *router, struct rb_buf *why)
{
    rb_str path = door->setup.path;
    struct rb_buf api = {0};
    rb_buf_add_str(&api, path);
    rb_buf_add_text(&api, "api");
    rb_err err = add_path(door, router, path);
    if (!err && path.n > 1) err = add_path(door, router, rb_str_sub(path, 0, path.n - 1));
    if (!err) err = add_path(door, router, rb_buf_str(&api));
    if (err) rb_buf_add_fmt(why, "envoy.path: %.*s is taken by something else", RB_STR_FMT(path));
    rb_buf_fini(&api);
    return err;
}
