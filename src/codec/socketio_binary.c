/* Both directions leave the text alone but for the objects that change. Coming in, the document is parsed
 * already and its values know where they lie. Going out nothing is parsed: in valid JSON the letters of a
 * whole object `{"$binary":"..."}` can stand nowhere but where such an object is. Inside of a string its
 * first quote would end that string, unless a backslash stood before it, and then it is not the letters any
 * more. */
#include "codec/socketio_binary.h"

#include "base/check.h"
#include "codec/base64.h"

#include <string.h>

/* ---- in ---- */

struct inliner {
    const struct rb_sio_attachments *attachments;
    struct rb_buf *out;
    size_t room;      /* how many bytes may be appended still */
    const char *done; /* up to here the text is written */
};

static rb_err make_room(struct inliner *inliner, size_t n)
{
    if (n > inliner->room) return RB_MESSAGE_TOO_LARGE;
    inliner->room -= n;
    return rb_buf_reserve(inliner->out, n) ? RB_OK : RB_OUT_OF_MEMORY;
}

static rb_err copy_until(struct inliner *inliner, const char *end)
{
    rb_str piece = rb_str_make(inliner->done, (size_t)(end - inliner->done));
    rb_err err = make_room(inliner, piece.n);
    if (err == RB_OK) rb_buf_add_str(inliner->out, piece);
    return err;
}

#define BINARY_HEAD RB_STR("{\"$binary\":\"")
#define BINARY_TAIL RB_STR("\"}")

static rb_err replace(struct inliner *inliner, rb_json_val placeholder)
{
    rb_str raw = rb_json_raw(placeholder);
    uint64_t num;
    if (!rb_json_u64(rb_json_get(placeholder, "num"), &num) || num >= inliner->attachments->count)
        return RB_PROTOCOL_ERROR;
    rb_err err = copy_until(inliner, raw.p);
    if (err != RB_OK) return err;
    rb_str bytes = inliner->attachments->items[num];
    err = make_room(inliner, BINARY_HEAD.n + rb_base64_size(bytes.n) + BINARY_TAIL.n);
    if (err != RB_OK) return err;
    rb_buf_add_str(inliner->out, BINARY_HEAD);
    rb_base64_encode(inliner->out, bytes);
    rb_buf_add_str(inliner->out, BINARY_TAIL);
    inliner->done = raw.p + raw.n;
    return RB_OK;
}

/* As deep as the parser lets a document be. */
static rb_err visit(struct inliner *inliner, rb_json_val value)
{
    if (rb_json_type(rb_json_get(value, "_placeholder")) == RB_JSON_TRUE) return replace(inliner, value);
    rb_err err = RB_OK;
    for (rb_json_val each = rb_json_first(value); each.doc && err == RB_OK; each = rb_json_next(each))
        err = visit(inliner, each);
    return err;
}

rb_err rb_sio_attachments_inline(rb_json_val value, const struct rb_sio_attachments *attachments,
                                 size_t bytes_max, struct rb_buf *out)
{
    rb_str raw = rb_json_raw(value);
    struct rb_buf before = *out;
    struct inliner inliner = {.attachments = attachments, .out = out, .room = bytes_max, .done = raw.p};
    rb_err err = visit(&inliner, value);
    if (err == RB_OK) err = copy_until(&inliner, raw.p + raw.n);
    if (err != RB_OK) {
        out->n = before.n;
        out->failed = before.failed;
    }
    return err;
}

/* ---- out ---- */

#define KEY RB_STR("\"$binary\"")
#define PLACEHOLDER_HEAD RB_STR("{\"_placeholder\":true,\"num\":")

/* One object that becomes a placeholder: from its '{' to behind its '}'. */
struct binary_object {
    const char *start, *end;
    rb_str text; /* the string with its quotes */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p)) p++;
    return p;
}

/* Behind the wanted character, blanks before it not counted; NULL when another one stands there. */
static const char *skip_char(const char *p, const char *end, char wanted)
{
    p = skip_blanks(p, end);
    return p < end && *p == wanted ? p + 1 : NULL;
}

/* p is behind the opening quote; what comes back is behind the closing one, or NULL. */
static const char *skip_string(const char *p, const char *end)
{
    for (; p < end && *p != '"'; p++)
        if (*p == '\\') p++;
    return p < end ? p + 1 : NULL;
}

