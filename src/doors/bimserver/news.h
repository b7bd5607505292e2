/* News: what endpoints are told beside the progress of jobs. Each kind of it is a topic of the tenant, below
 * "bim/", of which nothing is kept. */
#ifndef RB_BIMSERVER_NEWS_H
#define RB_BIMSERVER_NEWS_H

#include "doors/bimserver/door.h"

enum bim_news {
    BIM_NEWS_PROJECTS,
    BIM_NEWS_USERS,
    BIM_NEWS_REVISIONS,
    BIM_NEWS_REVISIONS_OF_PROJECT,
    BIM_NEWS_DATA_OF_REVISION,
    BIM_NEWS_TOPICS,
    BIM_NEWS_TOPICS_OF_PROJECT,
    BIM_NEWS_TOPICS_OF_REVISION
};

/* What a job is about; -1: nothing. */
struct bim_place {
    int64_t poid, roid;
};

rb_str bim_news_topic(struct rb_arena *arena, rb_str tenant, enum bim_news what, struct bim_place place);
void bim_news_tell_project(struct rb_bimserver_door *door, rb_str tenant, int64_t poid);
void bim_news_tell_topic(struct rb_bimserver_door *door, rb_str tenant, struct bim_place place,
                         uint64_t number);

/* With the start of a job of this door: what is told at its end, and where the job belongs. */
rb_str bim_announce_text(struct rb_arena *arena, struct bim_place place);
bool bim_announce_read(rb_str announce, struct bim_place *out); /* false: not of this door */

#endif
