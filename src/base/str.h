/* Slices: bytes that belong to somebody else, with their length. Never terminated by zero, may hold zeros.
 *
 * Whoever hands out a slice says who owns the bytes and until when. Pure; any thread. */
#ifndef RB_BASE_STR_H
#define RB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rb_str {
    const char *p;
    size_t n;
} rb_str;

#define RB_STR(literal) ((rb_str){"" literal, sizeof(literal) - 1})
#define RB_STR_NONE ((rb_str){NULL, 0})
#define RB_STR_FMT(s) (int)(s).n, (s).p /* for "%.*s" */

rb_str rb_str_of(const char *zero_terminated); /* NULL gives RB_STR_NONE */
rb_str rb_str_make(const void *p, size_t n);

bool rb_str_eq(rb_str a, rb_str b);
bool rb_str_ieq(rb_str a, rb_str b); /* ASCII case does not count */
bool rb_str_is(rb_str a, const char *zero_terminated);
int rb_str_cmp(rb_str a, rb_str b);
bool rb_str_starts(rb_str s, rb_str head);
bool rb_str_ends(rb_str s, rb_str tail);
rb_str rb_str_from(rb_str s, size_t at);          /* without the first `at` bytes; at <= n */
rb_str rb_str_sub(rb_str s, size_t at, size_t n); /* clamped to s */
ptrdiff_t rb_str_find(rb_str s, char c);          /* index or -1 */
rb_str rb_str_trim(rb_str s);                     /* without spaces and tabs at both ends */

/* Splits at the first `sep`: *out_head is what stands before it, *rest what comes after. Without a separator
 * the whole is the head and the rest is RB_STR_NONE. False when *rest was already RB_STR_NONE, so it drives a
 * loop. */
bool rb_str_split(rb_str *rest, char sep, rb_str *out_head);

/* Whether "a,b,c" names it; nothing names an empty one. */
bool rb_str_lists(rb_str list, rb_str name);

/* Whole-slice numbers: digits only, no sign, no blank, at most `max`. False leaves the output alone. */
bool rb_str_u64(rb_str s, uint64_t max, uint64_t *out_value);

/* A zero-terminated copy on the heap; the caller frees it. NULL for RB_STR_NONE. */
char *rb_str_dup(rb_str s);

/* Compares secrets: time depends on the lengths only. */
bool rb_str_eq_secret(rb_str a, rb_str b);

#endif
