/* The thread of outgoing calls.
 *
 * Loops put calls into a mailbox and wake the thread, which is the only one that touches libcurl's multi
 * handle. So many calls are under way at once; the others wait for their turn, in order, while their time
 * runs. Answers go home as letters. A thread of its own, and not the loops', since libcurl resolves names and
 * speaks TLS as it likes, and no loop may wait for that. */
#include "http/outgoing.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/outgoing_private.h"

#include <pthread.h>
#include <signal.h>

enum { SWEEP_MS = 100, NAP_MS = 10000, NS_OF_MS = 1000000 };

struct rb_outgoing {
    pthread_t thread;
    CURLM *multi;
    pthread_mutex_t lock; /* of the next three */
    struct rb_list sent;  /* transfers that the thread has not seen yet */
    unsigned count;       /* of all that are not answered */
    bool is_ending;
    /* The thread's: */
    struct rb_list waiting, under_way;
    unsigned under_way_count;
    uint64_t sweep_ns; /* when to look for those that waited too long */
};

/* ---- calls ---- */

struct rb_outgoing_call *rb_outgoing_call_new(void (*done)(struct rb_outgoing_call *), void *arg)
{
    struct rb_outgoing_call *call = rb_new(struct rb_outgoing_call);
    *call = (struct rb_outgoing_call){.done = done, .arg = arg};
    return call;
}

void rb_outgoing_call_free(struct rb_outgoing_call *call)
{
    if (!call) return;
    RB_CHECK(!call->transfer);
    rb_arena_fini(&call->arena);
    rb_free(call);
}

static void on_home(struct rb_mail *mail)
{
    struct rb_outgoing_call *call = RB_OUTER(mail, struct rb_outgoing_call, mail);
    call->done(call);
}

static void send_home(struct rb_outgoing_call *call)
{
    call->mail.run = on_home;
    rb_loop_post(call->loop, &call->mail);
}

static void refuse(struct rb_outgoing_call *call, rb_err err)
{
    call->err = err;
    call->why = rb_str_of(rb_reason(err)->sentence);
}

/* ---- the mailbox ---- */

void rb_outgoing_send(struct rb_outgoing *outgoing, struct rb_outgoing_call *call)
{
    call->loop = rb_loop_current();
    pthread_mutex_lock(&outgoing->lock);
    rb_err err = outgoing->is_ending                                                ? RB_SHUTTING_DOWN
                 : outgoing->count >= RB_OUTGOING_AT_ONCE + RB_OUTGOING_WAITING_MAX ? RB_OVERLOADED
                                                                                    : RB_OK;
    if (err == RB_OK) {
        rb_list_push_back(&outgoing->sent, &transfer_new(call)->node);
        outgoing->count++;
    }
    pthread_mutex_unlock(&outgoing->lock);
    if (err == RB_OK) {
        curl_multi_wakeup(outgoing->multi);
        return;
    }
    refuse(call, err);
    send_home(call);
}

/* False: it is to end. */
static bool take_sent(struct rb_outgoing *outgoing)
{
    struct rb_list *node;
    pthread_mutex_lock(&outgoing->lock);
    bool is_ending = outgoing->is_ending;
    while ((node = rb_list_pop_front(&outgoing->sent)) != NULL) rb_list_push_back(&outgoing->waiting, node);
    pthread_mutex_unlock(&outgoing->lock);
    return !is_ending;
}

/* ---- on the thread ---- */

static void finish(struct rb_outgoing *outgoing, struct rb_outgoing_transfer *transfer)
{
    struct rb_outgoing_call *call = transfer->call;
    rb_list_remove(&transfer->node);
    transfer_free(transfer);
    pthread_mutex_lock(&outgoing->lock);
    outgoing->count--;
    pthread_mutex_unlock(&outgoing->lock);
    send_home(call);
}

