#include "app/api_call.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_FILE_BYTES_MAX = 4096, ANSWER_BYTES_MAX = 16 * 1024 * 1024 };

static bool read_token(struct rb_api *api, struct rb_arena *arena, rb_str path, struct rb_buf *why)
{
    char text[TOKEN_FILE_BYTES_MAX];
    FILE *file = fopen(path.p, "re");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    if (file) fclose(file);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' ')) n--;
    if (n > 0)
        api->token = rb_arena_copy(arena, rb_str_make(text, n));
    else
        rb_buf_add_fmt(why, "no token in %.*s", RB_STR_FMT(path));
    return n > 0;
}

bool rb_api_open(struct rb_api *api, struct rb_arena *arena, rb_str token_file, struct rb_buf *why)
{
    if (!api->url.p) api->url = rb_str_of(getenv("RINGBACK_URL"));
    if (!api->url.p) api->url = RB_STR("http://127.0.0.1:8080");
    while (rb_str_ends(api->url, RB_STR("/"))) api->url.n--;
    if (token_file.p) return read_token(api, arena, token_file, why);
    if (!api->token.p) api->token = rb_str_of(getenv("RINGBACK_TOKEN"));
    if (!api->token.p) rb_buf_add_text(why, "no token: set RINGBACK_TOKEN, or say --token-file");
    return api->token.p != NULL;
}

/* RFC 9457, or the Era door's form. */
static rb_str error_text(struct rb_api_answer *answer)
{
    static const char *const names[] = {"detail", "error_message", "title"};
    rb_str text = RB_STR_NONE;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !text.p; i++)
        rb_json_string(rb_json_get(rb_json_root(&answer->doc), names[i]), &answer->call->arena, &text);
    return text.p ? text : rb_arena_fmt(&answer->call->arena, "HTTP status %d", answer->status);
}

void rb_api_ask(const struct rb_api *api, const char *method, rb_str path, rb_str body, uint64_t timeout_ms,
                struct rb_api_answer *out)
{
    struct rb_outgoing_call *call = rb_outgoing_call_new(NULL, NULL);
    rb_str authorization = rb_arena_fmt(&call->arena, "Authorization: Bearer %.*s", RB_STR_FMT(api->token));
    *out = (struct rb_api_answer){.call = call};
    call->method = method;
    call->url = rb_arena_fmt(&call->arena, "%.*s%.*s", RB_STR_FMT(api->url), RB_STR_FMT(path));
    call->headers = &authorization;
    call->header_count = 1;
    call->body = body;
    call->type = body.p ? RB_STR("application/json") : RB_STR_NONE;
    call->timeout_ms = timeout_ms;
    call->answer_max = ANSWER_BYTES_MAX;
    rb_outgoing_wait(call, -1);
    out->err = call->err;
    out->why = call->why;
    out->status = call->err ? 0 : call->status;
    if (call->err) return;
    if (rb_json_parse(&out->doc, call->answer, NULL)) out->doc = (struct rb_json){0};
    if (call->status < 300) return;
    out->err = RB_CALL_FAILED;
    out->why = error_text(out);
}

void rb_api_answer_fini(struct rb_api_answer *answer)
{
    rb_json_fini(&answer->doc);
    rb_outgoing_call_free(answer->call);
    *answer = (struct rb_api_answer){0};
}
