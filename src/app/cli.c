#include "app/cli.h"

#include "app/config.h"
#include "app/limits.h"
#include "base/check.h"
#include "codec/json.h"
#include "jobs/jobs.h"

#include <stdio.h>
#include <string.h>

bool rb_cli_parse(const char *command, const struct rb_cli_flag *flags, unsigned count, int argc, char **argv,
                  bool *out_helped)
{
    *out_helped = false;
    for (int i = 0; i < argc; i++) {
        rb_str rest = rb_str_of(argv[i]), name;
        rb_str_split(&rest, '=', &name);
        if (rb_str_is(name, "--help")) {
            printf("usage: ringback %s%s\n\n", command, count ? " [flags]" : "");
            for (unsigned k = 0; k < count; k++)
                printf("  %-17s %-9s %s\n", flags[k].name, flags[k].value ? flags[k].value : "",
                       flags[k].help);
            *out_helped = true;
            return true;
        }
        const struct rb_cli_flag *flag = NULL;
        for (unsigned k = 0; k < count; k++)
            if (rb_str_is(name, flags[k].name)) flag = &flags[k];
        bool wants_value = flag && flag->value;
        if (wants_value && !rest.p && i + 1 < argc) rest = rb_str_of(argv[++i]);
        if (!flag || (wants_value && !rest.p) || (!wants_value && rest.p)) {
            fprintf(stderr, "ringback %s: %s '%.*s'; see 'ringback %s --help'\n", command,
                    !flag         ? "unknown argument"
                    : wants_value ? "a value is missing after"
                                  : "no value belongs to",
                    RB_STR_FMT(name), command);
            return false;
        }
        if (wants_value)
            *flag->text = rest;
        else
            *flag->is_set = true;
    }
    return true;
}

/* ---- commands with actions ---- */

/* "create, list or revoke"; for the usage with '|' only. */
static void name_actions(struct rb_buf *out, const struct rb_cli_action *actions, unsigned count,
                         bool in_words)
{
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) rb_buf_add_text(out, !in_words ? "|" : i + 1 == count ? " or " : ", ");
        rb_buf_add_text(out, actions[i].name);
    }
}

static int say_actions(const char *command, const struct rb_cli_action *actions, unsigned count)
{
    struct rb_buf names = {0};
    name_actions(&names, actions, count, true);
    fprintf(stderr, "ringback %s: say %s\n", command, rb_buf_text(&names));
    rb_buf_fini(&names);
    return RB_EXIT_USAGE;
}

int rb_cli_run_action(const char *command, const struct rb_cli_action *actions, unsigned action_count,
                      const struct rb_cli_flag *flags, unsigned flag_count, int argc, char **argv,
                      void *request)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    int skip = strcmp(name, "--help") == 0 ? 1 : 2;
    bool helped;
    struct rb_buf usage = {0};
    rb_buf_add_fmt(&usage, "%s ", command);
    name_actions(&usage, actions, action_count, false);
    bool is_read = rb_cli_parse(rb_buf_text(&usage), flags, flag_count, argc > skip ? argc - skip : 0,
                                argv + skip, &helped);
    rb_buf_fini(&usage);
    if (!is_read) return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    for (unsigned i = 0; i < action_count; i++)
        if (strcmp(name, actions[i].name) == 0) return actions[i].run(request);
    return say_actions(command, actions, action_count);
}

int rb_cli_fail(const char *command, const char *what, rb_str detail)
{
    fprintf(stderr, "ringback %s: %s%s%.*s\n", command, what, detail.n ? ": " : "", (int)detail.n,
            detail.n ? detail.p : "");
    return RB_EXIT_FAILED;
}

static struct rb_store *open_store(const char *command, rb_str data)
{
    struct rb_store *store = NULL;
    struct rb_buf why = {0};
    if (rb_store_open(data.p, false, &store, &why) != RB_OK)
        rb_cli_fail(command, "no store", rb_str_of(rb_buf_text(&why)));
    rb_buf_fini(&why);
    return store;
}

int rb_cli_commit(const char *command, rb_str data, struct rb_tx *take_tx, const char *conflict)
{
    struct rb_store *store = open_store(command, data);
    rb_err err = store ? rb_store_commit_wait(store, take_tx) : RB_OK;
    rb_tx_free(take_tx);
    if (!store) return RB_EXIT_FAILED;
    rb_store_close(store);
    if (err == RB_CONFLICT && conflict) return rb_cli_fail(command, conflict, RB_STR_NONE);
    return err ? rb_cli_fail(command, "not done", rb_str_of(rb_reason(err)->sentence)) : RB_EXIT_OK;
}

