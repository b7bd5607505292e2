#include "loop/loop.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop_private.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static _Thread_local struct rb_loop *current;

struct rb_loop *rb_loop_current(void)
{
    return current;
}

unsigned rb_loop_place(struct rb_loop *const *loops, unsigned count)
{
    const struct rb_loop *here = rb_loop_current();
    for (unsigned i = 0; i < count; i++)
        if (loops[i] == here) return i;
    RB_UNREACHABLE();
}

char *rb_loop_scratch(struct rb_loop *loop)
{
    return loop->scratch;
}

/* Read at most once a turn, and only by turns that ask. */
uint64_t rb_loop_now_ms(struct rb_loop *loop)
{
    if (loop->now_ms == 0) loop->now_ms = rb_clock_ms();
    return loop->now_ms;
}

/* ---- mail ---- */

/* A chain that ends with *last. */
static void deliver(struct rb_loop *loop, struct rb_mail *first, struct rb_mail **last)
{
    pthread_mutex_lock(&loop->mail_lock);
    bool was_empty = loop->mail_first == NULL;
    *loop->mail_last = first;
    loop->mail_last = last;
    if (was_empty && !loop->is_ended) uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->mail_lock);
}

static void send_mail(struct rb_task *task)
{
    struct rb_loop *loop = RB_OUTER(task, struct rb_loop, send_mail);
    for (unsigned i = 0; i < loop->outbox_count; i++) {
        struct outbox *outbox = &loop->outboxes[i];
        if (outbox->first) deliver(outbox->to, outbox->first, outbox->last);
        outbox->first = NULL;
        outbox->last = &outbox->first;
    }
}

void rb_loop_send_mail(void)
{
    if (current) send_mail(&current->send_mail);
}

static struct outbox *outbox_to(struct rb_loop *from, struct rb_loop *to)
{
    for (unsigned i = 0; i < from->outbox_count; i++)
        if (from->outboxes[i].to == to) return &from->outboxes[i];
    if (from->outbox_count == OUTBOXES_MAX) return NULL;
    struct outbox *outbox = &from->outboxes[from->outbox_count++];
    *outbox = (struct outbox){.to = to, .last = &outbox->first};
    return outbox;
}

/* Letters of one turn to another loop leave together at the turn's end: one lock and one wake-up, and what
 * belongs together (a burst of events) is found together. */
void rb_loop_post(struct rb_loop *loop, struct rb_mail *mail)
{
    mail->next = NULL;
    struct outbox *outbox = current && current != loop ? outbox_to(current, loop) : NULL;
    if (!outbox) {
        deliver(loop, mail, &mail->next);
        return;
    }
    *outbox->last = mail;
    outbox->last = &mail->next;
    rb_loop_before_sleep(current, &current->send_mail);
}

/* False when there were none. */
static bool run_letters(struct rb_loop *loop)
{
    pthread_mutex_lock(&loop->mail_lock);
    struct rb_mail *mail = loop->mail_first;
    loop->mail_first = NULL;
    loop->mail_last = &loop->mail_first;
    pthread_mutex_unlock(&loop->mail_lock);
    if (!mail) return false;
    while (mail) {
        struct rb_mail *next = mail->next;
        mail->run(mail);
        mail = next;
    }
    return true;
}

static void on_wake(uv_async_t *wake)
{
    struct rb_loop *loop = wake->data;
    run_letters(loop);
    pthread_mutex_lock(&loop->mail_lock);
    if (loop->must_stop) uv_stop(&loop->uv);
    loop->must_stop = false;
    pthread_mutex_unlock(&loop->mail_lock);
}

void rb_loop_stop(struct rb_loop *loop)
{
    pthread_mutex_lock(&loop->mail_lock);
    loop->must_stop = true;
    pthread_mutex_unlock(&loop->mail_lock);
    uv_async_send(&loop->wake);
}

/* ---- before sleeping ---- */

void rb_loop_before_sleep(struct rb_loop *loop, struct rb_task *task)
{
    if (!rb_list_is_linked(&task->node)) rb_list_push_back(&loop->tasks, &task->node);
}

void rb_loop_forget_task(struct rb_task *task)
{
    rb_list_remove(&task->node);
}

/* False when there were none. */
static bool run_tasks(struct rb_loop *loop)
{
    if (rb_list_is_empty(&loop->tasks)) return false;
    struct rb_list *node;
    while ((node = rb_list_pop_front(&loop->tasks)) != NULL) {
        struct rb_task *task = RB_OUTER(node, struct rb_task, node);
        task->run(task);
    }
    return true;
}

