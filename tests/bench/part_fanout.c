/* Fan-out: events published to one topic with many subscribers, one round after the other: publish, wait
 * until every subscriber has it, and again. Rounds are of one event (lockstep) or of many (bursts).
 *
 * Beside Ringback runs a bare loop (bare.h) with as many connections and the same bytes, read by the same
 * client code, so that the ratio says what the product costs and not what the client or the kernel does. Both
 * get half a dozen turns, one after the other, since machines are not equally fast all the time. */
#include "audience.h"
#include "bare.h"
#include "base/check.h"
#include "base/clock.h"
#include "codec/json.h"
#include "link.h"
#include "measure.h"
#include "server.h"

#include <stdio.h>

enum { TURNS = 6, WARM_UP_ROUNDS = 20, ROUND_MS = 10000, STRAY_MS = 200 };

struct measured {
    uint64_t deliveries;
    double seconds, cpu_us;
    struct samples rounds;
};

/* One of the two that are compared. */
struct source {
    const char *whose;
    pid_t pid;
    bool (*publish)(struct source *source, uint64_t first, unsigned events);
    bool (*finish)(struct source *source); /* after a round */
    struct audience audience;
    struct measured lockstep, bursts;
};

struct ringback {
    struct source source;
    struct server server;
    struct link publisher;
    struct rb_buf request, body;
};

struct bare_source {
    struct source source;
    struct bare bare;
    struct rb_buf before, after; /* of the data, in a message of Ringback's */
    struct rb_buf frames;
};

struct fanout {
    struct bench *bench;
    struct ringback ringback;
    struct bare_source bare;
};

/* ---- publishing to Ringback ---- */

static void put_event(struct rb_buf *out, uint64_t number)
{
    rb_buf_add_text(out, "{\"name\":\"n\",\"data\":");
    event_data_put(out, number);
    rb_buf_add_char(out, '}');
}

static bool publish_ringback(struct source *source, uint64_t first, unsigned events)
{
    struct ringback *ringback = RB_OUTER(source, struct ringback, source);
    struct rb_buf *body = &ringback->body;
    rb_buf_clear(body);
    rb_buf_clear(&ringback->request);
    if (events > 1) rb_buf_add_char(body, '[');
    for (unsigned i = 0; i < events; i++) {
        if (i > 0) rb_buf_add_char(body, ',');
        put_event(body, first + i);
    }
    if (events > 1) rb_buf_add_char(body, ']');
    link_put_request(&ringback->request, "POST", "/v1/topics/" BENCH_TOPIC "/events",
                     ringback->server.backend_token, rb_buf_str(body));
    return link_send(ringback->publisher.fd, rb_buf_str(&ringback->request));
}

static bool finish_ringback(struct source *source)
{
    struct ringback *ringback = RB_OUTER(source, struct ringback, source);
    struct link_answer answer;
    enum link_step step = LINK_MORE;
    while (step == LINK_MORE) step = link_read_answer(&ringback->publisher, 0, &answer);
    return step == LINK_ANSWER && answer.status == 200;
}

/* ---- publishing to the bare loop ---- */

/* Its messages look like Ringback's: what stands around the data is taken from one. */
static void learn_message(struct bare_source *bare, const struct audience *from)
{
    rb_str message = rb_buf_str(&from->copies[0]);
    struct rb_json doc = {0};
    RB_CHECK(rb_json_parse(&doc, message, NULL) == RB_OK);
    rb_str data = rb_json_raw(rb_json_get(rb_json_root(&doc), "data"));
    size_t at = (size_t)(data.p - message.p);
    rb_buf_add_str(&bare->before, rb_str_sub(message, 0, at));
    rb_buf_add_str(&bare->after, rb_str_from(message, at + data.n));
    rb_json_fini(&doc);
}

