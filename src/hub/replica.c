/* How a topic reaches loops that are not its home.
 *
 * A replica joins by a letter; the home answers with a snapshot of its log and from then on feeds it every
 * event, in order. A replica that lost its last subscription parts and is gone at once; letters that still
 * come for it find no topic, or a later replica of the same name that waits for a later snapshot, and are
 * dropped. */
#include "base/mem.h"
#include "hub/hub_private.h"

#include <string.h>

struct membership { /* join and part */
    struct rb_mail mail;
    struct rb_shard *home_shard, *member;
    uint64_t join_id;
    size_t name_bytes;
    char name[];
};

struct snapshot {
    struct rb_mail mail;
    struct rb_shard *member;
    uint64_t join_id, epoch, trimmed_to, last_offset;
    unsigned event_count;
    struct rb_event **events;
    size_t name_bytes;
    char name[];
};

struct feed {
    struct rb_mail mail;
    struct rb_shard *member;
    rb_str topic; /* behind the events */
    unsigned event_count;
    struct rb_event *events[];
};

/* ---- on the member's loop ---- */

static void on_snapshot(struct rb_mail *mail)
{
    struct snapshot *snapshot = RB_OUTER(mail, struct snapshot, mail);
    struct rb_topic *replica =
        rb_map_get(&snapshot->member->topics, rb_str_make(snapshot->name, snapshot->name_bytes));
    bool is_expected = replica && replica->state == TOPIC_OPENING && replica->join_id == snapshot->join_id;
    for (unsigned i = 0; i < snapshot->event_count; i++) {
        if (is_expected)
            rb_topic_log_append(&replica->log, snapshot->events[i]);
        else
            rb_event_unref(snapshot->events[i]);
    }
    if (is_expected) {
        replica->epoch = snapshot->epoch;
        replica->log.trimmed_to = snapshot->trimmed_to;
        replica->log.last_offset = snapshot->last_offset;
        topic_go_live(replica);
    }
    rb_free(snapshot->events);
    rb_free(snapshot);
}

static void on_feed(struct rb_mail *mail)
{
    struct feed *feed = RB_OUTER(mail, struct feed, mail);
    struct rb_topic *replica = rb_map_get(&feed->member->topics, feed->topic);
    bool is_expected = replica && replica->state == TOPIC_LIVE;
    for (unsigned i = 0; i < feed->event_count; i++) {
        if (is_expected && feed->events[i]->offset > replica->log.last_offset)
            topic_append(replica, feed->events[i]);
        else
            rb_event_unref(feed->events[i]);
    }
    rb_free(feed);
}

/* ---- on the home's loop ---- */

static void send_snapshot(struct rb_topic *home, struct rb_shard *member, uint64_t join_id)
{
    struct snapshot *snapshot = letter_new(sizeof *snapshot + home->name_bytes, on_snapshot);
    snapshot->member = member;
    snapshot->join_id = join_id;
    snapshot->epoch = home->epoch;
    snapshot->trimmed_to = home->log.trimmed_to;
    snapshot->last_offset = home->log.last_offset;
    snapshot->name_bytes = home->name_bytes;
    memcpy(snapshot->name, home->name, home->name_bytes);
    snapshot->events = rb_new_array(struct rb_event *, home->log.count + 1);
    for (unsigned i = 0; i < home->log.count; i++)
        snapshot->events[snapshot->event_count++] = rb_event_ref(rb_topic_log_at(&home->log, i)->event);
    rb_loop_post(member->loop, &snapshot->mail);
}

static void on_join(struct rb_mail *mail)
{
    struct membership *join = RB_OUTER(mail, struct membership, mail);
    rb_str name = rb_str_make(join->name, join->name_bytes);
    struct rb_topic *home = rb_map_get(&join->home_shard->topics, name);
    if (!home) home = home_open(join->home_shard, name);
    if (home_defer(home, mail)) return;
    home->members |= (uint64_t)1 << join->member->index;
    send_snapshot(home, join->member, join->join_id);
    rb_free(join);
}

static void on_part(struct rb_mail *mail)
{
    struct membership *part = RB_OUTER(mail, struct membership, mail);
    struct rb_topic *home = rb_map_get(&part->home_shard->topics, rb_str_make(part->name, part->name_bytes));
    if (home && home_defer(home, mail)) return; /* behind its join */
    if (home) {
        home->members &= ~((uint64_t)1 << part->member->index);
        home_left(home);
    }
    rb_free(part);
}

void home_feed(struct rb_topic *home, const struct rb_publication_part *parts, unsigned count)
{
    size_t events_bytes = count * sizeof(struct rb_event *);
    for (uint64_t left = home->members; left; left &= left - 1) {
        struct rb_shard *member = &home->shard->hub->shards[__builtin_ctzll(left)];
        struct feed *feed = letter_new(sizeof *feed + events_bytes + home->name_bytes, on_feed);
        char *name = (char *)feed->events + events_bytes;
        memcpy(name, home->name, home->name_bytes);
        feed->member = member;
        feed->topic = rb_str_make(name, home->name_bytes);
        feed->event_count = count;
        for (unsigned i = 0; i < count; i++) feed->events[i] = rb_event_ref(parts[i].event);
        rb_loop_post(member->loop, &feed->mail);
    }
}

/* ---- joining and parting ---- */

static void send_membership(struct rb_topic *replica, void (*run)(struct rb_mail *))
{
    struct membership *letter = letter_new(sizeof *letter + replica->name_bytes, run);
    letter->member = replica->shard;
    letter->home_shard = home_of(replica->shard->hub, topic_name(replica));
    letter->join_id = replica->join_id;
    letter->name_bytes = replica->name_bytes;
    memcpy(letter->name, replica->name, replica->name_bytes);
    rb_loop_post(letter->home_shard->loop, &letter->mail);
}

void replica_join(struct rb_topic *replica)
{
    replica->join_id = ++replica->shard->last_join_id;
    send_membership(replica, on_join);
}

void replica_part(struct rb_topic *replica)
{
    send_membership(replica, on_part);
    topic_free(replica);
}
