#include "store/readers.h"
#include "store/rows.h"

static rb_err find_topic(struct rb_db *db, rb_str name, uint64_t *out_id, uint64_t *out_trimmed_id)
{
    uint64_t id = 0, trimmed_id = 0;
    struct rb_query query = rb_query_begin(db, RB_SQL_TOPIC_FIND);
    rb_query_text(&query, name);
    if (rb_query_next(&query)) {
        id = rb_query_get_number(&query, 0);
        trimmed_id = rb_query_get_number(&query, 1);
    }
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out_id = id;
    *out_trimmed_id = trimmed_id;
    return RB_OK;
}

static void get_event(struct rb_query *query, struct rb_arena *arena, rb_str topic,
                      struct rb_event_record *out)
{
    *out = (struct rb_event_record){
        .id = rb_query_get_number(query, 0),
        .topic = topic,
        .time_ms = rb_query_get_number(query, 1),
        .flags = (uint32_t)rb_query_get_number(query, 2),
        .audience = rb_rows_keep(arena, rb_query_get_str(query, 3)),
        .name = rb_rows_keep(arena, rb_query_get_str(query, 4)),
        .data = rb_rows_keep(arena, rb_query_get_str(query, 5)),
    };
}

/* Trimmed events whose rows are still to be swept are not seen. */
rb_err rb_read_events(struct rb_reader *reader, struct rb_arena *arena, rb_str topic, uint64_t after,
                      uint32_t limit, struct rb_event_record **out_events, uint32_t *out_count,
                      uint64_t *out_trimmed)
{
    uint64_t topic_id = 0, trimmed_id = 0;
    rb_err err = find_topic(&reader->db, topic, &topic_id, &trimmed_id);
    if (err != RB_OK) return err;
    rb_str topic_copy = rb_rows_keep(arena, topic);
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_EVENTS_AFTER);
    rb_query_number(&query, topic_id);
    rb_query_number(&query, after > trimmed_id ? after : trimmed_id);
    rb_query_number(&query, limit);
    while (rb_query_next(&query))
        get_event(&query, arena, topic_copy, rb_rows_add(&rows, arena, sizeof(struct rb_event_record)));
    err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out_events = rows.items;
    *out_count = rows.count;
    *out_trimmed = trimmed_id;
    return RB_OK;
}

rb_err rb_read_topics(struct rb_reader *reader, struct rb_arena *arena, uint64_t after, uint32_t limit,
                      struct rb_topic_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_TOPICS_AFTER);
    rb_query_number(&query, after);
    rb_query_number(&query, limit);
    while (rb_query_next(&query)) {
        struct rb_topic_record *topic = rb_rows_add(&rows, arena, sizeof *topic);
        topic->id = rb_query_get_number(&query, 0);
        topic->name = rb_rows_keep(arena, rb_query_get_str(&query, 1));
    }
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}

/* For queries that give one number, or no row. */
static rb_err get_number(struct rb_query *query, uint64_t if_none, uint64_t *out_number)
{
    uint64_t number = rb_query_next(query) ? rb_query_get_number(query, 0) : if_none;
    rb_err err = rb_query_end(query);
    if (err == RB_OK) *out_number = number;
    return err;
}

rb_err rb_read_oldest_event_ms(struct rb_reader *reader, uint64_t *out_ms)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_EVENT_OLDEST);
    return get_number(&query, UINT64_MAX, out_ms);
}

rb_err rb_read_last_old_event(struct rb_reader *reader, uint64_t topic_id, uint64_t up_to_ms,
                              uint64_t *out_event_id)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_EVENT_LAST_OLD);
    rb_query_number(&query, topic_id);
    rb_query_number(&query, up_to_ms);
    return get_number(&query, 0, out_event_id);
}

rb_err rb_read_cursors(struct rb_reader *reader, struct rb_arena *arena, rb_str topic,
                       struct rb_cursor_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_CURSORS_OF_TOPIC);
    rb_query_text(&query, topic);
    while (rb_query_next(&query)) {
        struct rb_cursor_record *cursor = rb_rows_add(&rows, arena, sizeof *cursor);
        cursor->name = rb_rows_keep(arena, rb_query_get_str(&query, 0));
        cursor->id = rb_query_get_number(&query, 1);
    }
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}
