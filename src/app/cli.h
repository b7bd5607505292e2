/* The command line: one row a command, one row a flag; help and checks come from the rows. */
#ifndef RB_APP_CLI_H
#define RB_APP_CLI_H

#include "base/buf.h"
#include "store/store.h"

/* Exit statuses that scripts may rely on. */
enum { RB_EXIT_OK = 0, RB_EXIT_FAILED = 1, RB_EXIT_USAGE = 2 };

struct rb_cli_flag {
    const char *name;  /* "--data" */
    const char *value; /* "DIR" for the help; NULL: a switch */
    const char *help;
    rb_str *text; /* where a value goes; its bytes are argv's */
    bool *is_set; /* where a switch goes */
};

/* Reads flags after the command; `--name value` and `--name=value`. Prints what is wrong and returns false.
 * --help prints the flags and sets *out_helped. count flags. */
bool rb_cli_parse(const char *command, const struct rb_cli_flag *flags, unsigned count, int argc, char **argv,
                  bool *out_helped);

/* ---- commands with actions: `ringback token create|list|revoke` ---- */

struct rb_cli_action {
    const char *name;
    int (*run)(void *request); /* an exit status */
};
/* argv[0] is the command's name and argv[1] the action's. Reads the flags, which fill `request`, and runs it.
 */
int rb_cli_run_action(const char *command, const struct rb_cli_action *actions, unsigned action_count,
                      const struct rb_cli_flag *flags, unsigned flag_count, int argc, char **argv,
                      void *request);

/* "ringback COMMAND: WHAT: DETAIL" to stderr; detail may be NONE. RB_EXIT_FAILED. */
int rb_cli_fail(const char *command, const char *what, rb_str detail);

/* Beside a running server, or without one. `data` is what --data says. An exit status; failures have been
 * told. conflict: what RB_CONFLICT means, for people; NULL when it cannot be. */
int rb_cli_commit(const char *command, rb_str data, struct rb_tx *take_tx, const char *conflict);
int rb_cli_read(const char *command, rb_str data, rb_read_fn *read, void *arg);

/* One JSON object in a line. */
struct rb_cli_member {
    const char *name;
    rb_str value; /* NONE: null */
};
void rb_cli_print_object(const struct rb_cli_member *members, unsigned count);

/* The whole program. */
int rb_cli_main(int argc, char **argv, const char *version);

/* The commands; argv[0] is the command's name. */
int rb_dev_main(int argc, char **argv);
int rb_serve_main(int argc, char **argv);
int rb_check_main(int argc, char **argv);
int rb_token_main(int argc, char **argv);
int rb_client_main(int argc, char **argv);
int rb_user_main(int argc, char **argv);
int rb_ticket_main(int argc, char **argv);
int rb_operation_main(int argc, char **argv);
int rb_scenario_main(int argc, char **argv); /* scenario_run.c */
int rb_bench_main(int argc, char **argv);    /* bench_cli.c */

/* bimserver_cli.c */
int rb_bimserver_methods_main(int argc, char **argv);
int rb_bimserver_proto_main(int argc, char **argv);

#endif