/* ---- timers ---- */

void rb_timer_start(struct rb_loop *loop, struct rb_timer *timer, uint64_t delay_ms,
                    void (*on_due)(struct rb_timer *))
{
    rb_timer_stop(timer);
    if (__builtin_add_overflow(rb_clock_ms(), delay_ms, &timer->due_ms)) timer->due_ms = UINT64_MAX;
    timer->on_due = on_due;
    rb_wheel_add(&loop->wheel, timer);
}

void rb_timer_stop(struct rb_timer *timer)
{
    rb_list_remove(&timer->node);
}

static void on_alarm(uv_timer_t *alarm)
{
    struct rb_loop *loop = alarm->data;
    loop->alarm_ms = UINT64_MAX;
    loop->now_ms = rb_clock_ms(); /* whoever is due must not be told of a time at which it was not */
    rb_wheel_advance(&loop->wheel, loop->now_ms);
}

/* A test clock may jump at any time, so with one the loop looks every millisecond instead of trusting its
 * sleep. */
static void set_alarm(struct rb_loop *loop)
{
    uint64_t next_ms = rb_wheel_next_ms(&loop->wheel);
    if (next_ms == loop->alarm_ms) return;
    loop->alarm_ms = next_ms;
    if (next_ms == UINT64_MAX) {
        uv_timer_stop(&loop->alarm);
        return;
    }
    uint64_t now_ms = rb_clock_ms();
    uint64_t delay_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    if (rb_clock_is_test() && delay_ms > 1) {
        delay_ms = 1;
        loop->alarm_ms = UINT64_MAX;
    }
    uv_timer_start(&loop->alarm, on_alarm, delay_ms, 0);
}

static void on_before_sleep(uv_prepare_t *prepare)
{
    struct rb_loop *loop = prepare->data;
    loop->now_ms = rb_clock_ms();
    rb_wheel_advance(&loop->wheel, loop->now_ms);
    run_tasks(loop);
    set_alarm(loop);
    loop->now_ms = 0; /* who knows how long the sleep will be */
}

/* ---- sockets ---- */

static void control(struct rb_loop *loop, int op, struct rb_watch *watch, unsigned events)
{
    struct epoll_event event = {.data.ptr = watch};
    if (events & RB_READABLE) event.events |= EPOLLIN | EPOLLRDHUP;
    if (events & RB_WRITABLE) event.events |= EPOLLOUT;
    RB_CHECK(epoll_ctl(loop->epoll_fd, op, watch->fd, &event) == 0);
    watch->events = events;
}

/* What of the batch is still to be handled; to is NULL when the watch is stopped. */
static void redirect_ready(struct rb_loop *loop, struct rb_watch *from, struct rb_watch *to)
{
    for (int i = loop->ready_next; i < loop->ready_count; i++)
        if (loop->ready[i].data.ptr == from) loop->ready[i].data.ptr = to;
}

/* A descriptor is taken out of the epoll set although closing it would do that too, and for nothing: while a
 * child process is between fork and exec it holds a second one, and what happens at the socket until then
 * would be reported to a watch that is no more. */
void rb_watch_set(struct rb_loop *loop, struct rb_watch *watch, unsigned events)
{
    if (events == watch->events) return;
    control(loop, !watch->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, watch, events);
    if (!events) redirect_ready(loop, watch, NULL);
}

void rb_watch_move(struct rb_loop *loop, struct rb_watch *to, struct rb_watch *from)
{
    *to = *from;
    if (!from->events) return;
    from->events = 0;
    control(loop, EPOLL_CTL_MOD, to, to->events);
    redirect_ready(loop, from, to);
}

