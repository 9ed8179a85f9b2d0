/* What somebody who verifies brings along: the public keys that they know (--key), and checkpoints that were
 * kept elsewhere (--against). Both may be of several logs; the log's name (origin) tells them apart. */
#ifndef POSTERN_CLI_PINNED_H
#define POSTERN_CLI_PINNED_H
#include "cli/command.h"
#include "record/anchored.h"

struct pinned {
    struct buf keys;     /* lines of verifier keys; empty: none was given */
    struct buf anchored; /* notes; empty: none was given */
};
/* Reads --key, a file or a key as text, and --against, a file. False: it was said what is wrong. pinned_free
 * in any case. */
bool pinned_read(const struct cli_call *call, struct pinned *p) MUST_USE;
void pinned_free(struct pinned *p);
/* The key of that log among those given. False: there is none. */
bool pinned_key(const struct pinned *p, struct bytes origin, uint8_t key_out[32]) MUST_USE;
/* The anchored checkpoints of that log; anchored_free afterwards. NONE: there is none of it. */
enum pinned_anchored { PINNED_BAD = 0 /* said why */, PINNED_NONE, PINNED_SOME };
enum pinned_anchored pinned_anchored(const struct cli_call *call, const struct pinned *p, struct bytes origin,
                                     struct buf *notes, struct anchored *out) MUST_USE;
#endif
