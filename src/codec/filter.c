/* A filter is read once, into a tree in the arena, and then only walked. What it compares with is taken from
 * the text when it is read: testing allocates nothing and cannot fail. */
#include "codec/filter.h"

#include "base/check.h"

enum { DEPTH_MAX = 16 };

enum what { AND, OR, NOT, COMPARE, IN, LIKE, VALUE, PROPERTY, LIST };

/* How two values may stand to each other, for COMPARE. */
enum { BELOW = 1, SAME = 2, ABOVE = 4, OTHER = 8 /* of different types */ };

struct rb_filter {
    enum what what;
    unsigned orders;                 /* COMPARE: which of them fit */
    rb_str name;                     /* PROPERTY */
    struct rb_filter_value value;    /* VALUE */
    const struct rb_filter *operand; /* the first; the others by next */
    const struct rb_filter *next;
};

/* ---- reading ---- */

static const struct verb {
    const char *name;
    enum what what;
    unsigned min, max; /* operands */
    unsigned orders;
} verbs[] = {
    {"and", AND, 1, RB_FILTER_NODES_MAX, 0},
    {"or", OR, 1, RB_FILTER_NODES_MAX, 0},
    {"not", NOT, 1, 1, 0},
    {"==", COMPARE, 2, 2, SAME},
    {"!=", COMPARE, 2, 2, BELOW | ABOVE | OTHER},
    {"<", COMPARE, 2, 2, BELOW},
    {"<=", COMPARE, 2, 2, BELOW | SAME},
    {">", COMPARE, 2, 2, ABOVE},
    {">=", COMPARE, 2, 2, ABOVE | SAME},
    {"in", IN, 2, 2, 0},
    {"like", LIKE, 2, 2, 0},
};

struct reader {
    struct rb_arena *arena;
    unsigned nodes;
    rb_str why;
};

static const struct rb_filter *refuse(struct reader *reader, const char *why)
{
    reader->why = rb_str_of(why);
    return NULL;
}

static const struct verb *find_verb(rb_str name)
{
    for (size_t i = 0; i < RB_COUNT(verbs); i++)
        if (rb_str_is(name, verbs[i].name)) return &verbs[i];
    return NULL;
}

static struct rb_filter *node_new(struct reader *reader, enum what what)
{
    if (++reader->nodes > RB_FILTER_NODES_MAX) {
        refuse(reader, "More than 200 conditions and operands.");
        return NULL;
    }
    struct rb_filter *node = rb_arena_new(reader->arena, struct rb_filter);
    node->what = what;
    return node;
}

/* The word that an array begins with; false: it is no array, or begins with something else. */
static bool read_word(struct reader *reader, rb_json_val json, rb_str *out)
{
    return rb_json_type(json) == RB_JSON_ARRAY && rb_json_string(rb_json_first(json), reader->arena, out);
}

static const struct rb_filter *read_scalar(struct reader *reader, rb_json_val json)
{
    struct rb_filter *node = node_new(reader, VALUE);
    if (!node) return NULL;
    struct rb_filter_value *value = &node->value;
    switch (rb_json_type(json)) {
    case RB_JSON_NULL: value->type = RB_FILTER_NULL; return node;
    case RB_JSON_FALSE:
    case RB_JSON_TRUE:
        value->type = RB_FILTER_BOOL;
        value->is_true = rb_json_type(json) == RB_JSON_TRUE;
        return node;
    case RB_JSON_NUMBER:
        value->type = RB_FILTER_NUMBER;
        return rb_json_double(json, &value->number) ? node : refuse(reader, "A number is out of range.");
    case RB_JSON_STRING:
        value->type = RB_FILTER_TEXT;
        rb_json_string(json, reader->arena, &value->text);
        return node;
    case RB_JSON_NONE:
    case RB_JSON_ARRAY:
    case RB_JSON_OBJECT: break;
    }
    return refuse(reader, "An operand is [\"property\",\"name\"], a text, a number, true, false or null.");
}

