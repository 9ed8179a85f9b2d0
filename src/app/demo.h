/* `postern demo`: the main job from end to end, on this machine and with nothing set up before. */
#ifndef POSTERN_APP_DEMO_H
#define POSTERN_APP_DEMO_H
#include "base/check.h"
#include <stdbool.h>

struct demo_options {
    bool keep; /* leave the folder, and say where it is */
    const char
        *bin_dir; /* PostgreSQL's programs; NULL: the newest below /usr/lib/postgresql, or what PATH finds */
};
/* Exit status: 0 when everything went as it should, the refusals included. */
int demo_run(const struct demo_options *options);
#endif
