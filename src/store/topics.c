#include "store/topics.h"

struct topic {
    uint64_t id; /* 0: there is none of this name */
    uint64_t trimmed_id;
};

static rb_err find_topic(struct rb_db *db, rb_str name, struct topic *out_topic)
{
    struct topic topic = {0};
    struct rb_query query = rb_query_begin(db, RB_SQL_TOPIC_FIND);
    rb_query_text(&query, name);
    if (rb_query_next(&query)) {
        topic.id = rb_query_get_number(&query, 0);
        topic.trimmed_id = rb_query_get_number(&query, 1);
    }
    rb_err err = rb_query_end(&query);
    if (err == RB_OK) *out_topic = topic;
    return err;
}

static rb_err find_or_add_topic(struct rb_db *db, rb_str name, uint64_t *out_id)
{
    struct topic topic;
    rb_err err = find_topic(db, name, &topic);
    if (err == RB_OK && topic.id == 0) {
        struct rb_query query = rb_query_begin(db, RB_SQL_TOPIC_INSERT);
        rb_query_text(&query, name);
        err = rb_query_run(&query);
        topic.id = (uint64_t)sqlite3_last_insert_rowid(db->handle);
    }
    if (err == RB_OK) *out_id = topic.id;
    return err;
}

/* For statements that only want to know which topic. */
static rb_err run_on_topic(struct rb_db *db, enum rb_sql which, uint64_t topic_id)
{
    struct rb_query query = rb_query_begin(db, which);
    rb_query_number(&query, topic_id);
    return rb_query_run(&query);
}

/* ---- events ---- */

rb_err rb_topic_append(struct rb_db *db, const struct rb_event_record *event, uint64_t *out_id)
{
    uint64_t topic_id = 0;
    rb_err err = find_or_add_topic(db, event->topic, &topic_id);
    if (err != RB_OK) return err;
    struct rb_query query = rb_query_begin(db, RB_SQL_EVENT_INSERT);
    rb_query_number(&query, topic_id);
    rb_query_number(&query, event->time_ms);
    rb_query_number(&query, event->flags);
    rb_query_maybe(&query, event->audience);
    rb_query_text(&query, event->name);
    rb_query_text(&query, event->data);
    err = rb_query_run(&query);
    if (err == RB_OK) *out_id = (uint64_t)sqlite3_last_insert_rowid(db->handle);
    return err;
}

/* At most RB_SWEEP_ROWS of them. */
static rb_err delete_events(struct rb_db *db, uint64_t topic_id, uint64_t up_to_id, bool *out_is_swept)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_EVENTS_DELETE);
    rb_query_number(&query, topic_id);
    rb_query_number(&query, up_to_id);
    rb_err err = rb_query_run(&query);
    if (err == RB_OK) *out_is_swept = sqlite3_changes(db->handle) < RB_SWEEP_ROWS;
    return err;
}

static rb_err set_trimmed(struct rb_db *db, uint64_t topic_id, uint64_t trimmed_id, bool is_swept)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_TOPIC_TRIM);
    rb_query_number(&query, topic_id);
    rb_query_number(&query, trimmed_id);
    rb_query_number(&query, is_swept);
    return rb_query_run(&query);
}

/* trimmed_id is an event that existed: an id from the future must not hide events to come. */
static rb_err find_newest(struct rb_db *db, uint64_t topic_id, uint64_t up_to_id, uint64_t *out_id)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_EVENT_NEWEST_UP_TO);
    rb_query_number(&query, topic_id);
    rb_query_number(&query, up_to_id);
    uint64_t id = rb_query_next(&query) ? rb_query_get_number(&query, 0) : 0;
    rb_err err = rb_query_end(&query);
    if (err == RB_OK) *out_id = id;
    return err;
}

rb_err rb_topic_trim(struct rb_db *db, rb_str name, uint64_t up_to_id, bool *has_unswept)
{
    struct topic topic;
    uint64_t newest_id = 0;
    rb_err err = find_topic(db, name, &topic);
    if (err != RB_OK || topic.id == 0) return err;
    err = find_newest(db, topic.id, up_to_id, &newest_id);
    if (err != RB_OK || newest_id <= topic.trimmed_id) return err;
    bool is_swept = false;
    err = delete_events(db, topic.id, newest_id, &is_swept);
    if (err == RB_OK) err = set_trimmed(db, topic.id, newest_id, is_swept);
    if (err == RB_OK && !is_swept) *has_unswept = true;
    return err;
}

/* What is left of a forgotten topic loses its name, so that a topic of the same name starts anew. */
rb_err rb_topic_forget(struct rb_db *db, rb_str name, bool *has_unswept)
{
    struct topic topic;
    rb_err err = find_topic(db, name, &topic);
    if (err != RB_OK || topic.id == 0) return err;
    err = run_on_topic(db, RB_SQL_CURSORS_DELETE, topic.id);
    bool is_swept = false;
    if (err == RB_OK) err = delete_events(db, topic.id, INT64_MAX, &is_swept);
    if (err == RB_OK) err = run_on_topic(db, is_swept ? RB_SQL_TOPIC_DELETE : RB_SQL_TOPIC_ABANDON, topic.id);
    if (err == RB_OK && !is_swept) *has_unswept = true;
    return err;
}

rb_err rb_topic_sweep(struct rb_db *db, bool *out_has_unswept)
{
    struct topic topic = {0};
    bool is_forgotten = false;
    struct rb_query query = rb_query_begin(db, RB_SQL_TOPIC_UNSWEPT);
    if (rb_query_next(&query)) {
        topic.id = rb_query_get_number(&query, 0);
        topic.trimmed_id = rb_query_get_number(&query, 1);
        is_forgotten = rb_query_get_number(&query, 2) != 0;
    }
    rb_err err = rb_query_end(&query);
    bool is_swept = false;
    if (err == RB_OK && topic.id) err = delete_events(db, topic.id, topic.trimmed_id, &is_swept);
    if (err == RB_OK && is_swept)
        err = is_forgotten ? run_on_topic(db, RB_SQL_TOPIC_DELETE, topic.id)
                           : set_trimmed(db, topic.id, topic.trimmed_id, true);
    if (err == RB_OK) *out_has_unswept = topic.id != 0;
    return err;
}

/* ---- cursors ---- */

static rb_err delete_cursor(struct rb_db *db, rb_str topic_name, rb_str name)
{
    struct topic topic;
    rb_err err = find_topic(db, topic_name, &topic);
    if (err != RB_OK || topic.id == 0) return err;
    struct rb_query query = rb_query_begin(db, RB_SQL_CURSOR_DELETE);
    rb_query_number(&query, topic.id);
    rb_query_text(&query, name);
    return rb_query_run(&query);
}

rb_err rb_topic_cursor_set(struct rb_db *db, rb_str topic, rb_str name, uint64_t id)
{
    if (id == 0) return delete_cursor(db, topic, name);
    uint64_t topic_id = 0;
    rb_err err = find_or_add_topic(db, topic, &topic_id);
    if (err != RB_OK) return err;
    struct rb_query query = rb_query_begin(db, RB_SQL_CURSOR_SET);
    rb_query_number(&query, topic_id);
    rb_query_text(&query, name);
    rb_query_number(&query, id);
    return rb_query_run(&query);
}
