/* A scenario while it runs. */
#ifndef RB_APP_SCENARIO_RUN_H
#define RB_APP_SCENARIO_RUN_H

#include "app/api_call.h"
#include "app/scenario.h"
#include "app/scenario_vars.h"

struct scenario_run {
    const struct rb_scenario *scenario;
    const struct rb_api *api;
    struct scenario_vars vars;
    struct rb_arena step; /* of the component that is done now */
    bool has_failed;      /* how it ends */
    rb_str message;       /* then: why; in the step's arena */
};

/* scenario_steps.c: does what the component says and gives the exit by which it is left. Where the exit leads
 * nowhere, the scenario ends: as failed, with `message`, after an error or a timeout. */
enum rb_scenario_exit scenario_step(struct scenario_run *run, const struct rb_scenario_component *component);

#endif
