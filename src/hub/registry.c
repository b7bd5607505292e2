/* Who is connected, and the way to one connection.
 *
 * Each loop has a table of its connections and touches no other's; an id says which table to look into. So
 * there is no shared directory and no lock: what is for a connection travels to its loop as a letter, finds
 * it or does not, and travels back. */
#include "hub/registry_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

void registry_init(struct rb_shard *shard)
{
    rb_handles_init(&shard->conns, 0, shard->index);
}

/* What is left are the seats of connections that nobody has continued or released. */
void registry_fini(struct rb_shard *shard)
{
    struct rb_conn *conn;
    for (uint32_t at = 0; (conn = rb_handles_next(&shard->conns, &at)) != NULL;) {
        RB_CHECK(seat_of(conn) != NULL);
        seat_free(seat_of(conn));
    }
    RB_CHECK(shard->callees.count == 0 && shard->guests.count == 0);
    rb_handles_fini(&shard->conns);
    rb_map_fini(&shard->callees);
    rb_map_fini(&shard->guests);
}

struct rb_shard *registry_shard(struct rb_hub *hub, const struct rb_handle *id)
{
    unsigned loop = rb_handle_loop(id);
    return rb_handle_node(id) == 0 && loop < hub->shard_count ? &hub->shards[loop] : NULL;
}

struct rb_conn_facts registry_facts(struct rb_conn *conn)
{
    struct rb_conn_facts facts = {0};
    conn->ops->describe(conn, &facts);
    return facts;
}

/* ---- being announced ---- */

bool registry_count(struct rb_conn *conn)
{
    struct rb_tally *tenants = conn->hub->tenants;
    if (tenants) conn->is_counted = rb_tally_take(tenants, registry_facts(conn).tenant);
    return !tenants || conn->is_counted;
}

static void count_out(struct rb_conn *conn)
{
    if (conn->is_counted) rb_tally_give(conn->hub->tenants, registry_facts(conn).tenant);
    conn->is_counted = false;
}

void registry_joined(struct rb_shard *shard, struct rb_conn *conn, uint32_t slot)
{
    RB_CHECK(!conn->is_announced && conn->ops->describe);
    conn->slot = slot & RB_HANDLE_NO_SLOT;
    conn->is_announced = true;
    rb_handles_set_note(&shard->conns, slot, (uint32_t)(rb_clock_wall_ms() / 1000));
    atomic_fetch_add_explicit(&conn->hub->conn_count, 1, memory_order_relaxed);
}

void registry_add(struct rb_shard *shard, struct rb_conn *conn)
{
    uint32_t slot = rb_handles_add(&shard->conns, conn);
    RB_CHECK(slot != RB_HANDLE_NO_SLOT); /* a loop has fewer descriptors */
    registry_joined(shard, conn, slot);
}

bool rb_conn_announce(struct rb_conn *conn)
{
    if (!registry_count(conn)) return false;
    registry_add(shard_here(conn->hub), conn);
    return true;
}

void registry_left(struct rb_conn *conn)
{
    count_out(conn);
    conn->is_announced = false;
    atomic_fetch_sub_explicit(&conn->hub->conn_count, 1, memory_order_relaxed);
}

void rb_conn_withdraw(struct rb_conn *conn)
{
    if (!conn->is_announced) return;
    struct rb_shard *shard = shard_here(conn->hub);
    calls_lose(shard, conn);
    if (conn->is_guest) guest_end(shard, conn);
    rb_handles_remove(&shard->conns, conn->slot);
    registry_left(conn);
}

void rb_conn_id(const struct rb_conn *conn, struct rb_handle *out)
{
    const struct rb_shard *shard = shard_here(conn->hub);
    RB_CHECK(conn->is_announced);
    if (conn->is_guest)
        guest_id(shard, conn, out);
    else
        rb_handles_name(&shard->conns, conn->slot, out);
}

/* ---- errands ---- */

struct rb_conn_errand *rb_conn_errand_new(struct rb_hub *hub, enum rb_conn_errand_kind kind,
                                          void (*done)(struct rb_conn_errand *), void *arg)
{
    struct rb_conn_errand *errand = rb_new(struct rb_conn_errand);
    errand->hub = hub;
    errand->kind = kind;
    errand->done = done;
    errand->arg = arg;
    return errand;
}

