/* `ringback operation`: the operation with a websocket connection for scripts. Properties have the
 * component's names, the outcome is the server's JSON on standard output, and the exit status says which
 * transition was taken. */
#include "app/api_call.h"
#include "app/cli.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_TIMEOUT = 3, SLACK_MS = 15 * 1000, TIMEOUT_SECONDS_MAX = 3600, TIMEOUT_SECONDS = 10 };

/* Properties, in the order of the table of flags. */
static const char *const names[] = {"operation",
                                    "conn",
                                    "direction",
                                    "capabilityName",
                                    "eventName",
                                    "content",
                                    "syncMode",
                                    "filePath",
                                    "websocktempMethod",
                                    "websocktempFilePath",
                                    "websocktempFileName",
                                    "timeoutSec",
                                    "resultVariable",
                                    "errorVariable",
                                    "transfer",
                                    "transferTimeout",
                                    "transferError"};
enum { CONTENT = 5, TIMEOUT = 11, PROPERTIES = RB_COUNT(names) };

static int fail(const char *what)
{
    return rb_cli_fail("operation", what, RB_STR_NONE);
}

/* False: the content is not JSON. */
static bool put_body(struct rb_buf *body, const rb_str values[PROPERTIES])
{
    struct rb_json_out out = {.buf = body};
    struct rb_json doc;
    rb_json_begin_object(&out);
    for (size_t i = 0; i < PROPERTIES; i++) {
        if (!values[i].p) continue;
        rb_json_put_key(&out, names[i]);
        if (i != CONTENT) {
            rb_json_put_str(&out, values[i]);
            continue;
        }
        if (rb_json_parse(&doc, values[i], NULL)) return false;
        rb_json_put_raw(&out, rb_json_raw(rb_json_root(&doc)));
        rb_json_fini(&doc);
    }
    rb_json_end_object(&out);
    return true;
}

static uint64_t wait_ms(rb_str timeout)
{
    double seconds = timeout.p ? strtod(timeout.p, NULL) : TIMEOUT_SECONDS; /* argv's: zero-terminated */
    bool is_fine = seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX;           /* else the server says so */
    return (uint64_t)((is_fine ? seconds : TIMEOUT_SECONDS) * 1000) + SLACK_MS;
}

static int status_of(const struct rb_api_answer *answer, struct rb_arena *arena)
{
    rb_str transfer = RB_STR_NONE;
    rb_json_string(rb_json_get(rb_json_root(&answer->doc), "transfer"), arena, &transfer);
    if (rb_str_is(transfer, "transfer")) return RB_EXIT_OK;
    return rb_str_is(transfer, "transferTimeout") ? EXIT_TIMEOUT : RB_EXIT_FAILED;
}

static int ask(const struct rb_api *api, const rb_str values[PROPERTIES], struct rb_arena *arena)
{
    struct rb_buf body = {0};
    struct rb_api_answer answer = {0};
    int status = RB_EXIT_FAILED;
    if (!put_body(&body, values)) {
        status = fail("--content takes JSON");
    } else {
        rb_api_ask(api, "POST", RB_STR("/era/v1/operation"), rb_buf_str(&body), wait_ms(values[TIMEOUT]),
                   &answer);
        if (answer.err) {
            status = fail(rb_arena_copy(arena, answer.why).p);
        } else {
            printf("%.*s\n", RB_STR_FMT(rb_json_raw(rb_json_root(&answer.doc))));
            status = status_of(&answer, arena);
        }
        rb_api_answer_fini(&answer);
    }
    rb_buf_fini(&body);
    return status;
}

int rb_operation_main(int argc, char **argv)
{
    struct rb_api api = {0};
    struct rb_arena arena = {0};
    struct rb_buf why = {0};
    rb_str values[PROPERTIES] = {0}, token_file = RB_STR_NONE;
    bool helped = false;
    const struct rb_cli_flag flags[] = {
        {"--operation", "NAME", "sendtokenmsg (default), ws_temp_file or websocktemp", &values[0], NULL},
        {"--conn", "ID", "the connection", &values[1], NULL},
        {"--direction", "NAME", "token_message (default), token_plugin_event or user_api_event", &values[2],
         NULL},
        {"--capabilityName", "NAME", "the capability to send by; for the last two directions", &values[3],
         NULL},
        {"--eventName", "CODE", "sendtokenmsg: the message's code", &values[4], NULL},
        {"--content", "JSON", "sendtokenmsg: its body", &values[5], NULL},
        {"--syncMode", "yes|no", "sendtokenmsg: wait for the reply; default no", &values[6], NULL},
        {"--filePath", "PATH", "ws_temp_file: the file, job:ID/NAME, shared:NAME or, in a job, NAME",
         &values[7], NULL},
        {"--websocktempMethod", "NAME", "websocktemp: get_coll (default), get_file, put_file or delete_file",
         &values[8], NULL},
        {"--websocktempFilePath", "PATH", "put_file: the file", &values[9], NULL},
        {"--websocktempFileName", "NAME", "its name in the session's directory", &values[10], NULL},
        {"--timeoutSec", "N", "how long to wait, 0.1 to 3600; default 10", &values[TIMEOUT], NULL},
        {"--resultVariable", "NAME", "told back with the outcome", &values[12], NULL},
        {"--errorVariable", "NAME", "likewise", &values[13], NULL},
        {"--transfer", "NAME", "likewise: the next step on success", &values[14], NULL},
        {"--transferTimeout", "NAME", "likewise: on a timeout", &values[15], NULL},
        {"--transferError", "NAME", "likewise: on an error", &values[16], NULL},
        {"--url", "URL", "the server; default $RINGBACK_URL", &api.url, NULL},
        {"--token-file", "FILE", "whose token; default $RINGBACK_TOKEN", &token_file, NULL},
    };
    if (!rb_cli_parse("operation", flags, RB_COUNT(flags), argc - 1, argv + 1, &helped)) return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    int status =
        rb_api_open(&api, &arena, token_file, &why) ? ask(&api, values, &arena) : fail(rb_buf_text(&why));
    rb_buf_fini(&why);
    rb_arena_fini(&arena);
    return status;
}
