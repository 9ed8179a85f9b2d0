/* Anchoring: the log's newest checkpoint is kept elsewhere, again and again, where whoever can change the log
 * cannot change it. A thread for each place; none waits for another, and nothing waits for any of them.
 *
 * A place gets a checkpoint at most every `every`, while there is something new: blocks of sessions, or words
 * of the gateway other than those about anchors. What fails is tried again until it is taken. That it was
 * taken is written into the log. */
#ifndef POSTERN_APP_ANCHORS_H
#define POSTERN_APP_ANCHORS_H
#include "api/api.h"
#include "app/config.h"
#include "record/journal.h"

struct anchors;
/* *out NULL, and 0: the configuration names none. -errno: said in the log. data and the journal outlive it.
 */
int anchors_start(const struct config *config, const char *data, struct journal *journal,
                  const struct clock *clock, struct anchors **out) MUST_USE;
/* From any thread; of each place. How many they are. */
size_t anchors_count(struct anchors *a, struct api_anchor out[API_ANCHORS]);
/* Ends the threads: the journal is not used any more. NULL is fine. */
void anchors_stop(struct anchors *a);
/* Behind the end of the log, which signs a last checkpoint: that one is tried once for each place. NULL is
 * fine. */
void anchors_free(struct anchors *a);
#endif
