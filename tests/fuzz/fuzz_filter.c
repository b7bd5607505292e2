/* A filter and the text that its properties have, with a line break between. */
#include "base/check.h"
#include "codec/filter.h"

#include <string.h>

static bool property(const void *arg, rb_str name, struct rb_filter_value *out)
{
    const rb_str *text = arg;
    static const enum rb_filter_type types[] = {RB_FILTER_NULL, RB_FILTER_TEXT, RB_FILTER_NUMBER,
                                                RB_FILTER_BOOL, RB_FILTER_LIST};
    if (name.n == 0) return false;
    *out = (struct rb_filter_value){.type = types[name.n % RB_COUNT(types)],
                                    .text = *text,
                                    .number = (double)text->n,
                                    .is_true = text->n % 2};
    return true;
}

static void count(void *arg, rb_str name)
{
    RB_CHECK(name.n == 0 || name.p);
    ++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rb_arena arena = {0};
    const struct rb_filter *filter = NULL;
    rb_str rest = rb_str_make(data, size), text = RB_STR_NONE, why = RB_STR_NONE;
    ptrdiff_t line = rb_str_find(rest, '\n');
    if (line >= 0) {
        text = rb_str_from(rest, (size_t)line + 1);
        rest.n = (size_t)line;
    }
    rb_err err = rb_filter_read(rest, &arena, &filter, &why);
    RB_CHECK(err ? filter == NULL && why.n > 0 : filter != NULL);
    if (!err) {
        unsigned properties = 0;
        rb_filter_each_property(filter, count, &properties);
        RB_CHECK(properties <= RB_FILTER_NODES_MAX);
        bool fits = rb_filter_fits(filter, property, &text);
        RB_CHECK(fits == rb_filter_fits(filter, property, &text));
    }
    rb_arena_fini(&arena);
    return 0;
}
