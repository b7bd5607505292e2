/* Frames that are pushed: calls of the NotificationInterface, in the words of the dialect in which their
 * endpoint was registered. */
#ifndef RB_BIMSERVER_PUSH_H
#define RB_BIMSERVER_PUSH_H

#include "base/list.h"
#include "base/map.h"
#include "doors/bimserver/state.h"
#include "hub/hub.h"

/* How events of a job's topic are written, for all endpoints of one loop that follow it. Zeroed storage is an
 * empty one. */
struct bim_pushes {
    struct rb_map by_job;
    struct progress_push *spare, *all;
};
void bim_pushes_fini(struct bim_pushes *pushes); /* after the hub's topics are gone, or all is let go */

/* A reference; the same for the same job and dialect as long as anybody has one. */
const struct rb_encoding *bim_push_of(struct bim_pushes *pushes, rb_str job_id, const struct bim_topic *topic,
                                      enum bim_dialect dialect);
void bim_push_let_go(struct bim_pushes *pushes, const struct rb_encoding *encoding);

/* The frame of a state: twice for the last one, as the reference does. NULL when memory is out. */
struct rb_blob *bim_push_state(const struct bim_topic *topic, const struct bim_state *state,
                               enum bim_dialect dialect);

/* Events of the topics of news (news.h): the name is the method, the data its parameters. */
extern const struct rb_encoding bim_news_encodings[2]; /* by dialect */

#endif
