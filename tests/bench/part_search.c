/* Search: 100,000 live connections, and back ends that search them, with and without a filter, page for page
 * and in vain. So many sockets are more than most limits of descriptors allow, and sockets are not what is
 * measured: the hub's own registry runs in this process, on two loops, with connections that have none.
 *
 * What the others feel of it is how long a letter waits for its loop meanwhile, as each event does on its way
 * to its subscribers: letters go to each loop all the time, and the longest wait is given beside that of a
 * time without search. */
#include "bench.h"
#include "measure.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/filter.h"
#include "hub/registry.h"

#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOPS = 2,
    CONNECTIONS = 100000,
    EACH = CONNECTIONS / LOOPS,
    NAME_BYTES = 24,
    PAGE = 100,
    LETTER_PAUSE_US = 200
};

static const struct rb_topic_rule rules[] = {{.pattern = {"**", 2}, .keep = {.count = 10, .bytes = 1 << 20}}};

struct entry {
    struct rb_conn conn;
    char client[NAME_BYTES];
};

struct registry {
    struct bench *bench;
    char directory[PATH_MAX];
    struct rb_store *store;
    struct rb_loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    struct rb_hub *hub;
    struct entry *entries;
};

/* ---- acting on a loop ---- */

struct errand {
    struct rb_mail mail;
    struct registry *registry;
    unsigned loop;
    void (*act)(struct errand *errand);
    sem_t done;
};

static void on_errand(struct rb_mail *mail)
{
    struct errand *errand = RB_OUTER(mail, struct errand, mail);
    errand->act(errand);
    sem_post(&errand->done);
}

static void run_on(struct registry *registry, unsigned loop, void (*act)(struct errand *errand))
{
    struct errand errand = {.mail.run = on_errand, .registry = registry, .loop = loop, .act = act};
    sem_init(&errand.done, 0, 0);
    rb_loop_post(registry->loops[loop], &errand.mail);
    sem_wait(&errand.done);
    sem_destroy(&errand.done);
}

/* ---- connections ---- Every hundredth is of a client of its own; one capability is rare. */

static void describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    const struct entry *entry = RB_OUTER(conn, struct entry, conn);
    *out = (struct rb_conn_facts){.tenant = RB_STR("bench"),
                                  .client = rb_str_of(entry->client),
                                  .door = "era",
                                  .transport = "websocket",
                                  .address = RB_STR("192.0.2.1"),
                                  .owner = RB_STR("user"),
                                  .user_id = rb_str_of(entry->client),
                                  .session = rb_str_of(entry->client),
                                  .application = RB_STR("/desk/main"),
                                  .capabilities = RB_STR("msg,video,files")};
}

static const struct rb_conn_ops conn_ops = {.describe = describe};

static void announce_all(struct errand *errand)
{
    for (unsigned i = errand->loop * EACH; i < (errand->loop + 1) * EACH; i++) {
        struct entry *entry = &errand->registry->entries[i];
        snprintf(entry->client, sizeof entry->client, "client-%u", i / 100);
        rb_conn_init(&entry->conn, errand->registry->hub, &conn_ops);
        RB_CHECK(rb_conn_announce(&entry->conn));
    }
}

static void part_all(struct errand *errand)
{
    for (unsigned i = errand->loop * EACH; i < (errand->loop + 1) * EACH; i++)
        rb_conn_fini(&errand->registry->entries[i].conn);
}

/* ---- searches, one after the other ---- */

struct search_kind {
    const char *name, *label, *client, *filter;
    unsigned expected; /* rows of the first page */
};

struct searcher {
    struct rb_mail mail;
    struct registry *registry;
    const struct search_kind *kind;
    struct rb_arena arena;
    const struct rb_filter *filter;
    uint64_t until_ns, begun_ns;
    struct samples samples;
    bool has_failed;
    _Atomic bool is_over;
};

static void search_once(struct searcher *searcher);

