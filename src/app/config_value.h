/* One value of the configuration: from its text to the field, and what to say when it is not one. Pure; texts
 * go to the arena. */
#ifndef RB_APP_CONFIG_VALUE_H
#define RB_APP_CONFIG_VALUE_H

#include "app/options.h"
#include "base/arena.h"
#include "base/buf.h"

/* Types with one value: reads `text` into the field. False leaves the field alone. */
bool rb_value_read(const struct rb_option *option, struct rb_arena *arena, rb_str text, void *field);

/* Lists of texts: false, with its number in *out_bad, when one of the texts has not the form that the option
 * asks for. */
bool rb_value_read_list(const struct rb_option *option, struct rb_arena *arena, const rb_str *texts,
                        size_t count, void *field, size_t *out_bad);

/* The default of the row; lists too. */
void rb_value_read_fallback(const struct rb_option *option, struct rb_arena *arena, void *field);

/* What finishes "expected ...". For lists: what each text must be. */
void rb_value_add_expected(const struct rb_option *option, struct rb_buf *out);

/* What was probably meant by a text that is not right; RB_STR_NONE when there is no telling. */
rb_str rb_value_guess(const struct rb_option *option, struct rb_arena *arena, rb_str text);

/* The largest unit that expresses it without a remainder: 90000 is 90s, 65536 is 64KiB. */
void rb_value_add_duration(struct rb_buf *out, uint64_t ms);
void rb_value_add_bytes(struct rb_buf *out, uint64_t bytes);

#endif
