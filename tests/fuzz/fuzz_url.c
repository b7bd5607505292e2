/* Request targets: what is split lies inside the target and fits together again; what is decoded is UTF-8
 * without zeros and comes back through the encoder; the walk over a query agrees with the lookup. */
#include "codec/url.h"

#include "base/check.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decode(struct rb_arena *arena, rb_str s, bool plus_is_space)
{
    rb_str decoded, again;
    if (rb_url_decode(arena, s, plus_is_space, &decoded) != RB_OK) return;
    RB_CHECK(decoded.n <= s.n && rb_utf8_is_valid(decoded) && rb_str_find(decoded, '\0') < 0);
    struct rb_buf coded = {0};
    rb_url_encode(&coded, decoded);
    RB_CHECK(rb_url_decode(arena, rb_buf_str(&coded), plus_is_space, &again) == RB_OK);
    RB_CHECK(rb_str_eq(decoded, again));
    rb_buf_fini(&coded);
}

static void check_query(struct rb_arena *arena, rb_str query)
{
    rb_str rest = query, name, value, found, first = RB_STR_NONE, last_value = RB_STR_NONE;
    size_t pairs = 0;
    while (rb_url_query_next(arena, &rest, &name, &value)) {
        RB_CHECK(name.n + value.n <= query.n);
        if (pairs++ == 0) first = name;
        if (rb_str_eq(name, first)) last_value = value;
    }
    RB_CHECK(rest.p == NULL && pairs <= query.n);
    RB_CHECK(rb_url_query_get(arena, query, first, &found) == (pairs > 0));
    if (pairs > 0) RB_CHECK(rb_str_eq(found, last_value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rb_str text = {(const char *)data, size};
    struct rb_arena arena = {0};
    struct rb_url url;
    if (rb_url_split(&url, text) == RB_OK) {
        RB_CHECK(url.path.n > 0 && url.path.p[0] == '/' && rb_str_find(url.path, '?') < 0);
        if (text.p[0] == '/') RB_CHECK(url.path.n + (url.query.p ? url.query.n + 1 : 0) == size);
        if (url.query.p) RB_CHECK(url.query.p + url.query.n == text.p + size);
        check_decode(&arena, url.path, false);
        check_query(&arena, url.query);
    }
    check_decode(&arena, text, false);
    check_decode(&arena, text, true);
    check_query(&arena, text);
    rb_arena_fini(&arena);
    return 0;
}
