/* An event loop: one thread that waits for sockets, timers, mail from other threads and finished work, and
 * runs short callbacks for them. It never waits for a disk.
 *
 * Every object that has a home loop is touched by that loop's thread only; other threads reach it by mail. A
 * loop and all of its functions belong to the loop's thread, except rb_loop_post, rb_loop_stop and
 * rb_loop_new. libuv underneath; connections' sockets are watched by an epoll set of our own inside it, so
 * that a socket costs no memory but its owner's. */
#ifndef RB_LOOP_LOOP_H
#define RB_LOOP_LOOP_H

#include "base/list.h"
#include "base/reason.h"

struct rb_loop;

struct rb_loop *rb_loop_new(const char *name);
/* After run has returned and its thread is joined, on any thread: finishes the work and runs the letters that
 * are under way; nothing new can be waited for afterwards, but objects that live on the loop may still be
 * taken down. May be called again for letters that came since. */
void rb_loop_end(struct rb_loop *loop);
void rb_loop_free(struct rb_loop *loop); /* after run has returned and its thread is joined */
void rb_loop_run(
    struct rb_loop *loop); /* until rb_loop_stop; what is still open then is closed by its owners before */
void rb_loop_stop(struct rb_loop *loop);       /* any thread: run returns after the current turn */
uint64_t rb_loop_now_ms(struct rb_loop *loop); /* rb_clock_ms as of this turn */

/* The loop whose thread this is; NULL elsewhere. */
struct rb_loop *rb_loop_current(void);
/* Which of these it is, by index, for who keeps something for each; it must be one of them. */
unsigned rb_loop_place(struct rb_loop *const *loops, unsigned count);

/* Memory that callbacks of this loop may use until they return (reading from sockets, gathering output). */
enum { RB_LOOP_SCRATCH_BYTES = 256 * 1024 };
char *rb_loop_scratch(struct rb_loop *loop);

/* ---- mail ---- A letter is embedded in whatever it is about. run is called once on the receiving thread, in
 * the order of posting of each sender; from then on the letter is the receiver's. Any thread. */
struct rb_mail {
    struct rb_mail *next;
    void (*run)(struct rb_mail *mail);
};
void rb_loop_post(struct rb_loop *loop, struct rb_mail *mail);
/* Letters of a loop to others leave at the end of its turn. This has them leave now: before something is set
 * off elsewhere that must not overtake them. On a loop's thread; elsewhere there is nothing to do. */
void rb_loop_send_mail(void);

/* ---- timers ---- A hierarchical wheel; a timer is a node in its owner, nothing is allocated. Due times are
 * exact to the millisecond plus what the loop is late. Zeroed storage is a stopped timer. */
struct rb_timer {
    struct rb_list node;
    uint64_t due_ms;
    void (*on_due)(
        struct rb_timer *timer); /* the timer is stopped when this runs; it may be started again or freed */
};
void rb_timer_start(struct rb_loop *loop, struct rb_timer *timer, uint64_t delay_ms,
                    void (*on_due)(struct rb_timer *));
void rb_timer_stop(struct rb_timer *timer); /* safe on a stopped one */
static inline bool rb_timer_is_running(const struct rb_timer *timer)
{
    return rb_list_is_linked(&timer->node);
}

/* ---- before sleeping ---- What has collected something during the turn is called once before the loop waits
 * again, in order of request. Requests made by these callbacks run before that wait too. */
struct rb_task {
    struct rb_list node;
    void (*run)(struct rb_task *task);
};
void rb_loop_before_sleep(struct rb_loop *loop, struct rb_task *task); /* again while requested: nothing */
void rb_loop_forget_task(struct rb_task *task);                        /* safe when not requested */

/* ---- sockets ---- Level-triggered readiness of a descriptor. events: RB_READABLE, RB_WRITABLE; errors and
 * hang-ups are reported as readable, so that the read finds them. Stop before closing the descriptor. */
enum { RB_READABLE = 1, RB_WRITABLE = 2 };
struct rb_watch {
    void (*on_ready)(struct rb_watch *watch, unsigned events);
    int fd;
    unsigned events; /* what is watched now; 0 = not watched */
};
void rb_watch_set(struct rb_loop *loop, struct rb_watch *watch, unsigned events); /* 0 stops */
/* from is stopped, to takes its place; readiness that the loop has not reported yet is reported to it. */
void rb_watch_move(struct rb_loop *loop, struct rb_watch *to, struct rb_watch *from);

/* ---- work ---- Blocking work on the pool (libuv's, shared by all loops). done runs on the loop that asked.
 */
void rb_loop_work(struct rb_loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/* ---- signals ---- One handler a signal, on this loop, for the life of the process. */
void rb_loop_on_signal(struct rb_loop *loop, int signal, void (*on_signal)(void *arg, int signal), void *arg);

#endif
