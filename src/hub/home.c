/* The home of a topic: gives offsets, appends, feeds the replicas, and forgets in time.
 *
 * A home of a durable topic begins by loading what the store has. Letters that come meanwhile (publications,
 * joins, questions for cursors) wait in order and run afterwards; an event that was stored before the load
 * and arrives after it is known by its offset and dropped. A topic without subscriptions, replicas and kept
 * events goes away; a durable one loses nothing by that, a memory topic starts a new life, with a new epoch,
 * when it is used again. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "hub/hub_private.h"

enum { UPKEEP_IDLE_MS = 5000, UPKEEP_MIN_MS = 1000, UPKEEP_MAX_MS = 60000, LOAD_PAGE = 1000 };

/* ---- loading ---- */

struct load {
    struct rb_topic *home;
    struct rb_arena arena;
    rb_str topic;
    struct rb_event **events;
    size_t event_count;
    struct rb_cursor_record *cursors;
    uint32_t cursor_count;
    uint64_t trimmed;
};

static bool add_event(struct load *load, const struct rb_event_record *record)
{
    struct rb_event *event = rb_event_new(&(struct rb_event_spec){.name = record->name,
                                                                  .data = record->data,
                                                                  .audience = record->audience,
                                                                  .flags = record->flags},
                                          record->time_ms);
    if (!event) return false;
    event->offset = record->id << TRANSIENT_BITS;
    load->events[load->event_count++] = event;
    return true;
}

/* Page by page until the end. What retention has dropped meanwhile is trimmed when the topic goes live. */
static rb_err read_topic(struct rb_reader *reader, void *arg)
{
    struct load *load = arg;
    uint64_t after = 0;
    uint32_t count;
    do {
        struct rb_event_record *records;
        rb_err err = rb_read_events(reader, &load->arena, load->topic, after, LOAD_PAGE, &records, &count,
                                    &load->trimmed);
        if (err) return err;
        load->events = rb_realloc(load->events, (load->event_count + count + 1) * sizeof load->events[0]);
        for (uint32_t i = 0; i < count; i++)
            if (!add_event(load, &records[i])) return RB_OUT_OF_MEMORY;
        if (count) after = records[count - 1].id;
    } while (count == LOAD_PAGE);
    return rb_read_cursors(reader, &load->arena, load->topic, &load->cursors, &load->cursor_count);
}

/* The last of the early letters that brings what the load has seen. */
static const struct rb_mail *find_last_known(const struct rb_topic *home)
{
    const struct rb_mail *found = NULL;
    for (struct rb_mail *letter = home->early_first; letter; letter = letter->next) {
        if (letter->run != home_receive) continue;
        uint64_t offset = RB_OUTER(letter, struct rb_publication, mail)->parts[0].event->offset;
        if (offset && offset <= home->log.last_offset) found = letter;
    }
    return found;
}

/* A transient event before that letter is older than what stands in the log already: it can get no place any
 * more. */
static void run_early_letters(struct rb_topic *home)
{
    const struct rb_mail *last_known = find_last_known(home);
    struct rb_mail *letter = home->early_first;
    home->early_first = NULL;
    home->early_last = &home->early_first;
    home->is_outrun = last_known != NULL;
    while (letter) {
        struct rb_mail *next = letter->next;
        if (letter == last_known) home->is_outrun = false;
        letter->run(letter);
        letter = next;
    }
}

/* A load that failed leaves a topic that knows nothing of its past: better than one that never answers, and
 * the log says so. */
static void on_loaded(void *arg, rb_err err)
{
    struct load *load = arg;
    struct rb_topic *home = load->home;
    if (err) RB_LOG_ERROR("hub.topic_load_failed", RB_KV("topic", load->topic), RB_KV_REASON(err));
    home->log.trimmed_to = home->log.last_offset = load->trimmed << TRANSIENT_BITS;
    for (size_t i = 0; i < load->event_count; i++) rb_topic_log_append(&home->log, load->events[i]);
    for (uint32_t i = 0; i < load->cursor_count; i++)
        home_add_cursor(home, load->cursors[i].name, load->cursors[i].id << TRANSIENT_BITS);
    rb_free(load->events);
    rb_arena_fini(&load->arena);
    rb_free(load);
    home->stored_trim = home->log.trimmed_to;
    topic_go_live(home);
    run_early_letters(home);
    home_left(home); /* starts the upkeep; nobody may be there any more */
}

static void start_loading(struct rb_topic *home)
{
    struct load *load = rb_new(struct load);
    load->home = home;
    load->topic = topic_name(home); /* homes that load stay */
    rb_store_read(home->shard->hub->store, home->shard->loop, read_topic, on_loaded, load);
}

struct rb_topic *home_open(struct rb_shard *shard, rb_str name)
{
    struct rb_topic *home = topic_new(shard, name, true);
    if (home->keep->is_durable) {
        home->epoch = rb_store_epoch(shard->hub->store);
        home->state = TOPIC_OPENING;
        start_loading(home);
    } else {
        home->epoch = rb_random_u64() >> 16;
        home->state = TOPIC_LIVE;
        home_left(home);
    }
    return home;
}

