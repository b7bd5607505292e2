/* Scenarios: what is to be done with a connection, step by step, as a JSON file of components with
 * transitions.
 *
 *     {"name": "size", "start": "begin", "components": {
 *         "begin": {"type": "start", "transfer": "ask"},
 *         "ask":   {"type": "operation", "conn": "${connectionid}", "eventName": "ask_size", "content":
 * {"unit": "mm"}, "syncMode": true, "resultVariable": "size", "transfer": "end", "transferError": "end"},
 *         "end":   {"type": "stop", "result": "${size.w}"}}}
 *
 * A scenario runs as the worker of a job (`ringback scenario FILE`): its parameters come on standard input,
 * what it does it asks of the server with its job's own credential, and all of its variables are left in
 * variables.json. A property is a constant, or has variables in it: a text "${name.member}" is that value as
 * it is, such places inside a longer text are filled in.
 *
 * Limits: RB_SCENARIO_COMPONENTS_MAX, RB_SCENARIO_STEPS_MAX (so no loop is endless), RB_SCENARIO_BYTES_MAX of
 * variables. */
#ifndef RB_APP_SCENARIO_H
#define RB_APP_SCENARIO_H

#include "codec/filter.h"
#include "codec/json.h"

enum {
    RB_SCENARIO_FILE_BYTES_MAX = 1024 * 1024,
    RB_SCENARIO_COMPONENTS_MAX = 1000,
    RB_SCENARIO_STEPS_MAX = 10000,
    RB_SCENARIO_BYTES_MAX = 1024 * 1024
};

enum rb_scenario_type {
    RB_SCENARIO_START,
    RB_SCENARIO_OPERATION,
    RB_SCENARIO_JOB,
    RB_SCENARIO_WAIT,
    RB_SCENARIO_BRANCH,
    RB_SCENARIO_SET,
    RB_SCENARIO_STOP
};

/* By which a component is left. */
enum rb_scenario_exit {
    RB_SCENARIO_TRANSFER,
    RB_SCENARIO_TRANSFER_TIMEOUT,
    RB_SCENARIO_TRANSFER_ERROR,
    RB_SCENARIO_TRANSFER_ELSE,
    RB_SCENARIO_EXITS
};

struct rb_scenario_component {
    rb_str name, title; /* title: the name when it has none */
    enum rb_scenario_type type;
    rb_json_val json;                                             /* the object with its properties */
    const struct rb_scenario_component *exits[RB_SCENARIO_EXITS]; /* NULL: the scenario ends */
    const struct rb_filter *condition;                            /* BRANCH */
    bool is_reached;
};

struct rb_scenario {
    struct rb_arena arena;
    struct rb_json doc;
    rb_str name;
    struct rb_scenario_component *components;
    unsigned count;
    struct rb_scenario_component *start;
};

/* Reads and checks a whole file. `messages` gets a line for each error, `FILE:LINE: COMPONENT.PROPERTY: what
 * is wrong`, and for each warning (a component that nothing leads to). RB_BAD_CONFIG; *out owns nothing then.
 */
rb_err rb_scenario_load(struct rb_scenario *out, const char *path, struct rb_buf *messages);
/* The same for a text; name stands for the file. */
rb_err rb_scenario_read(struct rb_scenario *out, rb_str text, const char *name, struct rb_buf *messages);
void rb_scenario_fini(struct rb_scenario *scenario); /* safe on zeroed storage */

#endif