static void on_sockets(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    struct rb_loop *loop = poll->data;
    struct epoll_event batch[READY_MAX];
    int count = epoll_wait(loop->epoll_fd, batch, READY_MAX, 0);
    loop->ready = batch;
    loop->ready_count = count > 0 ? count : 0;
    for (int i = 0; i < loop->ready_count; i++) {
        loop->ready_next = i + 1;
        struct rb_watch *watch = batch[i].data.ptr;
        if (!watch) continue; /* stopped by a callback before it in this batch */
        unsigned ready = 0;
        if (batch[i].events & ~(uint32_t)EPOLLOUT) ready |= RB_READABLE;
        if (batch[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) ready |= RB_WRITABLE;
        watch->on_ready(watch, ready);
    }
    loop->ready = NULL;
    loop->ready_count = loop->ready_next = 0;
}

/* ---- work ---- */

struct work {
    uv_work_t uv;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void on_work(uv_work_t *uv)
{
    struct work *work = uv->data;
    work->work(work->arg);
}

static void on_work_done(uv_work_t *uv, int status)
{
    (void)status;
    struct work *work = uv->data;
    if (work->done) work->done(work->arg);
    rb_free(work);
}

void rb_loop_work(struct rb_loop *loop, void (*work_fn)(void *arg), void (*done)(void *arg), void *arg)
{
    struct work *work = rb_new(struct work);
    *work = (struct work){.work = work_fn, .done = done, .arg = arg};
    work->uv.data = work;
    RB_CHECK(uv_queue_work(&loop->uv, &work->uv, on_work, on_work_done) == 0);
}

/* ---- signals ---- */

static void on_uv_signal(uv_signal_t *uv, int number)
{
    struct signal_handler *handler = uv->data;
    handler->on_signal(handler->arg, number);
}

void rb_loop_on_signal(struct rb_loop *loop, int number, void (*on_signal)(void *arg, int signal), void *arg)
{
    RB_CHECK(loop->signal_count < SIGNALS_MAX);
    struct signal_handler *handler = &loop->signals[loop->signal_count++];
    handler->on_signal = on_signal;
    handler->arg = arg;
    handler->uv.data = handler;
    RB_CHECK(uv_signal_init(&loop->uv, &handler->uv) == 0);
    RB_CHECK(uv_signal_start(&handler->uv, on_uv_signal, number) == 0);
}

/* ---- life ---- */

struct rb_loop *rb_loop_new(const char *name)
{
    /* sendfile and pipes know no MSG_NOSIGNAL; libuv gives children the default again */
    signal(SIGPIPE, SIG_IGN);
    struct rb_loop *loop = rb_new(struct rb_loop);
    strncpy(loop->name, name, sizeof loop->name - 1);
    RB_CHECK(uv_loop_init(&loop->uv) == 0);
    loop->mail_last = &loop->mail_first;
    pthread_mutex_init(&loop->mail_lock, NULL);
    rb_list_init(&loop->tasks);
    rb_wheel_init(&loop->wheel, rb_clock_ms());
    loop->scratch = rb_alloc(RB_LOOP_SCRATCH_BYTES);
    loop->send_mail.run = send_mail;
    loop->outboxes = rb_new_array(struct outbox, OUTBOXES_MAX);
    loop->alarm_ms = UINT64_MAX;

    RB_CHECK(uv_async_init(&loop->uv, &loop->wake, on_wake) == 0);
    loop->wake.data = loop;
    RB_CHECK(uv_prepare_init(&loop->uv, &loop->before_sleep) == 0);
    loop->before_sleep.data = loop;
    uv_prepare_start(&loop->before_sleep, on_before_sleep);
    RB_CHECK(uv_timer_init(&loop->uv, &loop->alarm) == 0);
    loop->alarm.data = loop;

    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    RB_CHECK(loop->epoll_fd >= 0);
    RB_CHECK(uv_poll_init(&loop->uv, &loop->sockets, loop->epoll_fd) == 0);
    loop->sockets.data = loop;
    uv_poll_start(&loop->sockets, UV_READABLE, on_sockets);
    return loop;
}

void rb_loop_run(struct rb_loop *loop)
{
    current = loop;
    pthread_setname_np(pthread_self(), loop->name);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    run_tasks(loop); /* the last turn is a whole one, though no sleep follows it */
    loop->now_ms = 0;
    current = NULL;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void rb_loop_end(struct rb_loop *loop)
{
    current = loop;
    run_letters(loop); /* which came after the last turn */
    pthread_mutex_lock(&loop->mail_lock);
    bool was_ended = loop->is_ended;
    loop->is_ended = true; /* before the wake handle goes, which nobody may touch from then on */
    pthread_mutex_unlock(&loop->mail_lock);
    if (!was_ended) uv_walk(&loop->uv, close_handle, NULL);
    bool has_more;
    do { /* work under way, and what it and the letters bring about */
        if (!was_ended) uv_run(&loop->uv, UV_RUN_DEFAULT);
        has_more = run_letters(loop);
        has_more |= run_tasks(loop);
    } while (has_more);
    if (!was_ended) RB_CHECK(uv_loop_close(&loop->uv) == 0);
    current = NULL;
}

void rb_loop_free(struct rb_loop *loop)
{
    if (!loop) return;
    rb_loop_end(loop);
    close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->mail_lock);
    rb_free(loop->outboxes);
    rb_free(loop->scratch);
    rb_free(loop);
}
