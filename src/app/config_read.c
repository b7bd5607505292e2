#include "app/config_read.h"

#include "app/config_value.h"

#include <string.h>

/* The tree is walked along the table, with two names for where we are: the path in the table ("jobs.*") and
 * the path that people see ("jobs.export"). A value that is wrong is reported, and its default stays; so one
 * run finds many errors.
 *
 * Collections (tenants, rules, jobs, rooms) wait until the rest is read, because an option of an item may
 * inherit its default from an option that stands further down in the file. */

struct rb_reader_items {
    struct rb_reader_items *next;
    const struct rb_option *option;
    const struct rb_yaml_node *node;
};

/* Where in the table, in the eyes of people, and in memory. */
struct section {
    rb_str table, shown;
    char *base;
    unsigned line;
};

#define FMT(...) rb_arena_fmt(r->scratch, __VA_ARGS__)

static rb_str join_path(struct rb_config_reader *r, rb_str head, rb_str tail)
{
    return head.n ? FMT("%.*s.%.*s", RB_STR_FMT(head), RB_STR_FMT(tail)) : tail;
}

static void complain(struct rb_config_reader *r, rb_str path, unsigned line, rb_str what)
{
    rb_report_add(r->report, false, line,
                  FMT("%.*s%s%.*s", RB_STR_FMT(path), path.n ? ": " : "", RB_STR_FMT(what)));
}

/* What stands where something else was expected. */
static rb_str describe(struct rb_config_reader *r, const struct rb_yaml_node *node)
{
    if (rb_yaml_is_nothing(node)) return RB_STR("nothing");
    switch (node->kind) {
    case RB_YAML_LIST: return RB_STR("a list");
    case RB_YAML_MAP: return RB_STR("a map");
    case RB_YAML_SCALAR: return FMT("'%.*s'", RB_STR_FMT(rb_report_clean(r->scratch, node->text)));
    }
    return RB_STR_NONE;
}

/* A text is blamed where it stands, all else where its key does. */
static unsigned line_of(const struct rb_yaml_node *node)
{
    bool is_text = node->kind == RB_YAML_SCALAR && !rb_yaml_is_nothing(node);
    return is_text || !node->key.p ? node->line : node->key_line;
}

static rb_str expected(struct rb_config_reader *r, const struct rb_option *option)
{
    struct rb_buf words = {0};
    rb_value_add_expected(option, &words);
    rb_str copy = rb_arena_copy(r->scratch, rb_buf_str(&words));
    rb_buf_fini(&words);
    return copy;
}

/* ---- single values ---- */

static bool is_without_quotes(const struct rb_option *option)
{
    return option->type == RB_OPTION_BOOL || option->type == RB_OPTION_U64;
}

static void complain_value(struct rb_config_reader *r, const struct rb_option *option, rb_str path,
                           const struct rb_yaml_node *node)
{
    rb_str what =
        FMT("expected %.*s, not %.*s", RB_STR_FMT(expected(r, option)), RB_STR_FMT(describe(r, node)));
    rb_str guess = RB_STR_NONE;
    if (rb_yaml_is_nothing(node))
        what = FMT("%.*s; write a value, or remove the line", RB_STR_FMT(what));
    else if (node->kind == RB_YAML_SCALAR && node->is_quoted && is_without_quotes(option))
        what = FMT("%.*s in quotes; remove the quotes", RB_STR_FMT(what));
    else if (node->kind == RB_YAML_MAP && node->first && rb_yaml_is_nothing(node->first))
        what = FMT("%.*s; text that begins with '{' must be in quotes",
                   RB_STR_FMT(what)); /* {projectId} was meant */
    else if (node->kind == RB_YAML_SCALAR)
        guess = rb_value_guess(option, r->scratch, node->text);
    if (guess.n) what = FMT("%.*s; did you mean '%.*s'?", RB_STR_FMT(what), RB_STR_FMT(guess));
    complain(r, path, line_of(node), what);
}

