/* One text through PostgreSQL's grammar. The tree lives until parse_end and in libpg_query's memory; only
 * copies leave it. */
#ifndef POSTERN_SQL_PARSE_H
#define POSTERN_SQL_PARSE_H
#include "sql/tree.h"

#include "base/arena.h"

struct parse {
    MemoryContext context;
    const List *statements; /* of RawStmt */
    bool rejected;
    struct bytes error; /* copied into the arena; p == NULL where it was full */
    int64_t error_at;   /* in bytes from 0; -1: not known */
};
/* text ends in a NUL that does not count, and holds no other. */
void parse_begin(struct bytes text, struct arena *arena, struct parse *parse_out);
void parse_end(struct parse *parse);
#endif
