#include "source.h"

#include "base/check.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/ws.h"

#include <sys/socket.h>

enum { WARM_UP_ROUNDS = 20, ROUND_MS = 20000, STRAY_MS = 100 };

/* Where both are pinned, the server shares its core with nobody and needs one loop. */
static const char one_loop[] = "threads: 1\n";

/* ---- opening ---- */

static bool open_publishers(struct source *source)
{
    for (unsigned i = 0; i < PUBLISHERS; i++)
        if (!link_open(&source->publishers[i].link, source->server.port))
            return report_fail(&source->bench->report, "no connection to publish");
    return true;
}

bool source_open_ringback(struct source *source, struct bench *bench, unsigned capacity, unsigned data_bytes)
{
    *source = (struct source){.whose = "Ringback", .bench = bench};
    audience_init(&source->audience, capacity);
    source->audience.data_bytes = data_bytes;
    if (!server_start(&source->server, bench, bench->is_pinned ? one_loop : NULL)) return false;
    source->pid = source->server.pid;
    return open_publishers(source);
}

bool source_open_bare(struct source *source, struct bench *bench, enum bare_form form,
                      const struct source *model)
{
    *source = (struct source){.whose = "the bare loop", .bench = bench};
    audience_init(&source->audience, model->audience.capacity);
    source->audience.data_bytes = model->audience.data_bytes;
    rb_buf_add_str(&source->before, rb_buf_str(&model->before));
    rb_buf_add_str(&source->after, rb_buf_str(&model->after));
    if (!bare_open(&source->bare, form)) return report_fail(&bench->report, "the bare loop does not start");
    source->pid = source->bare.pid;
    return true;
}

void source_learn(struct source *source)
{
    struct rb_ws_reader reader;
    struct rb_ws_input input = {source->audience.script.p, source->audience.ends[0]};
    struct rb_ws_event event;
    struct rb_json doc = {0};
    rb_err err;
    rb_ws_reader_init(&reader, false, 1 << 20);
    RB_CHECK(rb_ws_next(&reader, &input, &event, &err) == RB_WS_EVENT);
    RB_CHECK(rb_json_parse(&doc, event.payload, NULL) == RB_OK);
    rb_str data = rb_json_raw(rb_json_get(rb_json_root(&doc), "data"));
    size_t at = (size_t)(data.p - event.payload.p);
    rb_buf_add_str(&source->before, rb_str_sub(event.payload, 0, at));
    rb_buf_add_str(&source->after, rb_str_from(event.payload, at + data.n));
    rb_json_fini(&doc);
    rb_ws_reader_fini(&reader);
}

bool source_close(struct source *source)
{
    for (unsigned i = 0; i < PUBLISHERS; i++) link_close(&source->publishers[i].link);
    audience_account(&source->audience, &source->bench->report);
    audience_fini(&source->audience);
    rb_buf_fini(&source->before);
    rb_buf_fini(&source->after);
    rb_buf_fini(&source->request);
    rb_buf_fini(&source->body);
    bare_stop(&source->bare);
    return source->server.pid <= 0 || server_stop(&source->server, source->bench);
}

/* ---- publishing ---- */

static void put_posted(struct source *source, uint64_t first, unsigned events)
{
    struct rb_buf *body = &source->body;
    if (events > 1) rb_buf_add_char(body, '[');
    for (unsigned i = 0; i < events; i++) {
        rb_buf_add_text(body, i > 0 ? ",{\"name\":\"n\",\"data\":" : "{\"name\":\"n\",\"data\":");
        event_data_put(body, first + i, source->audience.data_bytes);
        rb_buf_add_char(body, '}');
    }
    if (events > 1) rb_buf_add_char(body, ']');
}

static bool post(struct source *source, uint64_t first, unsigned events)
{
    unsigned i = 0;
    while (i < PUBLISHERS && source->publishers[i].is_busy) i++;
    if (i == PUBLISHERS) return false;
    put_posted(source, first, events);
    link_put_request(&source->request, "POST", "/v1/topics/" BENCH_TOPIC "/events",
                     source->server.backend_token, rb_buf_str(&source->body));
    source->publishers[i].is_busy = true;
    return link_send(source->publishers[i].link.fd, rb_buf_str(&source->request));
}

