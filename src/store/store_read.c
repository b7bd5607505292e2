/* Reading without waiting: the query runs on the worker pool, the answer comes back to the loop that asked.
 */
#include "store/store_private.h"

#include "base/check.h"
#include "base/mem.h"

#define PENDING_MAGIC 0x72656164 /* "read" */

struct pending_read {
    uint32_t magic;
    rb_err err;
    struct rb_store *store;
    rb_read_fn *read;
    void (*done)(void *arg, rb_err err);
    void *arg;
};

static void run_read(void *arg)
{
    struct pending_read *pending = RB_RECOVER(struct pending_read, arg, PENDING_MAGIC);
    pending->err = rb_readers_run(&pending->store->readers, pending->read, pending->arg);
}

static void on_read_done(void *arg)
{
    struct pending_read pending = *RB_RECOVER(struct pending_read, arg, PENDING_MAGIC);
    rb_free(arg);
    pending.done(pending.arg, pending.err);
}

void rb_store_read(struct rb_store *store, struct rb_loop *loop, rb_read_fn *read,
                   void (*done)(void *arg, rb_err err), void *arg)
{
    struct pending_read *pending = rb_new(struct pending_read);
    *pending =
        (struct pending_read){.magic = PENDING_MAGIC, .store = store, .read = read, .done = done, .arg = arg};
    rb_loop_work(loop, run_read, on_read_done, pending);
}
