/* Erasing sessions: their data keys are destroyed, the index is purged of them, what the tail still has of
 * them goes, and their blocks are given back to the disk. What stays is the proof (heads), a grave in the
 * keys file and in the index, and the gateway's own frames: which sessions, when, by whom and why.
 *
 * The order is: the frames that say what will be erased; the file <data>/erasing, which says it to whoever
 * comes after a crash; the keys; the index; the tail; the blocks; a frame with what was done. Everything
 * behind the keys can be done again, and erase_resume does it.
 *
 * This works beside a running gateway (its own pruning, or the command line) and on a log that nobody writes.
 * The sessions must have ended: whoever asks has looked at the index, which had come to the log's end. */
#ifndef POSTERN_RECORD_ERASE_H
#define POSTERN_RECORD_ERASE_H
#include "record/holds.h"

enum { ERASE_IDS_A_FRAME = 480, ERASE_MOST = 1 << 24 };

struct erase_place {
    const char *data;    /* the data folder: log/, index.db, approvals, erasing */
    struct index *index; /* open for writing */
    const struct clock *clock;
    /* Writes a GATEWAY frame of session 0; body: fields. False: it cannot be written, and nothing that hangs
     * on it is done. */
    bool (*note)(void *context, struct bytes body);
    /* Everything that was committed before leaves the tail's files. False: it could not all. */
    bool (*wipe)(void *context);
    void *context;
};
struct erase_order {
    const uint64_t *sessions; /* rising, each once, none 0 */
    size_t n;
    struct bytes by, reason;
    struct bytes how; /* "sessions", "subject", "retention" */
};
struct erase_result {
    uint64_t erasure;                     /* its number, written like a session's */
    uint64_t keys, shapes, blocks, bytes; /* bytes: that became zeros */
    bool tail_kept;                       /* the tail could not be wiped now: do it again */
    char step[48];                        /* at which it stopped, where it failed */
};
/* What may not be erased now: under legal hold; and with a request for approval that the desk keeps, whose
 * text and parameters would stay. Free both. */
int erase_kept(const struct erase_place *place, struct session_set *held_out,
               struct session_set *waiting_out) MUST_USE;
/* 0; -EPERM: one of them is held or waits; -EIO: the record cannot be written, nothing was erased; or what
 * went wrong at result->step. */
int erase_run(const struct erase_place *place, const struct erase_order *order,
              struct erase_result *result_out) MUST_USE;
/* Finishes what a crash left. *n_out: how many sessions it was; 0: there was nothing to do. */
int erase_resume(const struct erase_place *place, struct erase_result *result_out, size_t *n_out) MUST_USE;

/* Erases what its policies let go of: sessions that ended, and whose time has passed since, but for what may
 * not be erased. dry: only counts. */
struct erase_prune {
    size_t expired, held, waiting;
    struct erase_result result;
};
int erase_expired(const struct erase_place *place, struct bytes by, bool dry,
                  struct erase_prune *prune_out) MUST_USE;

/* Gives the blocks of these sessions back to the disk, as holes of zeros behind their heads. A file system
 * that cannot do that keeps them, and nobody can read them. */
int erase_blocks(const char *log, const uint64_t *sessions, size_t n, uint64_t *blocks_out,
                 uint64_t *bytes_out) MUST_USE;
#endif
