/* What test suites of Engine.IO expect above a link: every message comes back as it is. */
#include "doors/socketio/sio_private.h"

static void on_open(struct sio_link *link, struct rb_request *request)
{
    (void)request;
    link_joined(link);
}

static void on_text(struct sio_link *link, rb_str text)
{
    struct rb_buf packet = {0};
    rb_eio_put(&packet, RB_EIO_MESSAGE, text);
    link_send_buf(link, &packet);
}

static void on_beat(struct sio_link *link)
{
    (void)link;
}

static void on_pull(struct sio_link *link, struct rb_gather *gather)
{
    (void)link, (void)gather;
}

static struct rb_blob *take(struct sio_link *link)
{
    (void)link;
    return NULL;
}

static void on_closed(struct sio_link *link, rb_err why, bool is_clean)
{
    (void)link, (void)why, (void)is_clean;
}

const struct link_ops conformance_engine_ops = {.on_open = on_open,
                                                .on_text = on_text,
                                                .on_binary = link_send_binary,
                                                .on_ping = on_beat,
                                                .on_pong = on_beat,
                                                .on_pull = on_pull,
                                                .take = take,
                                                .on_closed = on_closed};
