/* A password for the command line: from a file, from a pipe, or typed without echo. Never from the arguments,
 * which everybody on the machine can read. */
#ifndef RB_APP_PASSWORD_INPUT_H
#define RB_APP_PASSWORD_INPUT_H

#include "auth/login.h"

enum { RB_PASSWORD_BYTES_MIN = 8 };

struct rb_password_input {
    size_t n;
    char text[RB_PASSWORD_BYTES_MAX + 3]; /* and a line end, and one byte that says there is more */
};

/* file NONE: standard input, which is asked for it twice when it is a terminal. One line end at the end is
 * not part of it. False with a sentence in `why` when there is none of 8 to 1024 bytes; *out is to be wiped
 * in both cases. */
bool rb_password_input_read(rb_str file, struct rb_password_input *out, struct rb_buf *why);
rb_str rb_password_input_str(const struct rb_password_input *input);
void rb_password_input_wipe(struct rb_password_input *input);

#endif