bool home_defer(struct rb_topic *home, struct rb_mail *letter)
{
    if (home->state == TOPIC_LIVE) return false;
    letter->next = NULL;
    *home->early_last = letter;
    home->early_last = &letter->next;
    return true;
}

/* ---- receiving ---- */

/* A durable topic to which nobody listens is opened for one event in about a hundred, which trims it. */
static bool is_worth_opening(const struct rb_publication *publication)
{
    enum { ONE_IN_BITS = 7 };
    for (unsigned i = 0; i < publication->count; i++) {
        uint64_t row_id = publication->parts[i].event->offset >> TRANSIENT_BITS;
        if (row_id * 0x9e3779b97f4a7c15u >> (64 - ONE_IN_BITS) == 0) return true;
    }
    return false;
}

/* False, and none are given, when there is no room before the offset that the next stored event may have. */
static bool give_offsets(struct rb_topic *home, struct rb_publication *publication)
{
    uint64_t last = home->log.last_offset;
    uint64_t room = ((uint64_t)1 << TRANSIENT_BITS) - 1 - (last & (((uint64_t)1 << TRANSIENT_BITS) - 1));
    if (home->keep->is_durable && publication->count > room) return false;
    for (unsigned i = 0; i < publication->count; i++) publication->parts[i].event->offset = ++last;
    return true;
}

/* What the load has seen already is known by its offset. */
static void take_in(struct rb_topic *home, const struct rb_publication *publication)
{
    unsigned known = 0;
    while (known < publication->count && publication->parts[known].event->offset <= home->log.last_offset)
        known++;
    if (known == publication->count) return;
    home_feed(home, publication->parts + known, publication->count - known);
    for (unsigned i = known; i < publication->count; i++)
        topic_append(home, rb_event_ref(publication->parts[i].event));
}

void home_receive(struct rb_mail *mail)
{
    struct rb_publication *publication = RB_OUTER(mail, struct rb_publication, mail);
    struct rb_shard *shard = home_of(publication->hub, publication->topic);
    struct rb_topic *home = rb_map_get(&shard->topics, publication->topic);
    bool is_stored = publication->parts[0].event->offset != 0;
    if (!home && is_stored && !is_worth_opening(publication)) { /* nobody listens, and the store has it */
        publication_arrived(publication, rb_store_epoch(publication->hub->store));
        return;
    }
    if (!home) home = home_open(shard, publication->topic);
    if (home_defer(home, mail)) return;
    if (!is_stored && (home->is_outrun || !give_offsets(home, publication))) {
        rb_publication_fail(publication, home->is_outrun ? RB_GAP : RB_OVERLOADED);
        return;
    }
    take_in(home, publication);
    publication_arrived(publication, home->epoch);
}

/* ---- upkeep ---- */

static bool is_idle(const struct rb_topic *home)
{
    return home->state == TOPIC_LIVE && home->members == 0 && !topic_has_locals(home);
}

static void on_trim_stored(struct rb_tx *tx, rb_err err)
{
    (void)err; /* tried again with the next trim */
    rb_tx_free(tx);
}

static void store_trim(struct rb_topic *home)
{
    if (!home->keep->is_durable || home->log.trimmed_to <= home->stored_trim) return;
    home->stored_trim = home->log.trimmed_to;
    struct rb_tx *tx = rb_tx_new();
    tx->done = on_trim_stored;
    rb_tx_events_trim(tx, topic_name(home), home->stored_trim >> TRANSIENT_BITS);
    home_forget_cursors(home, tx);
    rb_store_commit(home->shard->hub->store, tx);
}

static void start_upkeep(struct rb_topic *home);

static void on_upkeep(struct rb_timer *timer)
{
    struct rb_topic *home = RB_OUTER(timer, struct rb_topic, upkeep);
    topic_trim(home);
    store_trim(home);
    bool is_needless = is_idle(home) && (home->keep->is_durable || home->log.count == 0);
    if (is_needless && home->was_idle) {
        topic_free(home);
        return;
    }
    home->was_idle = is_needless;
    start_upkeep(home);
}

/* Often enough for its age limit; soon when it may be at its end. */
static void start_upkeep(struct rb_topic *home)
{
    uint64_t delay_ms = home->keep->age_ms / 4;
    if (delay_ms < UPKEEP_MIN_MS) delay_ms = UPKEEP_MIN_MS;
    if (delay_ms > UPKEEP_MAX_MS) delay_ms = UPKEEP_MAX_MS;
    if (is_idle(home) && delay_ms > UPKEEP_IDLE_MS) delay_ms = UPKEEP_IDLE_MS;
    rb_timer_start(home->shard->loop, &home->upkeep, delay_ms, on_upkeep);
}

/* An upkeep that is due soon stays so: else coming and going would put it off for ever. */
void home_left(struct rb_topic *home)
{
    uint64_t soon_ms = rb_loop_now_ms(home->shard->loop) + UPKEEP_IDLE_MS;
    bool is_due_soon = rb_timer_is_running(&home->upkeep) && home->upkeep.due_ms <= soon_ms;
    home->was_idle = false;
    if (home->state == TOPIC_LIVE && !is_due_soon) start_upkeep(home);
}
