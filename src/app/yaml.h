/* The part of YAML that configuration needs, as a tree: maps, lists and text, nothing else.
 *
 * Refused, each with its place: anchors, aliases, tags, directives, merge keys, keys that are not text, keys
 * given twice, a second document, bytes that are not UTF-8, zero bytes in text, more than RB_YAML_BYTES_MAX
 * of input, more than RB_YAML_DEPTH_MAX levels. What a scalar means (a number, a duration) is the reader's
 * business, so nothing is guessed: `no` is the text "no".
 *
 * Pure: no I/O, no clock. The tree and the error live in the caller's arena. */
#ifndef RB_APP_YAML_H
#define RB_APP_YAML_H

#include "base/arena.h"
#include "base/reason.h"

#define RB_YAML_BYTES_MAX ((size_t)1 << 20)
#define RB_YAML_DEPTH_MAX 16

enum rb_yaml_kind { RB_YAML_SCALAR, RB_YAML_LIST, RB_YAML_MAP };

struct rb_yaml_node {
    enum rb_yaml_kind kind;
    bool is_quoted;                    /* scalars: '...', "...", | and >; plain text is not */
    unsigned line, column;             /* from 1; of the value */
    rb_str text;                       /* scalars; followed by a zero byte */
    rb_str key;                        /* inside a map; followed by a zero byte */
    unsigned key_line, key_column;     /* likewise */
    struct rb_yaml_node *first, *next; /* children of lists and maps, in the order of the file */
    size_t count;
};

struct rb_yaml_error {
    unsigned line, column; /* from 1 */
    rb_str message;        /* one line, with the path of the value when it is known */
};

/* RB_BAD_CONFIG, then *out_error is set; RB_OUT_OF_MEMORY. A text without any value gives an empty map. */
rb_err rb_yaml_parse(struct rb_arena *arena, rb_str text, struct rb_yaml_node **out_root,
                     struct rb_yaml_error *out_error);

/* The value of a key of a map; NULL when there is none. */
const struct rb_yaml_node *rb_yaml_get(const struct rb_yaml_node *map, rb_str key);

/* Nothing was written where a value belongs (`key:`), or the word for nothing (`~`, `null`). */
bool rb_yaml_is_nothing(const struct rb_yaml_node *node);

#endif
