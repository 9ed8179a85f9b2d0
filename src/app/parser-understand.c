/* What a parser does with a text in the program proper: the room sql's facts, encoded. */
#include "app/parser-child.h"
#include "sql/facts.h"

enum { CHUNK = 1 << 16, ARENA_MOST = 1 << 30 };

bool parser_understand_sql(struct bytes text, struct buf *out)
{
    static const struct sql_facts full = { .error = BYTES_LITERAL("there is no memory to understand it"),
                                           .error_at = -1 };
    struct arena arena;
    const struct sql_facts *facts = NULL;
    arena_init(&arena, CHUNK, ARENA_MOST);
    enum sql_outcome outcome = sql_understand(text, &arena, &facts);
    sql_facts_encode(text, facts ? outcome : SQL_HOSTILE, facts ? facts : &full, out);
    bool secret = facts && facts->holds_secret;
    arena_free(&arena);
    return secret;
}
