/* A table of things under short keys that holds at most so much: what was not used for the longest time goes
 * first. For what a reader of the log remembers of a session, where a hostile or very long record must not
 * make memory grow without end. */
#ifndef POSTERN_RECORD_KEEP_H
#define POSTERN_RECORD_KEEP_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/map.h"

struct keep_entry;
struct keep {
    struct map map;
    struct keep_entry *newest, *oldest;
    size_t cost, ceiling;
    void (*free_value)(void *value);
};

/* ceiling: what the costs of all entries may come to. */
void keep_init(struct keep *k, size_t ceiling, void (*free_value)(void *value));
void keep_free(struct keep *k);
/* Takes the value over, in the place of one that is there under the key. False: no memory, or it costs more
 * than the ceiling; the value is freed then. */
bool keep_put(struct keep *k, struct bytes key, void *value, size_t cost) MUST_USE;
/* NULL: not there, or no longer. Borrowed until the next keep_put or keep_drop. */
void *keep_get(struct keep *k, struct bytes key);
void keep_drop(struct keep *k, struct bytes key);
#endif
