/* main: what a command gets of the world, and the table of commands. */
#include "app/commands.h"
#include "app/log-note.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct winsize size = { 0 };
    struct cli_world world = { .out = stdout,
                               .err = stderr,
                               .out_is_terminal = isatty(1) == 1,
                               .err_is_terminal = isatty(2) == 1,
                               .no_color = getenv("NO_COLOR"),
                               .clock = &clock_system,
                               .locate = command_locate,
                               .look = log_look };
    if (world.out_is_terminal && ioctl(1, TIOCGWINSZ, &size) == 0) world.columns = size.ws_col;
    return cli_main(command_table, argc, argv, &world);
}
