/* The command line: one row a command, one row a flag; help and checks come from the rows. */
#ifndef RB_APP_CLI_H
#define RB_APP_CLI_H

#include "base/buf.h"

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

/* The whole program. */
int rb_cli_main(int argc, char **argv, const char *version);

/* The commands; argv[0] is the command's name. */
int rb_dev_main(int argc, char **argv);
int rb_serve_main(int argc, char **argv);
int rb_check_main(int argc, char **argv);
int rb_token_main(int argc, char **argv);
int rb_client_main(int argc, char **argv);
int rb_ticket_main(int argc, char **argv);
int rb_bench_main(int argc, char **argv); /* bench_cli.c */

#endif
