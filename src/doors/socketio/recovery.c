/* A space whose client can be recovered: what it is told, what is noted of it, and what is kept when its link
 * ends. */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "doors/socketio/recovery_private.h"

#include <inttypes.h>
#include <string.h>

struct recoveries *recoveries_here(const struct sio_link *link)
{
    return link->here->recoveries;
}

/* ---- offsets ---- "TOPIC.OFFSET" in hexadecimal; the topic as a hash that holds for the life of the
 * process, as records do. */

static uint32_t hash_of(rb_str topic)
{
    return (uint32_t)rb_hash(topic);
}

static void put_place(struct rb_buf *out, struct trail_place place)
{
    if (place.offset > 0)
        rb_buf_add_fmt(out, "%" PRIx32 ".%" PRIx64, place.topic, place.offset);
    else
        rb_buf_add_char(out, '0');
}

void recovery_put_offset(struct rb_buf *out, rb_str topic, uint64_t offset)
{
    put_place(out, (struct trail_place){hash_of(topic), offset});
}

void recovery_put_last(struct rb_buf *out, const struct sio_space *space)
{
    const struct sio_recovery *recovery = space->recovery;
    put_place(out, recovery->missed ? recovery->missed->handed : recovery->trail.last);
}

static bool read_hex(rb_str text, unsigned digits_max, uint64_t *out)
{
    uint64_t value = 0;
    if (text.n == 0 || text.n > digits_max) return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f')) return false;
        value = value << 4 | (unsigned)(is_digit ? c - '0' : c - 'a' + 10);
    }
    *out = value;
    return true;
}

/* False: none of ours. */
static bool read_place(rb_str text, struct trail_place *out)
{
    rb_str topic;
    uint64_t hash, offset;
    *out = (struct trail_place){0};
    if (rb_str_is(text, "0")) return true;
    if (!rb_str_split(&text, '.', &topic) || !read_hex(topic, 8, &hash) || !read_hex(text, 16, &offset))
        return false;
    *out = (struct trail_place){(uint32_t)hash, offset};
    return true;
}

/* ---- joining ---- */

static bool is_for(const struct sio_link *link, rb_json_val auth)
{
    bool asks = false;
    if (link->revision == 3) return false;
    switch (link->endpoint->door->setup.recovery) {
    case RB_SIO_RECOVERY_OFF: return false;
    case RB_SIO_RECOVERY_ALWAYS: return true;
    case RB_SIO_RECOVERY_ASKED: return rb_json_bool(rb_json_get(auth, "recovery"), &asks) && asks;
    }
    RB_UNREACHABLE();
}

/* No offset at all: the client has got nothing yet. One that is none of ours: there is no telling what it has
 * got. */
static bool read_offset(rb_json_val value, struct rb_arena *arena, struct trail_place *out)
{
    rb_str text;
    *out = (struct trail_place){0};
    if (rb_json_type(value) == RB_JSON_NONE || rb_json_type(value) == RB_JSON_NULL) return true;
    return rb_json_string(value, arena, &text) && read_place(text, out);
}

struct sio_recovery *recovery_new(const struct sio_link *link, rb_json_val auth)
{
    if (!is_for(link, auth)) return NULL;
    struct sio_recovery *recovery = rb_new(struct sio_recovery);
    struct rb_arena arena = {0};
    rb_str pid;
    rb_random_text(recovery->secret, SECRET_CHARACTERS);
    bool has_offset = read_offset(rb_json_get(auth, "offset"), &arena, &recovery->stale);
    if (has_offset && rb_json_string(rb_json_get(auth, "pid"), &arena, &pid))
        recovery->resume = resume_new(pid, recovery->stale);
    rb_arena_fini(&arena);
    return recovery;
}

void recovery_leave_map(struct sio_recovery *recovery)
{
    if (!recovery->is_live) return;
    rb_map_remove(&recoveries_here(recovery->space->link)->live, id_key(&recovery->id));
    recovery->is_live = false;
}

/* While its record is lent to this loop, its home must hear that the space has ended. */
static void end_life(struct sio_recovery *recovery)
{
    if (!recovery->is_live) return;
    struct sio_link *link = recovery->space->link;
    recovery_leave_map(recovery);
    if (recoveries_at(link->endpoint->door, &recovery->id) != recoveries_here(link) ||
        parked_is_lent(recoveries_here(link), &recovery->id))
        parked_forget(link->endpoint->door, &recovery->id);
}

void recovery_free(struct sio_recovery *recovery)
{
    if (!recovery) return;
    resume_free(recovery->resume);
    end_life(recovery);
    missed_free(recovery->missed);
    trail_fini(&recovery->trail);
    rb_free(recovery);
}

void recovery_go_live(struct sio_recovery *recovery, const struct rb_handle *id)
{
    recovery->id = *id;
    recovery->is_live = true;
    rb_map_put(&recoveries_here(recovery->space->link)->live, id_key(&recovery->id), recovery);
}

void recovery_joined(struct sio_space *space)
{
    struct sio_recovery *recovery = space->recovery;
    struct rb_handle id;
    recovery->space = space;
    rb_conn_id(&space->conn, &id);
    if (!recovery->is_live) recovery_go_live(recovery, &id);
}

