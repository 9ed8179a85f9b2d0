/* Poisons the unsafe calls in a file of this room. The room is compiled with POSTERN_POISON_LATE, since the
 * headers of PostgreSQL use such calls: a file includes tree.h (which does this behind them) or this. */
#ifndef POSTERN_SQL_SAFE_H
#define POSTERN_SQL_SAFE_H
#undef POSTERN_POISON_LATE
#include "base/unsafe.h"
#endif
