/* Reading the files of blocks back when a log is opened: far enough to go on writing them. */
#ifndef POSTERN_RECORD_BLOCKS_SCAN_H
#define POSTERN_RECORD_BLOCKS_SCAN_H
#include "record/blocks.h"
#include "record/pack.h"

/* Opens <folder>/segments and <folder>/checkpoints into b, makes the sessions and the tree known up to the
 * last whole block, and cuts off what a crash left behind it. from_leaf: sessions with a block at or behind
 * this leaf must be known, even if they ended. tail_boot: the opening whose tail will be replayed (0: none).
 * 0; -EBADMSG where blocks that a checkpoint covers are missing or changed (said in the log); -errno. */
int blocks_scan(int folder, struct blocks *b, struct pack *pack, const uint8_t public_key[32],
                uint64_t from_leaf, uint64_t tail_boot) MUST_USE;
#endif
