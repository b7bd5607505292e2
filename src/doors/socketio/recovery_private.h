/* What the files of recovery share: the part of a space (recovery.c), the way back (resume.c), and on each
 * loop what is kept for those who are away (parked.c, pins.c).
 *
 * An id belongs to the loop that it names, its home, wherever its space lives. Whoever comes back asks there;
 * so two that come back at once, or one before we noticed that it was gone, find one answer. What a client
 * left behind is a record, which has one owner at a time and travels by letter:
 *
 *     its space --ends--> home: parked --asked for--> the new space --ends, or gives up--> home
 *
 * While a record is away from home, the home knows on which loop it is, and calls it back from there when it
 * is asked for once more: what lives there is closed, as its client has obviously left it. */
#ifndef RB_SIO_RECOVERY_PRIVATE_H
#define RB_SIO_RECOVERY_PRIVATE_H

#include "base/map.h"
#include "doors/socketio/recovery.h"
#include "doors/socketio/sio_private.h"
#include "doors/socketio/trail.h"

enum { SECRET_CHARACTERS = 16 };
enum { RECORDS_MAX = 100000, RECORDS_BYTES_MAX = 256 << 20 }; /* on one loop */

struct record_room {
    char *topic;
    const struct rb_sio_room *room;
    struct rb_start start; /* AFTER: where it was when the trail began; else nothing has come from it yet */
    struct pin *pin;       /* while parked */
};

/* What an interrupted client left behind. */
struct record {
    struct rb_mail mail;
    struct rb_list node; /* while parked */
    struct rb_sio_door *door;
    struct rb_handle id;
    char secret[SECRET_CHARACTERS + 1];
    const struct rb_identity *identity;
    const struct sio_namespace *nsp;
    struct trail trail;
    struct trail_place stale; /* what it may still name as its last event, from an earlier id */
    uint64_t until_ms;        /* while parked */
    unsigned room_count;
    struct record_room rooms[];
};
void record_free(struct record *record); /* NULL is fine */

/* Somebody names a pid, and wants the record. */
struct question {
    struct rb_mail mail;
    struct rb_sio_door *door;
    struct rb_handle id;
    char secret[SECRET_CHARACTERS + 1];
    const struct rb_identity *identity;
    const struct sio_namespace *nsp;
    unsigned from;              /* index of the loop that asks */
    struct sio_recovery *asker; /* that loop's; NULL: it has gone */
    struct record *record;      /* the answer; NULL: there is none */
};

struct resume; /* of who is on the way back */

/* What was missed, as far as it does not go out before the CONNECT answer. */
struct missed {
    uint32_t at, count;
    struct trail_place handed; /* the last that went out */
    struct missed_frame {
        struct rb_blob *frame;
        struct trail_place place;
    } * frames;
};
void missed_free(struct missed *missed); /* NULL is fine */

struct sio_recovery {
    struct sio_space *space;
    struct rb_handle id; /* once it is live */
    char secret[SECRET_CHARACTERS + 1];
    bool is_live; /* in the map of its loop */
    struct trail trail;
    struct trail_place stale;
    struct resume *resume;
    struct missed *missed; /* taken, but not yet handed to the link; NULL: all was */
};

struct recoveries {
    struct links_here *here;
    struct rb_map
        live; /* struct sio_recovery by id: spaces of this loop that are joined, or have their record */
    struct rb_map berths; /* struct berth by id: ids of this loop whose record is parked here, or away */
    struct rb_list parked;
    unsigned parked_count;
    size_t parked_bytes;
    struct rb_timer expiry;
    struct rb_map pins; /* struct pin by topic */
    struct rb_list ready_pins;
    struct rb_task take_task;
};
struct recoveries *recoveries_here(const struct sio_link *link);

/* ---- recovery.c ---- */
void recovery_go_live(struct sio_recovery *recovery, const struct rb_handle *id);
void recovery_leave_map(struct sio_recovery *recovery);
/* Takes from a live space what its client has left there, and closes its link; NULL: it cannot be continued.
 * The space's id is free then. */
struct record *recovery_strip(struct sio_recovery *recovery);

/* ---- resume.c ---- */
struct resume *resume_new(rb_str pid, struct trail_place named); /* NULL: not a pid */
void resume_free(struct resume *resume);                         /* NULL is fine; a record in it goes home */
struct record *resume_take_record(struct resume *resume);        /* NULL: it has none (yet) */
void resume_answer(struct question *take_question);
void resume_subscribed(struct sio_recovery *recovery);
void resume_gap(struct sio_recovery *recovery);

/* ---- parked.c: at home ---- The first three from any of the door's loops. */
void parked_ask(struct question *take_question); /* answered by resume_answer on the loop that asks */
void parked_return(struct record *take_record);  /* it waits for its client again */
void parked_forget(struct rb_sio_door *door,
                   const struct rb_handle *id); /* its space has ended, or nobody will continue it */
struct recoveries *recoveries_at(struct rb_sio_door *door,
                                 const struct rb_handle *id); /* its home; NULL: none of ours */
bool parked_is_lent(const struct recoveries *home, const struct rb_handle *id);

/* ---- pins.c ---- Topics that somebody will come back to stay: else a topic without subscriptions is
 * forgotten, and a new one under its name could not be told from one that has had events. */
struct pin *pin_get(struct recoveries *recoveries, rb_str topic);
void pin_put(struct recoveries *recoveries, struct pin *pin); /* NULL is fine */
void pins_fini(struct recoveries *recoveries);

static inline rb_str id_key(const struct rb_handle *id)
{
    return rb_str_make(id->bytes, sizeof id->bytes);
}

#endif