static void on_found(struct rb_conn_search *search)
{
    struct searcher *searcher = search->arg;
    samples_add(&searcher->samples, rb_clock_real_ns() - searcher->begun_ns);
    searcher->has_failed |= search->row_count != searcher->kind->expected;
    rb_conn_search_free(search);
    if (rb_clock_real_ns() < searcher->until_ns && !bench_is_interrupted())
        search_once(searcher);
    else
        atomic_store(&searcher->is_over, true);
}

static void search_once(struct searcher *searcher)
{
    struct rb_conn_search *search = rb_conn_search_new(searcher->registry->hub, on_found, searcher);
    search->tenant = RB_STR("bench");
    search->client = rb_str_of(searcher->kind->client);
    search->filter = searcher->filter;
    search->limit = PAGE;
    searcher->begun_ns = rb_clock_real_ns();
    rb_conn_search_send(search);
}

static void begin_searching(struct rb_mail *mail)
{
    search_once(RB_OUTER(mail, struct searcher, mail));
}

/* ---- letters ---- */

struct letter {
    struct rb_mail mail;
    uint64_t posted_ns, waited_ns;
    sem_t done;
};

static void on_letter(struct rb_mail *mail)
{
    struct letter *letter = RB_OUTER(mail, struct letter, mail);
    letter->waited_ns = rb_clock_real_ns() - letter->posted_ns;
    sem_post(&letter->done);
}

static void send_letter(struct rb_loop *loop, struct samples *waits)
{
    struct letter letter = {.mail.run = on_letter, .posted_ns = rb_clock_real_ns()};
    sem_init(&letter.done, 0, 0);
    rb_loop_post(loop, &letter.mail);
    sem_wait(&letter.done);
    sem_destroy(&letter.done);
    samples_add(waits, letter.waited_ns);
}

static void send_letters(struct registry *registry, unsigned *turn, struct samples *waits)
{
    const struct timespec pause = {.tv_nsec = LETTER_PAUSE_US * 1000};
    send_letter(registry->loops[(*turn)++ % LOOPS], waits);
    nanosleep(&pause, NULL);
}

/* ---- measuring ---- */

static void add_pause(struct registry *registry, const char *name, const char *label, struct samples *waits)
{
    struct figure figure = {.part = "search", .unit = "ms", .value = samples_percentile_us(waits, 1) / 1e3};
    snprintf(figure.name, sizeof figure.name, "pause_%s", name);
    snprintf(figure.label, sizeof figure.label, "  longest wait of a letter, %s", label);
    snprintf(figure.note, sizeof figure.note, "p50 %.0f us, p99 %.0f us, %zu letters",
             samples_percentile_us(waits, 0.5), samples_percentile_us(waits, 0.99), waits->count);
    report_add(&registry->bench->report, &figure);
}

static void measure_quiet(struct registry *registry)
{
    struct samples waits = {0};
    unsigned turn = 0;
    uint64_t begun_ns = rb_clock_real_ns();
    while (measure_seconds_since(begun_ns) < registry->bench->options.seconds && !bench_is_interrupted())
        send_letters(registry, &turn, &waits);
    add_pause(registry, "quiet", "nobody searches", &waits);
    samples_fini(&waits);
}

static void add_search(struct registry *registry, struct searcher *searcher)
{
    struct figure figure = {.part = "search",
                            .unit = "ms",
                            .value = samples_percentile_us(&searcher->samples, 0.5) / 1e3,
                            .goal_kind = GOAL_AT_MOST,
                            .goal = 50};
    snprintf(figure.name, sizeof figure.name, "search_%s", searcher->kind->name);
    snprintf(figure.label, sizeof figure.label, "search of 100,000 connections, %s", searcher->kind->label);
    snprintf(figure.note, sizeof figure.note, "p99 %.1f ms, %zu searches",
             samples_percentile_us(&searcher->samples, 0.99) / 1e3, searcher->samples.count);
    report_add(&registry->bench->report, &figure);
}

