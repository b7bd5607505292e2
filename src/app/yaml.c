#include "app/yaml.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/map.h"

#include <string.h>
#include <yaml.h>

/* libyaml reports events; a stack of open lists and maps turns them into the tree. Each open map has an index
 * of its keys, so that a file of a megabyte cannot make the search for duplicates slow. */

struct open_node {
    struct rb_yaml_node *node;
    struct rb_yaml_node **tail;    /* where the next child is hung */
    struct rb_yaml_node *awaiting; /* maps: the child whose key came and whose value did not */
    struct rb_map keys;            /* maps: key -> child */
};

struct builder {
    struct rb_arena *arena;
    rb_str text;
    struct open_node open[RB_YAML_DEPTH_MAX];
    size_t depth;
    struct rb_yaml_node *root;
    struct rb_yaml_error *error;
    bool is_done;
};

static void add_path(struct builder *b, const struct rb_yaml_node *last, struct rb_buf *out)
{
    for (size_t i = 0; i < b->depth; i++) {
        const struct rb_yaml_node *child = i + 1 < b->depth ? b->open[i + 1].node : last;
        size_t count =
            b->open[i].node->count; /* a list counts a child when it is hung in; `last` is not yet */
        if (b->open[i].node->kind == RB_YAML_LIST) {
            rb_buf_add_fmt(out, "[%zu]", i + 1 < b->depth ? count - 1 : count);
        } else if (child) {
            if (out->n) rb_buf_add_char(out, '.');
            rb_buf_add_str(out, rb_str_sub(child->key, 0, 80));
        }
    }
}

/* `at` is the child of the innermost open node that the complaint is about; NULL when that is not known. */
static rb_err complain(struct builder *b, yaml_mark_t mark, const struct rb_yaml_node *at,
                       const char *message)
{
    struct rb_buf line = {0};
    add_path(b, at, &line);
    if (line.n) rb_buf_add_text(&line, ": ");
    rb_buf_add_text(&line, message);
    b->error->line = (unsigned)mark.line + 1;
    b->error->column = (unsigned)mark.column + 1;
    b->error->message = rb_arena_copy(b->arena, rb_buf_str(&line));
    rb_buf_fini(&line);
    return RB_BAD_CONFIG;
}

static struct open_node *innermost(struct builder *b)
{
    return b->depth ? &b->open[b->depth - 1] : NULL;
}

static bool wants_key(struct builder *b)
{
    struct open_node *in = innermost(b);
    return in && in->node->kind == RB_YAML_MAP && !in->awaiting;
}

static rb_err on_key(struct builder *b, const yaml_event_t *event)
{
    struct open_node *in = innermost(b);
    struct rb_yaml_node *child = rb_arena_new(b->arena, struct rb_yaml_node);
    child->key = rb_arena_copy(b->arena, rb_str_make(event->data.scalar.value, event->data.scalar.length));
    child->key_line = (unsigned)event->start_mark.line + 1;
    child->key_column = (unsigned)event->start_mark.column + 1;
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (is_plain && child->key.n == 0) return complain(b, event->start_mark, NULL, "a value without a key");
    if (is_plain && rb_str_is(child->key, "<<"))
        return complain(b, event->start_mark, child, "merge keys are not allowed; write the options out");
    const struct rb_yaml_node *first = rb_map_get(&in->keys, child->key);
    if (first) {
        rb_str message = rb_arena_fmt(b->arena, "given twice; the first time on line %u", first->key_line);
        return complain(b, event->start_mark, child, message.p);
    }
    rb_map_put(&in->keys, child->key, child);
    in->awaiting = child;
    return RB_OK;
}

/* The node that the coming value fills, hung into its parent. */
static struct rb_yaml_node *place_value(struct builder *b, yaml_mark_t mark)
{
    struct open_node *in = innermost(b);
    struct rb_yaml_node *node =
        in && in->awaiting ? in->awaiting : rb_arena_new(b->arena, struct rb_yaml_node);
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    if (in) {
        *in->tail = node;
        in->tail = &node->next;
        in->node->count++;
        in->awaiting = NULL;
    } else {
        b->root = node;
    }
    return node;
}

