/* What is pushed of a run: its progress as the job's topic tells it, then its result, read once.
 *
 * A stream is found by its token anew for each frame, so a client that has come back in the meantime gets the
 * rest. The result is one message, which waits in the client's output as a whole; what is too large for that
 * is named, not pushed. */
#include "base/mem.h"
#include "doors/bimserver/bots.h"
#include "doors/bimserver/endpoints.h"
#include "doors/bimserver/fetch.h"
#include "doors/bimserver/link.h"
#include "hub/watcher.h"

#include <errno.h>
#include <unistd.h>

enum stage {
    FOLLOWING, /* the job's topic */
    FETCHING,  /* its result */
    READING    /* that, on the pool */
};

struct push {
    struct rb_list node; /* in here->bots; unlinked: the door closes, nothing more is pushed */
    struct rb_bimserver_door *door;
    enum stage stage;
    const struct rb_identity *who;
    struct rb_arena arena; /* for its texts */
    rb_str token, context_id;
    struct bim_topic topic;
    struct rb_watcher watcher;
    struct bim_fetch fetch;
    struct rb_blob *bytes; /* of the result; NULL: could not be read */
};

static void push_free(struct push *push)
{
    rb_watcher_stop(&push->watcher);
    rb_list_remove(&push->node);
    rb_blob_unref(push->bytes);
    rb_identity_unref(push->who);
    rb_arena_fini(&push->arena);
    rb_free(push);
}

/* ---- frames on their way ---- */

struct parcel {
    struct rb_blob *frames[2]; /* the second may be NULL */
};

/* On the stream's loop. */
static rb_err deliver(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    struct parcel *parcel = errand->arg;
    struct bim_link *link = bim_link_of(conn);
    if (link->state != LINK_OPEN) return RB_CONNECTION_LOST;
    for (size_t i = 0; i < RB_COUNT(parcel->frames); i++)
        if (parcel->frames[i]) rb_socket_send(&link->socket, rb_blob_ref(parcel->frames[i]));
    return RB_OK;
}

static void on_delivered(struct rb_conn_errand *errand)
{
    struct parcel *parcel = errand->arg;
    for (size_t i = 0; i < RB_COUNT(parcel->frames); i++) rb_blob_unref(parcel->frames[i]);
    rb_conn_errand_free(errand);
}

static void push_frames(struct push *push, struct rb_buf *take_text, struct rb_blob *take_binary)
{
    struct rb_blob *text = take_text->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(take_text));
    struct rb_handle to;
    rb_buf_fini(take_text);
    bool is_there = bim_endpoints_find_by_token(push->door->endpoints, push->token, &to);
    if (!text || !is_there) {
        rb_blob_unref(text);
        rb_blob_unref(take_binary);
        return;
    }
    struct rb_conn_errand *errand =
        rb_conn_errand_new(push->door->setup.hub, RB_CONN_VISIT, on_delivered, NULL);
    struct parcel *parcel = rb_arena_new(&errand->arena, struct parcel);
    *parcel = (struct parcel){{text, take_binary}};
    errand->arg = parcel;
    errand->to = to;
    errand->tenant = rb_arena_copy(&errand->arena, push->who->tenant);
    errand->door = BIM_DOOR;
    errand->visit = deliver;
    rb_conn_errand_send(errand);
}

/* ---- what they say ---- */

static void put_text(struct rb_json_out *out, const char *key, rb_str text)
{
    rb_json_put_key(out, key);
    rb_json_put_str(out, text.p ? text : RB_STR(""));
}

static void put_topic(struct rb_json_out *out, const struct push *push)
{
    rb_json_put_key(out, "topicId");
    rb_json_put_u64(out, push->topic.number);
}

static void push_progress(struct push *push, const struct bim_state *state)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    put_text(&out, "type", RB_STR("progress"));
    put_topic(&out, push);
    rb_json_put_key(&out, "payload");
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "progress");
    rb_json_put_i64(&out, state->progress);
    put_text(&out, "label", state->title);
    rb_json_end_object(&out);
    rb_json_end_object(&out);
    push_frames(push, &text, NULL);
}

/* The protocol has no word for a run that failed; clients pass over types that they do not know. */
static void push_error(struct push *push, rb_str message)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    put_topic(&out, push);
    put_text(&out, "type", RB_STR("error"));
    rb_json_put_key(&out, "payload");
    rb_json_begin_object(&out);
    put_text(&out, "label", message);
    put_text(&out, "contextId", push->context_id);
    rb_json_end_object(&out);
    rb_json_end_object(&out);
    push_frames(push, &text, NULL);
}

static void put_disposition(struct rb_json_out *out, rb_str label)
{
    struct rb_buf text = {0};
    rb_buf_add_text(&text, "inline; filename=\"");
    for (size_t i = 0; i < label.n; i++) rb_buf_add_char(&text, label.p[i] == '"' ? '_' : label.p[i]);
    rb_buf_add_char(&text, '"');
    put_text(out, "contentDisposition", rb_buf_str(&text));
    rb_buf_fini(&text);
}

static void push_output(struct push *push, struct rb_blob *take_frame)
{
    const struct bim_file *file = &push->fetch.file;
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    put_topic(&out, push);
    put_text(&out, "type", RB_STR("output"));
    rb_json_put_key(&out, "payload");
    rb_json_begin_object(&out);
    put_text(&out, "schemaName", file->type);
    put_disposition(&out, file->label);
    put_text(&out, "contentType", file->type);
    put_text(&out, "title", file->label);
    put_text(&out, "contextId", push->context_id);
    rb_json_end_object(&out);
    rb_json_end_object(&out);
    push_frames(push, &text, take_frame);
}

