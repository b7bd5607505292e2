/* The bare loops of ../bare.h: WebSocket frames as they are, to each connection, without a handshake before.
 */
#include "peer.h"

const struct peer peer_bare_each = {
    .name = "bare-each",
    .is_ready_at_once = true,
    .take = peer_take_whole,
    .publishing = PUBLISH_BARE,
};

const struct peer peer_bare_coalescing = {
    .name = "bare",
    .is_ready_at_once = true,
    .take = peer_take_whole,
    .publishing = PUBLISH_BARE_COALESCING,
};
