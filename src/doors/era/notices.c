/* Events of topics as the messages of subscriptions.
 *
 * An event that fits several subscriptions of a connection is sent once for each. A connection stands in a
 * topic with one cursor only, so it is the encoding that says how often: there is one for each number, and
 * those who are subscribed as often share their frames. */
#include "base/mem.h"
#include "doors/era/link.h"

#include <string.h>

enum { NOTICE_TIMES_MAX = SUBSCRIPTIONS_MAX + 1 /* while one replaces another */ };

struct notices {
    struct rb_encoding encoding;
    enum era_class class;
    unsigned times;
};

const char *era_class_name(enum era_class class)
{
    static const char *const names[ERA_CLASSES] = {"registrarevents", "jobevents"};
    return names[class];
}

/* The last element: of a job's topic the job. */
static rb_str last_of(rb_str topic)
{
    rb_str element = RB_STR_NONE;
    while (rb_str_split(&topic, '/', &element)) {
    }
    return element;
}

static void put_job_data(struct rb_buf *out, rb_str topic, rb_str data)
{
    struct rb_json_out json = {.buf = out};
    rb_json_begin_object(&json);
    rb_json_put_key(&json, "job_id");
    rb_json_put_str(&json, last_of(topic));
    rb_json_put_key(&json, "data");
    rb_json_put_raw(&json, data);
    rb_json_end_object(&json);
}

static struct rb_blob *repeat(rb_str text, unsigned times)
{
    unsigned char header[RB_WS_HEADER_MAX];
    size_t header_bytes = rb_ws_put_header(header, RB_WS_TEXT, true, text.n, NULL);
    size_t frame_bytes = header_bytes + text.n;
    struct rb_blob *blob = rb_blob_new(frame_bytes * times);
    if (!blob) return NULL;
    for (unsigned i = 0; i < times; i++) {
        memcpy(blob->p + i * frame_bytes, header, header_bytes);
        memcpy(blob->p + i * frame_bytes + header_bytes, text.p, text.n);
    }
    return blob;
}

static struct rb_blob *make(const struct notices *notices, rb_str topic, struct rb_era_notice *notice)
{
    struct rb_buf text = {0}, data = {0};
    if (notices->class == ERA_JOB_EVENTS) {
        put_job_data(&data, topic, notice->data);
        notice->data = rb_buf_str(&data);
    }
    notice->class = era_class_name(notices->class);
    rb_era_put_notice(&text, notice);
    struct rb_blob *blob = text.failed || data.failed ? NULL : repeat(rb_buf_str(&text), notices->times);
    rb_buf_fini(&text);
    rb_buf_fini(&data);
    return blob;
}

static struct rb_blob *encode(const struct rb_encoding *encoding, rb_str topic, struct rb_position position,
                              const struct rb_event *event)
{
    (void)position;
    return make(RB_OUTER(encoding, const struct notices, encoding), topic,
                &(struct rb_era_notice){.type = event->name, .data = event->data, .time_ms = event->time_ms});
}

/* What was missed is to be read anew: the registrar's word for that is `clear`. */
struct rb_blob *era_gap_notice(const struct rb_encoding *encoding, rb_str topic, uint64_t now_ms)
{
    return make(RB_OUTER(encoding, const struct notices, encoding), topic,
                &(struct rb_era_notice){.type = RB_STR("clear"), .data = RB_STR("{}"), .time_ms = now_ms});
}

/* ---- all of them ---- */

struct notices *era_notices_new(void)
{
    struct notices *all = rb_new_array(struct notices, (size_t)ERA_CLASSES * NOTICE_TIMES_MAX);
    for (unsigned class = 0; class < ERA_CLASSES; class ++)
        for (unsigned i = 0; i < NOTICE_TIMES_MAX; i++)
            all[class * NOTICE_TIMES_MAX + i] =
                (struct notices){{.encode = encode}, (enum era_class) class, i + 1};
    return all;
}

void era_notices_free(struct notices *all)
{
    rb_free(all);
}

const struct rb_encoding *era_notices(const struct notices *all, enum era_class class, unsigned times)
{
    return &all[(unsigned)class * NOTICE_TIMES_MAX + times - 1].encoding;
}
