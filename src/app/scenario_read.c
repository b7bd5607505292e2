/* From the text of a scenario to checked components: which properties a component has is a table, and every
 * transition leads to a component that is there, so that running it meets no surprise but those of the world.
 */
#include "app/scenario.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

enum { FILE_DEPTH_MAX = 32 }; /* what is made of it has room above that */

/* ---- what there is ---- */

static const char *const type_names[] = {"start", "operation", "job", "wait", "branch", "set", "stop"};
static const char *const exit_names[] = {"transfer", "transferTimeout", "transferError", "transferElse"};

enum kind {
    TEXT,      /* for people: taken as it is */
    VALUE,     /* anything, with variables in it */
    VARIABLE,  /* the name of one */
    CONDITION, /* a filter over variables */
    VALUES,    /* an object of values */
    STATE      /* of a job's end */
};

#define OF(type) (1u << RB_SCENARIO_##type)
#define OF_ALL ((1u << RB_COUNT(type_names)) - 1)

static const struct property {
    const char *name;
    unsigned types;    /* that have it */
    unsigned required; /* of these */
    enum kind kind;
} properties[] = {
    {"title", OF_ALL, 0, TEXT},
    {"comment", OF_ALL, 0, TEXT},
    {"operation", OF(OPERATION), 0, VALUE},
    {"conn", OF(OPERATION), OF(OPERATION), VALUE},
    {"direction", OF(OPERATION), 0, VALUE},
    {"capabilityName", OF(OPERATION), 0, VALUE},
    {"eventName", OF(OPERATION), 0, VALUE},
    {"content", OF(OPERATION), 0, VALUE},
    {"syncMode", OF(OPERATION), 0, VALUE},
    {"filePath", OF(OPERATION), 0, VALUE},
    {"websocktempMethod", OF(OPERATION), 0, VALUE},
    {"websocktempFilePath", OF(OPERATION), 0, VALUE},
    {"websocktempFileName", OF(OPERATION), 0, VALUE},
    {"timeoutSec", OF(OPERATION), 0, VALUE},
    {"kind", OF(JOB), OF(JOB), VALUE},
    {"parameters", OF(JOB), 0, VALUE},
    {"waitSec", OF(JOB), 0, VALUE},
    {"resultVariable", OF(OPERATION) | OF(JOB), 0, VARIABLE},
    {"errorVariable", OF(OPERATION) | OF(JOB), 0, VARIABLE},
    {"seconds", OF(WAIT), OF(WAIT), VALUE},
    {"condition", OF(BRANCH), OF(BRANCH), CONDITION},
    {"variables", OF(SET), OF(SET), VALUES},
    {"state", OF(STOP), 0, STATE},
    {"message", OF(STOP), 0, VALUE},
    {"result", OF(STOP), 0, VALUE},
};

static const unsigned exits_of[] = {
    [RB_SCENARIO_TRANSFER] = OF_ALL & ~OF(STOP),
    [RB_SCENARIO_TRANSFER_TIMEOUT] = OF(OPERATION) | OF(JOB),
    [RB_SCENARIO_TRANSFER_ERROR] = OF(OPERATION) | OF(JOB),
    [RB_SCENARIO_TRANSFER_ELSE] = OF(BRANCH),
};

/* ---- messages ---- */

struct reading {
    struct rb_scenario *scenario;
    const char *file;
    struct rb_buf *messages;
    const struct rb_scenario_component *at; /* NULL: the file itself */
    unsigned errors;
};

static unsigned line_of(const struct reading *reading, const char *place)
{
    unsigned line = 1;
    for (const char *p = reading->scenario->doc.text.p; p < place; p++) line += *p == '\n';
    return line;
}

static void say(struct reading *reading, rb_str where, rb_str property, const char *what, rb_str detail)
{
    struct rb_buf *out = reading->messages;
    rb_buf_add_fmt(out, "%s:%u: ", reading->file, line_of(reading, where.p));
    if (reading->at) rb_buf_add_fmt(out, "%.*s", RB_STR_FMT(reading->at->name));
    if (reading->at && property.n) rb_buf_add_char(out, '.');
    rb_buf_add_fmt(out, "%.*s: %s%.*s\n", RB_STR_FMT(property), what, RB_STR_FMT(detail));
}

static void refuse(struct reading *reading, rb_json_val place, rb_str property, const char *what,
                   rb_str detail)
{
    reading->errors++;
    say(reading, rb_json_raw(place), property, what, detail);
}

/* ---- properties ---- */

