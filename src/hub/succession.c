/* A connection that broke, and another that continues it under the same id.
 *
 * An id names a place in the table of one loop. When a connection retires, a seat takes its place there: it
 * keeps the id, and says to whatever arrives that the connection is lost. A successor on the same loop takes
 * the place back. One on another loop is a guest: it has a place of its own in its loop's table, under an id
 * that nobody is told, and the seat forwards to that. A guest that retires in its turn need not say so: what
 * is forwarded finds its place empty. */
#include "base/mem.h"
#include "hub/registry_private.h"

#include <string.h>

struct seat {
    struct rb_conn conn; /* only to stand in the table: its ops say that it is a seat */
    bool is_continued;
    struct rb_handle successor; /* when it is: the guest's own place */
    size_t tenant_bytes;
    char tenant[];
};

struct guest {
    const struct rb_conn *conn;
    struct rb_handle former; /* the id that it has */
};

struct seat_letter {
    struct rb_mail mail;
    struct rb_hub *hub;
    struct rb_handle id, successor;
};

/* ---- seats ---- */

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct seat *seat = RB_OUTER(conn, struct seat, conn);
    out->tenant = rb_str_make(seat->tenant, seat->tenant_bytes);
}

static const struct rb_conn_ops seat_ops = {.describe = describe};

struct seat *seat_of(struct rb_conn *conn)
{
    return conn->ops == &seat_ops ? RB_OUTER(conn, struct seat, conn) : NULL;
}

static struct seat *seat_new(rb_str tenant)
{
    struct seat *seat = rb_alloc(sizeof *seat + tenant.n);
    seat->conn.ops = &seat_ops;
    seat->tenant_bytes = tenant.n;
    memcpy(seat->tenant, tenant.p, tenant.n);
    return seat;
}

void seat_free(struct seat *seat)
{
    rb_free(seat);
}

void seat_receive(struct seat *seat, struct rb_conn_errand *errand)
{
    if (seat->is_continued)
        errand_forward(errand, &seat->successor);
    else
        errand_end(errand, RB_CONNECTION_LOST);
}

static struct seat *seat_find(const struct rb_shard *shard, const struct rb_handle *id)
{
    struct rb_conn *conn = rb_handles_get(&shard->conns, id);
    return conn ? seat_of(conn) : NULL;
}

static void on_continued(struct rb_mail *mail)
{
    struct seat_letter *letter = RB_OUTER(mail, struct seat_letter, mail);
    struct seat *seat = seat_find(registry_shard(letter->hub, &letter->id), &letter->id);
    if (seat) {
        seat->is_continued = true;
        seat->successor = letter->successor;
    }
    rb_free(letter);
}

static void on_released(struct rb_mail *mail)
{
    struct seat_letter *letter = RB_OUTER(mail, struct seat_letter, mail);
    struct rb_shard *shard = registry_shard(letter->hub, &letter->id);
    struct seat *seat = seat_find(shard, &letter->id);
    if (seat) {
        rb_handles_remove(&shard->conns, rb_handle_slot(&letter->id));
        seat_free(seat);
    }
    rb_free(letter);
}

static void tell_seat(struct rb_hub *hub, const struct rb_handle *id, void (*run)(struct rb_mail *),
                      const struct rb_handle *successor_or_null)
{
    struct seat_letter *letter = letter_new(sizeof *letter, run);
    letter->hub = hub;
    letter->id = *id;
    if (successor_or_null) letter->successor = *successor_or_null;
    rb_loop_post(registry_shard(hub, id)->loop, &letter->mail);
}

void rb_hub_release(struct rb_hub *hub, const struct rb_handle *former)
{
    if (registry_shard(hub, former)) tell_seat(hub, former, on_released, NULL);
}

/* ---- guests ---- */

void guest_id(const struct rb_shard *shard, const struct rb_conn *conn, struct rb_handle *out)
{
    struct guest *guest = rb_map_get(&shard->guests, conn_key(&conn));
    *out = guest->former;
}

static void guest_begin(struct rb_shard *shard, struct rb_conn *conn, const struct rb_handle *former)
{
    struct rb_handle own;
    struct guest *guest = rb_new(struct guest);
    guest->conn = conn;
    guest->former = *former;
    rb_handles_name(&shard->conns, conn->slot, &own);
    rb_map_put(&shard->guests, conn_key(&guest->conn), guest);
    conn->is_guest = true;
    tell_seat(conn->hub, former, on_continued, &own);
}

static void guest_forget(struct rb_shard *shard, struct rb_conn *conn)
{
    const struct rb_conn *key = conn;
    struct guest *guest = rb_map_remove(&shard->guests, conn_key(&key));
    conn->is_guest = false;
    rb_free(guest);
}

void guest_end(struct rb_shard *shard, struct rb_conn *conn)
{
    struct rb_handle former;
    guest_id(shard, conn, &former);
    guest_forget(shard, conn);
    rb_hub_release(conn->hub, &former);
}

/* ---- retiring and inheriting ---- */

void rb_conn_retire(struct rb_conn *conn, struct rb_handle *out_id)
{
    struct rb_shard *shard = shard_here(conn->hub);
    struct rb_handle id;
    rb_conn_id(conn, &id);
    calls_lose(shard, conn);
    if (conn->is_guest) {
        guest_forget(shard, conn);
        rb_handles_remove(&shard->conns, conn->slot);
    } else {
        rb_handles_replace(&shard->conns, conn->slot, seat_new(registry_facts(conn).tenant));
    }
    registry_left(conn);
    rb_conn_fini(conn);
    *out_id = id;
}

void rb_conn_inherit(struct rb_conn *conn, const struct rb_handle *former)
{
    struct rb_shard *shard = shard_here(conn->hub), *home = registry_shard(conn->hub, former);
    struct seat *seat = home == shard ? seat_find(shard, former) : NULL;
    registry_count(conn); /* it was admitted before, and stays also where there is no room now */
    if (seat) {
        rb_handles_replace(&shard->conns, rb_handle_slot(former), conn);
        seat_free(seat);
        registry_joined(shard, conn, rb_handle_slot(former));
        return;
    }
    registry_add(shard, conn);
    if (home && home != shard) guest_begin(shard, conn, former);
}