static const struct rb_filter *read_property(struct reader *reader, rb_json_val json)
{
    struct rb_filter *node = node_new(reader, PROPERTY);
    bool is_good = node && rb_json_count(json) == 2 &&
                   rb_json_string(rb_json_next(rb_json_first(json)), reader->arena, &node->name);
    if (node && !is_good) return refuse(reader, "A property is [\"property\",\"name\"].");
    return node;
}

/* All elements behind the word in front, each read by `read`. */
static bool read_operands(struct reader *reader, struct rb_filter *node, rb_json_val json,
                          const struct rb_filter *(*read)(struct reader *, rb_json_val))
{
    const struct rb_filter **link = &node->operand;
    for (rb_json_val it = rb_json_next(rb_json_first(json)); rb_json_type(it) != RB_JSON_NONE;
         it = rb_json_next(it)) {
        struct rb_filter *operand = (struct rb_filter *)(uintptr_t)read(reader, it);
        if (!operand) return false;
        *link = operand;
        link = &operand->next;
    }
    return true;
}

static const struct rb_filter *read_list(struct reader *reader, rb_json_val json)
{
    struct rb_filter *node = node_new(reader, LIST);
    return node && read_operands(reader, node, json, read_scalar) ? node : NULL;
}

static const struct rb_filter *read_operand(struct reader *reader, rb_json_val json)
{
    rb_str word;
    if (!read_word(reader, json, &word)) return read_scalar(reader, json);
    if (rb_str_is(word, "property")) return read_property(reader, json);
    if (rb_str_is(word, "list")) return read_list(reader, json);
    return refuse(reader, "An operand that is an array begins with \"property\" or \"list\".");
}

static bool takes_conditions(enum what what)
{
    return what == AND || what == OR || what == NOT;
}

/* Lists have their place on the right of "in", where nothing else makes sense but a property. */
static bool has_right_kinds(const struct rb_filter *node)
{
    const struct rb_filter *left = node->operand, *right = left->next;
    if (takes_conditions(node->what)) return true;
    bool is_in = node->what == IN;
    return left->what != LIST &&
           (is_in ? right->what == LIST || right->what == PROPERTY : right->what != LIST);
}

static const struct rb_filter *read_condition(struct reader *reader, rb_json_val json)
{
    rb_str word;
    if (!read_word(reader, json, &word))
        return refuse(reader, "A condition is an array that begins with its operator.");
    const struct verb *verb = find_verb(word);
    if (!verb) {
        reader->why = rb_arena_fmt(reader->arena, "There is no operator \"%.*s\".", RB_STR_FMT(word));
        return NULL;
    }
    uint32_t count = rb_json_count(json) - 1;
    if (count < verb->min || count > verb->max) {
        reader->why = rb_arena_fmt(reader->arena, "\"%s\" takes another number of operands.", verb->name);
        return NULL;
    }
    struct rb_filter *node = node_new(reader, verb->what);
    if (!node) return NULL;
    node->orders = verb->orders;
    if (!read_operands(reader, node, json, takes_conditions(node->what) ? read_condition : read_operand))
        return NULL;
    return has_right_kinds(node) ? node
                                 : refuse(reader, "A list stands on the right of \"in\", and nowhere else.");
}

/* The text is copied, so that what the tree borrows from it is in the arena too. */
rb_err rb_filter_read(rb_str json, struct rb_arena *arena, const struct rb_filter **out, rb_str *out_why)
{
    struct rb_json doc;
    struct reader reader = {.arena = arena};
    rb_err err = rb_json_parse(&doc, rb_arena_copy(arena, json),
                               &(struct rb_json_limits){.bytes_max = json.n, .depth_max = DEPTH_MAX});
    if (err == RB_TOO_DEEP) {
        *out_why = RB_STR("More than 16 levels.");
        return RB_UNPROCESSABLE;
    }
    if (err) {
        *out_why = rb_arena_fmt(arena, "At byte %zu of the filter.", doc.error_at);
        return err == RB_OUT_OF_MEMORY ? err : RB_BAD_JSON;
    }
    const struct rb_filter *filter = read_condition(&reader, rb_json_root(&doc));
    rb_json_fini(&doc);
    if (!filter) {
        *out_why = reader.why;
        return RB_UNPROCESSABLE;
    }
    *out = filter;
    return RB_OK;
}

