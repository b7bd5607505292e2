/* The parser: one pass over the text, one node on the tape for each value and key, no recursion and no stack.
 *
 * The tape is its own stack: a container that is still open keeps the index of the container around it in
 * `next`, a field it needs only once its own next sibling appears, which is after it was closed. `open` and
 * `last` (the open container's last child so far) are all that must be known besides; when a container
 * closes, it is itself the last child of the one around it. So depth costs nothing but a counter, and its
 * limit is a rule, not a protection of memory.
 *
 * Time goes into strings, hence rb_json_skip_plain. Non-ASCII characters are checked where they stand;
 * outside of strings they are no JSON. Keys of an object are compared when it closes (json_keys.c). */
#include "codec/json_tape.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/utf8.h"

enum { BYTES_MAX_DEFAULT = 16 << 20 };

struct parser {
    const char *start, *end;
    struct rb_json_node *nodes;
    uint32_t count, cap, count_max;
    uint32_t open; /* the innermost open container, if depth > 0 */
    uint32_t last; /* its last child; 0 = none yet */
    unsigned depth, depth_max;
    char closer; /* the bracket that ends `open` */
    bool check_keys;
    rb_err err;
    const char *error_at;
};

/* Steps take the place in the text and return the place behind what they took; NULL after failing here. */
static const char *fail(struct parser *parser, rb_err err, const char *at)
{
    bool is_full = err == RB_OUT_OF_MEMORY && parser->count == parser->count_max;
    parser->err = is_full ? RB_BODY_TOO_LARGE : err;
    parser->error_at = at;
    return NULL;
}

/* Text has about one value or key in 8 bytes; what is denser doubles, up to the most there can be: a closed
 * value has a byte of its own and a comma or bracket besides, an open container only its bracket. */
static bool grow(struct parser *parser)
{
    size_t bytes = (size_t)(parser->end - parser->start), most = bytes / 2 + RB_JSON_DEPTH_MAX;
    size_t cap = parser->cap ? (size_t)parser->cap * 2 : bytes / 8 + 8;
    if (cap > most) cap = most;
    if (cap > parser->count_max) cap = parser->count_max;
    if (cap <= parser->cap) return false;
    struct rb_json_node *nodes = rb_try_realloc(parser->nodes, cap * sizeof *nodes);
    if (!nodes) return false;
    parser->nodes = nodes;
    parser->cap = (uint32_t)cap;
    return true;
}

/* A new node at the end of the tape; NULL when memory is out. */
static inline struct rb_json_node *add_node(struct parser *parser, enum rb_json_type type, const char *at)
{
    if (parser->count == parser->cap && !grow(parser)) return NULL;
    struct rb_json_node *node = &parser->nodes[parser->count++];
    *node =
        (struct rb_json_node){.start = (uint32_t)(at - parser->start) & RB_JSON_TEXT_MAX, .type = type & 7};
    return node;
}

/* The same for a value, which becomes a child of the open container. */
static inline struct rb_json_node *add_value(struct parser *parser, enum rb_json_type type, const char *at)
{
    struct rb_json_node *node = add_node(parser, type, at);
    if (!node || parser->depth == 0) return node;
    uint32_t index = parser->count - 1;
    parser->nodes[parser->open].count++;
    if (parser->last) parser->nodes[parser->last].next = index;
    parser->last = index;
    return node;
}

static inline const char *end_node(struct parser *parser, struct rb_json_node *node, bool is_plain,
                                   const char *p)
{
    node->is_plain = is_plain;
    node->end = (uint32_t)(p - parser->start);
    return p;
}

static inline const char *skip_blanks(const struct parser *parser, const char *p)
{
    while (p < parser->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    return p;
}

/* ---- Strings ---- */

/* "\uXXXX", or two of them that make up a surrogate pair; p is at the backslash. */
static const char *skip_unicode_escape(struct parser *parser, const char *p)
{
    int unit = parser->end - p >= 6 ? rb_json_hex4(p + 2) : -1;
    if (unit < 0 || (unit & 0xfc00) == 0xdc00) return fail(parser, RB_BAD_JSON, p);
    if ((unit & 0xfc00) != 0xd800) return p + 6;
    bool is_pair =
        parser->end - p >= 12 && p[6] == '\\' && p[7] == 'u' && (rb_json_hex4(p + 8) & ~0x3ff) == 0xdc00;
    return is_pair ? p + 12 : fail(parser, RB_BAD_JSON, p);
}

static const char *skip_escape(struct parser *parser, const char *p)
{
    if (parser->end - p < 2) return fail(parser, RB_BAD_JSON, parser->end);
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u': return skip_unicode_escape(parser, p);
    default: return fail(parser, RB_BAD_JSON, p);
    }
}

