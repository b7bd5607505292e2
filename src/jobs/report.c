#include "jobs/report.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "hub/event.h"
#include "store/store.h"

#include <string.h>

/* ---- lines ---- */

static rb_str text_member(rb_json_val object, const char *key, struct rb_arena *arena)
{
    rb_str text = RB_STR_NONE;
    rb_json_string(rb_json_get(object, key), arena, &text);
    return text;
}

/* Names that mean something of ours in a job's topic cannot be taken. */
static bool is_free_event_name(rb_str name)
{
    static const char *const ours[] = {"progress", "info", "warning", "error"};
    enum rb_job_state state;
    for (size_t i = 0; i < RB_COUNT(ours); i++)
        if (rb_str_is(name, ours[i])) return false;
    return rb_event_name_is_valid(name) && !rb_job_state_find(name, &state);
}

static void read_progress(rb_json_val value, struct report_line *line)
{
    if (rb_json_double(value, &line->progress)) {
        line->has_progress = line->is_known = true;
        if (line->progress < 0) line->progress = 0;
        if (line->progress > 100) line->progress = 100;
    } else {
        line->has_progress = rb_json_type(value) == RB_JSON_NULL;
    }
}

bool report_read(rb_str line, struct rb_arena *arena, struct report_line *out)
{
    line = rb_str_trim(line);
    struct rb_json doc;
    if (line.n == 0 || line.p[0] != '{' || rb_json_parse(&doc, line, NULL) != RB_OK) return false;
    rb_json_val root = rb_json_root(&doc);
    struct report_line found = {0};
    read_progress(rb_json_get(root, "progress"), &found);
    found.title = text_member(root, "title", arena);
    found.info = text_member(root, "info", arena);
    found.warning = text_member(root, "warning", arena);
    found.error = text_member(root, "error", arena);
    found.event = text_member(root, "event", arena);
    found.data = rb_json_raw(rb_json_get(root, "data"));
    if (found.event.p && !is_free_event_name(found.event)) found.event = RB_STR_NONE;
    rb_json_fini(&doc);
    if (!found.has_progress && !found.title.p && !found.info.p && !found.warning.p && !found.error.p &&
        !found.event.p)
        return false;
    *out = found;
    return true;
}

/* ---- the shape ---- */

static void texts_fini(struct report_texts *texts)
{
    for (unsigned i = 0; i < REPORT_TEXTS_MAX; i++) rb_free(texts->texts[i]);
}

void report_fini(struct report *report)
{
    texts_fini(&report->warnings);
    texts_fini(&report->infos);
    texts_fini(&report->errors);
    rb_free(report->title);
    *report = (struct report){0};
}

static bool texts_add(struct report_texts *texts, rb_str text)
{
    if (!text.p) return false;
    unsigned at = (texts->first + texts->count) % REPORT_TEXTS_MAX;
    if (texts->count < REPORT_TEXTS_MAX)
        texts->count++;
    else
        texts->first = (texts->first + 1) % REPORT_TEXTS_MAX;
    rb_free(texts->texts[at]);
    texts->texts[at] = rb_str_dup(text_clip(text, REPORT_TEXT_CHARACTERS_MAX));
    return true;
}

static bool set_title(struct report *report, rb_str title)
{
    if (!title.p) return false;
    title = text_clip(title, REPORT_TEXT_CHARACTERS_MAX);
    if (report->title && rb_str_is(title, report->title)) return false;
    rb_free(report->title);
    report->title = rb_str_dup(title);
    report->stage++;
    return true;
}

static bool set_progress(struct report *report, const struct report_line *line)
{
    if (!line->has_progress) return false;
    bool is_same = report->is_known == line->is_known && report->progress == line->progress;
    report->is_known = line->is_known;
    report->progress = line->progress;
    return !is_same;
}

bool report_apply(struct report *report, const struct report_line *line)
{
    bool is_first = !report->has_any;
    report->has_any = true;
    bool has_changed = set_progress(report, line);
    has_changed |= set_title(report, line->title);
    has_changed |= texts_add(&report->infos, line->info);
    has_changed |= texts_add(&report->warnings, line->warning);
    has_changed |= texts_add(&report->errors, line->error);
    return has_changed || (is_first && line->has_progress);
}

rb_str report_last_error(const struct report *report)
{
    const struct report_texts *errors = &report->errors;
    return errors->count ? rb_str_of(errors->texts[(errors->first + errors->count - 1) % REPORT_TEXTS_MAX])
                         : RB_STR_NONE;
}

static void write_texts(struct rb_json_out *out, const char *key, const struct report_texts *texts)
{
    rb_json_put_key(out, key);
    rb_json_begin_array(out);
    for (unsigned i = 0; i < texts->count; i++)
        rb_json_put_text(out, texts->texts[(texts->first + i) % REPORT_TEXTS_MAX]);
    rb_json_end_array(out);
}

void report_write(const struct report *report, struct rb_buf *buf)
{
    struct rb_json_out out = {.buf = buf};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "progress");
    if (report->is_known)
        rb_json_put_double(&out, report->progress);
    else
        rb_json_put_null(&out);
    rb_json_put_key(&out, "stage");
    rb_json_put_u64(&out, report->stage);
    rb_json_put_key(&out, "title");
    rb_json_put_text(&out, report->title);
    write_texts(&out, "warnings", &report->warnings);
    write_texts(&out, "infos", &report->infos);
    write_texts(&out, "errors", &report->errors);
    rb_json_end_object(&out);
}

/* ---- texts ---- */

rb_str text_clip(rb_str text, size_t characters_max)
{
    size_t at = 0;
    for (size_t characters = 0; at < text.n && text.p[at] && characters < characters_max; characters++) {
        size_t bytes = rb_utf8_length(rb_str_from(text, at));
        at += bytes ? bytes : 1;
    }
    return rb_str_sub(text, 0, at);
}

static bool is_control(rb_str character)
{
    unsigned char c = (unsigned char)character.p[0];
    if (c < 0x20 || c == 0x7f) return true;
    return character.n == 2 && c == 0xc2 && (unsigned char)character.p[1] < 0xa0; /* C1 */
}

rb_str text_one_line(struct rb_arena *arena, rb_str text, size_t bytes_max)
{
    char *line = rb_arena_alloc(arena, bytes_max + 1);
    size_t n = 0;
    text = rb_str_trim(text);
    for (size_t at = 0, bytes; at < text.n; at += bytes ? bytes : 1) {
        bytes = rb_utf8_length(rb_str_from(text, at));
        rb_str character = rb_str_sub(text, at, bytes);
        if (bytes == 1 && strchr("\t\n\r", character.p[0])) character = RB_STR(" ");
        if (bytes == 0 || is_control(character)) continue;
        if (n + bytes > bytes_max) break;
        memcpy(line + n, character.p, bytes);
        n += bytes;
    }
    return rb_str_trim((rb_str){line, n});
}
