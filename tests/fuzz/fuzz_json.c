/* Whatever parses is walked in every way, written again by our writer, and parsed again: the two documents
 * must be equal. Duplicate keys are refused exactly when there are some, which is found out here the slow
 * way. */
#include "codec/json.h"

#include "base/check.h"
#include "codec/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- Writing what was read ---- */

static void write_value(struct rb_json_out *out, rb_json_val v, struct rb_arena *arena);

static void write_number(struct rb_json_out *out, rb_json_val v)
{
    uint64_t u64;
    int64_t i64;
    double real;
    if (rb_json_u64(v, &u64))
        rb_json_put_u64(out, u64);
    else if (rb_json_i64(v, &i64))
        rb_json_put_i64(out, i64);
    else if (rb_json_double(v, &real))
        rb_json_put_double(out, real);
    else
        rb_json_put_raw(out, rb_json_raw(v));
}

static void write_string(struct rb_json_out *out, rb_json_val v, struct rb_arena *arena)
{
    rb_str s;
    RB_CHECK(rb_json_string(v, arena, &s));
    RB_CHECK(rb_utf8_is_valid(s) && s.n <= rb_json_raw(v).n - 2);
    rb_json_put_str(out, s);
}

static void write_array(struct rb_json_out *out, rb_json_val array, struct rb_arena *arena)
{
    uint32_t i = 0;
    rb_json_begin_array(out);
    for (rb_json_val v = rb_json_first(array); v.doc; v = rb_json_next(v), i++) {
        if (i < 100) RB_CHECK(rb_json_at(array, i).at == v.at);
        RB_CHECK(rb_json_key(v, arena).p == NULL);
        write_value(out, v, arena);
    }
    RB_CHECK(i == rb_json_count(array));
    RB_CHECK(rb_json_type(rb_json_at(array, i)) == RB_JSON_NONE);
    rb_json_end_array(out);
}

static void write_object(struct rb_json_out *out, rb_json_val object, struct rb_arena *arena)
{
    uint32_t i = 0;
    rb_json_begin_object(out);
    for (rb_json_val v = rb_json_first(object); v.doc; v = rb_json_next(v), i++) {
        rb_str key = rb_json_key(v, arena);
        RB_CHECK(key.p != NULL && rb_utf8_is_valid(key));
        rb_str text = rb_arena_copy(arena, key);
        if (i < 100 && strlen(text.p) == text.n) RB_CHECK(rb_json_get(object, text.p).doc != NULL);
        rb_json_put_key_str(out, key);
        write_value(out, v, arena);
    }
    RB_CHECK(i == rb_json_count(object));
    rb_json_end_object(out);
}

static void write_value(struct rb_json_out *out, rb_json_val v, struct rb_arena *arena)
{
    bool truth;
    switch (rb_json_type(v)) {
    case RB_JSON_NONE: RB_UNREACHABLE();
    case RB_JSON_NULL: rb_json_put_null(out); break;
    case RB_JSON_FALSE:
    case RB_JSON_TRUE:
        RB_CHECK(rb_json_bool(v, &truth));
        rb_json_put_bool(out, truth);
        break;
    case RB_JSON_NUMBER: write_number(out, v); break;
    case RB_JSON_STRING: write_string(out, v, arena); break;
    case RB_JSON_ARRAY: write_array(out, v, arena); break;
    case RB_JSON_OBJECT: write_object(out, v, arena); break;
    }
}

/* ---- Comparing ---- */

static bool equal(rb_json_val a, rb_json_val b, struct rb_arena *arena)
{
    if (rb_json_type(a) != rb_json_type(b) || rb_json_count(a) != rb_json_count(b)) return false;
    if (!rb_str_eq(rb_json_key(a, arena), rb_json_key(b, arena))) return false;
    rb_str s, t;
    if (rb_json_string(a, arena, &s)) return rb_json_string(b, arena, &t) && rb_str_eq(s, t);
    double x, y;
    if (rb_json_double(a, &x)) return rb_json_double(b, &y) && memcmp(&x, &y, sizeof x) == 0;
    if (rb_json_type(a) == RB_JSON_NUMBER) return rb_str_eq(rb_json_raw(a), rb_json_raw(b));
    rb_json_val p = rb_json_first(a), q = rb_json_first(b);
    for (; p.doc; p = rb_json_next(p), q = rb_json_next(q))
        if (!equal(p, q, arena)) return false;
    return true;
}

/* Minus zero as an integer is read as 0 and written so. */
static bool has_minus_zero(rb_json_val v)
{
    if (rb_json_type(v) == RB_JSON_NUMBER) return rb_str_is(rb_json_raw(v), "-0");
    for (rb_json_val each = rb_json_first(v); each.doc; each = rb_json_next(each))
        if (has_minus_zero(each)) return true;
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return rb_str_cmp(*(const rb_str *)a, *(const rb_str *)b);
}

static bool has_duplicates(rb_json_val v, struct rb_arena *arena)
{
    uint32_t n = 0;
    rb_str *keys = rb_arena_array(arena, rb_str, rb_json_count(v) + 1u);
    for (rb_json_val each = rb_json_first(v); each.doc; each = rb_json_next(each)) {
        if (has_duplicates(each, arena)) return true;
        keys[n++] = rb_json_key(each, arena);
    }
    if (rb_json_type(v) != RB_JSON_OBJECT) return false;
    qsort(keys, n, sizeof *keys, compare_keys);
    for (uint32_t i = 1; i < n; i++)
        if (rb_str_eq(keys[i - 1], keys[i])) return true;
    return false;
}

/* ---- The target ---- */

static void check_round_trip(const struct rb_json *doc, bool allow_duplicates)
{
    struct rb_json_limits limits = {.allow_duplicates = allow_duplicates}; /* numbers may become longer */
    struct rb_arena arena = {0};
    struct rb_buf buf = {0};
    struct rb_json again, raw;
    write_value(&(struct rb_json_out){.buf = &buf}, rb_json_root(doc), &arena);
    RB_CHECK(rb_json_parse(&again, rb_buf_str(&buf), &limits) == RB_OK);
    RB_CHECK(equal(rb_json_root(doc), rb_json_root(&again), &arena) || has_minus_zero(rb_json_root(doc)));
    RB_CHECK(rb_json_parse(&raw, rb_json_raw(rb_json_root(doc)), &limits) == RB_OK);
    RB_CHECK(equal(rb_json_root(doc), rb_json_root(&raw), &arena));
    rb_json_fini(&raw);
    rb_json_fini(&again);
    rb_buf_fini(&buf);
    rb_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rb_json_limits lenient = {.bytes_max = 1 << 16, .allow_duplicates = true};
    struct rb_json_limits strict = {.bytes_max = 1 << 16};
    rb_str text = {(const char *)data, size};
    struct rb_json doc, strict_doc;
    rb_err err = rb_json_parse(&doc, text, &lenient);
    rb_err strict_err = rb_json_parse(&strict_doc, text, &strict);
    if (err == RB_OK) {
        struct rb_arena arena = {0};
        RB_CHECK((strict_err == RB_BAD_JSON) == has_duplicates(rb_json_root(&doc), &arena));
        rb_arena_fini(&arena);
        check_round_trip(&doc, true);
    } else {
        RB_CHECK(strict_err != RB_OK && doc.nodes == NULL && doc.error_at <= size);
    }
    if (strict_err == RB_OK) check_round_trip(&strict_doc, false);
    rb_json_fini(&doc);
    rb_json_fini(&strict_doc);
    return 0;
}