static bool publish_bare(struct source *source, uint64_t first, unsigned events)
{
    struct bare_source *bare = RB_OUTER(source, struct bare_source, source);
    struct rb_buf message = {0};
    rb_buf_clear(&bare->frames);
    for (unsigned i = 0; i < events; i++) {
        rb_buf_clear(&message);
        rb_buf_add_str(&message, rb_buf_str(&bare->before));
        event_data_put(&message, first + i);
        rb_buf_add_str(&message, rb_buf_str(&bare->after));
        rb_ws_put_frame(&bare->frames, RB_WS_TEXT, rb_buf_str(&message));
    }
    rb_buf_fini(&message);
    return bare_send(&bare->bare, rb_buf_str(&bare->frames));
}

static bool finish_bare(struct source *source)
{
    (void)source;
    return true;
}

/* ---- rounds ---- */

static bool run_round(struct source *source, unsigned events, struct report *report)
{
    struct audience *audience = &source->audience;
    audience_begin_round(audience, events);
    if (!source->publish(source, audience->round_first, events))
        return report_fail(report, "fanout: %s takes no more events", source->whose);
    if (!audience_await_round(audience, ROUND_MS)) return audience_is_sound(audience, source->whose, report);
    return source->finish(source) ||
           report_fail(report, "fanout: %s did not confirm a publish", source->whose);
}

static bool run_turn(struct source *source, unsigned events, double seconds, struct measured *measured,
                     struct report *report)
{
    double cpu_us = measure_cpu_us(source->pid);
    uint64_t begun_ns = rb_clock_real_ns(), until_ns = begun_ns + (uint64_t)(seconds * 1e9),
             now_ns = begun_ns;
    while (now_ns < until_ns && !bench_is_interrupted()) {
        uint64_t round_ns = now_ns;
        if (!run_round(source, events, report)) return false;
        now_ns = rb_clock_real_ns();
        samples_add(&measured->rounds, now_ns - round_ns);
        measured->deliveries += source->audience.received;
    }
    measured->seconds += (double)(now_ns - begun_ns) / 1e9;
    measured->cpu_us += measure_cpu_us(source->pid) - cpu_us;
    return true;
}

static bool warm_up(struct source *source, struct report *report)
{
    bool is_good = true;
    for (unsigned i = 0; i < WARM_UP_ROUNDS && is_good; i++) is_good = run_round(source, 1, report);
    return is_good;
}

/* In turns, and then a look whether anything comes that should not. */
static bool run_all(struct fanout *fanout)
{
    struct report *report = &fanout->bench->report;
    struct source *sources[] = {&fanout->ringback.source, &fanout->bare.source};
    double seconds = fanout->bench->options.seconds / TURNS;
    for (unsigned i = 0; i < 2 * TURNS; i++) {
        struct source *source = sources[i % 2];
        if (!run_turn(source, 1, seconds, &source->lockstep, report)) return false;
    }
    for (unsigned i = 0; i < 2 * TURNS; i++) {
        struct source *source = sources[i % 2];
        if (!run_turn(source, ROUND_EVENTS_MAX, seconds, &source->bursts, report)) return false;
    }
    audience_listen(&fanout->ringback.source.audience, STRAY_MS);
    return audience_is_sound(&fanout->ringback.source.audience, "fanout", report) && !bench_is_interrupted();
}

/* ---- what comes out ---- */

static double per_second(const struct measured *measured)
{
    return (double)measured->deliveries / measured->seconds;
}

static double cpu_us_each(const struct measured *measured)
{
    return measured->cpu_us / (double)measured->deliveries;
}

static void add_rate(struct report *report, const char *name, const char *label, struct measured *measured)
{
    struct figure figure = {
        .part = "fanout", .name = name, .label = label, .unit = "/s", .value = per_second(measured)};
    snprintf(figure.note, sizeof figure.note,
             "%.2f us of processor each; last has it after p50 %.1f, p99 %.1f ms", cpu_us_each(measured),
             samples_percentile_us(&measured->rounds, 0.5) / 1e3,
             samples_percentile_us(&measured->rounds, 0.99) / 1e3);
    report_add(report, &figure);
}

