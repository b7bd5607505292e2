/* The way back. A client names a pid; its record is asked for at home. When it is here, its rooms are joined
 * again at the places where the client stood, with output held; when all of them have begun, what was missed
 * is taken. A hole anywhere, and all of that is undone: the client joins like one that was never here.
 *
 * What was missed goes out before the CONNECT answer, as with the reference server: clients keep it until
 * they hear that they are recovered. But they keep it even when the line breaks again in between, and then
 * get it twice. So that holds only for what leaves in one piece together with the answer; when there is more,
 * the answer goes first, and every event counts as soon as it has arrived. */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "doors/socketio/frames.h"
#include "doors/socketio/recovery_private.h"

#include <string.h>

enum {
    PIECE_BYTES_MAX = 64 * 1024,
    PIECE_PACKETS_MAX = 15
}; /* a poll takes 16, and the answer is one of them */

struct resume {
    struct rb_handle id;
    char secret[SECRET_CHARACTERS + 1];
    struct trail_place named;
    struct question *question; /* under way */
    struct record *record;     /* found */
    struct trail_point point;  /* where the client stood in it */
    struct sio_recovery *owner;
    struct rb_task task;
    unsigned waiting; /* rooms that have not begun */
    bool has_gap;
};

/* ---- asking ---- */

struct resume *resume_new(rb_str pid, struct trail_place named)
{
    struct rb_handle id;
    if (pid.n != RB_HANDLE_CHARACTERS + SECRET_CHARACTERS ||
        !rb_handle_parse(rb_str_sub(pid, 0, RB_HANDLE_CHARACTERS), &id))
        return NULL;
    struct resume *resume = rb_new(struct resume);
    resume->id = id;
    memcpy(resume->secret, pid.p + RB_HANDLE_CHARACTERS, SECRET_CHARACTERS);
    resume->named = named;
    return resume;
}

struct record *resume_take_record(struct resume *resume)
{
    struct record *record = resume->record;
    resume->record = NULL;
    rb_loop_forget_task(&resume->task);
    return record;
}

void resume_free(struct resume *resume)
{
    if (!resume) return;
    if (resume->question) resume->question->asker = NULL;
    struct record *record = resume_take_record(resume);
    if (record) parked_return(record);
    rb_free(resume);
}

bool recovery_ask(struct sio_space *space)
{
    struct sio_recovery *recovery = space->recovery;
    struct rb_sio_door *door = space->link->endpoint->door;
    struct resume *resume = recovery->resume;
    recovery->space = space;
    if (!resume || !recoveries_at(door, &resume->id)) return false;
    struct question *question = resume->question = rb_new(struct question);
    resume->owner = recovery;
    *question = (struct question){.door = door,
                                  .id = resume->id,
                                  .identity = rb_identity_ref(space->identity),
                                  .nsp = space->nsp,
                                  .from = space->link->here->index,
                                  .asker = recovery};
    memcpy(question->secret, resume->secret, sizeof question->secret);
    parked_ask(question);
    return true;
}

/* ---- in vain ---- */

/* It joins under an id and a pid of its own. */
static void fail(struct sio_recovery *recovery, const char *why)
{
    RB_LOG_INFO("socketio.not_recovered", RB_KV("client", recovery->space->identity->client),
                RB_KV_TEXT("why", why));
    recovery->stale = recovery->resume->named;
    trail_begin(&recovery->trail, (struct trail_place){0});
    rb_random_text(recovery->secret, SECRET_CHARACTERS);
    rb_free(recovery->resume);
    recovery->resume = NULL;
    space_recovered(recovery->space, false);
}

/* Nobody will continue the record that it has got. */
static void give_up(struct sio_recovery *recovery, const char *why)
{
    struct record *record = resume_take_record(recovery->resume);
    recovery_leave_map(recovery);
    rb_conn_fini(&recovery->space->conn);
    rb_hub_release(record->door->setup.hub, &record->id);
    parked_forget(record->door, &record->id);
    record_free(record);
    fail(recovery, why);
}

/* ---- the rooms ---- */

static uint32_t hash_of(const struct record_room *room)
{
    return (uint32_t)rb_hash(rb_str_of(room->topic));
}

/* Two topics that go by the same hash cannot be told apart in a trail. */
static bool is_ambiguous(const struct record *record)
{
    if (record->room_count < 2) return false;
    uint32_t *hashes = rb_new_array(uint32_t, record->room_count);
    bool has_twins = false;
    for (unsigned i = 0; i < record->room_count && !has_twins; i++) {
        hashes[i] = hash_of(&record->rooms[i]);
        for (unsigned k = 0; k < i && !has_twins; k++) has_twins = hashes[k] == hashes[i];
    }
    rb_free(hashes);
    return has_twins;
}

static void on_task(struct rb_task *task);

static void finish_soon(struct sio_recovery *recovery)
{
    recovery->resume->task.run = on_task;
    rb_loop_before_sleep(link_loop(recovery->space->link), &recovery->resume->task);
}