void recovery_pid(const struct sio_space *space, char out[RECOVERY_PID_BYTES])
{
    _Static_assert(RB_HANDLE_CHARACTERS + SECRET_CHARACTERS < RECOVERY_PID_BYTES, "a pid fits");
    rb_handle_text(&space->recovery->id, out);
    memcpy(out + RB_HANDLE_CHARACTERS, space->recovery->secret, SECRET_CHARACTERS + 1);
}

/* ---- while it is joined ---- */

void recovery_taken(struct sio_space *space, struct rb_conn_sub *sub, uint64_t after, uint64_t upto)
{
    rb_str topic = rb_sub_topic_name(&sub->sub);
    if (!trail_note(&space->recovery->trail, hash_of(topic), after, upto))
        RB_LOG_WARN("socketio.trail_lost", RB_KV("client", space->identity->client), RB_KV("topic", topic));
}

void recovery_subscribed(struct sio_space *space, struct room_sub *room)
{
    (void)room;
    if (space->state == SPACE_RECOVERING) resume_subscribed(space->recovery);
}

void recovery_gap(struct sio_space *space)
{
    resume_gap(space->recovery);
}

bool recovery_mark(struct sio_space *space)
{
    if (space->recovery->missed) return false;
    trail_mark(&space->recovery->trail);
    return true;
}

void recovery_confirmed(struct sio_space *space)
{
    trail_confirm(&space->recovery->trail);
}

/* ---- what was missed ---- */

void missed_free(struct missed *missed)
{
    if (!missed) return;
    while (missed->at < missed->count) rb_blob_unref(missed->frames[missed->at++].frame);
    rb_free(missed->frames);
    rb_free(missed);
}

struct rb_blob *recovery_missed(struct sio_space *space)
{
    struct missed *missed = space->recovery->missed;
    if (!missed) return NULL;
    struct missed_frame next = missed->frames[missed->at++];
    missed->handed = next.place;
    if (missed->at == missed->count) {
        missed_free(missed);
        space->recovery->missed = NULL;
    }
    return next.frame;
}

/* ---- the end of its link ---- */

void record_free(struct record *record)
{
    if (!record) return;
    for (unsigned i = 0; i < record->room_count; i++) rb_free(record->rooms[i].topic);
    trail_fini(&record->trail);
    rb_identity_unref(record->identity);
    rb_free(record);
}

/* A room that has not begun yet begins once more. */
static struct rb_start start_of(const struct room_sub *room)
{
    const struct rb_sub *sub = &room->base.sub;
    if (sub->is_started)
        return (struct rb_start){.at = RB_START_AFTER,
                                 .position = {rb_sub_position(sub).epoch, room->confirmed}};
    return (struct rb_start){.at = room->room->kind_count > 0 ? RB_START_NAMED : RB_START_SINCE,
                             .since_ms = room->start};
}

static struct record *make_record(struct sio_recovery *recovery)
{
    struct sio_space *space = recovery->space;
    if (recovery->trail.is_lost) return NULL;
    struct record *record = rb_alloc(sizeof *record + space->conn.sub_count * sizeof record->rooms[0]);
    record->door = space->link->endpoint->door;
    record->id = recovery->id;
    memcpy(record->secret, recovery->secret, sizeof record->secret);
    record->identity = rb_identity_ref(space->identity);
    record->nsp = space->nsp;
    record->trail = recovery->trail;
    recovery->trail = (struct trail){0};
    record->stale = recovery->stale;
    ROOMS_EACH(sub, space)
    {
        record->rooms[record->room_count++] =
            (struct record_room){.topic = rb_str_dup(rb_sub_topic_name(&sub->sub)),
                                 .room = room_sub_of(sub)->room,
                                 .start = start_of(room_sub_of(sub))};
    }
    return record;
}

struct record *recovery_strip(struct sio_recovery *recovery)
{
    struct sio_space *space = recovery->space;
    struct rb_handle id;
    struct record *record = recovery->resume ? resume_take_record(recovery->resume) : make_record(recovery);
    if (!record) return NULL;
    recovery_leave_map(recovery);
    if (recovery->resume)
        rb_conn_fini(&space->conn);
    else
        rb_conn_retire(&space->conn, &id);
    space->state = SPACE_LEFT;
    link_close(space->link, RB_CLIENT_GONE);
    return record;
}

/* Clients come back after whatever looks to them like a broken line. */
static bool is_recoverable(const struct sio_space *space, rb_err why)
{
    static const rb_err final[] = {RB_OK, RB_PROTOCOL_ERROR, RB_GAP, RB_SHUTTING_DOWN};
    for (size_t i = 0; i < RB_COUNT(final); i++)
        if (why == final[i]) return false;
    return !space->link->here->is_closing;
}

void recovery_park(struct sio_space *space, rb_err why)
{
    struct sio_recovery *recovery = space->recovery;
    if (!recovery->is_live || space->state == SPACE_LEFT || !is_recoverable(space, why)) return;
    struct record *record = recovery_strip(recovery);
    if (record) parked_return(record);
}
