#include "app/config_read.h"

struct rb_place {
    struct rb_place *next;
    const void *field;
    rb_str shown, rest;
    unsigned line;
};

void rb_reader_note(struct rb_config_reader *reader, const void *field, rb_str shown, rb_str rest,
                    unsigned line)
{
    struct rb_place *place = rb_arena_new(reader->scratch, struct rb_place);
    *place = (struct rb_place){reader->places, field, shown, rest, line};
    reader->places = place;
}

/* A search without an index: it runs for complaints and a few kinds only, and the latest note of a field is
 * the one that counts. */
static const struct rb_place *find_place(const struct rb_config_reader *reader, const void *field)
{
    static const struct rb_place nowhere = {0};
    if (reader->report->errors >= RB_REPORT_MAX) return &nowhere;
    for (const struct rb_place *place = reader->places; place; place = place->next)
        if (place->field == field) return place;
    return &nowhere;
}

unsigned rb_reader_line(const struct rb_config_reader *reader, const void *field)
{
    return find_place(reader, field)->line;
}

/* Defaults are noted with the rest of their path. */
bool rb_reader_is_given(const struct rb_config_reader *reader, const void *field)
{
    const struct rb_place *place = find_place(reader, field);
    return place->field && place->rest.n == 0;
}

static void report_at(struct rb_config_reader *reader, bool is_warning, const void *field, rb_str what)
{
    const struct rb_place *place = find_place(reader, field);
    rb_str text = rb_arena_fmt(reader->scratch, "%.*s%s%.*s%s%.*s", RB_STR_FMT(place->shown),
                               place->shown.n && place->rest.n ? "." : "", RB_STR_FMT(place->rest),
                               place->shown.n || place->rest.n ? ": " : "", RB_STR_FMT(what));
    rb_report_add(reader->report, is_warning, place->line, text);
}

void rb_reader_error(struct rb_config_reader *reader, const void *field, rb_str what)
{
    report_at(reader, false, field, what);
}

void rb_reader_warning(struct rb_config_reader *reader, const void *field, rb_str what)
{
    report_at(reader, true, field, what);
}
