/* The control socket <data>/control.sock: what the CLI on the same machine asks of a running gateway. */
#ifndef POSTERN_APP_CONTROL_H
#define POSTERN_APP_CONTROL_H
#include "app/worker.h"

struct control;
int control_start(const char *data, struct workers *workers, struct control **out) MUST_USE;
void control_stop(struct control *control);
#endif
