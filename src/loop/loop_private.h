/* What the files of this room share. */
#ifndef RB_LOOP_PRIVATE_H
#define RB_LOOP_PRIVATE_H

#include "loop/wheel.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <uv.h>

enum { READY_MAX = 512, SIGNALS_MAX = 8 };

struct signal_handler {
    uv_signal_t uv;
    void (*on_signal)(void *arg, int signal);
    void *arg;
};

/* Letters to another loop, of this turn. */
struct outbox {
    struct rb_loop *to;
    struct rb_mail *first, **last;
};

enum { OUTBOXES_MAX = 72 }; /* more loops than there can be */

struct rb_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t before_sleep;
    uv_timer_t alarm;  /* the wheel's next time */
    uint64_t alarm_ms; /* what it is set to; UINT64_MAX = not set */
    uv_poll_t sockets; /* the epoll set below is readable when one of its sockets is ready */
    int epoll_fd;
    struct epoll_event *ready; /* the batch being handled, so that a stopped watch can be taken out of it */
    int ready_count, ready_next;
    uint64_t now_ms; /* of this turn; 0 = not yet read */
    struct rb_wheel wheel;
    struct rb_list tasks;
    struct rb_task send_mail;
    struct outbox *outboxes;
    unsigned outbox_count;
    char *scratch;
    char name[16];
    struct signal_handler signals[SIGNALS_MAX];
    unsigned signal_count;

    pthread_mutex_t mail_lock; /* guards what is below, which other threads touch */
    struct rb_mail *mail_first;
    struct rb_mail **mail_last;
    bool must_stop;
    bool is_ended; /* the handles are closed: letters are run by rb_loop_end only */
};

#endif