static const char *skip_non_ascii(struct parser *parser, const char *p)
{
    while (p < parser->end && (unsigned char)*p >= 0x80) {
        size_t n = rb_utf8_length((rb_str){p, (size_t)(parser->end - p)});
        if (n == 0) return fail(parser, RB_BAD_UTF8, p);
        p += n;
    }
    return p;
}

/* p is at the opening quote; *out_plain says that there were no escapes. */
static inline const char *skip_string(struct parser *parser, const char *p, bool *out_plain)
{
    *out_plain = true;
    p++;
    while (p) {
        p = rb_json_skip_plain(p, parser->end);
        if (p == parser->end) return fail(parser, RB_BAD_JSON, p);
        if (*p == '"') return p + 1;
        if (*p == '\\') {
            *out_plain = false;
            p = skip_escape(parser, p);
        } else if ((unsigned char)*p >= 0x80) {
            p = skip_non_ascii(parser, p);
        } else {
            return fail(parser, RB_BAD_JSON, p); /* a control character */
        }
    }
    return NULL;
}

static const char *take_string(struct parser *parser, const char *p)
{
    struct rb_json_node *node = add_value(parser, RB_JSON_STRING, p);
    if (!node) return fail(parser, RB_OUT_OF_MEMORY, p);
    bool is_plain;
    p = skip_string(parser, p, &is_plain);
    return p ? end_node(parser, node, is_plain, p) : NULL;
}

/* A key and its colon, up to the value. */
static const char *take_key(struct parser *parser, const char *p)
{
    if (p == parser->end || *p != '"') return fail(parser, RB_BAD_JSON, p);
    struct rb_json_node *node = add_node(parser, RB_JSON_NONE, p);
    if (!node) return fail(parser, RB_OUT_OF_MEMORY, p);
    bool is_plain;
    p = skip_string(parser, p, &is_plain);
    if (!p) return NULL;
    p = skip_blanks(parser, end_node(parser, node, is_plain, p));
    if (p == parser->end || *p != ':') return fail(parser, RB_BAD_JSON, p);
    return skip_blanks(parser, p + 1);
}

/* ---- Numbers and words ---- */

static inline bool is_digit(const struct parser *parser, const char *p)
{
    return p < parser->end && *p >= '0' && *p <= '9';
}

static inline const char *skip_digits(struct parser *parser, const char *p)
{
    if (!is_digit(parser, p)) return fail(parser, RB_BAD_JSON, p);
    while (is_digit(parser, p)) p++;
    return p;
}

static const char *take_number(struct parser *parser, const char *p)
{
    struct rb_json_node *node = add_value(parser, RB_JSON_NUMBER, p);
    if (!node) return fail(parser, RB_OUT_OF_MEMORY, p);
    if (*p == '-') p++;
    /* A digit after a leading zero fails as what follows the number. */
    bool has_leading_zero = p < parser->end && *p == '0';
    p = has_leading_zero ? p + 1 : skip_digits(parser, p);
    if (p && p < parser->end && *p == '.') p = skip_digits(parser, p + 1);
    if (p && p < parser->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < parser->end && (*p == '+' || *p == '-')) p++;
        p = skip_digits(parser, p);
    }
    return p ? end_node(parser, node, true, p) : NULL;
}

static const char *take_word(struct parser *parser, const char *p, rb_str word, enum rb_json_type type)
{
    if ((size_t)(parser->end - p) < word.n || memcmp(p, word.p, word.n) != 0)
        return fail(parser, RB_BAD_JSON, p);
    struct rb_json_node *node = add_value(parser, type, p);
    return node ? end_node(parser, node, true, p + word.n) : fail(parser, RB_OUT_OF_MEMORY, p);
}

/* ---- Structure ---- */

static const char *take_scalar(struct parser *parser, const char *p)
{
    switch (*p) {
    case '"': return take_string(parser, p);
    case 't': return take_word(parser, p, RB_STR("true"), RB_JSON_TRUE);
    case 'f': return take_word(parser, p, RB_STR("false"), RB_JSON_FALSE);
    case 'n': return take_word(parser, p, RB_STR("null"), RB_JSON_NULL);
    default: return take_number(parser, p);
    }
}

