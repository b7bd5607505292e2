/* The variables of a scenario that runs: names to JSON values, kept as text; and properties with variables in
 * them. */
#ifndef RB_APP_SCENARIO_VARS_H
#define RB_APP_SCENARIO_VARS_H

#include "base/list.h"
#include "base/map.h"
#include "codec/filter.h"
#include "codec/json.h"

struct scenario_vars {
    struct rb_list all;       /* in the order in which they came */
    struct rb_map by_name;    /* the same */
    size_t bytes;             /* of all values together: RB_SCENARIO_BYTES_MAX */
    struct rb_arena *scratch; /* of the step under way */
};

void scenario_vars_init(struct scenario_vars *vars, struct rb_arena *scratch);
void scenario_vars_fini(struct scenario_vars *vars);

/* json: one value, copied; NONE sets null. RB_BODY_TOO_LARGE: it stays as it was. */
rb_err scenario_vars_set(struct scenario_vars *vars, rb_str name, rb_str json);
/* All of an object's members, each as a variable. */
rb_err scenario_vars_set_all(struct scenario_vars *vars, rb_json_val object);
/* "name", or "name.member.member"; members of arrays by number. NONE: there is no such thing. In the scratch
 * arena. */
rb_str scenario_vars_get(const struct scenario_vars *vars, rb_str path);
void scenario_vars_write(const struct scenario_vars *vars, struct rb_json_out *out); /* an object of all */

/* A property's value with its variables: a text that is nothing but "${path}" becomes that value (null when
 * there is none), inside a longer text it becomes its text; arrays and objects member by member. */
void scenario_vars_fill(const struct scenario_vars *vars, struct rb_json_out *out, rb_json_val value);
/* The same as JSON text, in the scratch arena. */
rb_str scenario_vars_value(const struct scenario_vars *vars, rb_json_val value);

/* For conditions (rb_filter_fits); arg is the variables. */
bool scenario_vars_property(const void *arg, rb_str path, struct rb_filter_value *out);

#endif
