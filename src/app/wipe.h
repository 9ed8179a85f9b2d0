/* Wiping the log's tail under a running gateway: each worker moves on to another segment, and those that are
 * left are removed once their frames stand in blocks. See record/lane.h. */
#ifndef POSTERN_APP_WIPE_H
#define POSTERN_APP_WIPE_H
#include "app/worker.h"

/* Waits for it, at most timeout_ms; not for a worker's own thread. One at a time. False: some worker could
 * not (its lane is full, or dead), or blocks cannot be written. */
bool wipe_tail(struct workers *workers, struct record_log *log, unsigned timeout_ms) MUST_USE;
#endif