static bool is_variable_name(rb_str name)
{
    bool is_fine = name.n > 0 && name.n <= 64;
    for (size_t i = 0; is_fine && i < name.n; i++) {
        char c = name.p[i], letter = (char)(c | 0x20);
        is_fine = (letter >= 'a' && letter <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9');
    }
    return is_fine;
}

static void read_condition(struct reading *reading, struct rb_scenario_component *component,
                           rb_json_val value)
{
    rb_str why = RB_STR_NONE;
    if (rb_filter_read(rb_json_raw(value), &reading->scenario->arena, &component->condition, &why))
        refuse(reading, value, RB_STR("condition"), "", why.p ? why : RB_STR("not a condition"));
}

static void check_values(struct reading *reading, rb_json_val values, rb_str property)
{
    if (rb_json_type(values) != RB_JSON_OBJECT) {
        refuse(reading, values, property, "an object, name by name", RB_STR_NONE);
        return;
    }
    for (rb_json_val at = rb_json_first(values); rb_json_type(at); at = rb_json_next(at)) {
        rb_str name = rb_json_key(at, &reading->scenario->arena);
        if (!is_variable_name(name)) refuse(reading, at, property, "not a name of a variable: ", name);
    }
}

static void read_property(struct reading *reading, struct rb_scenario_component *component,
                          const struct property *row, rb_json_val value)
{
    rb_str text = RB_STR_NONE, name = rb_str_of(row->name);
    bool is_text = rb_json_string(value, &reading->scenario->arena, &text);
    switch (row->kind) {
    case TEXT:
        if (!is_text) refuse(reading, value, name, "a text", RB_STR_NONE);
        if (is_text && rb_str_is(name, "title")) component->title = text;
        return;
    case VALUE: return;
    case VARIABLE:
        if (!is_text || !is_variable_name(text))
            refuse(reading, value, name, "the name of a variable: letters, digits and _", RB_STR_NONE);
        return;
    case CONDITION: read_condition(reading, component, value); return;
    case VALUES: check_values(reading, value, name); return;
    case STATE:
        if (!rb_str_is(text, "finished") && !rb_str_is(text, "failed"))
            refuse(reading, value, name, "finished or failed", RB_STR_NONE);
        return;
    }
}

static const struct property *find_property(rb_str name, enum rb_scenario_type type)
{
    for (size_t i = 0; i < RB_COUNT(properties); i++)
        if (rb_str_is(name, properties[i].name) && (properties[i].types & 1u << type)) return &properties[i];
    return NULL;
}

/* ---- transitions ---- */

static struct rb_scenario_component *find_component(const struct rb_scenario *scenario, rb_str name)
{
    for (unsigned i = 0; i < scenario->count; i++)
        if (rb_str_eq(scenario->components[i].name, name)) return &scenario->components[i];
    return NULL;
}

static bool read_exit(struct reading *reading, struct rb_scenario_component *component, rb_str key,
                      rb_json_val value)
{
    for (unsigned i = 0; i < RB_COUNT(exit_names); i++) {
        if (!rb_str_is(key, exit_names[i]) || !(exits_of[i] & 1u << component->type)) continue;
        rb_str target = RB_STR_NONE;
        rb_json_string(value, &reading->scenario->arena, &target);
        component->exits[i] = find_component(reading->scenario, target);
        if (!component->exits[i] && !(target.p && target.n == 0)) /* "" is: none */
            refuse(reading, value, key, "there is no component ", target);
        return true;
    }
    return false;
}

static void read_component(struct reading *reading, struct rb_scenario_component *component)
{
    reading->at = component;
    for (rb_json_val at = rb_json_first(component->json); rb_json_type(at); at = rb_json_next(at)) {
        rb_str key = rb_json_key(at, &reading->scenario->arena);
        const struct property *row = find_property(key, component->type);
        if (rb_str_is(key, "type") || read_exit(reading, component, key, at)) continue;
        if (row)
            read_property(reading, component, row, at);
        else
            refuse(reading, at, key, "no property of this type: ", rb_str_of(type_names[component->type]));
    }
    for (size_t i = 0; i < RB_COUNT(properties); i++) {
        const struct property *row = &properties[i];
        bool is_required = (row->required & 1u << component->type) != 0;
        if (is_required && !rb_json_type(rb_json_get(component->json, row->name)))
            refuse(reading, component->json, rb_str_of(row->name), "is missing", RB_STR_NONE);
    }
    reading->at = NULL;
}

/* ---- components ---- */

static bool read_type(struct reading *reading, struct rb_scenario_component *component)
{
    rb_str text = RB_STR_NONE;
    rb_json_val value = rb_json_get(component->json, "type");
    rb_json_string(value, &reading->scenario->arena, &text);
    for (size_t i = 0; i < RB_COUNT(type_names); i++) {
        component->type = (enum rb_scenario_type)i;
        if (rb_str_is(text, type_names[i])) return true;
    }
    reading->at = component;
    refuse(reading, rb_json_type(value) ? value : component->json, RB_STR("type"),
           "start, operation, job, wait, branch, set or stop", RB_STR_NONE);
    reading->at = NULL;
    return false;
}

static void read_components(struct reading *reading, rb_json_val object)
{
    struct rb_scenario *scenario = reading->scenario;
    uint32_t count = rb_json_type(object) == RB_JSON_OBJECT ? rb_json_count(object) : 0;
    if (count == 0 || count > RB_SCENARIO_COMPONENTS_MAX) {
        refuse(reading, rb_json_root(&scenario->doc), RB_STR("components"),
               "an object of 1 to 1000 components", RB_STR_NONE);
        return;
    }
    scenario->components = rb_arena_array(&scenario->arena, struct rb_scenario_component, count);
    for (rb_json_val at = rb_json_first(object); rb_json_type(at); at = rb_json_next(at)) {
        struct rb_scenario_component *component = &scenario->components[scenario->count];
        component->json = at;
        component->name = component->title = rb_json_key(at, &scenario->arena);
        if (rb_json_type(at) != RB_JSON_OBJECT)
            refuse(reading, at, component->name, "a component is an object", RB_STR_NONE);
        else if (read_type(reading, component))
            scenario->count++;
    }
    for (unsigned i = 0; i < scenario->count; i++) read_component(reading, &scenario->components[i]);
}

static void reach(struct rb_scenario *scenario, struct rb_scenario_component *component)
{
    struct rb_scenario_component **open =
        rb_arena_array(&scenario->arena, struct rb_scenario_component *, scenario->count);
    unsigned count = 1;
    open[0] = component;
    component->is_reached = true;
    while (count > 0) {
        const struct rb_scenario_component *next = open[--count];
        for (unsigned i = 0; i < RB_SCENARIO_EXITS; i++) {
            if (!next->exits[i] || next->exits[i]->is_reached) continue;
            open[count] = &scenario->components[next->exits[i] - scenario->components];
            open[count++]->is_reached = true;
        }
    }
}

/* ---- the whole ---- */

static void read_start(struct reading *reading, rb_json_val root)
{
    struct rb_scenario *scenario = reading->scenario;
    rb_str name = RB_STR_NONE;
    rb_json_string(rb_json_get(root, "start"), &scenario->arena, &name);
    scenario->start = name.p ? find_component(scenario, name) : NULL;
    if (!scenario->start) {
        refuse(reading, root, RB_STR("start"), "the name of the component to begin with", RB_STR_NONE);
        return;
    }
    reach(scenario, scenario->start);
    for (unsigned i = 0; i < scenario->count; i++) {
        const struct rb_scenario_component *component = &scenario->components[i];
        if (!component->is_reached)
            say(reading, rb_json_raw(component->json), component->name, "warning: nothing leads to it",
                RB_STR_NONE);
    }
}

static void read_root(struct reading *reading, rb_json_val root)
{
    struct rb_scenario *scenario = reading->scenario;
    if (rb_json_type(root) != RB_JSON_OBJECT) {
        refuse(reading, root, RB_STR("scenario"), "an object with start and components", RB_STR_NONE);
        return;
    }
    for (rb_json_val at = rb_json_first(root); rb_json_type(at); at = rb_json_next(at)) {
        rb_str key = rb_json_key(at, &scenario->arena);
        if (!rb_str_lists(RB_STR("name,comment,start,components"), key))
            refuse(reading, at, key, "unknown; there are name, comment, start and components", RB_STR_NONE);
    }
    rb_json_string(rb_json_get(root, "name"), &scenario->arena, &scenario->name);
    read_components(reading, rb_json_get(root, "components"));
    if (reading->errors == 0) read_start(reading, root);
}

rb_err rb_scenario_read(struct rb_scenario *out, rb_str text, const char *name, struct rb_buf *messages)
{
    struct rb_scenario scenario = {0};
    struct reading reading = {.scenario = &scenario, .file = name, .messages = messages};
    text = rb_arena_copy(&scenario.arena, text);
    rb_err err = rb_json_parse(&scenario.doc, text, &(struct rb_json_limits){.depth_max = FILE_DEPTH_MAX});
    if (err) {
        size_t at = scenario.doc.error_at;
        scenario.doc.text = text;
        say(&reading, rb_str_from(text, at < text.n ? at : text.n), RB_STR("scenario"), "not valid JSON",
            RB_STR_NONE);
        scenario.doc = (struct rb_json){0};
    } else {
        read_root(&reading, rb_json_root(&scenario.doc));
    }
    if (err || reading.errors) {
        rb_scenario_fini(&scenario);
        return RB_BAD_CONFIG;
    }
    /* Values point to their document, which has moved. */
    *out = scenario;
    for (unsigned i = 0; i < out->count; i++) out->components[i].json.doc = &out->doc;
    return RB_OK;
}

rb_err rb_scenario_load(struct rb_scenario *out, const char *path, struct rb_buf *messages)
{
    struct rb_buf text = {.limit = RB_SCENARIO_FILE_BYTES_MAX};
    char piece[4096];
    FILE *file = fopen(path, "re");
    if (!file) {
        rb_buf_add_fmt(messages, "%s: cannot be read\n", path);
        return RB_BAD_CONFIG;
    }
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;) rb_buf_add(&text, piece, n);
    bool is_read = !ferror(file) && !text.failed;
    fclose(file);
    rb_err err = RB_BAD_CONFIG;
    if (is_read)
        err = rb_scenario_read(out, rb_buf_str(&text), path, messages);
    else
        rb_buf_add_fmt(messages, "%s: cannot be read, or is larger than 1 MiB\n", path);
    rb_buf_fini(&text);
    return err;
}

void rb_scenario_fini(struct rb_scenario *scenario)
{
    rb_json_fini(&scenario->doc);
    rb_arena_fini(&scenario->arena);
    *scenario = (struct rb_scenario){0};
}
