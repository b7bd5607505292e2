#include "store/readers.h"
#include "store/rows.h"

rb_err rb_read_things(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str space,
                      uint64_t after, uint32_t limit, struct rb_thing_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_THINGS_AFTER);
    rb_query_text(&query, tenant);
    rb_query_text(&query, space);
    rb_query_number(&query, after);
    rb_query_number(&query, limit);
    while (rb_query_next(&query)) {
        struct rb_thing_record *thing = rb_rows_add(&rows, arena, sizeof *thing);
        thing->number = rb_query_get_number(&query, 0);
        thing->body = rb_rows_keep(arena, rb_query_get_str(&query, 1));
    }
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}

rb_err rb_read_thing(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str space,
                     uint64_t number, struct rb_thing_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_THING);
    rb_query_text(&query, tenant);
    rb_query_text(&query, space);
    rb_query_number(&query, number);
    bool was_found = rb_query_next(&query);
    if (was_found)
        *out = (struct rb_thing_record){.number = number,
                                        .body = rb_rows_keep(arena, rb_query_get_str(&query, 0))};
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}
