/* One option of the configuration is one row of a table: parser, checks, defaults and reference page all come
 * from it.
 *
 * Static data; any thread. Only the files config*.c of this room need it; the others read struct rb_config.
 */
#ifndef RB_APP_OPTIONS_H
#define RB_APP_OPTIONS_H

#include "base/str.h"

enum rb_option_type {
    RB_OPTION_SECTION,       /* a map of options with fixed names */
    RB_OPTION_ITEMS_BY_NAME, /* a map whose keys the user chooses: its options are below `path.*` */
    RB_OPTION_ITEMS,         /* a list of maps: its options are below `path.*` too */
    RB_OPTION_STRING,
    RB_OPTION_BOOL,
    RB_OPTION_U64,
    RB_OPTION_BYTES,
    RB_OPTION_DURATION, /* kept in milliseconds */
    RB_OPTION_ENUM,
    RB_OPTION_ADDRESS,
    RB_OPTION_STRINGS,
    RB_OPTION_ROUTES,
    RB_OPTION_PAIRS
};

/* What a text must look like: the rule, and the same in words that finish "expected ...". */
struct rb_option_form {
    bool (*is_met)(rb_str text);
    const char *expected;
};

struct rb_option {
    const char *path;
    enum rb_option_type type;
    size_t offset; /* of the field in struct rb_config; below `*` in the item */
    const char
        *fallback; /* the value when nothing is given, as a user would write it (lists: words); NULL: none */
    const char *sentence;              /* for the manual */
    uint64_t min, max;                 /* numbers: the value; lists: how many */
    const struct rb_option_form *form; /* texts, each text of a list, names the user chooses */
    const char *const *words;          /* enums: value 0, 1, ..., ended by NULL */
    const char *inherits;              /* the path of the option whose value counts when nothing is given */
    size_t item_bytes;                 /* items; items by name begin with their name, an rb_str */
    bool is_required;
};

extern const struct rb_option rb_options[]; /* a section stands before what is in it */
extern const size_t rb_options_count;

/* The row of this very path, with `*` in it; NULL when there is none. */
const struct rb_option *rb_option_find(rb_str path);

/* What follows `prefix` and a dot in the path of the row ("" as prefix: the whole); NULL when it is not below
 * it. */
const char *rb_option_below(const struct rb_option *option, rb_str prefix);

#endif