/* ---- comparing ---- */

int rb_filter_compare(const struct rb_filter_value *a, const struct rb_filter_value *b)
{
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    switch (a->type) {
    case RB_FILTER_NULL: return 0;
    case RB_FILTER_TEXT:
    case RB_FILTER_LIST: return rb_str_cmp(a->text, b->text);
    case RB_FILTER_NUMBER: return (a->number > b->number) - (a->number < b->number);
    case RB_FILTER_BOOL: return a->is_true - b->is_true;
    }
    RB_UNREACHABLE();
}

static unsigned order_of(const struct rb_filter_value *a, const struct rb_filter_value *b)
{
    if (a->type != b->type) return OTHER;
    int order = rb_filter_compare(a, b);
    return order < 0 ? BELOW : order > 0 ? ABOVE : SAME;
}

/* At a mismatch only the last "%" need take one byte more: what an earlier one took before it was the
 * shortest. */
static bool is_like(rb_str text, rb_str pattern)
{
    size_t t = 0, p = 0, retry_t = 0, retry_p = 0;
    bool can_retry = false;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '%') {
            can_retry = true;
            retry_p = ++p;
            retry_t = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (can_retry) {
            p = retry_p;
            t = ++retry_t;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '%') p++;
    return p == pattern.n;
}

/* ---- testing ---- */

struct test {
    bool (*property)(const void *arg, rb_str name, struct rb_filter_value *out);
    const void *arg;
};

static struct rb_filter_value value_of(const struct rb_filter *operand, const struct test *test)
{
    struct rb_filter_value value = {.type = RB_FILTER_NULL};
    if (operand->what == VALUE) return operand->value;
    return test->property(test->arg, operand->name, &value) ? value : (struct rb_filter_value){0};
}

static bool is_in(const struct rb_filter *left, const struct rb_filter *right, const struct test *test)
{
    struct rb_filter_value value = value_of(left, test);
    if (right->what == PROPERTY) {
        struct rb_filter_value list = value_of(right, test);
        return list.type == RB_FILTER_LIST && value.type == RB_FILTER_TEXT &&
               rb_str_lists(list.text, value.text);
    }
    for (const struct rb_filter *each = right->operand; each; each = each->next)
        if (order_of(&value, &each->value) == SAME) return true;
    return false;
}

static bool fits(const struct rb_filter *filter, const struct test *test);

static bool all_fit(const struct rb_filter *first, const struct test *test)
{
    while (first && fits(first, test)) first = first->next;
    return !first;
}

static bool any_fits(const struct rb_filter *first, const struct test *test)
{
    while (first && !fits(first, test)) first = first->next;
    return first != NULL;
}

static bool fits(const struct rb_filter *filter, const struct test *test)
{
    const struct rb_filter *left = filter->operand, *right = left->next;
    struct rb_filter_value a, b;
    switch (filter->what) {
    case AND: return all_fit(left, test);
    case OR: return any_fits(left, test);
    case NOT: return !fits(left, test);
    case IN: return is_in(left, right, test);
    case LIKE:
        a = value_of(left, test);
        b = value_of(right, test);
        return a.type == RB_FILTER_TEXT && b.type == RB_FILTER_TEXT && is_like(a.text, b.text);
    case COMPARE:
        a = value_of(left, test);
        b = value_of(right, test);
        return order_of(&a, &b) & filter->orders;
    case VALUE:
    case PROPERTY:
    case LIST: break; /* no conditions */
    }
    RB_UNREACHABLE();
}

bool rb_filter_fits(const struct rb_filter *filter,
                    bool (*property)(const void *arg, rb_str name, struct rb_filter_value *out),
                    const void *arg)
{
    return fits(filter, &(struct test){property, arg});
}

void rb_filter_each_property(const struct rb_filter *filter, void (*seen)(void *arg, rb_str name), void *arg)
{
    if (filter->what == PROPERTY) seen(arg, filter->name);
    for (const struct rb_filter *each = filter->operand; each; each = each->next)
        rb_filter_each_property(each, seen, arg);
}