static void read_single(struct rb_config_reader *r, const struct rb_option *option, rb_str path, void *field,
                        const struct rb_yaml_node *node)
{
    bool is_fit = node->kind == RB_YAML_SCALAR && !rb_yaml_is_nothing(node) &&
                  !(node->is_quoted && is_without_quotes(option)) &&
                  rb_value_read(option, &r->config->arena, node->text, field);
    if (!is_fit) complain_value(r, option, path, node);
}

/* ---- lists and pairs ---- */

static bool is_count_fit(struct rb_config_reader *r, const struct rb_option *option, rb_str path,
                         const struct rb_yaml_node *node)
{
    if (node->count >= option->min && node->count <= option->max) return true;
    rb_str what = node->count < option->min ? FMT("must not be empty")
                                            : FMT("%zu are too many; at most %llu are allowed", node->count,
                                                  (unsigned long long)option->max);
    complain(r, path, line_of(node), what);
    return false;
}

static bool is_text_node(const struct rb_yaml_node *node)
{
    return node->kind == RB_YAML_SCALAR && !rb_yaml_is_nothing(node);
}

static void read_list(struct rb_config_reader *r, const struct rb_option *option, rb_str path, void *field,
                      const struct rb_yaml_node *node)
{
    if (node->kind != RB_YAML_LIST) {
        rb_str what =
            FMT("expected a list, not %.*s; write it as [first, second], or each on a line after '- '",
                RB_STR_FMT(describe(r, node)));
        complain(r, path, line_of(node), what);
        return;
    }
    if (!is_count_fit(r, option, path, node)) return;
    rb_str *texts = rb_arena_array(r->scratch, rb_str, node->count);
    rb_str *shown = rb_arena_array(r->scratch, rb_str, node->count);
    unsigned *lines = rb_arena_array(r->scratch, unsigned, node->count);
    size_t count = 0, at = 0, bad;
    for (const struct rb_yaml_node *item = node->first; item; item = item->next, at++) {
        bool is_fit = is_text_node(item) && (!option->form || option->form->is_met(item->text));
        shown[count] = FMT("%.*s[%zu]", RB_STR_FMT(path), at);
        if (!is_fit) {
            complain_value(r, option, shown[count], item);
            continue;
        }
        lines[count] = item->line;
        texts[count++] = item->text;
    }
    rb_value_read_list(option, &r->config->arena, texts, count, field, &bad);
    /* Texts and routes differ in size: remember the places by the address that the check will ask for. */
    for (size_t i = 0; i < count; i++) {
        const void *address = option->type == RB_OPTION_ROUTES
                                  ? (const void *)&((struct rb_config_routes *)field)->items[i]
                                  : (const void *)&((struct rb_config_strings *)field)->items[i];
        rb_reader_note(r, address, shown[i], RB_STR_NONE, lines[i]);
    }
}

static void read_pairs(struct rb_config_reader *r, const struct rb_option *option, rb_str path, void *field,
                       const struct rb_yaml_node *node)
{
    if (rb_yaml_is_nothing(node)) return;
    if (node->kind != RB_YAML_MAP) {
        rb_str what =
            FMT("expected a map, not %.*s; write each as NAME: value", RB_STR_FMT(describe(r, node)));
        complain(r, path, line_of(node), what);
        return;
    }
    if (!is_count_fit(r, option, path, node)) return;
    struct rb_config_pair *pairs = rb_arena_array(&r->config->arena, struct rb_config_pair, node->count);
    size_t count = 0;
    for (const struct rb_yaml_node *item = node->first; item; item = item->next) {
        rb_str shown = join_path(r, path, rb_report_clean(r->scratch, item->key));
        if (!option->form->is_met(item->key))
            complain(r, shown, item->key_line,
                     FMT("expected %.*s, as the key", RB_STR_FMT(expected(r, option))));
        else if (!is_text_node(item))
            complain(r, shown, line_of(item),
                     FMT("expected text, not %.*s; an empty text is written \"\"",
                         RB_STR_FMT(describe(r, item))));
        else
            pairs[count++] = (struct rb_config_pair){rb_arena_copy(&r->config->arena, item->key),
                                                     rb_arena_copy(&r->config->arena, item->text)};
    }
    *(struct rb_config_pairs *)field = (struct rb_config_pairs){pairs, count};
}