void rb_conn_errand_free(struct rb_conn_errand *errand)
{
    if (!errand) return;
    rb_arena_fini(&errand->arena);
    rb_free(errand);
}

static void on_home(struct rb_mail *mail)
{
    struct rb_conn_errand *errand = RB_OUTER(mail, struct rb_conn_errand, mail);
    errand->done(errand);
}

/* As a letter also where it began: who asks is never called from inside something else. */
void errand_end(struct rb_conn_errand *errand, rb_err why)
{
    errand->err = why;
    errand->conn = NULL;
    receipt_forget(errand);
    count_end(errand);
    errand->mail.run = on_home;
    rb_loop_post(errand->loop, &errand->mail);
}

static void show(const struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                 struct rb_conn_errand *errand)
{
    errand->row = rb_arena_new(&errand->arena, struct rb_conn_row);
    row_fill(errand->row, &errand->arena, shard, conn, facts);
    errand_end(errand, RB_OK);
}

static rb_err close_conn(struct rb_conn *conn, rb_err why)
{
    if (!conn->ops->on_close) return RB_CALL_UNSUPPORTED;
    conn->ops->on_close(conn, why);
    return RB_OK;
}

static void visit(struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                  struct rb_conn_errand *errand);

static void carry_out(struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                      struct rb_conn_errand *errand)
{
    switch (errand->kind) {
    case RB_CONN_SEND: message_begin(shard, conn, facts, errand); return;
    case RB_CONN_CALL: call_begin(shard, conn, errand); return;
    case RB_CONN_CLOSE: errand_end(errand, close_conn(conn, errand->why)); return;
    case RB_CONN_SHOW: show(shard, conn, facts, errand); return;
    case RB_CONN_VISIT: visit(shard, conn, facts, errand); return;
    }
}

/* What it makes of the errand is carried out in its stead; the facts may have become others by then. */
static void visit(struct rb_shard *shard, struct rb_conn *conn, const struct rb_conn_facts *facts,
                  struct rb_conn_errand *errand)
{
    bool is_there = !errand->door || strcmp(errand->door, facts->door) == 0;
    rb_err err = is_there ? errand->visit(conn, errand) : RB_CALL_UNSUPPORTED;
    if (err || errand->kind == RB_CONN_VISIT) {
        errand_end(errand, err);
        return;
    }
    struct rb_conn_facts now = registry_facts(conn);
    carry_out(shard, conn, &now, errand);
}

static void on_arrived(struct rb_mail *mail)
{
    struct rb_conn_errand *errand = RB_OUTER(mail, struct rb_conn_errand, mail);
    struct rb_shard *shard = shard_here(errand->hub);
    struct rb_conn *conn = rb_handles_get(&shard->conns, &errand->to);
    if (!conn) { /* whoever forwards has seen the tenant, and that there was somebody */
        errand_end(errand, errand->is_forwarded ? RB_CONNECTION_LOST : RB_NO_SUCH_CONNECTION);
        return;
    }
    struct rb_conn_facts facts = registry_facts(conn);
    if (!rb_str_eq(facts.tenant, errand->tenant))
        errand_end(errand, RB_NO_SUCH_CONNECTION);
    else if (seat_of(conn))
        seat_receive(seat_of(conn), errand);
    else
        carry_out(shard, conn, &facts, errand);
}

void errand_forward(struct rb_conn_errand *errand, const struct rb_handle *to)
{
    errand->to = *to;
    errand->is_forwarded = true;
    rb_loop_post(registry_shard(errand->hub, to)->loop, &errand->mail);
}

void rb_conn_errand_send(struct rb_conn_errand *errand)
{
    struct rb_shard *to = registry_shard(errand->hub, &errand->to);
    errand->loop = rb_loop_current();
    errand->mail.run = on_arrived;
    if (to)
        rb_loop_post(to->loop, &errand->mail);
    else
        errand_end(errand, RB_NO_SUCH_CONNECTION);
}
