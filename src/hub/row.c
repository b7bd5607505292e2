/* What is said of a connection. Most of it is what its door says; the address is asked of the kernel, and
 * only when somebody wants it. */
#include "hub/registry_private.h"

void facts_add_address(struct rb_conn_facts *facts, char text[RB_ADDRESS_TEXT_BYTES])
{
    if (!facts->stream || facts->address.p) return;
    facts->port = rb_address_of_peer(facts->stream, text);
    facts->address = text[0] ? rb_str_of(text) : RB_STR_NONE;
}

void row_sketch(struct rb_conn_row *row, const struct rb_shard *shard, struct rb_conn *conn,
                const struct rb_conn_facts *facts, bool needs_times)
{
    struct rb_handle id;
    *row = (struct rb_conn_row){.facts = *facts,
                                .since_ms = (uint64_t)rb_handles_note(&shard->conns, conn->slot) * 1000};
    rb_conn_id(conn, &id);
    rb_handle_text(&id, row->id);
    if (!needs_times) return;
    rb_clock_format(row->since_ms, row->since);
    if (facts->renewed_ms) rb_clock_format(facts->renewed_ms, row->renewed);
}

/* Tenants have no slash in their names. */
static rb_str within_tenant(rb_str topic)
{
    return rb_str_from(topic, (size_t)(rb_str_find(topic, '/') + 1));
}

static void put_topics(struct rb_conn_row *row, struct rb_arena *arena, struct rb_conn *conn)
{
    unsigned i = 0, shown = conn->sub_count < RB_CONN_TOPICS_SHOWN ? conn->sub_count : RB_CONN_TOPICS_SHOWN;
    row->topic_count = conn->sub_count;
    row->topics = rb_arena_array(arena, rb_str, shown + 1);
    for (struct rb_conn_sub *sub = conn->subs; i < shown; sub = sub->next)
        row->topics[i++] = rb_arena_copy(arena, within_tenant(rb_sub_topic_name(&sub->sub)));
}

void row_fill(struct rb_conn_row *row, struct rb_arena *arena, const struct rb_shard *shard,
              struct rb_conn *conn, const struct rb_conn_facts *facts)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    struct rb_conn_facts all = *facts;
    facts_add_address(&all, address);
    row_sketch(row, shard, conn, &all, true);
    struct rb_conn_facts *own = &row->facts;
    rb_str *const slices[] = {&own->tenant,  &own->client,      &own->address, &own->space,
                              &own->owner,   &own->user_id,     &own->login,   &own->point_id,
                              &own->session, &own->application, &own->site,    &own->capabilities};
    for (size_t i = 0; i < RB_COUNT(slices); i++)
        if (slices[i]->p) *slices[i] = rb_arena_copy(arena, *slices[i]);
    own->stream = NULL;
    put_topics(row, arena, conn);
}
