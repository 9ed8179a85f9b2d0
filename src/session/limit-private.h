#pragma once
/* What the files of limits share: limit.c (which statements, what is asked, what the server answered),
 * limit-query.c (a Query under a name of ours) and limit-decide.c (too much or not). Of this room alone; what
 * the room's others call stands in session-private.h. */
#include "session/session-private.h"

enum { LIMIT_AS_IT_ENDED = -1 };

/* What is counted no longer names the texts that it is counted for. */
void limit_forget_by(struct session *s);
/* The session ends. */
enum step limit_no_memory(struct session *s);

/* ---- limit-query.c */

/* Close of the statement or the portal of that name; its answer is for nobody. False: no memory. */
bool limit_send_close(struct session *s, bool portal) MUST_USE;
/* The Sync at the end of what a Query became. False: no memory. */
bool limit_send_sync(struct session *s) MUST_USE;

/* ---- limit-decide.c */

/* The ends of all that ran and waited for its count go into the record. how: enum run_end, or
 * LIMIT_AS_IT_ENDED: each as the server said. */
void limit_complete_all(struct session *s, int how);
/* What was kept back goes to the client. */
void limit_give_back(struct session *s);
/* Everything since the transaction began is undone, and the client is told so in these words. */
enum step limit_trip_for(struct session *s, enum refusal_reason reason, struct bytes says,
                         struct bytes detail, struct bytes hint);
/* `n` rows were changed by what is in `ran`. NEXT with *over_out: it was too much, and is being undone. Where
 * people are asked, they see the whole number (is_all): what the tag tells is not all of it. */
enum step limit_check(struct session *s, uint64_t n, bool is_all, bool *over_out);
/* The same, and where it is not too much, it goes on. */
enum step limit_decide(struct session *s, uint64_t n);