int rb_cli_read(const char *command, rb_str data, rb_read_fn *read, void *arg)
{
    struct rb_store *store = open_store(command, data);
    if (!store) return RB_EXIT_FAILED;
    rb_err err = rb_store_read_wait(store, read, arg);
    rb_store_close(store);
    return err ? rb_cli_fail(command, "not read", rb_str_of(rb_reason(err)->sentence)) : RB_EXIT_OK;
}

void rb_cli_print_object(const struct rb_cli_member *members, unsigned count)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    for (unsigned i = 0; i < count; i++) {
        rb_json_put_key(&out, members[i].name);
        if (members[i].value.p)
            rb_json_put_str(&out, members[i].value);
        else
            rb_json_put_null(&out);
    }
    rb_json_end_object(&out);
    printf("%s\n", rb_buf_text(&text));
    rb_buf_fini(&text);
}

/* ---- small commands ---- */

static const char *program_version;

static int print_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("ringback %s\n", program_version);
    return RB_EXIT_OK;
}

static int print_reasons(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("# Reasons\n\nWhy a request was refused, a connection ended, a job failed: the same names in HTTP "
           "problem bodies, close "
           "frames, job\nrecords and the log. Made by `ringback reasons` from `src/base/reasons.def`.\n\n"
           "| reason | HTTP | close code | try again | what happened | what to do |\n"
           "| --- | --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < RB_REASON_COUNT; i++) {
        const struct rb_reason *reason = rb_reason((rb_err)i);
        printf("| `%s` | %d | %d | %s | %s | %s |\n", reason->name, reason->http_status, reason->close_code,
               reason->is_retryable ? "yes" : "no", reason->sentence, reason->next_step);
    }
    return RB_EXIT_OK;
}

static int print_page(void (*write_page)(struct rb_buf *out))
{
    struct rb_buf page = {0};
    write_page(&page);
    fputs(rb_buf_text(&page), stdout);
    rb_buf_fini(&page);
    return RB_EXIT_OK;
}

static int print_options(int argc, char **argv)
{
    (void)argc, (void)argv;
    return print_page(rb_config_print_reference);
}

static int print_limits(int argc, char **argv)
{
    (void)argc, (void)argv;
    return print_page(rb_limits_print_reference);
}

/* ---- the table ---- */

static int print_help(int argc, char **argv);

static const struct command {
    const char *name;
    const char *help;                  /* NULL: not for people */
    int (*run)(int argc, char **argv); /* argv[0] is the command */
} commands[] = {
    {"dev", "try it: loopback only, demo project, tokens printed (--conformance: for protocol suites)",
     rb_dev_main},
    {"serve", "run it with a configuration file", rb_serve_main},
    {"check", "say what is wrong with a configuration file", rb_check_main},
    {"token", "create, list or revoke tokens", rb_token_main},
    {"client", "create, list or revoke API clients, and accounts that sign their calls", rb_client_main},
    {"user", "add, list or remove users, who log in with a password", rb_user_main},
    {"ticket", "create tickets, which admit to one topic", rb_ticket_main},
    {"operation", "send to a connection, ask it, exchange files with it", rb_operation_main},
    {"scenario", "run a scenario: what to do with a connection, step by step", rb_scenario_main},
    {"bench", "measure this server on this machine", rb_bench_main},
    {"options", "print the reference of the configuration (Markdown)", print_options},
    {"limits", "print the table of limits (Markdown)", print_limits},
    {"reasons", "print the table of reasons (Markdown)", print_reasons},
    {"version", "print the version", print_version},
    {"help", "print this", print_help},
    {"worker-exec", NULL, rb_worker_exec_main},
    {"bimserver-methods", NULL, rb_bimserver_methods_main},
    {"bimserver-proto", NULL, rb_bimserver_proto_main},
};

static int print_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("Ringback answers a slow API call at once, runs the work, and rings the caller back.\n\n"
           "usage: ringback COMMAND [flags]\n\n");
    for (size_t i = 0; i < RB_COUNT(commands); i++)
        if (commands[i].help) printf("  %-10s %s\n", commands[i].name, commands[i].help);
    printf("\n'ringback COMMAND --help' lists the flags of a command.\n");
    return RB_EXIT_OK;
}

int rb_cli_main(int argc, char **argv, const char *version)
{
    program_version = version;
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0) name = "version";
    for (size_t i = 0; i < RB_COUNT(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
    fprintf(stderr, "ringback: unknown command '%s'; see 'ringback help'\n", name);
    return RB_EXIT_USAGE;
}