/* ---- sections ---- */

static bool is_direct(const char *below)
{
    return below && !strchr(below, '.');
}

static const struct rb_option *find_in_section(rb_str table, rb_str key)
{
    for (size_t i = 0; i < rb_options_count; i++) {
        const char *below = rb_option_below(&rb_options[i], table);
        if (is_direct(below) && rb_str_is(key, below)) return &rb_options[i];
    }
    return NULL;
}

/* An option of that name in another place, for those who lost the indentation. */
static const struct rb_option *find_elsewhere(rb_str key)
{
    for (size_t i = 0; i < rb_options_count; i++) {
        const char *dot = strrchr(rb_options[i].path, '.');
        if (dot && rb_str_is(key, dot + 1)) return &rb_options[i];
    }
    return NULL;
}

static void complain_unknown(struct rb_config_reader *r, rb_str table, rb_str shown,
                             const struct rb_yaml_node *child)
{
    struct rb_nearest nearest = {.word = child->key};
    rb_str known = RB_STR_NONE;
    for (size_t i = 0; i < rb_options_count; i++) {
        const char *below = rb_option_below(&rb_options[i], table);
        if (!is_direct(below)) continue;
        rb_nearest_offer(&nearest, rb_str_of(below));
        known = known.n ? FMT("%.*s, %s", RB_STR_FMT(known), below) : rb_str_of(below);
    }
    const struct rb_option *elsewhere = find_elsewhere(child->key);
    rb_str what;
    if (nearest.best.n)
        what = FMT("unknown option; did you mean '%.*s'?", RB_STR_FMT(nearest.best));
    else if (rb_option_find(child->key))
        what = FMT("unknown option; write one name on a line, the next below it and indented");
    else if (elsewhere)
        what = FMT("unknown option; did you mean '%s'?", elsewhere->path);
    else
        what = FMT("unknown option; known here: %.*s", RB_STR_FMT(known));
    complain(r, join_path(r, shown, rb_report_clean(r->scratch, child->key)), child->key_line, what);
}

static void read_section(struct rb_config_reader *r, struct section in, const struct rb_yaml_node *node);

static void read_option(struct rb_config_reader *r, const struct rb_option *option, struct section in,
                        const struct rb_yaml_node *node)
{
    rb_str path = join_path(r, in.shown, node->key);
    void *field = in.base + option->offset;
    switch (option->type) {
    case RB_OPTION_SECTION:
        read_section(r, (struct section){rb_str_of(option->path), path, in.base, node->key_line}, node);
        return;
    case RB_OPTION_ITEMS_BY_NAME:
    case RB_OPTION_ITEMS: {
        struct rb_reader_items *items = rb_arena_new(r->scratch, struct rb_reader_items);
        *items = (struct rb_reader_items){r->waiting, option, node};
        r->waiting = items;
        return;
    }
    case RB_OPTION_STRINGS:
    case RB_OPTION_ROUTES: read_list(r, option, path, field, node); break;
    case RB_OPTION_PAIRS: read_pairs(r, option, path, field, node); break;
    case RB_OPTION_STRING:
    case RB_OPTION_BOOL:
    case RB_OPTION_U64:
    case RB_OPTION_BYTES:
    case RB_OPTION_DURATION:
    case RB_OPTION_ENUM:
    case RB_OPTION_ADDRESS: read_single(r, option, path, field, node); break;
    }
    rb_reader_note(r, field, path, RB_STR_NONE, node->key_line);
}

static void read_section(struct rb_config_reader *r, struct section in, const struct rb_yaml_node *node)
{
    if (rb_yaml_is_nothing(node)) return; /* all its lines are comments */
    if (node->kind != RB_YAML_MAP) {
        complain(r, in.shown, line_of(node),
                 FMT("expected options, 'name: value' on a line each, not %.*s",
                     RB_STR_FMT(describe(r, node))));
        return;
    }
    for (const struct rb_yaml_node *child = node->first; child; child = child->next) {
        const struct rb_option *option = find_in_section(in.table, child->key);
        if (option)
            read_option(r, option, in, child);
        else
            complain_unknown(r, in.table, in.shown, child);
    }
}

