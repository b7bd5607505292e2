/* What is made from the table of the BIMserver door: `ringback bimserver-methods` prints the manual's page,
 * `ringback bimserver-proto DIR` writes the .proto files. */
#include "app/cli.h"
#include "doors/bimserver/reference.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int rb_bimserver_methods_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct rb_buf text = {0};
    rb_bimserver_print_reference(&text);
    bool is_printed = fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
    rb_buf_fini(&text);
    return is_printed ? RB_EXIT_OK : RB_EXIT_FAILED;
}

static int write_file(const char *dir, const char *name, rb_str text)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = n < (int)sizeof path ? fopen(path, "we") : NULL;
    bool is_written = file && fwrite(text.p, 1, text.n, file) == text.n;
    if (file && fclose(file) != 0) is_written = false;
    return is_written ? RB_EXIT_OK : rb_cli_fail("bimserver-proto", path, rb_str_of(strerror(errno)));
}

int rb_bimserver_proto_main(int argc, char **argv)
{
    struct rb_buf text = {0};
    const char *name;
    int status = RB_EXIT_OK;
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: ringback bimserver-proto DIR\n");
        return RB_EXIT_USAGE;
    }
    for (unsigned i = 0; status == RB_EXIT_OK && rb_bimserver_print_proto(i, &name, &text); i++) {
        status = write_file(argv[1], name, rb_buf_str(&text));
        rb_buf_clear(&text);
    }
    rb_buf_fini(&text);
    return status;
}