static bool hand_to_bare(struct source *source, uint64_t first, unsigned events)
{
    for (unsigned i = 0; i < events; i++) {
        rb_buf_clear(&source->body);
        rb_buf_add_str(&source->body, rb_buf_str(&source->before));
        event_data_put(&source->body, first + i, source->audience.data_bytes);
        rb_buf_add_str(&source->body, rb_buf_str(&source->after));
        rb_ws_put_frame(&source->request, RB_WS_TEXT, rb_buf_str(&source->body));
    }
    return bare_send_batch(&source->bare, rb_buf_str(&source->request), events);
}

bool source_publish(struct source *source, unsigned events)
{
    uint64_t first = source->audience.next - events;
    rb_buf_clear(&source->body);
    rb_buf_clear(&source->request);
    return source->server.pid > 0 ? post(source, first, events) : hand_to_bare(source, first, events);
}

static bool take_answer(struct publisher *publisher, bool wait)
{
    struct link_answer answer;
    enum link_step step;
    do step = link_read_answer(&publisher->link, wait ? 0 : MSG_DONTWAIT, &answer);
    while (step == LINK_MORE && wait);
    if (step == LINK_MORE) return true;
    publisher->is_busy = false;
    return step == LINK_ANSWER && answer.status == 200;
}

bool source_take_answers(struct source *source, bool wait)
{
    bool is_good = true;
    for (unsigned i = 0; i < PUBLISHERS && is_good; i++)
        if (source->publishers[i].is_busy) is_good = take_answer(&source->publishers[i], wait);
    return is_good ||
           report_fail(&source->bench->report, "%s did not confirm a publish with 200", source->whose);
}

/* ---- rounds ---- */

bool source_run_round(struct source *source, unsigned events)
{
    struct report *report = &source->bench->report;
    audience_begin_round(&source->audience, events);
    if (!source_publish(source, events)) return report_fail(report, "%s takes no more events", source->whose);
    if (!audience_await_round(&source->audience, ROUND_MS))
        return audience_is_sound(&source->audience, source->whose, report);
    return source_take_answers(source, true);
}

bool source_run_turn(struct source *source, unsigned events, double seconds, struct turn *out,
                     struct samples *samples_or_null)
{
    double cpu_us = measure_cpu_us(source->pid);
    uint64_t begun_ns = rb_clock_real_ns(), until_ns = begun_ns + (uint64_t)(seconds * 1e9);
    uint64_t now_ns = begun_ns, deliveries = 0;
    while (now_ns < until_ns && !bench_is_interrupted()) {
        uint64_t round_ns = now_ns;
        if (!source_run_round(source, events)) return false;
        now_ns = rb_clock_real_ns();
        if (samples_or_null) samples_add(samples_or_null, now_ns - round_ns);
        deliveries += source->audience.received;
    }
    if (bench_is_interrupted()) return false;
    out->per_second = (double)deliveries / ((double)(now_ns - begun_ns) / 1e9);
    out->cpu_us_each = (measure_cpu_us(source->pid) - cpu_us) / (double)deliveries;
    return true;
}

/* ---- coming and going ---- */

bool source_gather(struct source *source, unsigned subscribers)
{
    bool is_bare = source->server.pid <= 0;
    uint16_t port = is_bare ? source->bare.port : source->server.port;
    unsigned more = subscribers - source->audience.count;
    bool is_good =
        audience_join(&source->audience, port, is_bare ? NULL : source->server.client_token, more) &&
        (!is_bare || bare_await(&source->bare, subscribers, 0));
    if (!is_good)
        return report_fail(&source->bench->report, "%s: only %u of %u subscribed", source->whose,
                           source->audience.count, subscribers);
    for (unsigned i = 0; i < WARM_UP_ROUNDS && is_good; i++) is_good = source_run_round(source, 1);
    return is_good;
}

void source_scatter(struct source *source)
{
    audience_listen(&source->audience, STRAY_MS);
    audience_leave(&source->audience, 0);
    measure_await_idle(source->pid);
}
