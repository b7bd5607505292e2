/* Projects and their revisions. A project is a thing in the store; a revision is the job of a check-in that
 * finished, and its number the revision's. Which check-ins a project has had is noted beside it. */
#ifndef RB_BIMSERVER_PROJECTS_H
#define RB_BIMSERVER_PROJECTS_H

#include "doors/bimserver/door.h"

#define BIM_PROJECTS RB_STR("bim.project") /* things: {"name","schema","created","by"} */

struct bim_project {
    int64_t poid;
    rb_str name, schema;
    uint64_t created_ms;
    int64_t created_by;
    int64_t *roids; /* in their order */
    unsigned roid_count;
    uint64_t open_checkin; /* number; 0: none */
};

/* On the pool, into the arena. RB_NOT_FOUND and what the store says. */
rb_err bim_project_read(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, int64_t poid,
                        struct bim_project *out);
/* Where its check-ins are noted: {"poid","job","id","comment","file","user","date"}. */
rb_str bim_checkins_space(struct rb_arena *arena, int64_t poid);
/* The body of a new project. */
rb_str bim_project_body(struct rb_arena *arena, rb_str name, rb_str schema, const struct rb_identity *who,
                        uint64_t now_ms);
rb_err bim_project_parse(struct rb_arena *arena, rb_str tenant, const struct rb_thing_record *thing,
                         struct bim_project *out); /* all but its revisions */

#endif