static void add_ratio(struct report *report, const char *name, const char *label,
                      const struct measured *ringback, const struct measured *bare)
{
    struct figure figure = {.part = "fanout",
                            .name = name,
                            .label = label,
                            .unit = "",
                            .value = per_second(ringback) / per_second(bare)};
    snprintf(figure.note, sizeof figure.note, "processor per delivery: %.2f times that of the bare loop",
             cpu_us_each(ringback) / cpu_us_each(bare));
    report_add(report, &figure);
}

static void add_figures(struct fanout *fanout)
{
    struct report *report = &fanout->bench->report;
    struct source *ringback = &fanout->ringback.source, *bare = &fanout->bare.source;
    add_rate(report, "lockstep_per_second", "deliveries, one event at a time", &ringback->lockstep);
    add_rate(report, "lockstep_bare_per_second", "  the same by a bare epoll loop", &bare->lockstep);
    add_ratio(report, "lockstep_ratio", "  Ringback / bare loop", &ringback->lockstep, &bare->lockstep);
    add_rate(report, "bursts_per_second", "deliveries, bursts of 32 events", &ringback->bursts);
    add_rate(report, "bursts_bare_per_second", "  the same by a bare epoll loop, one send a burst",
             &bare->bursts);
    add_ratio(report, "bursts_ratio", "  Ringback / bare loop", &ringback->bursts, &bare->bursts);
}

/* ---- the part ---- */

static bool gather(struct fanout *fanout)
{
    struct report *report = &fanout->bench->report;
    struct ringback *ringback = &fanout->ringback;
    struct bare_source *bare = &fanout->bare;
    unsigned count = fanout->bench->options.subscribers;
    if (!link_open(&ringback->publisher, ringback->server.port))
        return report_fail(report, "fanout: no connection to publish");
    if (!audience_join(&ringback->source.audience, ringback->server.port, ringback->server.client_token,
                       count))
        return report_fail(report, "fanout: only %u of %u subscribed", ringback->source.audience.count,
                           count);
    if (!warm_up(&ringback->source, report)) return false;
    learn_message(bare, &ringback->source.audience);
    if (!audience_join(&bare->source.audience, bare->bare.port, NULL, count) || !bare_await_all(&bare->bare))
        return report_fail(report, "fanout: no connections to the bare loop");
    return warm_up(&bare->source, report);
}

static bool measure_fanout(struct fanout *fanout)
{
    struct ringback *ringback = &fanout->ringback;
    struct bare_source *bare = &fanout->bare;
    ringback->source = (struct source){.whose = "Ringback",
                                       .pid = ringback->server.pid,
                                       .publish = publish_ringback,
                                       .finish = finish_ringback};
    bare->source = (struct source){
        .whose = "the bare loop", .pid = bare->bare.pid, .publish = publish_bare, .finish = finish_bare};
    audience_init(&ringback->source.audience, fanout->bench->options.subscribers);
    audience_init(&bare->source.audience, fanout->bench->options.subscribers);
    bool is_good = gather(fanout) && run_all(fanout);
    if (is_good) add_figures(fanout);
    return is_good;
}

static void source_fini(struct source *source)
{
    audience_fini(&source->audience);
    samples_fini(&source->lockstep.rounds);
    samples_fini(&source->bursts.rounds);
}

bool part_fanout(struct bench *bench)
{
    struct fanout fanout = {.bench = bench};
    struct ringback *ringback = &fanout.ringback;
    struct bare_source *bare = &fanout.bare;
    if (!bare_start(&bare->bare, bench->options.subscribers))
        return report_fail(&bench->report, "fanout: the bare loop does not start");
    bool is_good = server_start(&ringback->server, bench, NULL) && measure_fanout(&fanout);
    link_close(&ringback->publisher);
    source_fini(&ringback->source);
    source_fini(&bare->source);
    rb_buf_fini(&ringback->request);
    rb_buf_fini(&ringback->body);
    rb_buf_fini(&bare->before);
    rb_buf_fini(&bare->after);
    rb_buf_fini(&bare->frames);
    bare_stop(&bare->bare);
    return (ringback->server.pid <= 0 || server_stop(&ringback->server, bench)) && is_good;
}
