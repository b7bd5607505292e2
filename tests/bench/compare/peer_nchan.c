/* nginx with nchan: a location is the subscription, another takes what is published. No word says that the
 * subscription stands, so the crowd waits a moment after joining. */
#include "data.h"
#include "peer.h"

static unsigned put_publish(struct rb_buf *out, const struct target *target, uint64_t first, unsigned events)
{
    (void)target;
    return peer_put_posts(out, "/publish/" COMPARE_TOPIC, first, events);
}

const struct peer peer_nchan = {
    .name = "nchan",
    .path = "/subscribe/" COMPARE_TOPIC,
    .is_ready_at_once = true,
    .take = peer_take_whole,
    .publishing = PUBLISH_HTTP,
    .put_publish = put_publish,
};
