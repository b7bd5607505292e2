/* The door as a whole: what is open on which loop. */
#include "base/mem.h"
#include "doors/native/holder.h"

struct rb_native *rb_native_new(const struct rb_native_setup *setup)
{
    struct rb_native *door = rb_new(struct rb_native);
    door->setup = *setup;
    door->heres = rb_new_array(struct native_here, setup->loop_count);
    for (unsigned i = 0; i < setup->loop_count; i++) {
        struct native_here *here = &door->heres[i];
        here->door = door;
        here->loop = setup->loops[i];
        socket_lines_init(here);
        holders_init(here);
        rb_list_init(&here->streams);
        rb_list_init(&here->echoes);
        rb_list_init(&here->waits);
    }
    return door;
}

void rb_native_free(struct rb_native *door)
{
    if (!door) return;
    for (unsigned i = 0; i < door->setup.loop_count; i++) {
        holders_fini(&door->heres[i]);
        scratch_watches_close(&door->heres[i]);
    }
    rb_free(door->routes);
    rb_free(door->heres);
    rb_free(door);
}

struct native_here *native_here(struct rb_native *door)
{
    return &door->heres[rb_loop_place(door->setup.loops, door->setup.loop_count)];
}

void rb_native_close_all(struct rb_native *door, rb_err why)
{
    struct native_here *here = native_here(door);
    here->is_closing = true;
    socket_lines_close(here, why);
    RB_LIST_EACH(node, &here->streams) stream_shut(node, why);
    RB_LIST_EACH(node, &here->echoes) echo_shut(node, why);
    scratch_watches_close(here);
    while (!rb_list_is_empty(&here->waits)) {
        struct native_wait *wait = RB_OUTER(here->waits.next, struct native_wait, node);
        wait->end(wait);
    }
}
