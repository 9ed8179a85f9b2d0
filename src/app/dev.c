/* Until the control socket is served: the gateway starts without it. */
#include "app/control.h"

int control_start(const char *data, struct workers *workers, struct control **out)
{
    (void)data;
    (void)workers;
    *out = NULL;
    return 0;
}

void control_stop(struct control *control)
{
    (void)control;
}
