/* One text through PostgreSQL's grammar: libpg_query's raw parse, whose state is the thread's own. It copes
 * with any depth on a small C stack (its JSON and protobuf outputs do not, and are never asked for here). */
#include "sql/parse.h"

#include <stdlib.h>

/* The library counts characters from 1. */
static int64_t byte_of_character(struct bytes text, int position)
{
    if (position <= 0) return -1;
    size_t i = 0;
    for (int character = 1; i < text.n; i++) {
        if ((text.p[i] & 0xc0) == 0x80) continue;
        if (character++ == position) break;
    }
    return (int64_t)i;
}

void parse_begin(struct bytes text, struct arena *arena, struct parse *out)
{
    *out = (struct parse){ .context = pg_query_enter_memory_context(), .error_at = -1 };
    PgQueryInternalParsetreeAndError result = pg_query_raw_parse((const char *)text.p);
    free(result.stderr_buffer);
    if (!result.error) {
        out->statements = result.tree;
        return;
    }
    out->rejected = true;
    out->error = arena_copy(arena, result.error->message ? bytes_of(result.error->message)
                                                         : BYTES_LITERAL("syntax error"));
    out->error_at = byte_of_character(text, result.error->cursorpos);
    pg_query_free_error(result.error);
}

void parse_end(struct parse *parse)
{
    pg_query_exit_memory_context(parse->context);
    *parse = (struct parse){ 0 };
}
