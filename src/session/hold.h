/* Holding a statement until people have approved it (approval/desk.h). The mechanism is told in
 * doc/approvals.md.
 *
 *   hold_ask: settle ─▶ look ─▶ find an approval that fits ─▶ use it ─▶ granted
 *                                └▶ ask ─▶ wait ─▶ approved: the message is judged anew, settle ─▶ look ─▶
 * ... └▶ denied, expired, cancelled, withdrawn: refused
 *
 * settle: nothing of the client's is unanswered, and no batch is open at the server, so that no lock is held.
 * look: the server tells the versions of what the statement touches. While the phase is not AT_REST, the
 * client is not read, and its message stays where it is: each answer brings it here again, from its
 * beginning. What has changed between the question and its answer shows in the hash of all that an approval
 * binds.
 *
 * What is counted first (`unless: { affected_rows }`) has run and come undone when it comes here (limit.c):
 * its messages are kept in `again`, and are the client's next ones once people have approved the number. */
#ifndef POSTERN_SESSION_HOLD_H
#define POSTERN_SESSION_HOLD_H
#include "approval/desk.h"
#include "base/buf.h"

enum hold_phase {
    HOLD_AT_REST = 0,
    HOLD_SETTLES, /* until what was sent is answered */
    HOLD_LOOKS,   /* the server tells the versions */
    HOLD_STORES,  /* the desk keeps the question */
    HOLD_WAITS,   /* people decide */
    HOLD_USES     /* the desk keeps that the approval was used */
};
/* VERSIONS: bytes of what the server tells of versions. NOT_UNDONE: what approvers are told of. AGAIN: bytes
 * of messages that are kept to be run again; what is longer cannot be approved. */
enum { HOLD_VERSIONS = 64, HOLD_NOT_UNDONE = 64, HOLD_AGAIN = 1 << 20 };

struct holding {
    enum hold_phase phase;
    bool within;      /* asked in an open transaction, or in the middle of a batch */
    bool looked;      /* versions and not_undone are of now */
    bool recorded;    /* the question is in the record */
    bool cancelled;   /* by a cancel request */
    bool stays;       /* the request does */
    bool stored;      /* and is in the file */
    bool granted;     /* the message may go, once */
    bool used;        /* the approval is used, and the file knows */
    bool lost;        /* the file cannot keep it */
    bool changed;     /* the last approval did not fit any more */
    char failed[200]; /* why looking did; empty: it did not */
    struct desk_waiter *waiter;
    struct desk_ticket *ticket; /* NULL: nothing is asked */
    struct arena arena;         /* of what was looked up */
    uint8_t digest[DESK_DIGEST];
    char before[DESK_ID]; /* the request that this one follows */
    char id[DESK_ID];
    char versions[HOLD_VERSIONS];
    struct bytes not_undone[HOLD_NOT_UNDONE];
    size_t n_not_undone, n_decisions; /* n_decisions: that are in the record */
    uint32_t n_told;                  /* decisions that the client was told of */
    int64_t beat_due_us;              /* monotonic */
};
#endif