/* ---- the result ---- */

static bool read_all(int fd, char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, p + at, n - at, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

static void read_on_pool(void *arg)
{
    struct push *push = arg;
    const struct bim_file *file = &push->fetch.file;
    struct rb_blob *bytes = rb_blob_new(file->bytes);
    bool is_read = bytes && read_all(file->fd, bytes->p, file->bytes);
    close(file->fd);
    if (is_read) push->bytes = rb_socket_frame(RB_WS_BINARY, rb_blob_str(bytes));
    rb_blob_unref(bytes);
}

static void on_read(void *arg)
{
    struct push *push = arg;
    struct rb_blob *frame = push->bytes;
    bool is_closed = !rb_list_is_linked(&push->node);
    push->bytes = NULL;
    if (is_closed)
        rb_blob_unref(frame);
    else if (frame)
        push_output(push, frame);
    else
        push_error(push, RB_STR("The result cannot be read"));
    push_free(push);
}

static bool is_too_large(const struct push *push)
{
    return push->fetch.file.bytes > push->door->setup.output_bytes_max / 2;
}

static void say_why_not(struct push *push)
{
    const struct rb_job_record *job = &push->fetch.file.job;
    rb_err err = push->fetch.err;
    if (err == RB_NO_RESULT && job->state == RB_JOB_STATE_FINISHED)
        push_output(push, rb_socket_frame(RB_WS_BINARY, RB_STR("")));
    else if (err == RB_NO_RESULT && job->message.n)
        push_error(push, job->message);
    else
        push_error(push, rb_str_of(rb_reason(err)->sentence));
}

static void on_fetched(struct bim_fetch *fetch)
{
    struct push *push = fetch->arg;
    bool is_closed = !rb_list_is_linked(&push->node);
    if (!fetch->err && !is_closed && !is_too_large(push)) {
        push->stage = READING;
        rb_loop_work(rb_loop_current(), read_on_pool, on_read, push);
        return;
    }
    if (!fetch->err) close(fetch->file.fd);
    if (!is_closed && fetch->err)
        say_why_not(push);
    else if (!is_closed)
        push_error(push, rb_arena_fmt(&push->arena,
                                      "The result is too large to be pushed; GET /download?topicId=%llu",
                                      (unsigned long long)push->topic.number));
    push_free(push);
}

static void fetch_result(struct push *push)
{
    push->stage = FETCHING;
    rb_watcher_stop(&push->watcher);
    push->fetch = (struct bim_fetch){.door = push->door,
                                     .who = push->who,
                                     .arena = &push->arena,
                                     .topic = push->topic.number,
                                     .done = on_fetched,
                                     .arg = push};
    bim_fetch_start(&push->fetch);
}

/* ---- following ---- */

/* Whether it was the last event. */
static bool take_event(struct push *push, const struct rb_event *event)
{
    struct rb_arena arena = {0};
    struct bim_state state;
    bool is_last = event->flags & RB_EVENT_FINAL;
    if (!is_last && bim_state_of_event(&push->topic, event, &arena, &state)) push_progress(push, &state);
    rb_arena_fini(&arena);
    return is_last;
}

static void on_events(struct rb_watcher *watcher)
{
    struct push *push = RB_OUTER(watcher, struct push, watcher);
    struct rb_log_entry *entry;
    enum rb_take taken;
    while ((taken = rb_sub_take(&watcher->sub, &entry)) != RB_TAKE_NOTHING) {
        if (taken != RB_TAKE_EVENT || !take_event(push, entry->event)) continue;
        fetch_result(push);
        return;
    }
}

/* ---- beginning and end ---- */

void bim_bot_push(struct rb_bimserver_door *door, const struct bim_bot_run *run)
{
    static const struct rb_watcher_ops ops = {.on_events = on_events};
    struct bim_here *here = bim_here(door);
    if (here->is_closing) return;
    struct push *push = rb_new(struct push);
    struct rb_arena *arena = &push->arena;
    push->door = door;
    push->who = rb_identity_ref(run->who);
    push->token = rb_arena_copy(arena, run->token);
    push->context_id = run->context_id.p ? rb_arena_copy(arena, run->context_id) : RB_STR_NONE;
    bim_topic_of(run->job, door->setup.checkin_kind, arena, &push->topic);
    push->topic.title = rb_arena_copy(arena, push->topic.title);
    rb_list_push_back(&here->bots, &push->node);
    rb_watcher_start(door->setup.hub, &push->watcher, rb_job_topic(arena, run->job->tenant, run->job->id),
                     &(struct rb_start){.at = RB_START_OLDEST}, &ops);
}

void bim_bots_close(struct bim_here *here)
{
    while (!rb_list_is_empty(&here->bots)) {
        struct push *push = RB_OUTER(here->bots.next, struct push, node);
        rb_list_remove(&push->node);
        switch (push->stage) {
        case FOLLOWING: push_free(push); break;
        case FETCHING: bim_fetch_gone(&push->fetch); break; /* on_fetched frees it, then or later */
        case READING: break;                                /* on_read does */
        }
    }
}
