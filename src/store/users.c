#include "store/users.h"

static struct rb_query begin_named(struct rb_db *db, enum rb_sql which, rb_str tenant, rb_str name)
{
    struct rb_query query = rb_query_begin(db, which);
    rb_query_text(&query, tenant);
    rb_query_text(&query, name);
    return query;
}

/* ---- users ---- */

rb_err rb_user_insert(struct rb_db *db, const struct rb_user_record *user)
{
    struct rb_query query = begin_named(db, RB_SQL_USER_INSERT, user->tenant, user->login);
    rb_query_text(&query, user->id);
    rb_query_text(&query, user->name);
    rb_query_text(&query, user->verifier);
    rb_query_text(&query, user->roles);
    rb_query_maybe(&query, user->capabilities);
    rb_query_number(&query, user->is_disabled);
    rb_query_number(&query, user->created_ms);
    return rb_query_run_or(&query, RB_CONFLICT);
}

rb_err rb_user_password(struct rb_db *db, const struct rb_user_record *user)
{
    struct rb_query query = begin_named(db, RB_SQL_USER_PASSWORD, user->tenant, user->login);
    rb_query_text(&query, user->verifier);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

rb_err rb_user_delete(struct rb_db *db, rb_str tenant, rb_str login)
{
    struct rb_query query = begin_named(db, RB_SQL_USER_DELETE, tenant, login);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

/* ---- points ---- */

rb_err rb_point_insert(struct rb_db *db, const struct rb_point_record *point)
{
    struct rb_query query = rb_query_begin(db, RB_SQL_POINT_INSERT);
    rb_query_bytes(&query, rb_str_make(point->hash, sizeof point->hash));
    rb_query_text(&query, point->tenant);
    rb_query_text(&query, point->code);
    rb_query_text(&query, point->id);
    rb_query_text(&query, point->type);
    rb_query_text(&query, point->roles);
    rb_query_maybe(&query, point->capabilities);
    rb_query_maybe(&query, point->addresses);
    rb_query_maybe(&query, point->user_id);
    rb_query_number(&query, point->created_ms);
    return rb_query_run_or(&query, RB_CONFLICT);
}

rb_err rb_point_delete(struct rb_db *db, rb_str tenant, rb_str code)
{
    struct rb_query query = begin_named(db, RB_SQL_POINT_TOKEN_DELETE, tenant, code);
    rb_err err = rb_query_run(&query);
    if (err != RB_OK) return err;
    query = begin_named(db, RB_SQL_POINT_DELETE, tenant, code);
    return rb_query_run_or(&query, RB_NOT_FOUND);
}

rb_err rb_points_forget(struct rb_db *db, rb_str tenant, rb_str label)
{
    struct rb_query query = begin_named(db, RB_SQL_POINTS_FORGET, tenant, label);
    return rb_query_run(&query);
}
