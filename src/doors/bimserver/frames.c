/* What a client sends on /stream: JSON objects, told apart by their keys in this order: hb, action, request,
 * token. What is none of these is passed over. */
#include "base/log.h"
#include "doors/bimserver/link.h"

static bool has(rb_json_val frame, const char *key)
{
    return rb_json_type(rb_json_get(frame, key)) != RB_JSON_NONE;
}

static void take_action(struct bim_link *link, rb_json_val frame, struct rb_arena *arena)
{
    rb_str action = RB_STR_NONE;
    rb_json_string(rb_json_get(frame, "action"), arena, &action);
    if (rb_str_is(action, "download")) bim_link_download(link, frame);
}

static void take_frame(struct bim_link *link, rb_str text, rb_json_val frame, struct rb_arena *arena)
{
    rb_str token = RB_STR_NONE;
    if (has(frame, "hb")) return;
    if (has(frame, "action")) {
        take_action(link, frame, arena);
    } else if (has(frame, "request")) {
        bim_link_call(link, text);
    } else if (has(frame, "token")) {
        rb_json_string(rb_json_get(frame, "token"), arena, &token);
        bim_link_take_token(link, token);
    }
}

void bim_link_take_text(struct bim_link *link, rb_str text)
{
    struct rb_json doc;
    struct rb_arena arena = {0};
    rb_err err =
        rb_json_parse(&doc, text, &(struct rb_json_limits){.bytes_max = text.n, .allow_duplicates = true});
    if (err) {
        RB_LOG_DEBUG("bimserver.frame_passed_over", RB_KV_REASON(err));
        return;
    }
    if (rb_json_type(rb_json_root(&doc)) == RB_JSON_OBJECT)
        take_frame(link, text, rb_json_root(&doc), &arena);
    rb_json_fini(&doc);
    rb_arena_fini(&arena);
}