/* Defaults of all that is in the struct at in.base: below in.table, but not in the items of a collection
 * there. */
static void set_defaults(struct rb_config_reader *r, struct section in)
{
    for (size_t i = 0; i < rb_options_count; i++) {
        const struct rb_option *option = &rb_options[i];
        const char *below = rb_option_below(option, in.table);
        if (!below || strchr(below, '*') || option->type == RB_OPTION_SECTION) continue;
        void *field = in.base + option->offset;
        rb_reader_note(r, field, in.shown, rb_str_of(below), in.line);
        rb_value_read_fallback(option, &r->config->arena, field);
        if (option->inherits) /* these are numbers, all of them */
            memcpy(field, (char *)r->config + rb_option_find(rb_str_of(option->inherits))->offset,
                   sizeof(uint64_t));
    }
}

/* ---- collections ---- */

static void complain_missing(struct rb_config_reader *r, struct section in, const struct rb_yaml_node *node)
{
    for (size_t i = 0; i < rb_options_count; i++) {
        const struct rb_option *option = &rb_options[i];
        const char *below = rb_option_below(option, in.table);
        if (!is_direct(below) || !option->is_required) continue;
        if (node->kind == RB_YAML_MAP && rb_yaml_get(node, rb_str_of(below))) continue;
        const char *list = option->type == RB_OPTION_STRINGS ? "a list, each of its items " : "";
        complain(r, join_path(r, in.shown, rb_str_of(below)), in.line,
                 FMT("missing; add %s%.*s", list, RB_STR_FMT(expected(r, option))));
    }
}

static void read_item(struct rb_config_reader *r, const struct rb_option *option, size_t index, char *item,
                      const struct rb_yaml_node *node)
{
    struct section in = {.table = FMT("%s.*", option->path), .base = item, .line = node->line};
    if (option->type == RB_OPTION_ITEMS_BY_NAME) {
        in.shown = FMT("%s.%.*s", option->path, RB_STR_FMT(rb_report_clean(r->scratch, node->key)));
        in.line = node->key_line;
        if (!option->form->is_met(node->key))
            complain(r, in.shown, in.line, FMT("expected %s, as the key", option->form->expected));
        *(rb_str *)(void *)item = rb_arena_copy(&r->config->arena, node->key);
    } else {
        in.shown = FMT("%s[%zu]", option->path, index);
    }
    set_defaults(r, in);
    rb_reader_note(r, item, in.shown, RB_STR_NONE, in.line);
    read_section(r, in, node);
    complain_missing(r, in, node);
}

static void read_items(struct rb_config_reader *r, const struct rb_option *option,
                       const struct rb_yaml_node *node)
{
    rb_str path = rb_str_of(option->path);
    bool is_list = option->type == RB_OPTION_ITEMS;
    if (rb_yaml_is_nothing(node)) return;
    if (node->kind != (is_list ? RB_YAML_LIST : RB_YAML_MAP)) {
        rb_str what =
            is_list ? FMT("expected a list, not %.*s; begin each with '- '", RB_STR_FMT(describe(r, node)))
                    : FMT("expected a map, not %.*s; begin each with its name, 'name:'",
                          RB_STR_FMT(describe(r, node)));
        complain(r, path, line_of(node), what);
        return;
    }
    if (!is_count_fit(r, option, path, node)) return;
    char *items = rb_arena_alloc(&r->config->arena, option->item_bytes * node->count);
    size_t count = 0;
    for (const struct rb_yaml_node *child = node->first; child; child = child->next, count++)
        read_item(r, option, count, items + count * option->item_bytes, child);
    /* All collections of the configuration have this shape. */
    struct {
        void *items;
        size_t count;
    } collection = {items, count};
    memcpy((char *)r->config + option->offset, &collection, sizeof collection);
}

void rb_config_read(struct rb_config_reader *r, const struct rb_yaml_node *root)
{
    struct section all = {.base = (char *)r->config};
    set_defaults(r, all);
    if (root) read_section(r, all, root);
    for (struct rb_reader_items *items = r->waiting; items; items = items->next)
        read_items(r, items->option, items->node);
}
