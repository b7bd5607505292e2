#include "auth/brake.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>
#include <string.h>

struct window {
    struct rb_list node; /* in the order in which windows began */
    uint64_t until_ms;
    uint32_t count;
    bool is_released;
    uint8_t key_bytes;
    char key[RB_BRAKE_KEY_BYTES_MAX];
};

struct rb_brake {
    pthread_mutex_t mutex;
    uint32_t window_ms, most;
    struct rb_map windows; /* by key */
    struct rb_list order;
};

static rb_str short_key(rb_str key)
{
    return rb_str_sub(key, 0, RB_BRAKE_KEY_BYTES_MAX);
}

static void forget(struct rb_brake *brake, struct window *window)
{
    rb_map_remove(&brake->windows, rb_str_make(window->key, window->key_bytes));
    rb_list_remove(&window->node);
    rb_free(window);
}

struct rb_brake *rb_brake_new(uint32_t window_ms, uint32_t most)
{
    struct rb_brake *brake = rb_new(struct rb_brake);
    pthread_mutex_init(&brake->mutex, NULL);
    brake->window_ms = window_ms;
    brake->most = most;
    rb_list_init(&brake->order);
    return brake;
}

void rb_brake_free(struct rb_brake *brake)
{
    if (!brake) return;
    RB_LIST_EACH(node, &brake->order) forget(brake, RB_OUTER(node, struct window, node));
    rb_map_fini(&brake->windows);
    pthread_mutex_destroy(&brake->mutex);
    rb_free(brake);
}

/* NULL: it has none, or its is over. Windows that are over go, as those do that are too many. */
static struct window *find(struct rb_brake *brake, rb_str key, uint64_t now_ms)
{
    while (!rb_list_is_empty(&brake->order)) {
        struct window *oldest = RB_OUTER(brake->order.next, struct window, node);
        if (oldest->until_ms > now_ms && brake->windows.count < RB_BRAKE_KEYS_MAX) break;
        forget(brake, oldest);
    }
    return rb_map_get(&brake->windows, short_key(key));
}

static struct window *open(struct rb_brake *brake, rb_str key, uint64_t now_ms)
{
    struct window *window = find(brake, key, now_ms);
    if (window) return window;
    key = short_key(key);
    window = rb_new(struct window);
    window->until_ms = now_ms + brake->window_ms;
    window->key_bytes = (uint8_t)key.n;
    memcpy(window->key, key.p, key.n);
    rb_list_push_back(&brake->order, &window->node);
    rb_map_put(&brake->windows, rb_str_make(window->key, window->key_bytes), window);
    return window;
}

bool rb_brake_is_on(struct rb_brake *brake, rb_str key, uint64_t *out_wait_ms)
{
    if (brake->most == 0) return false;
    uint64_t now_ms = rb_clock_ms();
    pthread_mutex_lock(&brake->mutex);
    const struct window *window = find(brake, key, now_ms);
    bool is_on = window && !window->is_released && window->count >= brake->most;
    if (is_on) *out_wait_ms = window->until_ms - now_ms;
    pthread_mutex_unlock(&brake->mutex);
    return is_on;
}

void rb_brake_count(struct rb_brake *brake, rb_str key)
{
    if (brake->most == 0) return;
    pthread_mutex_lock(&brake->mutex);
    open(brake, key, rb_clock_ms())->count++;
    pthread_mutex_unlock(&brake->mutex);
}

void rb_brake_release(struct rb_brake *brake, rb_str key)
{
    if (brake->most == 0) return;
    uint64_t now_ms = rb_clock_ms();
    pthread_mutex_lock(&brake->mutex);
    struct window *window = find(brake, key, now_ms);
    if (window) forget(brake, window);
    open(brake, key, now_ms)->is_released = true;
    pthread_mutex_unlock(&brake->mutex);
}
