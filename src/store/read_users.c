#include "store/readers.h"
#include "store/rows.h"

/* ---- users ---- */

static void get_user(struct rb_query *query, struct rb_arena *arena, struct rb_user_record *out)
{
    *out = (struct rb_user_record){.tenant = rb_rows_keep(arena, rb_query_get_str(query, 0)),
                                   .login = rb_rows_keep(arena, rb_query_get_str(query, 1)),
                                   .id = rb_rows_keep(arena, rb_query_get_str(query, 2)),
                                   .name = rb_rows_keep(arena, rb_query_get_str(query, 3)),
                                   .verifier = rb_rows_keep(arena, rb_query_get_str(query, 4)),
                                   .roles = rb_rows_keep(arena, rb_query_get_str(query, 5)),
                                   .capabilities = rb_rows_keep(arena, rb_query_get_str(query, 6)),
                                   .is_disabled = rb_query_get_number(query, 7) != 0,
                                   .created_ms = rb_query_get_number(query, 8)};
}

static rb_err read_user(struct rb_reader *reader, enum rb_sql which, struct rb_arena *arena, rb_str tenant,
                        rb_str name, struct rb_user_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, which);
    rb_query_text(&query, tenant);
    rb_query_text(&query, name);
    bool was_found = rb_query_next(&query);
    if (was_found) get_user(&query, arena, out);
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

rb_err rb_read_user(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str login,
                    struct rb_user_record *out)
{
    return read_user(reader, RB_SQL_USER_BY_LOGIN, arena, tenant, login, out);
}

rb_err rb_read_user_by_id(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str id,
                          struct rb_user_record *out)
{
    return read_user(reader, RB_SQL_USER_BY_ID, arena, tenant, id, out);
}

rb_err rb_read_users(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                     struct rb_user_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_USERS_OF_TENANT);
    rb_query_maybe(&query, tenant);
    while (rb_query_next(&query)) get_user(&query, arena, rb_rows_add(&rows, arena, sizeof **out));
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}

/* ---- points ---- */

static void get_point(struct rb_query *query, struct rb_arena *arena, struct rb_point_record *out)
{
    rb_str hash = rb_query_get_str(query, 0);
    *out = (struct rb_point_record){0};
    if (hash.n == sizeof out->hash) memcpy(out->hash, hash.p, hash.n);
    out->tenant = rb_rows_keep(arena, rb_query_get_str(query, 1));
    out->code = rb_rows_keep(arena, rb_query_get_str(query, 2));
    out->id = rb_rows_keep(arena, rb_query_get_str(query, 3));
    out->type = rb_rows_keep(arena, rb_query_get_str(query, 4));
    out->roles = rb_rows_keep(arena, rb_query_get_str(query, 5));
    out->capabilities = rb_rows_keep(arena, rb_query_get_str(query, 6));
    out->addresses = rb_rows_keep(arena, rb_query_get_str(query, 7));
    out->user_id = rb_rows_keep(arena, rb_query_get_str(query, 8));
    out->created_ms = rb_query_get_number(query, 9);
}

rb_err rb_read_point(struct rb_reader *reader, struct rb_arena *arena, const unsigned char hash[32],
                     struct rb_point_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_POINT_BY_HASH);
    rb_query_bytes(&query, rb_str_make(hash, sizeof out->hash));
    bool was_found = rb_query_next(&query);
    if (was_found) get_point(&query, arena, out);
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

rb_err rb_read_points(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                      struct rb_point_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_POINTS_OF_TENANT);
    rb_query_maybe(&query, tenant);
    while (rb_query_next(&query)) get_point(&query, arena, rb_rows_add(&rows, arena, sizeof **out));
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}