/* Whether the key at `key` is the only one of an object and has a string. */
static bool read_object(rb_str json, const char *key, struct binary_object *out)
{
    const char *end = json.p + json.n, *start = key;
    while (start > json.p && is_blank(start[-1])) start--;
    if (start == json.p || start[-1] != '{') return false;
    const char *p = skip_char(key + KEY.n, end, ':');
    const char *string = p ? skip_char(p, end, '"') : NULL;
    const char *string_end = string ? skip_string(string, end) : NULL;
    p = string_end ? skip_char(string_end, end, '}') : NULL;
    if (!p) return false;
    *out = (struct binary_object){start - 1, p, rb_str_make(string - 1, (size_t)(string_end - string + 1))};
    return true;
}

/* The string as the document means it: base64 may come with escapes (some write '/' as "\/", some '+' as
 * "\u002b"). RB_BAD_JSON for one that means nothing. */
static rb_err unescape(rb_str string, struct rb_arena *arena, rb_str *out)
{
    rb_str inside = rb_str_sub(string, 1, string.n - 2);
    if (rb_str_find(inside, '\\') < 0) {
        *out = inside;
        return RB_OK;
    }
    struct rb_json doc;
    rb_err err = rb_json_parse(&doc, string, NULL);
    if (err != RB_OK) return err;
    bool is_string = rb_json_string(rb_json_root(&doc), arena, out);
    rb_json_fini(&doc);
    return is_string ? RB_OK : RB_BAD_JSON;
}

/* *out_is_binary false: the string is no base64, the object stays. */
static rb_err decode(rb_str string, struct rb_arena *arena, bool *out_is_binary, rb_str *out)
{
    rb_str base64;
    *out_is_binary = false;
    rb_err err = unescape(string, arena, &base64);
    if (err != RB_OK) return err == RB_OUT_OF_MEMORY ? err : RB_OK;
    char *p = rb_arena_alloc(arena, base64.n + 1);
    if (base64.n > 0) memcpy(p, base64.p, base64.n);
    size_t n;
    *out_is_binary = rb_base64_decode_in_place(p, base64.n, &n);
    if (*out_is_binary) *out = rb_str_make(p, n);
    return RB_OK;
}

/* The objects in order, with their decoded bytes. */
static rb_err collect(rb_str json, const char *key, struct rb_arena *arena,
                      struct binary_object objects[RB_SIO_ATTACHMENTS_MAX], struct rb_sio_attachments *out)
{
    const char *end = json.p + json.n;
    for (const char *next; key; key = memmem(next, (size_t)(end - next), KEY.p, KEY.n)) {
        struct binary_object object;
        rb_str bytes;
        bool is_binary;
        next = key + KEY.n;
        if (!read_object(json, key, &object)) continue;
        next = object.end;
        rb_err err = decode(object.text, arena, &is_binary, &bytes);
        if (err != RB_OK) return err;
        if (!is_binary) continue;
        if (out->count == RB_SIO_ATTACHMENTS_MAX) return RB_MESSAGE_TOO_LARGE;
        objects[out->count] = object;
        out->items[out->count++] = bytes;
    }
    return RB_OK;
}

static char *append(char *to, rb_str s)
{
    if (s.n > 0) memcpy(to, s.p, s.n);
    return to + s.n;
}

static rb_str with_placeholders(rb_str json, const struct binary_object *objects, uint32_t count,
                                struct rb_arena *arena)
{
    _Static_assert(RB_SIO_ATTACHMENTS_MAX <= 10, "num is one digit");
    size_t n = json.n + count * (PLACEHOLDER_HEAD.n + 2);
    for (uint32_t i = 0; i < count; i++) n -= (size_t)(objects[i].end - objects[i].start);
    char *p = rb_arena_alloc(arena, n), *to = p;
    const char *from = json.p;
    for (uint32_t i = 0; i < count; i++) {
        to = append(to, rb_str_make(from, (size_t)(objects[i].start - from)));
        to = append(to, PLACEHOLDER_HEAD);
        *to++ = (char)('0' + i);
        *to++ = '}';
        from = objects[i].end;
    }
    to = append(to, rb_str_make(from, (size_t)(json.p + json.n - from)));
    RB_CHECK(to == p + n);
    return rb_str_make(p, n);
}

rb_err rb_sio_attachments_extract(rb_str json, struct rb_arena *arena, rb_str *out_json,
                                  struct rb_sio_attachments *out_attachments)
{
    struct binary_object objects[RB_SIO_ATTACHMENTS_MAX];
    struct rb_sio_attachments found = {0};
    const char *key = json.n > 0 ? memmem(json.p, json.n, KEY.p, KEY.n) : NULL;
    rb_err err = key ? collect(json, key, arena, objects, &found) : RB_OK;
    if (err != RB_OK) return err;
    *out_json = found.count > 0 ? with_placeholders(json, objects, found.count, arena) : json;
    *out_attachments = found;
    return RB_OK;
}
