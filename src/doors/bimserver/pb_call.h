/* Protocol Buffers of this protocol: one request of the socket, one response. The messages are those of
 * proto/, which are made from the table. Pure but for what its calls do. */
#ifndef RB_BIMSERVER_PB_CALL_H
#define RB_BIMSERVER_PB_CALL_H

#include "codec/protobuf.h"
#include "doors/bimserver/rpc.h"

/* Called once, at once or later: the response with its length, valid during the call; NONE: memory is out. */
typedef void bim_pb_done_fn(void *arg, rb_str frame);
/* The request is copied as far as it is needed. Whatever is wrong with it is answered with an errorMessage.
 * Returns what bim_pb_gone takes; NULL: done was called. */
struct bim_pb *bim_pb_start(const struct bim_origin *origin, const struct rb_pb_request *request,
                            bim_pb_done_fn *done, void *arg);
void bim_pb_gone(struct bim_pb *pb); /* the client has gone; done is called all the same */

#endif
