/* Erasing in the index. A session that was erased leaves a tombstone there, with the number of its erasure
 * and when it was, and nothing else; the erasure's own row says by whom and why. Both are in the log too (the
 * keys file, and the gateway's own frames), so that an index made anew has them. */
#ifndef POSTERN_RECORD_INDEX_ERASE_H
#define POSTERN_RECORD_INDEX_ERASE_H
#include "record/index.h"
#include "record/session-keys.h"

/* ---- whom it concerns. ended_us 0: it still runs, or its end is not in the log. Each answers 0 or -errno.
 */

struct index_mortal {
    uint64_t session;
    int64_t ended_us, retain_us; /* retain_us 0: kept for ever */
};
/* What a subject did and what was done on its verified behalf, and connections under one of its names that
 * were turned away. issuer empty: of any issuer. */
int index_of_subject(struct index *index, struct bytes subject, struct bytes issuer,
                     void (*visit)(void *context, const struct index_mortal *mortal), void *context) MUST_USE;
/* Sessions whose time is over at now_us: they ended, and what their policies let them be kept has passed. */
int index_of_expired(struct index *index, int64_t now_us,
                     void (*visit)(void *context, const struct index_mortal *mortal), void *context) MUST_USE;
/* One session, or a connection that was turned away. -ENOENT: neither. */
int index_of_session(struct index *index, uint64_t session, struct index_mortal *mortal_out) MUST_USE;
/* Whose statement a request for approval is about; 0: not known. */
int index_of_request(struct index *index, struct bytes request, uint64_t *session_out) MUST_USE;

struct index_grave {
    uint64_t session;
    struct session_grave grave;
    struct bytes by, reason, how; /* empty: the erasure's own frame is not in the log (yet) */
};

/* ---- erasing: one transaction. Takes out all that is there of these sessions (rising order), the statement
 * shapes, words, relations and counts that nobody else has a part in, and leaves tombstones. Who waited for
 * approval loses the name. what: the grave of each; by, reason and how are empty where they are not at hand.
 * 0; -EBUSY; or what sqlite.h says. */
int index_erase(struct index *index, const uint64_t *sessions, size_t n, const struct index_grave *what,
                uint64_t *shapes_out) MUST_USE;
/* Sees to it that what was erased is in no gap, no free page and not in the write-ahead log any more. path:
 * the index's own. */
int index_scrub(struct index *index, const char *path) MUST_USE;
/* An index that was filled is one file then, whose write-ahead log is empty. */
int index_settle(struct index *index) MUST_USE;
/* Puts the index in the file `path` in the place of this one's content, as one transaction. */
int index_replace(struct index *index, const char *path) MUST_USE;

/* ---- what is left */

/* -ENOENT: it was not erased. */
int index_grave_of(struct index *index, uint64_t session,
                   void (*visit)(void *context, const struct index_grave *grave), void *context) MUST_USE;
/* The newest session first. limit 0: all. */
int index_graves(struct index *index, uint64_t limit,
                 void (*visit)(void *context, const struct index_grave *grave), void *context) MUST_USE;

/* ---- for following */
/* A block whose key was erased: its session's tombstone. */
int index_bury(struct index *index, uint64_t session, const struct session_grave *grave) MUST_USE;
/* A GATEWAY frame: the beginning of an erasure is remembered, the rest is not the index's. */
int index_erasure_take(struct index *index, const struct frame *frame) MUST_USE;
#endif
