/* The gateway's own frames from threads that are no workers (surfaces, the desk): one lane behind a lock, for
 * what happens rarely and belongs to no session. */
#ifndef POSTERN_RECORD_JOURNAL_H
#define POSTERN_RECORD_JOURNAL_H
#include "record/lane.h"

struct journal;
/* The lane is the journal's alone from now on. NULL: no memory. */
struct journal *journal_new(struct record_lane *lane, const struct clock *clock) MUST_USE;
void journal_free(struct journal *journal);
/* From any thread. True: the frame is in the log and survives the death of the process. False: it cannot be
 * written now, and nothing that hangs on it may go on. body: fields. */
bool journal_write(struct journal *journal, enum frame_type type, struct bytes body) MUST_USE;
#endif
