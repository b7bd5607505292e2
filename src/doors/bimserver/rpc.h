/* JSON RPC of this protocol: `{"token":T,"request":{"interface","method","parameters"}}`, or several at once
 * as "requests"; by HTTP and on the stream.
 *
 * Calls of one text run one after another, each as if it had come alone, and are answered together. Pure but
 * for what its calls do. */
#ifndef RB_BIMSERVER_RPC_H
#define RB_BIMSERVER_RPC_H

#include "doors/bimserver/call.h"

enum {
    BIM_RPC_CALLS_MAX = 1000,
    BIM_RPC_VALUES_MAX = 1 << 20,       /* values and keys of a text: anybody may send one */
    BIM_RPC_ANSWER_BYTES_MAX = 16 << 20 /* of several calls; those behind it are refused */
};

/* Where a text came from. Slices are copied. */
struct bim_origin {
    const struct bim_host *host;
    struct rb_loop *loop;
    rb_str address;
    rb_str token;     /* for texts that have none: of a header, or of the socket; NONE: none */
    bool is_one_only; /* the stream: "requests" is not read there */
};

struct bim_rpc;
/* Called once, at once or later: `answer` is the text to send, valid during the call. NONE: what came is no
 * JSON object, or memory is out. */
typedef void bim_rpc_done_fn(void *arg, rb_str answer);
/* `text` is borrowed until done is called. Returns what can be told below; NULL: done was called. */
struct bim_rpc *bim_rpc_start(const struct bim_origin *origin, rb_str text, bim_rpc_done_fn *done, void *arg);
/* The same with a text of its own. */
struct bim_rpc *bim_rpc_start_with(const struct bim_origin *origin, struct rb_buf *take_text,
                                   bim_rpc_done_fn *done, void *arg);
/* The client has gone: the call that waits may give up, those behind it are not run; done is called all the
 * same. */
void bim_rpc_gone(struct bim_rpc *rpc);
void bim_rpc_leave(
    struct bim_rpc *rpc); /* the same, but done will not be called. Only with a text of its own */

#endif
