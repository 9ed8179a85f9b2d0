/* Whether a text means the same with names inserted into it: its tree is the first one's, but that each node
 * which was to get a schema has it, and no other. */
#ifndef POSTERN_SQL_PROOF_H
#define POSTERN_SQL_PROOF_H
#include "sql/tree.h"

#include "base/arena.h"

/* One node of the first tree (a RangeVar, a FuncCall or a RangeTableSample) and the schema that its name
 * gets. */
struct proof_edit {
    const void *node;
    const char *schema;
    bool found;
};
enum proof { PROOF_DIFFERENT = 0, PROOF_FULL, PROOF_SAME };
/* Two lists of RawStmt. edits: any order; they are put in another one and marked. */
enum proof proof_compare(const List *first, const List *second, struct proof_edit *edits, size_t n_edits,
                         struct arena *arena) MUST_USE;
#endif
