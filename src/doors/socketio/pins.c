#include "base/mem.h"
#include "doors/socketio/recovery_private.h"

#include <string.h>

struct pin {
    struct rb_sub sub;
    struct recoveries *recoveries;
    struct rb_list node; /* while it is ready */
    unsigned count;      /* of those that want it */
    size_t name_bytes;
    char name[];
};

/* What comes is for others: it is passed over, so that the topic keeps no more than its rule says. */
static void on_task(struct rb_task *task)
{
    struct recoveries *recoveries = RB_OUTER(task, struct recoveries, take_task);
    struct rb_log_entry *entry;
    while (!rb_list_is_empty(&recoveries->ready_pins)) {
        struct pin *pin = RB_OUTER(rb_list_pop_front(&recoveries->ready_pins), struct pin, node);
        while (rb_sub_take(&pin->sub, &entry) != RB_TAKE_NOTHING) continue;
    }
}

static void on_ready(struct rb_sub *sub)
{
    struct pin *pin = RB_OUTER(sub, struct pin, sub);
    struct recoveries *recoveries = pin->recoveries;
    rb_list_push_back(&recoveries->ready_pins, &pin->node);
    recoveries->take_task.run = on_task;
    rb_loop_before_sleep(recoveries->here->loop, &recoveries->take_task);
}

static void on_started(struct rb_sub *sub)
{
    (void)sub;
}

static const struct rb_sub_ops sub_ops = {.on_started = on_started, .on_ready = on_ready};

struct pin *pin_get(struct recoveries *recoveries, rb_str topic)
{
    struct pin *pin = rb_map_get(&recoveries->pins, topic);
    if (!pin) {
        pin = rb_alloc(sizeof *pin + topic.n);
        pin->recoveries = recoveries;
        pin->name_bytes = topic.n;
        memcpy(pin->name, topic.p, topic.n);
        rb_map_put(&recoveries->pins, rb_str_make(pin->name, pin->name_bytes), pin);
        rb_sub_start(recoveries->here->door->setup.hub, &pin->sub, topic,
                     &(struct rb_start){.at = RB_START_NOW}, &sub_ops);
    }
    pin->count++;
    return pin;
}

void pin_put(struct recoveries *recoveries, struct pin *pin)
{
    if (!pin || --pin->count > 0) return;
    rb_map_remove(&recoveries->pins, rb_str_make(pin->name, pin->name_bytes));
    rb_list_remove(&pin->node);
    rb_sub_stop(&pin->sub);
    rb_free(pin);
}

void pins_fini(struct recoveries *recoveries)
{
    RB_CHECK(recoveries->pins.count == 0);
    rb_loop_forget_task(&recoveries->take_task);
    rb_map_fini(&recoveries->pins);
}
