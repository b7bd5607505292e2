/* BIMbots: kinds of jobs that take a model and give back a result; and what is pushed of them. */
#ifndef RB_BIMSERVER_BOTS_H
#define RB_BIMSERVER_BOTS_H

#include "doors/bimserver/files_web.h"

/* Whether a list of flows ("SYNC,ASYNC_WS") names this one. Pure. */
bool bim_flow_lists(rb_str list, rb_str flow);

/* A run whose progress and result go to the newest stream of a token, until it is over. What finds no stream
 * is not kept: its job still has it. On a loop of the door; all is copied. */
struct bim_bot_run {
    const struct rb_identity *who;
    rb_str token, context_id;        /* the latter NONE: none was given */
    const struct rb_job_record *job; /* as it was started */
};
void bim_bot_push(struct rb_bimserver_door *door, const struct bim_bot_run *run);

#endif