static const struct rb_yaml_node *child_awaited(struct builder *b)
{
    struct open_node *in = innermost(b);
    return in ? in->awaiting : NULL;
}

/* What may decorate any value, and may not here. */
static rb_err check_plain(struct builder *b, yaml_mark_t mark, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor)
        return complain(
            b, mark, child_awaited(b),
            "anchors are not allowed; write the value out, or put text that begins with '&' in quotes");
    if (tag)
        return complain(b, mark, child_awaited(b),
                        "tags are not allowed; remove it, or put text that begins with '!' in quotes");
    return RB_OK;
}

static rb_err on_scalar(struct builder *b, const yaml_event_t *event)
{
    rb_err err = check_plain(b, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
    if (err) return err;
    rb_str text = rb_str_make(event->data.scalar.value, event->data.scalar.length);
    if (rb_str_find(text, '\0') >= 0)
        return complain(b, event->start_mark, child_awaited(b), "text must not hold a zero byte");
    if (wants_key(b)) return on_key(b, event);
    struct rb_yaml_node *node = place_value(b, event->start_mark);
    node->kind = RB_YAML_SCALAR;
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = rb_arena_copy(b->arena, text);
    return RB_OK;
}

static rb_err on_open(struct builder *b, yaml_mark_t mark, enum rb_yaml_kind kind, const yaml_char_t *anchor,
                      const yaml_char_t *tag)
{
    rb_err err = check_plain(b, mark, anchor, tag);
    if (err) return err;
    if (wants_key(b))
        return complain(b, mark, NULL, "a key must be text; put it in quotes if it begins with '{' or '['");
    if (b->depth == RB_YAML_DEPTH_MAX) {
        b->depth = 0; /* nobody wants to read that path */
        return complain(b, mark, NULL, "nested more than 16 levels deep");
    }
    struct rb_yaml_node *node = place_value(b, mark);
    node->kind = kind;
    b->open[b->depth++] = (struct open_node){.node = node, .tail = &node->first};
    return RB_OK;
}

static rb_err on_document(struct builder *b, const yaml_event_t *event)
{
    if (b->root)
        return complain(b, event->start_mark, NULL,
                        "a second document is not allowed; one file, one document");
    bool has_tags =
        event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end;
    if (has_tags || event->data.document_start.version_directive)
        return complain(b, event->start_mark, NULL,
                        "directives are not allowed; remove the lines that begin with '%'");
    return RB_OK;
}

static rb_err on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: return RB_OK;
    case YAML_STREAM_END_EVENT: b->is_done = true; return RB_OK;
    case YAML_DOCUMENT_START_EVENT: return on_document(b, event);
    case YAML_ALIAS_EVENT:
        return complain(
            b, event->start_mark, child_awaited(b),
            "aliases are not allowed; write the value out, or put text that begins with '*' in quotes");
    case YAML_SCALAR_EVENT: return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event->start_mark, RB_YAML_LIST, event->data.sequence_start.anchor,
                       event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event->start_mark, RB_YAML_MAP, event->data.mapping_start.anchor,
                       event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: rb_map_fini(&b->open[--b->depth].keys); return RB_OK;
    }
    RB_UNREACHABLE();
}

/* ---- what libyaml itself refuses, said so that it helps ---- */

static yaml_mark_t mark_of_byte(rb_str text, size_t at)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < at && i < text.n; i++) {
        mark.column++;
        if (text.p[i] == '\n') mark = (yaml_mark_t){.line = mark.line + 1};
    }
    return mark;
}

/* libyaml counts characters, not bytes. */
static char char_at(rb_str text, size_t characters)
{
    for (size_t i = 0; i < text.n; i++) {
        if (((unsigned char)text.p[i] & 0xc0) == 0x80) continue;
        if (characters-- == 0) return text.p[i];
    }
    return '\0';
}

static rb_err on_reader_error(struct builder *b, const yaml_parser_t *parser)
{
    bool is_control = strstr(parser->problem, "control characters") != NULL;
    return complain(
        b, mark_of_byte(b->text, parser->problem_offset), NULL,
        is_control
            ? "control characters are not allowed; write \"\\u0007\" in double quotes where one is meant"
            : "this is not valid UTF-8; save the file as UTF-8");
}

