/* Reading a configuration: from the tree, along the table of options, into the struct; then the checks across
 * options.
 *
 * The reader remembers for every field where it came from, so that a check that looks at plain data can still
 * name the line and the path. It lives for one load; its own memory is the scratch arena. One owner, one
 * thread. */
#ifndef RB_APP_CONFIG_READ_H
#define RB_APP_CONFIG_READ_H

#include "app/config.h"
#include "app/config_report.h"
#include "app/yaml.h"

struct rb_place;
struct rb_reader_items;

struct rb_config_reader {
    struct rb_config *config; /* zeroed at first */
    struct rb_arena *scratch;
    struct rb_report *report;
    struct rb_place *places; /* the latest first */
    struct rb_reader_items
        *waiting; /* collections, read after all else: their defaults may come from there */
};

/* Sets every default, then what the tree says; NULL stands for an empty tree. What is wrong is reported and
 * left out. */
void rb_config_read(struct rb_config_reader *reader, const struct rb_yaml_node *root);

/* The checks that one option cannot make alone. Does I/O: asks whether commands can be run. */
void rb_config_check(struct rb_config_reader *reader);
void rb_config_check_era(struct rb_config_reader *reader); /* the Era door's part of it */
void rb_config_check_bimserver(struct rb_config_reader *reader);
/* Whether the BIMserver door has this path itself. */
bool rb_config_bimserver_has(const struct rb_config *config, rb_str path);
/* The kind of jobs of this name; NULL: there is none, which is reported. */
const struct rb_config_job *rb_config_check_kind(struct rb_config_reader *reader, const rb_str *name);

/* Reports about a field (or an item) of the configuration: line and path are found by its address. */
void rb_reader_error(struct rb_config_reader *reader, const void *field, rb_str what);
void rb_reader_warning(struct rb_config_reader *reader, const void *field, rb_str what);
unsigned rb_reader_line(const struct rb_config_reader *reader, const void *field); /* 0 = not in the file */
bool rb_reader_is_given(const struct rb_config_reader *reader, const void *field); /* in the file */

/* For the reading itself: notes where a field came from. The path is `shown`, then a dot, then `rest`, if
 * both are there. */
void rb_reader_note(struct rb_config_reader *reader, const void *field, rb_str shown, rb_str rest,
                    unsigned line);

#endif
