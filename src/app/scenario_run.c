/* Running a scenario: component after component, each told to whoever follows the job, until one leads
 * nowhere. */
#include "app/scenario_run.h"

#include "app/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARAMETERS_BYTES_MAX = 1024 * 1024 };

/* ---- reports ---- */

static void report(const char *name, rb_str text)
{
    struct rb_buf line = {0};
    struct rb_json_out out = {.buf = &line};
    rb_json_begin_object(&out);
    rb_json_put_key_str(&out, rb_str_of(name));
    rb_json_put_str(&out, text);
    rb_json_end_object(&out);
    printf("%s\n", rb_buf_text(&line));
    fflush(stdout);
    rb_buf_fini(&line);
}

/* ---- from component to component ---- */

/* Where an exit leads; a timeout that leads nowhere is an error. */
static const struct rb_scenario_component *
follow(struct scenario_run *run, const struct rb_scenario_component *component, enum rb_scenario_exit out)
{
    const struct rb_scenario_component *next = component->exits[out];
    if (!next && out == RB_SCENARIO_TRANSFER_TIMEOUT) next = component->exits[RB_SCENARIO_TRANSFER_ERROR];
    bool is_error = out == RB_SCENARIO_TRANSFER_TIMEOUT || out == RB_SCENARIO_TRANSFER_ERROR;
    if (!next && is_error) run->has_failed = true;
    return next;
}

static void run_all(struct scenario_run *run)
{
    const struct rb_scenario_component *at = run->scenario->start;
    for (unsigned steps = 0; at && !run->has_failed; steps++) {
        if (steps == RB_SCENARIO_STEPS_MAX) {
            run->has_failed = true;
            run->message = RB_STR("more than 10000 steps: it goes round in circles");
            break;
        }
        report("title", at->title);
        enum rb_scenario_exit out = scenario_step(run, at);
        if (at->type == RB_SCENARIO_STOP) break;
        at = follow(run, at, out);
        if (!at || run->has_failed) break;
        rb_arena_fini(&run->step);
    }
    if (run->has_failed) report("error", run->message);
}

/* ---- what comes in and what is left ---- */

static bool read_parameters(struct scenario_run *run)
{
    struct rb_buf text = {.limit = PARAMETERS_BYTES_MAX};
    struct rb_json doc;
    char piece[4096];
    for (size_t n; !isatty(STDIN_FILENO) && (n = fread(piece, 1, sizeof piece, stdin)) > 0;)
        rb_buf_add(&text, piece, n);
    rb_err err = text.n == 0   ? RB_OK
                 : text.failed ? RB_BODY_TOO_LARGE
                               : rb_json_parse(&doc, rb_buf_str(&text), NULL);
    if (!err && text.n > 0) {
        err = rb_json_type(rb_json_root(&doc)) == RB_JSON_OBJECT
                  ? scenario_vars_set_all(&run->vars, rb_json_root(&doc))
                  : RB_BAD_JSON;
        rb_json_fini(&doc);
    }
    rb_buf_fini(&text);
    if (err) report("error", RB_STR("the parameters are not a JSON object of at most 1 MiB"));
    return !err;
}

static bool write_variables(const struct scenario_run *run)
{
    struct rb_buf path = {0}, text = {0};
    struct rb_json_out out = {.buf = &text};
    const char *directory = getenv("RINGBACK_OUT");
    rb_buf_add_fmt(&path, "%s/variables.json", directory ? directory : ".");
    scenario_vars_write(&run->vars, &out);
    rb_buf_add_char(&text, '\n');
    FILE *file = fopen(rb_buf_text(&path), "we");
    bool is_written = file && fwrite(text.p, 1, text.n, file) == text.n;
    if (file && fclose(file) != 0) is_written = false;
    if (!is_written) report("error", rb_buf_str(&path));
    rb_buf_fini(&path);
    rb_buf_fini(&text);
    return is_written;
}

static int run_scenario(const struct rb_scenario *scenario, const struct rb_api *api)
{
    struct scenario_run run = {.scenario = scenario, .api = api};
    scenario_vars_init(&run.vars, &run.step);
    bool is_done = read_parameters(&run);
    if (is_done) {
        run_all(&run);
        is_done = write_variables(&run) && !run.has_failed;
    }
    rb_arena_fini(&run.step);
    scenario_vars_fini(&run.vars);
    return is_done ? RB_EXIT_OK : RB_EXIT_FAILED;
}

int rb_scenario_main(int argc, char **argv)
{
    struct rb_scenario scenario;
    struct rb_arena arena = {0};
    struct rb_api api = {0};
    struct rb_buf why = {0};
    rb_str token_file = RB_STR_NONE;
    bool helped = false;
    const struct rb_cli_flag flags[] = {
        {"--url", "URL", "the server; default $RINGBACK_URL", &api.url, NULL},
        {"--token-file", "FILE", "whose token; default $RINGBACK_TOKEN", &token_file, NULL},
    };
    bool has_file = argc > 1 && argv[1][0] != '-';
    int skip = has_file ? 2 : 1;
    if (!rb_cli_parse("scenario FILE", flags, RB_COUNT(flags), argc - skip, argv + skip, &helped))
        return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    if (!has_file) {
        fprintf(stderr, "ringback scenario: say which file\n");
        return RB_EXIT_USAGE;
    }
    int status = RB_EXIT_FAILED;
    rb_err err = rb_scenario_load(&scenario, argv[1], &why);
    fputs(rb_buf_text(&why), stderr);
    rb_buf_clear(&why);
    if (err) {
        report("error", RB_STR("the scenario is not valid; the log says where"));
    } else {
        if (!rb_api_open(&api, &arena, token_file, &why))
            report("error", rb_buf_str(&why));
        else
            status = run_scenario(&scenario, &api);
        rb_scenario_fini(&scenario);
    }
    rb_buf_fini(&why);
    rb_arena_fini(&arena);
    return status;
}
