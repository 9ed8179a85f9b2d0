/* The control socket <data>/control.sock: what the command line on the same machine asks of a running gateway
 * (doc/control.md). Only the gateway's own user, and root, are answered. */
#ifndef POSTERN_APP_CONTROL_H
#define POSTERN_APP_CONTROL_H
#include "app/worker.h"
#include "record/journal.h"

struct control;
struct control_options {
    const char *data;
    struct workers *workers;
    struct record_log *log;
    struct journal *journal; /* where notes of the command line go */
    void (*reload)(void *context);
    void *context;
};
int control_start(const struct control_options *options, struct control **out) MUST_USE;
/* From any thread: blocks were synced; those who watch are told. */
void control_blocks(struct control *control);
/* Ends its thread: nobody is answered any more. NULL is fine. */
void control_stop(struct control *control);
/* Once nobody is left who might call control_blocks. NULL is fine. */
void control_free(struct control *control);
#endif
