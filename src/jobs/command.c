/* Parameters in the places of a command. They are a stranger's: each stays inside its one argument, never
 * meets a shell, and cannot turn the argument into an option. */
#include "codec/json.h"
#include "jobs/jobs_private.h"

#include <ctype.h>
#include <string.h>

enum { ARGUMENT_BYTES_MAX = 64 * 1024 }; /* the kernel's own limit is twice that */

struct filling {
    rb_json_val params;
    struct rb_arena *arena;
    rb_str why;
};

/* "{name}" at the start of text: its bytes in all, or 0. */
static size_t placeholder_at(rb_str text, rb_str *out_name)
{
    if (text.n < 3 || text.p[0] != '{') return 0;
    size_t n = 1;
    while (n < text.n && (isalnum((unsigned char)text.p[n]) || strchr("_-.", text.p[n]) != NULL) && text.p[n])
        n++;
    if (n == 1 || n == text.n || text.p[n] != '}') return 0;
    *out_name = rb_str_sub(text, 1, n - 1);
    return n + 1;
}

static rb_json_val find_param(struct filling *filling, rb_str name)
{
    for (rb_json_val at = rb_json_first(filling->params); rb_json_type(at) != RB_JSON_NONE;
         at = rb_json_next(at))
        if (rb_str_eq(rb_json_key(at, filling->arena), name)) return at;
    return (rb_json_val){0};
}

static rb_err refuse(struct filling *filling, rb_str name, const char *what)
{
    filling->why = rb_arena_fmt(filling->arena, "parameter %.*s %s", RB_STR_FMT(name), what);
    return RB_UNPROCESSABLE;
}

static rb_err param_text(struct filling *filling, rb_str name, rb_str *out_text)
{
    rb_json_val value = find_param(filling, name);
    switch (rb_json_type(value)) {
    case RB_JSON_NONE: return refuse(filling, name, "is missing");
    case RB_JSON_STRING:
        if (!rb_json_string(value, filling->arena, out_text)) return RB_OUT_OF_MEMORY;
        break;
    case RB_JSON_NUMBER:
    case RB_JSON_FALSE:
    case RB_JSON_TRUE: *out_text = rb_json_raw(value); break;
    case RB_JSON_NULL:
    case RB_JSON_ARRAY:
    case RB_JSON_OBJECT: return refuse(filling, name, "must be a string, a number or a boolean");
    }
    if (memchr(out_text->p, '\0', out_text->n)) return refuse(filling, name, "may not hold a zero byte");
    return RB_OK;
}

static rb_err fill_argument(struct filling *filling, rb_str pattern, char **out_argument)
{
    struct rb_buf argument;
    rb_buf_init(&argument, ARGUMENT_BYTES_MAX);
    rb_err err = RB_OK;
    rb_str name = RB_STR_NONE;
    for (rb_str rest = pattern; rest.n > 0 && err == RB_OK;) {
        rb_str text = rb_str_sub(rest, 0, 1);
        size_t bytes = placeholder_at(rest, &name);
        if (bytes > 0) err = param_text(filling, name, &text);
        bool is_first = argument.n == 0 && bytes > 0;
        if (err == RB_OK && is_first && rb_str_starts(text, RB_STR("-")))
            err = refuse(filling, name, "may not begin with '-'");
        if (err == RB_OK) rb_buf_add_str(&argument, text);
        rest = rb_str_from(rest, bytes ? bytes : 1);
    }
    if (err == RB_OK && argument.failed) err = refuse(filling, name, "is too long for the command");
    if (err == RB_OK)
        *out_argument = (char *)(uintptr_t)rb_arena_copy(filling->arena, rb_buf_str(&argument)).p;
    rb_buf_fini(&argument);
    return err;
}

rb_err command_build(const struct rb_job_kind *kind, rb_str params, struct rb_arena *arena, char ***out_argv,
                     rb_str *out_why)
{
    struct rb_json doc;
    rb_err err = rb_json_parse(&doc, params, NULL);
    if (err != RB_OK) return err;
    struct filling filling = {.params = rb_json_root(&doc), .arena = arena};
    if (rb_json_type(filling.params) != RB_JSON_OBJECT) {
        filling.why = RB_STR("the parameters must be a JSON object");
        err = RB_UNPROCESSABLE;
    }
    char **argv = rb_arena_array(arena, char *, kind->command_count + 1);
    for (unsigned i = 0; i < kind->command_count && err == RB_OK; i++)
        err = fill_argument(&filling, rb_str_of(kind->command[i]), &argv[i]);
    rb_json_fini(&doc);
    if (err == RB_OK)
        *out_argv = argv;
    else
        *out_why = filling.why;
    return err;
}
