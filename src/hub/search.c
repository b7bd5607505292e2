/* Searching all connections, loop after loop.
 *
 * A search is a letter that goes from loop to loop and looks at the table of each; at a full table it looks
 * at a slice and sends itself on to the same loop, so that everybody else has a turn in between. Where it
 * stands is one number, loop and slot, which is also what the next page begins with: pages are no snapshot,
 * but a connection that is there the whole time is met exactly once. */
#include "base/mem.h"
#include "codec/filter.h"
#include "hub/registry_private.h"

enum { SLICE_SLOTS = 1000, SLOT_BITS = 24 };

struct rb_conn_search *rb_conn_search_new(struct rb_hub *hub, void (*done)(struct rb_conn_search *),
                                          void *arg)
{
    struct rb_conn_search *search = rb_new(struct rb_conn_search);
    search->hub = hub;
    search->done = done;
    search->arg = arg;
    return search;
}

void rb_conn_search_free(struct rb_conn_search *search)
{
    if (!search) return;
    rb_arena_fini(&search->arena);
    rb_free(search);
}

static void on_home(struct rb_mail *mail)
{
    struct rb_conn_search *search = RB_OUTER(mail, struct rb_conn_search, mail);
    search->done(search);
}

static bool is_same(rb_str wanted, rb_str have)
{
    return !wanted.p || (have.p && rb_str_eq(wanted, have));
}

static bool property(const void *row, rb_str name, struct rb_filter_value *out)
{
    return rb_conn_property(row, name, out);
}

static bool fits_filter(const struct rb_conn_search *search, const struct rb_shard *shard,
                        struct rb_conn *conn, const struct rb_conn_facts *facts)
{
    struct rb_conn_row row;
    if (!search->filter) return true;
    row_sketch(&row, shard, conn, facts, search->needs_times);
    return rb_filter_fits(search->filter, property, &row);
}

/* What costs more is looked at later; the address, which the kernel has to be asked for, only when all else
 * fits. */
static bool is_wanted(const struct rb_conn_search *search, const struct rb_shard *shard, struct rb_conn *conn,
                      struct rb_conn_facts *facts, char address[RB_ADDRESS_TEXT_BYTES])
{
    bool is_candidate = rb_str_eq(facts->tenant, search->tenant) && is_same(search->client, facts->client) &&
                        (!search->door.p || rb_str_is(search->door, facts->door)) &&
                        is_same(search->session, facts->session) &&
                        is_same(search->application, facts->application) &&
                        (!search->capability.p || rb_str_lists(facts->capabilities, search->capability)) &&
                        (!search->topic.p || rb_conn_find(conn, search->topic));
    if (!is_candidate) return false;
    if (search->needs_address) facts_add_address(facts, address);
    return is_same(search->address, facts->address) && fits_filter(search, shard, conn, facts);
}

/* True when one was met that the page has no room for: then the next page begins with it. */
static bool look_at_slice(struct rb_conn_search *search, struct rb_shard *shard, uint32_t *slot,
                          bool *out_is_end)
{
    uint32_t begin = *slot;
    struct rb_conn *conn = NULL;
    char address[RB_ADDRESS_TEXT_BYTES];
    while (*slot - begin < SLICE_SLOTS && (conn = rb_handles_next(&shard->conns, slot)) != NULL) {
        if (seat_of(conn)) continue;
        struct rb_conn_facts facts = registry_facts(conn);
        if (!is_wanted(search, shard, conn, &facts, address)) continue;
        if (search->row_count == search->limit) {
            *slot = conn->slot;
            return true;
        }
        row_fill(&search->rows[search->row_count++], &search->arena, shard, conn, &facts);
    }
    *out_is_end = !conn;
    return false;
}

static void send_on(struct rb_conn_search *search);

static void on_visit(struct rb_mail *mail)
{
    struct rb_conn_search *search = RB_OUTER(mail, struct rb_conn_search, mail);
    struct rb_shard *shard = shard_here(search->hub);
    uint32_t slot = (uint32_t)search->at & RB_HANDLE_NO_SLOT;
    bool is_end = false;
    bool is_full = look_at_slice(search, shard, &slot, &is_end);
    search->at =
        is_end ? (uint64_t)(shard->index + 1) << SLOT_BITS : (uint64_t)shard->index << SLOT_BITS | slot;
    if (is_full) {
        search->next_at = search->at;
        search->mail.run = on_home;
        rb_loop_post(search->loop, &search->mail);
        return;
    }
    send_on(search);
}

static void send_on(struct rb_conn_search *search)
{
    uint64_t index = search->at >> SLOT_BITS;
    bool is_over = index >= search->hub->shard_count;
    search->mail.run = is_over ? on_home : on_visit;
    rb_loop_post(is_over ? search->loop : search->hub->shards[index].loop, &search->mail);
}

void rb_conn_search_send(struct rb_conn_search *search)
{
    RB_CHECK(search->limit > 0 && search->limit <= RB_CONN_PAGE_MAX);
    search->loop = rb_loop_current();
    search->rows = rb_arena_array(&search->arena, struct rb_conn_row, search->limit);
    search->row_count = 0;
    search->next_at = 0;
    property_note_needs(search);
    send_on(search);
}
