/* Where the records of interrupted clients are: at home, each loop for the ids that name it.
 *
 * A berth is the place of an id whose record is here, or was lent to the loop of a client that came back; ids
 * whose first space is still alive here need none. All questions for a record come here, one after the other,
 * so there is no second copy to be wrong about. What was lent comes back in any case, or word that it ended.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/socketio/recovery_private.h"

#include <string.h>

struct berth {
    struct rb_handle id;
    struct record *record;    /* parked; NULL: lent */
    struct question *waiting; /* for what was lent to come back */
    unsigned lent_to;         /* index of a loop */
    uint64_t owner;           /* hash of who may have it */
};

struct notice { /* to a loop, about an id */
    struct rb_mail mail;
    struct rb_sio_door *door;
    struct rb_handle id;
};

struct recoveries *recoveries_at(struct rb_sio_door *door, const struct rb_handle *id)
{
    unsigned loop = rb_handle_loop(id);
    return rb_handle_node(id) == 0 && loop < door->setup.loop_count ? door->heres[loop].recoveries : NULL;
}

static struct recoveries *home_of(struct rb_sio_door *door, const struct rb_handle *id)
{
    struct recoveries *home = recoveries_at(door, id);
    RB_CHECK(home);
    return home;
}

static bool is_here(const struct recoveries *recoveries)
{
    return recoveries->here->loop == rb_loop_current();
}

/* ---- who may have it ---- */

static bool is_owner(rb_str secret, const struct rb_identity *identity, const struct sio_namespace *nsp,
                     const struct question *question)
{
    return rb_str_eq_secret(secret, rb_str_of(question->secret)) && nsp == question->nsp &&
           rb_str_eq(identity->tenant, question->identity->tenant) &&
           rb_str_eq(identity->client, question->identity->client);
}

/* The same of what is away. Of who passes this by chance no more is true than that the record is called back.
 */
static uint64_t owner_hash(const char *secret, const struct rb_identity *identity,
                           const struct sio_namespace *nsp)
{
    struct rb_buf text = {0};
    rb_buf_add_fmt(&text, "%s %.*s %.*s %.*s", secret, RB_STR_FMT(identity->tenant),
                   RB_STR_FMT(identity->client), RB_STR_FMT(nsp->name));
    uint64_t hash = rb_hash(rb_buf_str(&text));
    rb_buf_fini(&text);
    return hash;
}

/* ---- berths ---- */

static struct berth *berth_find(const struct recoveries *home, const struct rb_handle *id)
{
    return rb_map_get(&home->berths, id_key(id));
}

static struct berth *berth_of(struct recoveries *home, const struct record *record)
{
    struct berth *berth = berth_find(home, &record->id);
    if (berth) return berth;
    berth = rb_new(struct berth);
    berth->id = record->id;
    berth->owner = owner_hash(record->secret, record->identity, record->nsp);
    rb_map_put(&home->berths, id_key(&berth->id), berth);
    return berth;
}

static void berth_free(struct recoveries *home, struct berth *berth)
{
    rb_map_remove(&home->berths, id_key(&berth->id));
    rb_free(berth);
}

bool parked_is_lent(const struct recoveries *home, const struct rb_handle *id)
{
    const struct berth *berth = berth_find(home, id);
    return berth && !berth->record;
}

/* ---- answers ---- */

static void on_answer(struct rb_mail *mail)
{
    resume_answer(RB_OUTER(mail, struct question, mail));
}

static void answer(struct question *question, struct record *record_or_null)
{
    question->record = record_or_null;
    question->mail.run = on_answer;
    rb_loop_post(question->door->setup.loops[question->from], &question->mail);
}

static void lend(struct recoveries *home, struct record *record, struct question *question)
{
    struct berth *berth = berth_of(home, record);
    berth->record = NULL;
    berth->lent_to = question->from;
    answer(question, record);
}

static void answer_waiting(struct berth *berth)
{
    if (berth->waiting) answer(berth->waiting, NULL);
    berth->waiting = NULL;
}

/* ---- parking ---- First in, first out: all stay for the same time. */