static void begin(struct rb_outgoing *outgoing, struct rb_outgoing_transfer *transfer)
{
    if (!transfer_begin(transfer)) {
        finish(outgoing, transfer);
        return;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
    rb_list_push_back(&outgoing->under_way, &transfer->node);
    outgoing->under_way_count++;
    RB_CHECK(curl_multi_add_handle(outgoing->multi, transfer->easy) == CURLM_OK);
}

static void begin_waiting(struct rb_outgoing *outgoing)
{
    struct rb_list *node;
    while (outgoing->under_way_count < RB_OUTGOING_AT_ONCE &&
           (node = rb_list_pop_front(&outgoing->waiting)) != NULL)
        begin(outgoing, RB_OUTER(node, struct rb_outgoing_transfer, node));
}

static void leave(struct rb_outgoing *outgoing, struct rb_outgoing_transfer *transfer)
{
    curl_multi_remove_handle(outgoing->multi, transfer->easy);
    outgoing->under_way_count--;
    finish(outgoing, transfer);
}

static void take_finished(struct rb_outgoing *outgoing)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(outgoing->multi, &left)) != NULL) {
        struct rb_outgoing_transfer *transfer;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer_end(transfer, message->data.result);
        leave(outgoing, transfer);
    }
}

/* Those whose time is over before their turn has come: transfer_begin tells them so. */
static void sweep_waiting(struct rb_outgoing *outgoing)
{
    uint64_t now_ns = rb_clock_real_ns();
    if (now_ns < outgoing->sweep_ns) return;
    outgoing->sweep_ns = now_ns + (uint64_t)SWEEP_MS * NS_OF_MS;
    RB_LIST_EACH(node, &outgoing->waiting)
    {
        struct rb_outgoing_transfer *transfer = RB_OUTER(node, struct rb_outgoing_transfer, node);
        if (now_ns >= transfer->until_ns && !transfer_begin(transfer)) finish(outgoing, transfer);
    }
}

static void end_all(struct rb_outgoing *outgoing)
{
    struct rb_list *const lists[] = {&outgoing->under_way, &outgoing->waiting};
    for (size_t i = 0; i < RB_COUNT(lists); i++)
        while (!rb_list_is_empty(lists[i])) {
            struct rb_outgoing_transfer *transfer =
                RB_OUTER(lists[i]->next, struct rb_outgoing_transfer, node);
            refuse(transfer->call, RB_SHUTTING_DOWN);
            if (transfer->easy)
                leave(outgoing, transfer);
            else
                finish(outgoing, transfer);
        }
}

static void *run(void *arg)
{
    struct rb_outgoing *outgoing = arg;
    while (take_sent(outgoing)) {
        int running;
        begin_waiting(outgoing);
        curl_multi_perform(outgoing->multi, &running);
        take_finished(outgoing);
        begin_waiting(outgoing);
        sweep_waiting(outgoing);
        int nap_ms = rb_list_is_empty(&outgoing->waiting) ? NAP_MS : SWEEP_MS;
        curl_multi_poll(outgoing->multi, NULL, 0, nap_ms, NULL);
    }
    end_all(outgoing);
    return NULL;
}

/* ---- life ---- */

static void init_library(void)
{
    RB_CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK);
}

static void need_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
}

/* Signals are other threads': none is taken here, and a connection that breaks while we write raises none. */
static void start_thread(struct rb_outgoing *outgoing)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    RB_CHECK(pthread_create(&outgoing->thread, NULL, run, outgoing) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct rb_outgoing *rb_outgoing_new(void)
{
    need_library();
    struct rb_outgoing *outgoing = rb_new(struct rb_outgoing);
    outgoing->multi = curl_multi_init();
    RB_CHECK(outgoing->multi);
    curl_multi_setopt(outgoing->multi, CURLMOPT_MAXCONNECTS, (long)RB_OUTGOING_AT_ONCE);
    pthread_mutex_init(&outgoing->lock, NULL);
    rb_list_init(&outgoing->sent);
    rb_list_init(&outgoing->waiting);
    rb_list_init(&outgoing->under_way);
    start_thread(outgoing);
    return outgoing;
}

void rb_outgoing_free(struct rb_outgoing *outgoing)
{
    if (!outgoing) return;
    pthread_mutex_lock(&outgoing->lock);
    outgoing->is_ending = true;
    pthread_mutex_unlock(&outgoing->lock);
    curl_multi_wakeup(outgoing->multi);
    pthread_join(outgoing->thread, NULL);
    curl_multi_cleanup(outgoing->multi);
    pthread_mutex_destroy(&outgoing->lock);
    rb_free(outgoing);
}

/* ---- without a thread ---- */

void rb_outgoing_wait(struct rb_outgoing_call *call, int fd)
{
    need_library();
    struct rb_outgoing_transfer *transfer = transfer_new(call);
    transfer->out_fd = fd;
    if (transfer_begin(transfer)) transfer_end(transfer, curl_easy_perform(transfer->easy));
    transfer_free(transfer);
}
