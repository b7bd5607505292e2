/* JSON (RFC 8259): a validating parser that leaves a tape over the caller's bytes, and a writer that only
 * appends.
 *
 * Values are read in place: raw slices give payloads byte for byte as they came (number text, key order,
 * blanks), so what is forwarded is never re-encoded. Strict: one value, UTF-8 checked, no byte order mark, no
 * NaN, no comments, no trailing comma. Escapes of lone surrogates ("\ud800") are RB_BAD_JSON, since no UTF-8
 * could stand for them; "\u0000" is a zero byte. Duplicate keys are RB_BAD_JSON unless allowed, compared
 * decoded ("a" and "\u0061" are the same key), in linear time.
 *
 * Pure: no I/O. The tape takes 16 bytes a value or key, so 8 times the text at worst; an object of many keys
 * takes a temporary table of at most 32 bytes a key while it is checked. Both may fail: RB_OUT_OF_MEMORY. */
#ifndef RB_CODEC_JSON_H
#define RB_CODEC_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"

enum { RB_JSON_DEPTH_MAX = 64 };

struct rb_json_limits {
    size_t bytes_max;      /* 0 = 16 MiB; more than 256 MiB - 1 is clamped to that */
    unsigned depth_max;    /* 0 = RB_JSON_DEPTH_MAX; more is clamped to it */
    bool allow_duplicates; /* rb_json_get gives the last one; walking meets them all */
    uint32_t values_max;   /* with keys, for texts of strangers; 0 = none but what the text can hold */
};

enum rb_json_type {
    RB_JSON_NONE, /* absent: what looking up a missing key gives */
    RB_JSON_NULL,
    RB_JSON_FALSE,
    RB_JSON_TRUE,
    RB_JSON_NUMBER,
    RB_JSON_STRING,
    RB_JSON_ARRAY,
    RB_JSON_OBJECT
};

struct rb_json_node; /* one value on the tape: type, flags, where its text is, where the next sibling is */

struct rb_json {
    rb_str text; /* borrowed from the caller of parse; must outlive the document */
    struct rb_json_node *nodes;
    uint32_t count, cap;
    bool may_repeat; /* keys: duplicates were allowed */
    size_t error_at; /* after a failed parse: byte offset where it went wrong */
};

/* A value of a document; copied freely, lives as long as it. */
typedef struct rb_json_val {
    const struct rb_json *doc; /* NULL: RB_JSON_NONE */
    uint32_t at;
} rb_json_val;

/* RB_BAD_JSON, RB_BAD_UTF8, RB_TOO_DEEP, RB_BODY_TOO_LARGE (also: too many values), RB_OUT_OF_MEMORY. On
 * failure `out` owns nothing but says error_at. */
rb_err rb_json_parse(struct rb_json *out, rb_str text, const struct rb_json_limits *limits_or_null);
void rb_json_fini(struct rb_json *doc); /* safe on a zeroed one */

rb_json_val rb_json_root(const struct rb_json *doc);
enum rb_json_type rb_json_type(rb_json_val v);
rb_str rb_json_raw(rb_json_val v); /* its bytes in the text, without blanks around; RB_STR_NONE for NONE */

/* Objects and arrays. Lookups on anything else, and misses, give NONE. To visit all elements, walk with first
 * and next: `at` is direct only in arrays whose elements are not containers, and `get` compares one key after
 * the other. */
rb_json_val rb_json_get(rb_json_val object, const char *key); /* compares decoded keys */
uint32_t rb_json_count(rb_json_val array_or_object);
rb_json_val rb_json_first(rb_json_val array_or_object); /* the first element; of an object the first value */
rb_json_val rb_json_next(rb_json_val element);          /* the next sibling; NONE at the end */
rb_json_val rb_json_at(rb_json_val array, uint32_t index);
/* The decoded key of an object's value, else NONE; borrowed from the text if it has no escapes. */
rb_str rb_json_key(rb_json_val element, struct rb_arena *arena);

/* Typed reading: false when it is another type or does not fit; then the output is left alone. Strings come
 * decoded, borrowed from the text if they have no escapes. Integers have no fraction and no exponent; -0 is
 * 0. Doubles are rounded to nearest; what would be infinite (1e400) does not fit. */
bool rb_json_string(rb_json_val v, struct rb_arena *arena, rb_str *out);
bool rb_json_u64(rb_json_val v, uint64_t *out);
bool rb_json_i64(rb_json_val v, int64_t *out);
bool rb_json_double(rb_json_val v, double *out);
bool rb_json_bool(rb_json_val v, bool *out);

/* Writer of one value. Commas come by themselves; nesting must match, be at most RB_JSON_DEPTH_MAX deep, and
 * members of objects must have keys (checked: anything else is a bug of ours). Errors show in the buffer
 * (`failed`). Zeroed storage plus `buf` is a writer at its start. */
struct rb_json_out {
    struct rb_buf *buf;
    bool need_comma;
    bool has_key; /* a key stands there and waits for its value */
    unsigned depth;
    uint64_t objects; /* one bit a level: set where an object is open, clear for an array */
};

void rb_json_begin_object(struct rb_json_out *out);
void rb_json_end_object(struct rb_json_out *out);
void rb_json_begin_array(struct rb_json_out *out);
void rb_json_end_array(struct rb_json_out *out);
void rb_json_put_key(struct rb_json_out *out, const char *key); /* a plain ASCII literal of ours */
void rb_json_put_key_str(struct rb_json_out *out, rb_str key);
void rb_json_put_str(struct rb_json_out *out, rb_str s); /* each byte that is not UTF-8 becomes U+FFFD */
void rb_json_put_text(struct rb_json_out *out, const char *zero_terminated_or_null); /* NULL writes null */
void rb_json_put_u64(struct rb_json_out *out, uint64_t value);
void rb_json_put_i64(struct rb_json_out *out, int64_t value);
void rb_json_put_double(struct rb_json_out *out, double value); /* reads back the same; not finite: null */
void rb_json_put_bool(struct rb_json_out *out, bool value);
void rb_json_put_null(struct rb_json_out *out);
void rb_json_put_raw(struct rb_json_out *out, rb_str json); /* spliced as it is: the caller vouches for it */

#endif
