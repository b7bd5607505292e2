/* The outcome of a job as an event of its room. Decided when the job is started, written down with the job,
 * and published in the transaction that stores the job's end.
 *
 * The sample client of the dialect reads one property of one object: a `downloadId` that is a string of an
 * integer means success, any other string is the error text that it shows. Hence success is the job's number,
 * and failure a readable line that is never all digits. Who may see it: the client that started the job;
 * everybody in the room when a back end started it, or when the room says so. */
#include "doors/socketio/sio_private.h"

#include <string.h>

enum { ERROR_TEXT_MAX = 200 };

rb_str announce_text(struct rb_arena *arena, rb_str topic, rb_str event, bool is_open)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "topic");
    rb_json_put_str(&out, topic);
    rb_json_put_key(&out, "event");
    rb_json_put_str(&out, event);
    rb_json_put_key(&out, "open");
    rb_json_put_bool(&out, is_open);
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

bool announce_is_open(rb_str announce)
{
    struct rb_json doc;
    bool is_open = false;
    if (rb_json_parse(&doc, announce, NULL) != RB_OK) return false;
    rb_json_bool(rb_json_get(rb_json_root(&doc), "open"), &is_open);
    rb_json_fini(&doc);
    return is_open;
}

static bool is_number(rb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return true;
}

/* What a person can read: one line, not long, not a number. */
static rb_str error_text(struct rb_arena *arena, const struct rb_job_record *job)
{
    rb_err reason;
    rb_str text = rb_str_trim(job->message);
    if (text.n == 0 && rb_reason_find(job->reason, &reason)) text = rb_str_of(rb_reason(reason)->sentence);
    if (job->state == RB_JOB_STATE_FINISHED) text = RB_STR("The export produced no files.");
    text = rb_arena_copy(arena, rb_str_sub(text, 0, ERROR_TEXT_MAX));
    while (text.n > 0 && ((unsigned char)text.p[text.n - 1] & 0xc0) == 0x80)
        text.n--; /* not in the middle of a character */
    if (text.n > 0 && (unsigned char)text.p[text.n - 1] >= 0xc0) text.n--;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20) ((char *)(uintptr_t)text.p)[i] = ' ';
    return is_number(text) ? rb_arena_fmt(arena, "ERROR: %.*s", RB_STR_FMT(text)) : text;
}

static rb_str outcome(struct rb_arena *arena, const struct rb_job_record *job)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    bool has_result = job->state == RB_JOB_STATE_FINISHED && job->result_file.n > 0;
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "downloadId");
    rb_json_put_str(&out, has_result ? rb_arena_fmt(arena, "%llu", (unsigned long long)job->number)
                                     : error_text(arena, job));
    rb_json_put_key(&out, "jobId");
    rb_json_put_str(&out, job->id);
    rb_json_put_key(&out, "state");
    rb_json_put_text(&out, rb_job_state_name(job->state));
    rb_json_end_object(&out);
    rb_str copy = rb_arena_copy(arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

static unsigned announce(void *arg, const struct rb_job_record *job, rb_str wanted, struct rb_arena *arena,
                         struct rb_announcement *out)
{
    (void)arg;
    struct rb_json doc;
    rb_str topic, event;
    bool is_open = false;
    if (rb_json_parse(&doc, rb_arena_copy(arena, wanted), NULL) != RB_OK) return 0;
    rb_json_val root = rb_json_root(&doc);
    bool is_ours = rb_json_string(rb_json_get(root, "topic"), arena, &topic) &&
                   rb_json_string(rb_json_get(root, "event"), arena, &event) &&
                   rb_json_bool(rb_json_get(root, "open"), &is_open);
    rb_json_fini(&doc);
    if (!is_ours) return 0;
    out[0].topic = topic;
    out[0].event = (struct rb_event_spec){.name = event,
                                          .data = outcome(arena, job),
                                          .audience = is_open ? RB_STR_NONE : job->client,
                                          .flags = RB_EVENT_FINAL};
    return 1;
}

struct rb_announcer rb_sio_announcer(struct rb_sio_door *door)
{
    return (struct rb_announcer){.announce = announce, .arg = door};
}
