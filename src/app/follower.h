/* The thread that keeps the index up to date with the log. It never waits for a statement, and none waits for
 * it. */
#ifndef POSTERN_APP_FOLLOWER_H
#define POSTERN_APP_FOLLOWER_H
#include "base/check.h"
#include "record/lane.h"

struct record_far;

struct follower;
/* data: the data folder. far: where blocks that are in the archive are read; may be NULL. 0 or -errno. keys
 * and far must outlive it. */
int follower_start(const char *data, const struct record_keys *keys, const struct record_far *far,
                   struct follower **out) MUST_USE;
/* From any thread: blocks were synced. */
void follower_wake(struct follower *follower);
/* Catches up with what is there, then ends. NULL is fine. */
void follower_stop(struct follower *follower);
#endif
