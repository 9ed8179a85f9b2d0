/* The thread that understands long texts in a view, so that no worker's loop is held up by the grammar: one
 * text at a time, for all workers, in order. Each was parsed in the parser child before, within what a text
 * may take there. */
#ifndef POSTERN_APP_UNDERSTANDER_H
#define POSTERN_APP_UNDERSTANDER_H
#include "session/session.h"

struct understander;
int understander_start(const struct clock *clock, struct understander **out) MUST_USE;
/* Runs the job there, then calls done with it there, too. False: too many wait, or no memory. */
bool understander_ask(struct understander *u, struct view_job *job,
                      void (*done)(void *context, struct view_job *job), void *context) MUST_USE;
/* Ends the thread once everything that was asked is done. NULL is fine. */
void understander_stop(struct understander *u);
#endif
