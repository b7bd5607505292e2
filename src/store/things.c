#include "store/things.h"

static struct rb_query begin_in_space(struct rb_db *db, enum rb_sql which, const struct rb_thing_op *thing)
{
    struct rb_query query = rb_query_begin(db, which);
    rb_query_text(&query, thing->tenant);
    rb_query_text(&query, thing->space);
    return query;
}

rb_err rb_thing_insert(struct rb_db *db, const struct rb_thing_op *thing)
{
    struct rb_query query = begin_in_space(db, RB_SQL_SPACE_COUNT, thing);
    uint64_t space = 0, number = 0;
    if (rb_query_next(&query)) {
        space = rb_query_get_number(&query, 0);
        number = rb_query_get_number(&query, 1);
    }
    rb_err err = rb_query_run(&query);
    if (err != RB_OK) return err;
    query = rb_query_begin(db, RB_SQL_THING_INSERT);
    rb_query_number(&query, space);
    rb_query_number(&query, number);
    rb_query_text(&query, thing->body);
    err = rb_query_run(&query);
    if (err == RB_OK) *thing->number = number;
    return err;
}

rb_err rb_thing_update(struct rb_db *db, const struct rb_thing_op *thing)
{
    struct rb_query query = begin_in_space(db, RB_SQL_THING_UPDATE, thing);
    rb_query_number(&query, *thing->number);
    rb_query_text(&query, thing->body);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

rb_err rb_thing_delete(struct rb_db *db, const struct rb_thing_op *thing)
{
    struct rb_query query = begin_in_space(db, RB_SQL_THING_DELETE, thing);
    rb_query_number(&query, *thing->number);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}
