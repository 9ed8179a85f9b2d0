/* Another key-encryption key: every wrapped key of a data folder is wrapped anew. Beside each file its new
 * form is made whole, then the file <data>/rewrap.ready says that all are there, then they take their places:
 * a crash before that leaves everything as it was, one behind it is finished by whoever comes next. */
#ifndef POSTERN_RECORD_REWRAP_H
#define POSTERN_RECORD_REWRAP_H
#include "record/lane.h"

/* Nobody may write the log meanwhile, and its tail is empty (its segments have a wrapped key each): -EBUSY
 * otherwise. new_kek: not NULL where the key-encryption key is <data>/kek: the new one's text, which takes
 * its place. *n_out: keys that were wrapped anew. -EBADMSG: one of them does not open with `before`. */
int rewrap_keys(const char *data, const struct record_keys *before, const struct record_keys *after,
                const char *new_kek, uint64_t *n_out) MUST_USE;
/* Finishes what was ready when a crash came. 0 (mostly: there was nothing to do) or -errno. */
int rewrap_finish(const char *data) MUST_USE;
#endif
