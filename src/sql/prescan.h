/* What the pre-scan notices on its way, for sql_understand. */
#ifndef POSTERN_SQL_PRESCAN_H
#define POSTERN_SQL_PRESCAN_H
#include "sql/facts.h"

struct prescan {
    struct bytes error;   /* why the text is hostile */
    bool full;            /* the arena had no room for the error */
    bool may_hold_secret; /* some word or literal speaks of a password: sql_redact must look */
};
enum sql_outcome prescan_text(struct bytes text, struct arena *arena, struct prescan *prescan_out) MUST_USE;
#endif
