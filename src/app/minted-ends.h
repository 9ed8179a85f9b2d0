/* A minted login that ends takes the sessions with it that signed in with it. */
#ifndef POSTERN_APP_MINTED_ENDS_H
#define POSTERN_APP_MINTED_ENDS_H
#include "app/worker.h"

/* From any thread: each worker ends those that it has (57P01). Does not wait. The login lets nobody in any
 * more by then, so that none can come behind. */
void minted_ends_sessions(struct workers *workers, struct bytes name);
#endif
