/* Printers of dates and times for typeout.c. Each reads one value from the cursor; false where the bytes are
 * no value of the type. */
#ifndef POSTERN_PGWIRE_TYPEOUT_TIME_H
#define POSTERN_PGWIRE_TYPEOUT_TIME_H
#include "base/buf.h"
#include "base/cursor.h"

bool typeout_date(struct cursor *c, struct buf *out);
bool typeout_time(struct cursor *c, struct buf *out);
bool typeout_timetz(struct cursor *c, struct buf *out);
bool typeout_timestamp(struct cursor *c, struct buf *out);
/* In UTC, with "+00" behind it. */
bool typeout_timestamptz(struct cursor *c, struct buf *out);
bool typeout_interval(struct cursor *c, struct buf *out);
#endif
