#include "peer.h"

#include "../link.h"
#include "base/check.h"
#include "data.h"

#include <string.h>

const struct peer *peer_find(const char *name)
{
    static const struct peer *const peers[] = {&peer_bare_each, &peer_bare_coalescing,
                                               &peer_ringback,  &peer_nchan,
                                               &peer_nats,      &peer_mosquitto,
                                               &peer_ws,        &peer_socketio};
    for (size_t i = 0; i < RB_COUNT(peers); i++)
        if (strcmp(peers[i]->name, name) == 0) return peers[i];
    return NULL;
}

unsigned peer_put_posts(struct rb_buf *out, const char *path, uint64_t first, unsigned events)
{
    struct rb_buf data = {0};
    for (unsigned i = 0; i < events; i++) {
        rb_buf_clear(&data);
        data_put(&data, first + i);
        link_put_request(out, "POST", path, NULL, rb_buf_str(&data));
    }
    rb_buf_fini(&data);
    return events;
}

enum peer_take peer_take_whole(rb_str *stream, rb_str *out_data, struct rb_buf *reply)
{
    (void)reply;
    *out_data = *stream;
    *stream = RB_STR_NONE;
    return PEER_EVENT;
}
