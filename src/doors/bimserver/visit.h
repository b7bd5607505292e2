/* From a call, on whatever loop, to the endpoint that it names, on the loop of its stream; and back. */
#ifndef RB_BIMSERVER_VISIT_H
#define RB_BIMSERVER_VISIT_H

#include "doors/bimserver/link.h"

struct bim_visit {
    struct bim_call *call;
    struct rb_handle endpoint;
    bool is_end; /* of the registration */
    struct bim_registration registration;
};
/* In the call's arena. NULL: the call names no endpoint that is, and has been answered. */
struct bim_visit *bim_visit_new(struct bim_call *call, bool is_end);
/* Registers there, or ends it, then answers the call with nothing, or with why not. The frame of
 * registration.last is let go of. */
void bim_visit_send(struct bim_visit *visit);

#endif