static rb_err on_syntax_error(struct builder *b, const yaml_parser_t *parser)
{
    b->depth = 0; /* libyaml reads ahead: the path so far may be another one */
    const char *context = parser->context ? parser->context : "";
    char c = char_at(b->text, parser->problem_mark.index);
    rb_str message;
    if (strstr(context, "alias") || strstr(context, "anchor"))
        message = rb_arena_fmt(b->arena, "text that begins with '*' or '&' must be in quotes");
    else if (strstr(context, "flow") && (c == '{' || c == '}' || c == '['))
        message = rb_arena_fmt(b->arena, "text with '%c' inside [...] or {...} must be in quotes", c);
    else if (strstr(context, "next token") && c == '\t')
        message = rb_arena_fmt(b->arena, "tabs cannot indent; use spaces");
    else if (strstr(context, "next token") && c > ' ')
        message = rb_arena_fmt(b->arena, "text that begins with '%c' must be in quotes", c);
    else if (context[0] && parser->context_mark.line != parser->problem_mark.line)
        message = rb_arena_fmt(b->arena, "not valid YAML: %s %s that began on line %zu", parser->problem,
                               context, parser->context_mark.line + 1);
    else
        message =
            rb_arena_fmt(b->arena, "not valid YAML: %s%s%s", parser->problem, context[0] ? " " : "", context);
    return complain(b, parser->problem_mark, NULL, message.p);
}

static rb_err on_parser_error(struct builder *b, const yaml_parser_t *parser)
{
    switch (parser->error) {
    case YAML_MEMORY_ERROR: return RB_OUT_OF_MEMORY;
    case YAML_READER_ERROR: return on_reader_error(b, parser);
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR: return on_syntax_error(b, parser);
    case YAML_NO_ERROR:
    case YAML_COMPOSER_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR: break; /* not ours to meet: no composing, no writing */
    }
    RB_UNREACHABLE();
}

static rb_err run(struct builder *b, yaml_parser_t *parser)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING); /* else two bytes at the start make it UTF-16 */
    yaml_parser_set_input_string(parser, (const unsigned char *)b->text.p, b->text.n);
    rb_err err = RB_OK;
    while (!err && !b->is_done) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return on_parser_error(b, parser);
        err = on_event(b, &event);
        yaml_event_delete(&event);
    }
    return err;
}

rb_err rb_yaml_parse(struct rb_arena *arena, rb_str text, struct rb_yaml_node **out_root,
                     struct rb_yaml_error *out_error)
{
    if (text.p == NULL) text = RB_STR("");
    struct rb_yaml_error error = {0};
    struct builder b = {.arena = arena, .text = text, .error = &error};
    rb_err err;
    yaml_parser_t parser;
    if (text.n > RB_YAML_BYTES_MAX) {
        err = complain(&b, (yaml_mark_t){0}, NULL, "larger than 1 MiB");
    } else if (!yaml_parser_initialize(&parser)) {
        err = RB_OUT_OF_MEMORY;
    } else {
        err = run(&b, &parser);
        yaml_parser_delete(&parser);
    }
    for (size_t i = 0; i < RB_YAML_DEPTH_MAX; i++) rb_map_fini(&b.open[i].keys);
    if (err) {
        *out_error = error;
        return err;
    }
    if (!b.root || rb_yaml_is_nothing(b.root)) {
        b.root = rb_arena_new(arena, struct rb_yaml_node);
        *b.root = (struct rb_yaml_node){.kind = RB_YAML_MAP, .line = 1, .column = 1};
    }
    *out_root = b.root;
    return RB_OK;
}

const struct rb_yaml_node *rb_yaml_get(const struct rb_yaml_node *map, rb_str key)
{
    for (const struct rb_yaml_node *child = map->first; child; child = child->next)
        if (rb_str_eq(child->key, key)) return child;
    return NULL;
}

bool rb_yaml_is_nothing(const struct rb_yaml_node *node)
{
    if (node->kind != RB_YAML_SCALAR || node->is_quoted) return false;
    return node->text.n == 0 || rb_str_is(node->text, "~") || rb_str_is(node->text, "null");
}
