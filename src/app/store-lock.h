/* <data>/store.lock: whoever erases, holds, rebuilds or copies a store has it, so that these do not meet. It
 * says nothing about whether a gateway runs. */
#ifndef POSTERN_APP_STORE_LOCK_H
#define POSTERN_APP_STORE_LOCK_H
#include "base/check.h"

/* Waits for whoever has it. 0 or -errno. */
int store_lock(const char *data, int *lock_out) MUST_USE;
/* -1 is fine. */
void store_unlock(int lock);
#endif
