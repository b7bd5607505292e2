/* What is told of a job: SLongActionState, of check-ins SLongCheckinActionState; made of its record, or of an
 * event of its topic. Pure. */
#ifndef RB_BIMSERVER_STATE_H
#define RB_BIMSERVER_STATE_H

#include "doors/bimserver/call.h"
#include "hub/event.h"

/* What does not change in the life of a job. */
struct bim_topic {
    uint64_t number, start_ms;
    bool is_checkin;
    rb_str title;     /* until the job says one */
    rb_str end_title; /* when it is finished; NONE: the last one stays */
};

struct bim_state {
    enum { BIM_STARTED, BIM_AS_ERROR, BIM_FINISHED } state;
    int64_t progress; /* -1: not known */
    uint64_t stage, end_ms;
    rb_str title;
    rb_str infos, warnings, errors; /* JSON arrays; NONE: empty */
};

/* Slices of the outcome: in the arena, or of the record or event. checkin_kind: as the door's setup has it.
 */
void bim_topic_of(const struct rb_job_record *job, rb_str checkin_kind, struct rb_arena *arena,
                  struct bim_topic *out);
void bim_state_of_record(const struct bim_topic *topic, const struct rb_job_record *job,
                         struct rb_arena *arena, struct bim_state *out);
/* False: an event that says nothing of the state. */
bool bim_state_of_event(const struct bim_topic *topic, const struct rb_event *event, struct rb_arena *arena,
                        struct bim_state *out);
void bim_state_put(struct rb_json_out *out, const struct bim_topic *topic, const struct bim_state *state,
                   enum bim_dialect dialect);

#endif
