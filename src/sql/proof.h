/* Whether a text means the same with names inserted into it: its tree is the first one's, but that each node
 * which was to get a schema has it, and no other. */
#ifndef POSTERN_SQL_PROOF_H
#define POSTERN_SQL_PROOF_H
#include "sql/tree.h"

#include "base/arena.h"

/* How one node of the first tree stands in the second. */
enum proof_kind {
    PROOF_SCHEMA = 0, /* a RangeVar, FuncCall or RangeTableSample gets a schema */
    PROOF_SCAN,       /* a RangeVar or RangeTableSample: a sub-select, which is the template, by that name */
    PROOF_COPY,       /* a CopyStmt: its relation and columns are a query, which is the template */
    PROOF_VALUE,      /* an expression: the template's only output */
    PROOF_ITEMS,      /* an element of a list: the template's outputs, one or more */
    PROOF_AROUND, /* a FuncCall: the first argument of the function that the template's sub-select calls */
    PROOF_BEFORE, /* an element of a list: the template's expressions stand before it */
    PROOF_TRIM    /* a ColumnRef: without its first parts, and the name in the place of the next one */
};
struct proof_edit {
    const void *node;
    const char *schema; /* PROOF_SCHEMA */
    bool found;
    enum proof_kind kind;
    const char *name; /* PROOF_SCAN, PROOF_TRIM (NULL: as it is) */
    int trim;         /* PROOF_TRIM */
    int template;     /* which of the templates; -1: none */
};
enum proof { PROOF_DIFFERENT = 0, PROOF_FULL, PROOF_SAME };
/* Lists of RawStmt; templates: SELECTs, NULL where no edit has one. edits: any order; they are put in another
 * one and marked. */
enum proof proof_compare(const List *first, const List *second, const List *templates,
                         struct proof_edit *edits, size_t n_edits, struct arena *arena) MUST_USE;
#endif
