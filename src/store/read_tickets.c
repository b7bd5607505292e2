#include "store/readers.h"
#include "store/rows.h"

rb_err rb_read_ticket(struct rb_reader *reader, struct rb_arena *arena, const unsigned char hash[32],
                      struct rb_ticket_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_TICKET_BY_HASH);
    rb_query_bytes(&query, rb_str_make(hash, 32));
    bool was_found = rb_query_next(&query);
    if (was_found) {
        memcpy(out->hash, hash, 32);
        out->topic = rb_rows_keep(arena, rb_query_get_str(&query, 0));
        out->client = rb_rows_keep(arena, rb_query_get_str(&query, 1));
        out->created_ms = rb_query_get_number(&query, 2);
        out->expires_ms = rb_query_get_number(&query, 3);
        out->uses_left = (int64_t)rb_query_get_number(&query, 4);
    }
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

rb_err rb_read_policy(struct rb_reader *reader, struct rb_arena *arena, rb_str topic,
                      struct rb_policy_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_POLICY_BY_TOPIC);
    rb_query_text(&query, topic);
    bool was_found = rb_query_next(&query);
    if (was_found) {
        *out = (struct rb_policy_record){
            .topic = topic,
            .owner = rb_rows_keep(arena, rb_query_get_str(&query, 0)),
            .called_ms = rb_query_get_number(&query, 1),
            .instances = (uint32_t)rb_query_get_number(&query, 2),
            .keeps_last = rb_query_get_number(&query, 3) != 0,
            .is_deadline_shared = rb_query_get_number(&query, 4) != 0,
            .timeout_ms = rb_query_get_number(&query, 5),
            .deadline_ms = rb_query_get_number(&query, 6),
            .is_completed = rb_query_get_number(&query, 7) != 0,
            .last_ms = rb_query_get_number(&query, 8),
            .last_flags = (uint32_t)rb_query_get_number(&query, 9),
            .last_timeout_s = (uint32_t)rb_query_get_number(&query, 10),
            .last_name = rb_rows_keep(arena, rb_query_get_str(&query, 11)),
            .last_data = rb_rows_keep(arena, rb_query_get_str(&query, 12)),
        };
    }
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

static void get_account(struct rb_query *query, struct rb_arena *arena, struct rb_account_record *out)
{
    *out = (struct rb_account_record){.public_id = rb_rows_keep(arena, rb_query_get_str(query, 0)),
                                      .tenant = rb_rows_keep(arena, rb_query_get_str(query, 1)),
                                      .secret = rb_rows_keep(arena, rb_query_get_str(query, 2)),
                                      .is_guarded = rb_query_get_number(query, 3) != 0,
                                      .created_ms = rb_query_get_number(query, 4)};
}

rb_err rb_read_account(struct rb_reader *reader, struct rb_arena *arena, rb_str public_id,
                       struct rb_account_record *out)
{
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_ACCOUNT_BY_ID);
    rb_query_text(&query, public_id);
    bool was_found = rb_query_next(&query);
    if (was_found) get_account(&query, arena, out);
    rb_err err = rb_query_end(&query);
    return err == RB_OK && !was_found ? RB_NOT_FOUND : err;
}

rb_err rb_read_accounts(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                        struct rb_account_record **out, uint32_t *out_count)
{
    struct rb_rows rows = {0};
    struct rb_query query = rb_query_begin(&reader->db, RB_SQL_ACCOUNTS_OF_TENANT);
    rb_query_maybe(&query, tenant);
    while (rb_query_next(&query)) get_account(&query, arena, rb_rows_add(&rows, arena, sizeof **out));
    rb_err err = rb_query_end(&query);
    if (err != RB_OK) return err;
    *out = rows.items;
    *out_count = rows.count;
    return RB_OK;
}
