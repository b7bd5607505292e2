/* Handlers that wait for the store. The call is answered when it has been asked, whether or not its client is
 * still there, so nothing has to be taken back. */
#include "base/mem.h"
#include "doors/bimserver/door.h"

/* ---- writing ---- */

struct commit {
    struct bim_call *call;
    void (*done)(struct bim_call *call, struct rb_tx *tx);
};

static void on_home(struct rb_mail *mail)
{
    struct rb_tx *tx = RB_OUTER(mail, struct rb_tx, mail);
    struct commit *commit = tx->arg;
    commit->done(commit->call, tx);
    rb_tx_free(tx); /* and the commit with it */
}

static void on_stored(struct rb_tx *tx, rb_err err)
{
    const struct commit *commit = tx->arg;
    (void)err; /* tx->err */
    tx->mail.run = on_home;
    rb_loop_post(commit->call->loop, &tx->mail);
}

void bim_commit(struct bim_call *call, struct rb_tx *take_tx,
                void (*done)(struct bim_call *call, struct rb_tx *tx))
{
    struct commit *commit = rb_arena_new(&take_tx->arena, struct commit);
    *commit = (struct commit){.call = call, .done = done};
    take_tx->done = on_stored;
    take_tx->arg = commit;
    rb_store_commit(call->host->door->setup.store, take_tx);
}

/* ---- reading ---- */

struct reading {
    struct bim_call *call;
    rb_read_fn *read;
    void (*done)(struct bim_call *call, rb_err err, void *arg);
    void *arg;
};

static rb_err read_it(struct rb_reader *reader, void *arg)
{
    struct reading *reading = arg;
    return reading->read(reader, reading->arg);
}

static void on_read(void *arg, rb_err err)
{
    struct reading *reading = arg;
    reading->done(reading->call, err, reading->arg);
}

void bim_read(struct bim_call *call, rb_read_fn *read,
              void (*done)(struct bim_call *call, rb_err err, void *arg), void *arg)
{
    struct reading *reading = rb_arena_new(&call->arena, struct reading);
    *reading = (struct reading){.call = call, .read = read, .done = done, .arg = arg};
    rb_store_read(call->host->door->setup.store, call->loop, read_it, on_read, reading);
}
