/* One receiver: its two queues and its thread. What waits for people goes first and in order; refusals come
 * behind, at most one a second, and the same one is told once with its count.
 *
 *   always: a queue has a ceiling; what finds no room is counted and said.
 *           a message that failed stays at the front: order is kept, and nothing overtakes it but an approval
 * a refusal. The receiver rests between attempts, whatever waits. */
#ifndef POSTERN_NOTIFY_RECEIVER_H
#define POSTERN_NOTIFY_RECEIVER_H
#include "notify/fact.h"

enum { RECEIVER_QUEUE = 1024, RECEIVER_REFUSALS = 64 };
struct receiver;
/* Borrows *options until it is freed. NULL: no memory, or no thread. first_retry_us: the first rest. */
struct receiver *receiver_new(const struct notify_receiver *options, const struct clock *clock,
                              int64_t first_retry_us) MUST_USE;
/* From any thread; copies. */
void receiver_offer(struct receiver *r, const struct notify_fact *fact);
void receiver_count(struct receiver *r, struct notify_counts *out);
/* Nothing is taken from now on, and what is queued is hurried. */
void receiver_finish(struct receiver *r);
/* Waits until the queues are empty, at most until then (monotonic), drops the rest, and frees. */
void receiver_free(struct receiver *r, int64_t deadline_us);
#endif