static bool measure_kind(struct registry *registry, const struct search_kind *kind)
{
    struct searcher searcher = {.registry = registry, .kind = kind, .mail.run = begin_searching};
    struct samples waits = {0};
    unsigned turn = 0;
    rb_str why;
    if (kind->filter)
        RB_CHECK(!rb_filter_read(rb_str_of(kind->filter), &searcher.arena, &searcher.filter, &why));
    searcher.until_ns = rb_clock_real_ns() + (uint64_t)(registry->bench->options.seconds * 1e9);
    rb_loop_post(registry->loops[0], &searcher.mail);
    while (!atomic_load(&searcher.is_over)) send_letters(registry, &turn, &waits);
    add_search(registry, &searcher);
    add_pause(registry, kind->name, "meanwhile", &waits);
    bool is_good = !searcher.has_failed;
    samples_fini(&waits);
    samples_fini(&searcher.samples);
    rb_arena_fini(&searcher.arena);
    return is_good ||
           report_fail(&registry->bench->report, "search: %s found others than are there", kind->name);
}

static bool measure_all(struct registry *registry)
{
    static const struct search_kind kinds[] = {
        {.name = "page", .label = "the first 100 of all", .expected = PAGE},
        {.name = "client", .label = "all of one client, the last", .client = "client-999", .expected = PAGE},
        {.name = "nothing", .label = "in vain", .client = "nobody"},
        {.name = "filter",
         .label = "in vain, by a filter of two properties",
         .filter =
             "[\"and\",[\"in\",\"msg\",[\"property\",\"caps\"]],[\"==\",[\"property\",\"user_id\"],\"u7\"]]"},
        {.name = "filter_like",
         .label = "in vain, by a filter of five",
         .filter =
             "[\"and\",[\"like\",[\"property\",\"app\"],\"/desk/"
             "%\"],[\"!=\",[\"property\",\"door\"],\"native\"],"
             "[\"in\",\"files\",[\"property\",\"caps\"]],[\"==\",[\"property\",\"ownertype\"],\"user\"],"
             "[\"like\",[\"property\",\"session\"],\"%-9999\"]]"},
    };
    measure_quiet(registry);
    for (size_t i = 0; i < RB_COUNT(kinds) && !bench_is_interrupted(); i++)
        if (!measure_kind(registry, &kinds[i])) return false;
    return true;
}

/* ---- the registry ---- */

static void *run_loop(void *loop)
{
    rb_loop_run(loop);
    return NULL;
}

static bool registry_open(struct registry *registry)
{
    struct rb_buf why = {0};
    snprintf(registry->directory, sizeof registry->directory, "%s/ringback-bench-XXXXXX",
             registry->bench->options.directory);
    bool is_good =
        mkdtemp(registry->directory) && !rb_store_open(registry->directory, true, &registry->store, &why);
    if (!is_good) report_fail(&registry->bench->report, "search: no store: %s", rb_buf_text(&why));
    rb_buf_fini(&why);
    if (!is_good) return false;
    for (unsigned i = 0; i < LOOPS; i++) registry->loops[i] = rb_loop_new("bench");
    registry->hub = rb_hub_new(registry->store, registry->loops, LOOPS, rules, RB_COUNT(rules));
    registry->entries = rb_new_array(struct entry, CONNECTIONS);
    for (unsigned i = 0; i < LOOPS; i++)
        pthread_create(&registry->threads[i], NULL, run_loop, registry->loops[i]);
    for (unsigned i = 0; i < LOOPS; i++) run_on(registry, i, announce_all);
    return true;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static void registry_close(struct registry *registry)
{
    for (unsigned i = 0; i < LOOPS; i++) run_on(registry, i, part_all);
    for (unsigned i = 0; i < LOOPS; i++) rb_loop_stop(registry->loops[i]);
    for (unsigned i = 0; i < LOOPS; i++) pthread_join(registry->threads[i], NULL);
    for (unsigned i = 0; i < LOOPS; i++) rb_loop_end(registry->loops[i]);
    rb_store_close(registry->store);
    rb_hub_free(registry->hub);
    for (unsigned i = 0; i < LOOPS; i++) rb_loop_free(registry->loops[i]);
    rb_free(registry->entries);
    nftw(registry->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool part_search(struct bench *bench)
{
    struct registry registry = {.bench = bench};
    if (!registry_open(&registry)) return false;
    bool is_good = measure_all(&registry);
    registry_close(&registry);
    return is_good;
}
