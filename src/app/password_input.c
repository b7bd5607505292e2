#include "app/password_input.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool say(struct rb_buf *why, const char *what, const char *detail)
{
    rb_buf_add_fmt(why, "%s%s%s", what, detail ? ": " : "", detail ? detail : "");
    return false;
}

/* Up to the end, or to the end of a line for what is typed; at most as much as has room. */
static bool read_bytes(int fd, bool is_line, struct rb_password_input *out)
{
    out->n = 0;
    while (out->n < sizeof out->text) {
        ssize_t n = read(fd, out->text + out->n, sizeof out->text - out->n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        if (n == 0) break;
        out->n += (size_t)n;
        if (is_line && out->text[out->n - 1] == '\n') break;
    }
    return true;
}

static void drop_line_end(struct rb_password_input *input)
{
    if (input->n && input->text[input->n - 1] == '\n') input->n--;
    if (input->n && input->text[input->n - 1] == '\r') input->n--;
}

static bool read_file(rb_str file, struct rb_password_input *out, struct rb_buf *why)
{
    int fd = open(file.p, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && read_bytes(fd, false, out);
    if (!is_read) say(why, file.p, strerror(errno));
    if (fd >= 0) close(fd);
    return is_read;
}

static bool ask(const char *prompt, struct rb_password_input *out)
{
    fputs(prompt, stderr);
    bool is_read = read_bytes(STDIN_FILENO, true, out);
    fputc('\n', stderr);
    drop_line_end(out);
    return is_read;
}

static bool ask_twice(struct rb_password_input *out, struct rb_buf *why)
{
    struct rb_password_input again = {0};
    bool is_read = ask("Password: ", out) && ask("Again: ", &again);
    bool is_same = rb_str_eq(rb_password_input_str(out), rb_password_input_str(&again));
    rb_password_input_wipe(&again);
    if (!is_read) return say(why, "the terminal", strerror(errno));
    return is_same || say(why, "the two are not the same", NULL);
}

/* Signals wait, so that none ends the program while the terminal shows nothing. */
static bool read_terminal(struct rb_password_input *out, struct rb_buf *why)
{
    struct termios before, quiet;
    sigset_t signals, mask_before;
    if (tcgetattr(STDIN_FILENO, &before) != 0) return say(why, "the terminal", strerror(errno));
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGTSTP);
    sigprocmask(SIG_BLOCK, &signals, &mask_before);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool is_read = ask_twice(out, why);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
    return is_read;
}

bool rb_password_input_read(rb_str file, struct rb_password_input *out, struct rb_buf *why)
{
    *out = (struct rb_password_input){0};
    bool is_typed = !file.p && isatty(STDIN_FILENO);
    bool is_read = is_typed ? read_terminal(out, why)
                   : file.p
                       ? read_file(file, out, why)
                       : read_bytes(STDIN_FILENO, false, out) || say(why, "standard input", strerror(errno));
    if (!is_read) return false;
    if (!is_typed) drop_line_end(out);
    if (out->n >= RB_PASSWORD_BYTES_MIN && out->n <= RB_PASSWORD_BYTES_MAX) return true;
    return say(why, "a password has 8 to 1024 bytes", NULL);
}

rb_str rb_password_input_str(const struct rb_password_input *input)
{
    return rb_str_make(input->text, input->n);
}

void rb_password_input_wipe(struct rb_password_input *input)
{
    explicit_bzero(input, sizeof *input);
}