static size_t bytes_of(const struct record *record)
{
    size_t bytes = sizeof *record + record->trail.count * sizeof record->trail.entries[0];
    for (unsigned i = 0; i < record->room_count; i++)
        bytes += sizeof record->rooms[i] + strlen(record->rooms[i].topic);
    return bytes;
}

static void unpark(struct recoveries *home, struct record *record)
{
    rb_list_remove(&record->node);
    home->parked_count--;
    home->parked_bytes -= bytes_of(record);
    for (unsigned i = 0; i < record->room_count; i++) {
        pin_put(home, record->rooms[i].pin);
        record->rooms[i].pin = NULL;
    }
}

static void drop(struct recoveries *home, struct record *record)
{
    unpark(home, record);
    berth_free(home, berth_find(home, &record->id));
    rb_hub_release(home->here->door->setup.hub, &record->id);
    record_free(record);
}

static void on_expiry(struct rb_timer *timer);

static void watch_oldest(struct recoveries *home)
{
    if (rb_list_is_empty(&home->parked) || rb_timer_is_running(&home->expiry)) return;
    uint64_t now_ms = rb_loop_now_ms(home->here->loop);
    uint64_t until_ms = RB_OUTER(home->parked.next, struct record, node)->until_ms;
    rb_timer_start(home->here->loop, &home->expiry, until_ms > now_ms ? until_ms - now_ms : 0, on_expiry);
}

static void on_expiry(struct rb_timer *timer)
{
    struct recoveries *home = RB_OUTER(timer, struct recoveries, expiry);
    uint64_t now_ms = rb_loop_now_ms(home->here->loop);
    while (!rb_list_is_empty(&home->parked)) {
        struct record *oldest = RB_OUTER(home->parked.next, struct record, node);
        if (oldest->until_ms > now_ms) break;
        drop(home, oldest);
    }
    watch_oldest(home);
}

static void park(struct recoveries *home, struct record *record)
{
    while (home->parked_count > 0 &&
           (home->parked_count >= RECORDS_MAX || home->parked_bytes >= RECORDS_BYTES_MAX))
        drop(home, RB_OUTER(home->parked.next, struct record, node));
    berth_of(home, record)->record = record;
    record->until_ms = rb_loop_now_ms(home->here->loop) + home->here->door->setup.recovery_ms;
    for (unsigned i = 0; i < record->room_count; i++)
        record->rooms[i].pin = pin_get(home, rb_str_of(record->rooms[i].topic));
    rb_list_push_back(&home->parked, &record->node);
    home->parked_count++;
    home->parked_bytes += bytes_of(record);
    watch_oldest(home);
}

static void take_back(struct recoveries *home, struct record *record)
{
    struct berth *berth = berth_of(home, record);
    struct question *waiting = berth->waiting;
    berth->waiting = NULL;
    if (waiting && is_owner(rb_str_of(record->secret), record->identity, record->nsp, waiting)) {
        lend(home, record, waiting);
        return;
    }
    if (waiting) answer(waiting, NULL);
    if (home->here->is_closing) { /* whoever comes now meets another process */
        berth_free(home, berth);
        record_free(record);
    } else {
        park(home, record);
    }
}

static void on_return(struct rb_mail *mail)
{
    struct record *record = RB_OUTER(mail, struct record, mail);
    take_back(home_of(record->door, &record->id), record);
}

void parked_return(struct record *take_record)
{
    struct recoveries *home = home_of(take_record->door, &take_record->id);
    take_record->mail.run = on_return;
    if (is_here(home))
        take_back(home, take_record);
    else
        rb_loop_post(home->here->loop, &take_record->mail);
}

/* ---- notices ---- */

static void send_notice(struct rb_sio_door *door, struct rb_loop *loop, const struct rb_handle *id,
                        void (*run)(struct rb_mail *))
{
    struct notice *notice = rb_new(struct notice);
    *notice = (struct notice){.mail = {.run = run}, .door = door, .id = *id};
    rb_loop_post(loop, &notice->mail);
}

