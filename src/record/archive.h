/* What of the log belongs into the archive, and is not there yet. A segment that another one follows is
 * sealed: nothing of it ever changes. Each is in one of three states, which its files tell:
 *
 *   waiting   .blocks, no receipt: it is here only
 *   kept      .blocks and a receipt: it is here, and the archive has it
 *   away      a receipt, no .blocks: the archive has it
 *
 * waiting → kept when the archive has the segment and the receipt is written; kept → away where the
 * configuration says so and the archive's copy was read back. Its .heads stay here in every state. */
#ifndef POSTERN_RECORD_ARCHIVE_H
#define POSTERN_RECORD_ARCHIVE_H
#include "record/receipt.h"

struct archive_segment {
    uint64_t first_leaf, bytes; /* bytes: of .blocks, where it is here */
    bool here, receipt;
};
struct archive_view {
    struct archive_segment *segments; /* in order; the last is the one that is written */
    size_t n;
};
/* Lists an open segments/ folder. 0 or -errno; archive_view_free in any case. */
int archive_look(int folder, struct archive_view *view_out) MUST_USE;
void archive_view_free(struct archive_view *view);

struct archive_rules {
    uint64_t spool_bytes; /* how much may be waiting; the segment that is written counts too */
    bool drop;            /* kept ones become away */
};
enum archive_step { ARCHIVE_REST = 0, ARCHIVE_SEND, ARCHIVE_DROP };
struct archive_plan {
    enum archive_step step; /* what to do next: drop before send, since it makes room at once; oldest first */
    size_t segment;         /* with which; not for REST */
    uint64_t waiting_bytes; /* the segment that is written included */
    uint64_t room_bytes;    /* how much more may wait; 0: the spool is full */
    size_t n_waiting, n_kept, n_away; /* sealed ones */
};
/* seen: the view before this one, or NULL: a receipt must be in both before anything is dropped, so that
 * whoever lists the folder meanwhile finds the one file or the other. Pure. */
struct archive_plan archive_decide(const struct archive_view *view, const struct archive_view *seen,
                                   const struct archive_rules *rules);

/* The checkpoints that belong to a segment: those of the file `checkpoints` from `from` on, up to the first
 * that signs end_leaf blocks. A handover signs as many once more, whenever keys are rotated: it belongs to
 * the next segment, so that what was sent of this one stays what it is. Appends them to out; *to_out: where
 * they end in the file. 0; -EBADMSG: none signs end_leaf; -errno. */
int archive_checkpoints(int log_folder, uint64_t from, uint64_t end_leaf, struct buf *out,
                        uint64_t *to_out) MUST_USE;
#endif
