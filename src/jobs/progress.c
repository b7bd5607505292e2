#include "jobs/progress.h"

#include "base/clock.h"
#include "codec/json.h"

void progress_init(struct progress *progress, struct rb_hub *hub, struct rb_loop *loop, rb_str topic,
                   uint64_t interval_ms)
{
    *progress = (struct progress){.hub = hub, .loop = loop, .topic = topic, .interval_ms = interval_ms};
}

void progress_fini(struct progress *progress)
{
    rb_timer_stop(&progress->pace);
    report_fini(&progress->report);
}

static void publish(struct progress *progress, rb_str name, rb_str data, uint32_t flags)
{
    struct rb_event_spec event = {.name = name, .data = data, .flags = RB_EVENT_TRANSIENT | flags};
    rb_publication_send(rb_publication_new(progress->hub, progress->topic, &event, NULL, NULL, NULL));
}

/* ---- the shape ---- */

static void on_pace(struct rb_timer *timer);

static void publish_shape(struct progress *progress)
{
    struct rb_buf data = {0};
    report_write(&progress->report, &data);
    if (!data.failed) publish(progress, RB_STR("progress"), rb_buf_str(&data), RB_EVENT_REPLACEABLE);
    rb_buf_fini(&data);
    progress->is_behind = false;
    rb_timer_start(progress->loop, &progress->pace, progress->interval_ms, on_pace);
}

static void on_pace(struct rb_timer *timer)
{
    struct progress *progress = RB_OUTER(timer, struct progress, pace);
    if (progress->is_behind) publish_shape(progress);
}

/* ---- single events ---- */

static bool is_within_limits(struct progress *progress, size_t bytes)
{
    uint64_t now_ms = rb_clock_ms();
    if (now_ms - progress->window_start_ms >= 1000) {
        progress->window_start_ms = now_ms;
        progress->window_events = 0;
        progress->window_bytes = 0;
    }
    if (progress->window_events == PROGRESS_EVENTS_MAX ||
        progress->window_bytes + bytes > PROGRESS_EVENT_BYTES_MAX)
        return false;
    progress->window_events++;
    progress->window_bytes += bytes;
    return true;
}

static bool may_publish(struct progress *progress, size_t bytes)
{
    bool may = is_within_limits(progress, bytes);
    if (!may) progress->dropped++;
    return may;
}

static void publish_text(struct progress *progress, const char *name, rb_str text)
{
    if (!text.p || !may_publish(progress, text.n)) return;
    struct rb_buf data = {0};
    struct rb_json_out out = {.buf = &data};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "message");
    rb_json_put_str(&out, text_clip(text, REPORT_TEXT_CHARACTERS_MAX));
    rb_json_end_object(&out);
    if (!data.failed) publish(progress, rb_str_of(name), rb_buf_str(&data), 0);
    rb_buf_fini(&data);
}

static bool is_complete(const struct report *report)
{
    return report->is_known && report->progress >= 100;
}

void progress_take(struct progress *progress, const struct report_line *line)
{
    publish_text(progress, "info", line->info);
    publish_text(progress, "warning", line->warning);
    publish_text(progress, "error", line->error);
    if (line->event.p && may_publish(progress, line->event.n + line->data.n))
        publish(progress, line->event, line->data, 0);
    uint32_t stage = progress->report.stage;
    bool was_complete = is_complete(&progress->report);
    if (!report_apply(&progress->report, line)) return;
    progress->is_behind = true;
    bool is_awaited = progress->report.stage != stage || (is_complete(&progress->report) && !was_complete);
    if (!rb_timer_is_running(&progress->pace) || (is_awaited && is_within_limits(progress, 0)))
        publish_shape(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->is_behind) publish_shape(progress);
    rb_timer_stop(&progress->pace);
}
