#include "store/readers.h"
#include "store/rows.h"

static void get_token(struct rb_query *query, struct rb_arena *arena, struct rb_token_record *out)
{
    rb_str hash = rb_query_get_str(query, 0);
    *out = (struct rb_token_record){0};
    if (hash.n == sizeof out->hash) memcpy(out->hash, hash.p, hash.n);
    out->tenant = rb_rows_keep(arena, rb_query_get_str(query, 1));
    out->client = rb_rows_keep(arena, rb_query_get_str(query, 2));
    out->role = rb_rows_keep(arena, rb_query_get_str(query, 3));
    out->label = rb_rows_keep(arena, rb_query_get_str(query, 4));
    out->created_ms = rb_query_get_number(query, 5);
    out->expires_ms = rb_query_get_number(query, 6);
}

rb_err rb_read_token(struct rb_reader *reader, struct rb_arena *arena, const unsigned char hash[32],
                     struct rb_token_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_TOKEN_BY_HASH);
    rb_query_bytes(&query, rb_str_make(hash, sizeof out->hash));
    bool was_found = rb_query_next(&query);
    if (was_found) get_token(&query, arena, out);
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

rb_err rb_read_tokens(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                      struct rb_token_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_TOKENS_OF_TENANT);
    rb_query_maybe(&query, tenant);
    while (rb_query_next(&query)) get_token(&query, arena, rb_rows_add(&rows, arena, sizeof **out));
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}