/* The trail begins anew where the client says that it is: what is taken from here on is new to it. */
static void rejoin(struct sio_recovery *recovery, struct record *record)
{
    struct sio_space *space = recovery->space;
    struct resume *resume = recovery->resume;
    space_init_conn(space);
    rb_conn_hold(&space->conn, true);
    trail_begin(&recovery->trail, resume->named);
    resume->waiting = record->room_count;
    for (unsigned i = 0; i < record->room_count; i++) {
        const struct record_room *room = &record->rooms[i];
        struct rb_start start = room->start;
        if (start.at == RB_START_AFTER)
            start.position.offset =
                trail_offset(&record->trail, &resume->point, hash_of(room), start.position.offset);
        struct rb_conn_sub *sub =
            rb_conn_subscribe(&space->conn, rb_str_of(room->topic), &space->identity->client, &start,
                              space_encoding(space), 0);
        room_sub_of(sub)->room = room->room;
    }
    if (resume->waiting == 0) finish_soon(recovery);
}

static void take_record(struct sio_recovery *recovery, struct record *record)
{
    struct resume *resume = recovery->resume;
    resume->record = record;
    memcpy(recovery->secret, record->secret, sizeof recovery->secret);
    recovery_go_live(recovery, &record->id);
    if (recovery->space->link->state == LINK_CLOSING) return; /* its end comes, and takes it home */
    if (trail_find(&record->trail, resume->named, record->stale, &resume->point) && !is_ambiguous(record)) {
        recovery->stale = record->stale;
        rejoin(recovery, record);
        return;
    }
    give_up(recovery, "the offset is unknown");
}

void resume_answer(struct question *take_question)
{
    struct sio_recovery *asker = take_question->asker;
    struct record *record = take_question->record;
    rb_identity_unref(take_question->identity);
    rb_free(take_question);
    if (asker) asker->resume->question = NULL;
    if (!asker && record)
        parked_return(record);
    else if (record)
        take_record(asker, record);
    else if (asker && asker->space->link->state != LINK_CLOSING)
        fail(asker, "there is no such state");
}

void resume_subscribed(struct sio_recovery *recovery)
{
    if (--recovery->resume->waiting == 0) finish_soon(recovery);
}

void resume_gap(struct sio_recovery *recovery)
{
    recovery->resume->has_gap = true;
}

/* ---- what was missed ---- */

static unsigned packets_in(const struct rb_blob *frames)
{
    unsigned count = 0;
    struct frame frame;
    for (size_t at = 0; frame_next(frames, &at, &frame);) count++;
    return count;
}

/* True: that is all. Otherwise there is more, and nothing else is taken: it can come as anything comes. */
static bool take_missed(struct sio_recovery *recovery, struct missed *out)
{
    size_t bytes = 0;
    unsigned packets = 0, cap = 0;
    struct rb_blob *frame = NULL;
    out->handed = recovery->resume->named;
    while (bytes <= PIECE_BYTES_MAX && packets <= PIECE_PACKETS_MAX &&
           (frame = rb_conn_take(&recovery->space->conn)) != NULL) {
        if (out->count == cap) {
            cap = cap ? cap * 2 : 4;
            out->frames = rb_realloc(out->frames, cap * sizeof out->frames[0]);
        }
        out->frames[out->count++] = (struct missed_frame){frame, recovery->trail.last};
        bytes += frame->n;
        packets += packets_in(frame);
    }
    return !frame;
}

static void welcome(struct sio_recovery *recovery, bool is_all)
{
    struct sio_space *space = recovery->space;
    struct rb_blob *frame;
    while (is_all && recovery->missed && (frame = recovery_missed(space)) != NULL)
        link_send_frame(space->link, frame);
    space_welcome(space);
    if (!is_all) link_want_output(space->link);
}

/* A later gap is one that the client must hear of, wherever it begins (conn.c). */
static void settle_rooms(struct sio_space *space)
{
    ROOMS_EACH(node, space) room_sub_of(node)->start = UINT64_MAX;
}

static void succeed(struct sio_recovery *recovery, struct missed *take_missed_frames, bool is_all)
{
    struct sio_space *space = recovery->space;
    RB_LOG_DEBUG("socketio.recovered", RB_KV("client", space->identity->client),
                 RB_KV_U64("rooms", space->conn.sub_count), RB_KV_U64("missed", take_missed_frames->count));
    rb_conn_inherit(&space->conn, &recovery->id);
    record_free(recovery->resume->record);
    rb_free(recovery->resume);
    recovery->resume = NULL;
    if (take_missed_frames->count > 0)
        recovery->missed = take_missed_frames;
    else
        missed_free(take_missed_frames);
    settle_rooms(space);
    welcome(recovery, is_all);
    space_recovered(space, true);
}

static void on_task(struct rb_task *task)
{
    struct resume *resume = RB_OUTER(task, struct resume, task);
    struct sio_recovery *recovery = resume->owner;
    if (recovery->space->link->state == LINK_CLOSING) return;
    struct missed *missed = rb_new(struct missed);
    rb_conn_hold(&recovery->space->conn, false);
    bool is_all = take_missed(recovery, missed);
    if (resume->has_gap) {
        missed_free(missed);
        give_up(recovery, "events were missed that are no longer kept");
    } else {
        succeed(recovery, missed, is_all);
    }
}
