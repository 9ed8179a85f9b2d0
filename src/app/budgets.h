/* The budgets of a day: what each principal has used of each connection, over all workers, and over a
 * restart.
 *
 * One table in memory under one lock, and the file `budgets` in the data folder, which a thread of its own
 * writes anew within a second of a change, and budgets_close at the end. A process that dies loses at most
 * that second of counts, and a machine that does at most the two that its disk takes besides; what was used
 * up stays so. A day is one of UTC; a clock that is set back does not begin a day anew. */
#ifndef POSTERN_APP_BUDGETS_H
#define POSTERN_APP_BUDGETS_H
#include "base/clock.h"
#include "session/session.h"

struct budgets;
/* CEILING: principals × connections with a budget in a day. */
enum { BUDGETS_CEILING = 65536 };

/* Reads what the file has of today and starts the thread. 0 or -errno; -EBADMSG: the file is damaged (whoever
 * removes it begins the day anew, and that is for a person to decide). `folder` is copied. */
int budgets_open(const char *folder, const struct clock *clock, uint64_t seed, struct budgets **out) MUST_USE;
/* Writes the file a last time. All sessions are gone by now. NULL is fine. */
void budgets_close(struct budgets *all);

/* See struct session_world. From any thread. */
struct session_budget *budgets_of(struct budgets *all, const struct principal *principal,
                                  struct bytes connection);
void budgets_release(struct budgets *all, struct session_budget *budget);
uint64_t budgets_left(struct budgets *all, struct session_budget *budget, enum session_budget_kind kind,
                      uint64_t most);
bool budgets_take(struct budgets *all, struct session_budget *budget, enum session_budget_kind kind,
                  uint64_t n, uint64_t most);
#endif
