/* Filters: conditions over named properties, as a JSON array.
 *
 *     ["==", ["property","user_id"], "u7"]
 *     ["and", ["like",["property","app"],"/desk/%"], ["in","msg",["property","caps"]]]
 *
 * Operators: "==" "!=" "<" "<=" ">" ">=" (two operands), "in" (a value, and a list: of a property, or a JSON
 * array in
 * ["list", ...]), "like" ("%" is any run of characters; two operands), "and" "or" (one or more conditions),
 * "not" (one). An operand is ["property","name"] or a JSON scalar. Numbers compare as numbers, texts byte by
 * byte; values of different types are not equal, and neither below nor above each other; null equals null.
 *
 * Pure: no I/O, no clock. A filter is immutable once read; any thread may test it. Limits:
 * RB_FILTER_NODES_MAX conditions and operands, depth 16. */
#ifndef RB_CODEC_FILTER_H
#define RB_CODEC_FILTER_H

#include "base/arena.h"
#include "codec/json.h"

enum { RB_FILTER_NODES_MAX = 200 };

enum rb_filter_type {
    RB_FILTER_NULL,
    RB_FILTER_TEXT,
    RB_FILTER_NUMBER,
    RB_FILTER_BOOL,
    RB_FILTER_LIST /* "a,b" */
};
struct rb_filter_value {
    enum rb_filter_type type;
    rb_str text;   /* TEXT; LIST: comma-separated */
    double number; /* NUMBER */
    bool is_true;  /* BOOL */
};

struct rb_filter;
/* Everything goes into the arena. RB_BAD_JSON, RB_UNPROCESSABLE with `why` (static or in the arena). */
rb_err rb_filter_read(rb_str json, struct rb_arena *arena, const struct rb_filter **out, rb_str *out_why);
/* property: false when there is no such name, which counts as null. */
bool rb_filter_fits(const struct rb_filter *filter,
                    bool (*property)(const void *arg, rb_str name, struct rb_filter_value *out),
                    const void *arg);
/* Names of properties that the filter uses, for refusing unknown ones: calls seen for each. */
void rb_filter_each_property(const struct rb_filter *filter, void (*seen)(void *arg, rb_str name), void *arg);
/* For orders: below 0, 0, above 0; values of different types in the order of their types. */
int rb_filter_compare(const struct rb_filter_value *a, const struct rb_filter_value *b);

#endif
