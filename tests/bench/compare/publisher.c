#include "publisher.h"

#include "../upgrade.h"
#include "base/check.h"
#include "data.h"

/* One send() for each event and connection, or one for all of a batch, is up to the loop. */
static bool send_bare(struct publisher *publisher, uint64_t first, unsigned events)
{
    struct rb_buf data = {0};
    for (unsigned i = 0; i < events; i++) {
        rb_buf_clear(&data);
        data_put(&data, first + i);
        rb_ws_put_frame(&publisher->out, RB_WS_TEXT, rb_buf_str(&data));
    }
    rb_buf_fini(&data);
    return bare_send_batch(&publisher->bare, rb_buf_str(&publisher->out), events);
}

bool publisher_init(struct publisher *publisher, const struct peer *peer, struct target *target)
{
    *publisher = (struct publisher){.peer = peer, .bare.control = -1};
    if (!peer->put_publish) {
        bool is_each = peer->publishing == PUBLISH_BARE;
        if (!bare_open(&publisher->bare, is_each ? BARE_EACH : BARE_COALESCE)) return false;
        target->port = publisher->bare.port;
    }
    publisher->target = *target;
    return true;
}

void publisher_fini(struct publisher *publisher)
{
    link_close(&publisher->link);
    if (publisher->self.members) crowd_fini(&publisher->self);
    bare_stop(&publisher->bare);
    rb_buf_fini(&publisher->out);
}

bool publisher_open(struct publisher *publisher, unsigned subscribers)
{
    switch (publisher->peer->publishing) {
    case PUBLISH_HTTP: return link_open(&publisher->link, publisher->target.port);
    case PUBLISH_SOCKET: break;
    case PUBLISH_BARE:
    case PUBLISH_BARE_COALESCING: return bare_await(&publisher->bare, subscribers, 0);
    }
    crowd_init(&publisher->self, publisher->peer, 1, -1);
    publisher->self.is_publisher = true;
    return crowd_join(&publisher->self, &publisher->target, 1);
}

bool publisher_send(struct publisher *publisher, uint64_t first, unsigned events)
{
    struct rb_buf *out = &publisher->out;
    rb_buf_clear(out);
    if (!publisher->peer->put_publish) return send_bare(publisher, first, events);
    publisher->answers = publisher->peer->put_publish(out, &publisher->target, first, events);
    if (publisher->peer->publishing == PUBLISH_HTTP) return link_send(publisher->link.fd, rb_buf_str(out));
    return frame_send(publisher->self.members[0].fd, RB_WS_BINARY, rb_buf_str(out));
}

bool publisher_finish(struct publisher *publisher)
{
    struct link_answer answer;
    for (; publisher->answers > 0; publisher->answers--) {
        enum link_step step = LINK_MORE;
        while (step == LINK_MORE) step = link_read_answer(&publisher->link, 0, &answer);
        if (step != LINK_ANSWER || answer.status / 100 != 2) return false;
    }
    return true;
}