static void on_forget(struct rb_mail *mail)
{
    struct notice *notice = RB_OUTER(mail, struct notice, mail);
    struct recoveries *home = home_of(notice->door, &notice->id);
    struct berth *berth = berth_find(home, &notice->id);
    if (berth && !berth->record) {
        answer_waiting(berth);
        berth_free(home, berth);
    }
    rb_free(notice);
}

void parked_forget(struct rb_sio_door *door, const struct rb_handle *id)
{
    send_notice(door, home_of(door, id)->here->loop, id, on_forget);
}

/* On the loop that a record was lent to. What is not here is on its way back already. What cannot be taken
 * from its space stays there, and is not for anybody else. */
static void on_recall(struct rb_mail *mail)
{
    struct notice *notice = RB_OUTER(mail, struct notice, mail);
    struct recoveries *recoveries = links_here(notice->door)->recoveries;
    struct sio_recovery *live = rb_map_get(&recoveries->live, id_key(&notice->id));
    struct record *record = live ? recovery_strip(live) : NULL;
    if (record)
        parked_return(record);
    else if (live)
        parked_forget(notice->door, &notice->id);
    rb_free(notice);
}

/* ---- questions ---- */

static void answer_from_live(struct recoveries *home, struct question *question)
{
    struct sio_recovery *live = rb_map_get(&home->live, id_key(&question->id));
    struct record *record = NULL;
    if (live && is_owner(rb_str_of(live->secret), live->space->identity, live->space->nsp, question))
        record = recovery_strip(live);
    if (record)
        lend(home, record, question);
    else
        answer(question, NULL);
}

static void answer_from_berth(struct recoveries *home, struct berth *berth, struct question *question)
{
    struct record *record = berth->record;
    if (!record || !is_owner(rb_str_of(record->secret), record->identity, record->nsp, question)) {
        answer(question, NULL);
        return;
    }
    unpark(home, record);
    lend(home, record, question);
}

/* Two of one client wait for the same: the later one is where it is now. */
static void call_back(struct berth *berth, struct question *question)
{
    struct rb_sio_door *door = question->door;
    if (owner_hash(question->secret, question->identity, question->nsp) != berth->owner) {
        answer(question, NULL);
        return;
    }
    answer_waiting(berth);
    berth->waiting = question;
    send_notice(door, door->setup.loops[berth->lent_to], &berth->id, on_recall);
}

static void on_question(struct rb_mail *mail)
{
    struct question *question = RB_OUTER(mail, struct question, mail);
    struct recoveries *home = home_of(question->door, &question->id);
    struct berth *berth = berth_find(home, &question->id);
    if (!berth)
        answer_from_live(home, question);
    else if (berth->record)
        answer_from_berth(home, berth, question);
    else
        call_back(berth, question);
}

void parked_ask(struct question *take_question)
{
    take_question->mail.run = on_question;
    rb_loop_post(home_of(take_question->door, &take_question->id)->here->loop, &take_question->mail);
}

/* ---- the door's ---- */

struct recoveries *recoveries_new(struct links_here *here)
{
    struct recoveries *recoveries = rb_new(struct recoveries);
    recoveries->here = here;
    rb_list_init(&recoveries->parked);
    rb_list_init(&recoveries->ready_pins);
    return recoveries;
}

void recoveries_close(struct recoveries *recoveries)
{
    while (!rb_list_is_empty(&recoveries->parked))
        drop(recoveries, RB_OUTER(recoveries->parked.next, struct record, node));
    rb_timer_stop(&recoveries->expiry);
}

/* What was lent has ended with its space. */
void recoveries_free(struct recoveries *recoveries)
{
    struct berth *berth;
    for (size_t at = 0; (berth = rb_map_next(&recoveries->berths, &at)) != NULL;) {
        RB_CHECK(!berth->record && !berth->waiting);
        berth_free(recoveries, berth);
    }
    pins_fini(recoveries);
    RB_CHECK(recoveries->live.count == 0);
    rb_map_fini(&recoveries->live);
    rb_map_fini(&recoveries->berths);
    rb_free(recoveries);
}