static const char *open_container(struct parser *parser, const char *p)
{
    if (parser->depth == parser->depth_max) return fail(parser, RB_TOO_DEEP, p);
    struct rb_json_node *node = add_value(parser, *p == '{' ? RB_JSON_OBJECT : RB_JSON_ARRAY, p);
    if (!node) return fail(parser, RB_OUT_OF_MEMORY, p);
    node->next = parser->open;
    parser->open = parser->count - 1;
    parser->last = 0;
    parser->depth++;
    parser->closer = *p == '{' ? '}' : ']';
    return skip_blanks(parser, p + 1);
}

static const char *close_container(struct parser *parser, const char *p)
{
    uint32_t index = parser->open;
    struct rb_json_node *node = &parser->nodes[index];
    if (node->type == RB_JSON_OBJECT && node->count > 1 && parser->check_keys) {
        size_t at = (size_t)(p - parser->start);
        rb_err err = rb_json_check_keys(parser->start, parser->nodes, index, &at);
        if (err != RB_OK) return fail(parser, err, parser->start + at);
    }
    p = end_node(parser, node, parser->last == index + node->count, p + 1);
    parser->last = index;
    parser->open = node->next;
    parser->depth--;
    parser->closer = parser->nodes[parser->open].type == RB_JSON_OBJECT ? '}' : ']';
    node->next = 0;
    return p;
}

/* A scalar, or the beginning of a container down to its first scalar or to the bracket that closes an empty
 * one. */
static const char *take_value(struct parser *parser, const char *p)
{
    for (;;) {
        if (p == parser->end) return fail(parser, RB_BAD_JSON, p);
        if (*p != '{' && *p != '[') return take_scalar(parser, p);
        p = open_container(parser, p);
        if (!p || (p < parser->end && *p == parser->closer)) return p;
        if (parser->closer == '}') p = take_key(parser, p);
        if (!p) return NULL;
    }
}

/* What follows a value: brackets that close, then a comma (and key), up to the next value; or the end of the
 * text. */
static const char *go_on(struct parser *parser, const char *p)
{
    p = skip_blanks(parser, p);
    while (parser->depth > 0) {
        if (p == parser->end) return fail(parser, RB_BAD_JSON, p);
        if (*p == parser->closer) {
            p = close_container(parser, p);
            if (!p) return NULL;
            p = skip_blanks(parser, p);
        } else if (*p == ',') {
            p = skip_blanks(parser, p + 1);
            return parser->closer == '}' ? take_key(parser, p) : p;
        } else {
            return fail(parser, RB_BAD_JSON, p);
        }
    }
    return p == parser->end ? p : fail(parser, RB_BAD_JSON, p);
}

static bool parse_text(struct parser *parser)
{
    const char *p = skip_blanks(parser, parser->start);
    do {
        p = take_value(parser, p);
        if (p) p = go_on(parser, p);
    } while (p && parser->depth > 0);
    return p != NULL;
}

rb_err rb_json_parse(struct rb_json *out, rb_str text, const struct rb_json_limits *limits_or_null)
{
    struct rb_json_limits limits = limits_or_null ? *limits_or_null : (struct rb_json_limits){0};
    size_t bytes_max = limits.bytes_max ? limits.bytes_max : BYTES_MAX_DEFAULT;
    if (bytes_max > RB_JSON_TEXT_MAX) bytes_max = RB_JSON_TEXT_MAX;
    if (limits.depth_max == 0 || limits.depth_max > RB_JSON_DEPTH_MAX) limits.depth_max = RB_JSON_DEPTH_MAX;

    *out = (struct rb_json){.may_repeat = limits.allow_duplicates};
    if (text.n == 0) return RB_BAD_JSON;
    if (text.n > bytes_max) {
        out->error_at = bytes_max;
        return RB_BODY_TOO_LARGE;
    }
    struct parser parser = {.start = text.p,
                            .end = text.p + text.n,
                            .depth_max = limits.depth_max,
                            .count_max = limits.values_max ? limits.values_max : UINT32_MAX,
                            .check_keys = !limits.allow_duplicates};
    if (!parse_text(&parser)) {
        rb_free(parser.nodes);
        out->error_at = (size_t)(parser.error_at - text.p);
        return parser.err;
    }
    out->text = text;
    out->nodes = parser.nodes;
    out->count = parser.count;
    out->cap = parser.cap;
    return RB_OK;
}

void rb_json_fini(struct rb_json *doc)
{
    rb_free(doc->nodes);
    *doc = (struct rb_json){0};
}
