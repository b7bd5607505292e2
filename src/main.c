#include "app/cli.h"

int main(int argc, char **argv)
{
    return rb_cli_main(argc, argv, RB_VERSION);
}
