/* Messages that came while their link was paused, because somebody has to be asked before the next one may be
 * looked at. They wait here in order; what comes later goes behind them, until all have been handed up. On a
 * WebSocket reading stops meanwhile, so that only what was already read gets here; a client on polling has
 * its POSTs answered and may go on up to the limit. */
#include "base/mem.h"
#include "doors/socketio/link_private.h"

#include <string.h>

struct link_backlog {
    struct rb_buf bytes; /* entries */
    size_t at;           /* what lies before has been handed up */
    bool is_replaying;
};

struct entry {
    uint32_t n;
    bool is_binary;
};

enum { BACKLOG_BYTES_MIN = 1024 * 1024 };

/* At least one message of the largest size must fit. */
static size_t bytes_max(const struct sio_link *link)
{
    return BACKLOG_BYTES_MIN + link->here->door->setup.payload_bytes_max;
}

void backlog_add(struct sio_link *link, bool is_binary, rb_str data)
{
    struct entry entry = {(uint32_t)data.n, is_binary};
    if (!link->backlog) {
        link->backlog = rb_new(struct link_backlog);
        rb_buf_init(&link->backlog->bytes, bytes_max(link));
    }
    struct rb_buf *bytes = &link->backlog->bytes;
    if (bytes->n + sizeof entry + data.n > bytes_max(link)) {
        link_close(link, RB_MESSAGE_TOO_LARGE);
        return;
    }
    rb_buf_add(bytes, &entry, sizeof entry);
    rb_buf_add_str(bytes, data);
    if (bytes->failed) link_close(link, RB_OUT_OF_MEMORY);
}

/* Who handles a message may pause the link and go on from inside: the loop that runs already sees it. */
void backlog_replay(struct sio_link *link)
{
    struct link_backlog *backlog = link->backlog;
    if (!backlog || backlog->is_replaying) return;
    backlog->is_replaying = true;
    while (!link->is_paused && link->state != LINK_CLOSING && backlog->at < backlog->bytes.n) {
        struct entry entry;
        memcpy(&entry, backlog->bytes.p + backlog->at, sizeof entry);
        rb_str data = {backlog->bytes.p + backlog->at + sizeof entry, entry.n};
        backlog->at += sizeof entry + entry.n;
        link_deliver(link, entry.is_binary, data);
    }
    backlog->is_replaying = false;
    if (backlog->at == backlog->bytes.n) {
        backlog_free(link);
    } else {
        rb_buf_drop_front(&backlog->bytes, backlog->at);
        backlog->at = 0;
    }
}

void backlog_free(struct sio_link *link)
{
    if (!link->backlog) return;
    rb_buf_fini(&link->backlog->bytes);
    rb_free(link->backlog);
    link->backlog = NULL;
}
