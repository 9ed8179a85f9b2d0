/* sql_understand: the pre-scan, the grammar, a walk over each statement. */
#include "sql/lineage.h"
#include "sql/parse.h"
#include "sql/prescan.h"
#include "sql/token.h"
#include "sql/walk.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* The statement's own bytes: what lies between the semicolons, without the white space around it. */
static struct bytes statement_text(struct bytes text, const RawStmt *raw)
{
    size_t from = raw->stmt_location > 0 ? (size_t)raw->stmt_location : 0;
    struct bytes own = bytes_slice(text, from, raw->stmt_len > 0 ? (size_t)raw->stmt_len : text.n);
    while (own.n > 0 && is_space(own.p[0]))
        own = bytes_slice(own, 1, own.n);
    while (own.n > 0 && is_space(own.p[own.n - 1]))
        own.n--;
    return own;
}

/* PREPARE name [(types)] AS statement: the words do not say where the inner statement starts, the tokens do.
 */
static struct bytes prepared_text(struct bytes statement)
{
    size_t at = 0, depth = 0;
    token_next(statement, &at); /* PREPARE */
    token_next(statement, &at); /* its name, which may be the word AS only in quotes */
    for (;;) {
        struct token t = token_next(statement, &at);
        if (t.kind == TOKEN_END) return (struct bytes){ 0 };
        if (t.kind == TOKEN_OTHER && t.text.p[0] == '(') depth++;
        if (t.kind == TOKEN_OTHER && t.text.p[0] == ')' && depth > 0) depth--;
        if (depth == 0 && token_is_word(&t, "as")) break;
    }
    while (at < statement.n && is_space(statement.p[at]))
        at++;
    return bytes_slice(statement, at, statement.n);
}

static const char *trouble_words(enum walk_trouble trouble)
{
    switch (trouble) {
    case WALK_FINE: return "";
    case WALK_FULL: return "there is no memory to understand it";
    case WALK_DEEP: return "expressions nested more than 2000 deep";
    case WALK_MANY: return "too many different names in one statement";
    }
    return "";
}

/* 0: the statement is understood. */
static enum walk_trouble read_statement(struct bytes text, const RawStmt *raw,
                                        const struct catalog_view *view, struct arena *arena,
                                        struct sql_statement *statement)
{
    struct walk walk = { .arena = arena, .statement = statement, .view = view };
    statement->text = statement_text(text, raw);
    statement->in_view = view != NULL;
    walk_statement(&walk, raw->stmt);
    if (view && !walk.trouble) lineage_read(&walk, view, raw->stmt);
    if (statement->action == SQL_ACTION_PREPARE) statement->inner = prepared_text(statement->text);
    return walk.trouble;
}

static enum sql_outcome hostile(struct sql_facts *facts, const char *why)
{
    *facts = (struct sql_facts){ .error = bytes_of(why), .error_at = -1 };
    return SQL_HOSTILE;
}

static enum sql_outcome read_statements(struct bytes text, const List *list, const struct catalog_view *view,
                                        struct arena *arena, struct sql_facts *facts)
{
    int n = tree_length(list);
    if (n > SQL_STATEMENTS_CEILING) return hostile(facts, "more than 10000 statements in one text");
    if (n == 0) return SQL_UNDERSTOOD;
    facts->statements = ARENA_ARRAY(arena, struct sql_statement, (size_t)n);
    if (!facts->statements) return hostile(facts, trouble_words(WALK_FULL));
    for (int i = 0; i < n; i++) {
        enum walk_trouble trouble =
            read_statement(text, tree_item(list, i), view, arena, &facts->statements[i]);
        if (trouble) return hostile(facts, trouble_words(trouble));
    }
    facts->n_statements = (size_t)n;
    return SQL_UNDERSTOOD;
}

/* A rejected text is one statement of which nothing is known. */
static enum sql_outcome reject(struct bytes text, const struct parse *parse, struct arena *arena,
                               struct sql_facts *facts)
{
    facts->error = parse->error;
    facts->error_at = parse->error_at;
    facts->statements = ARENA_NEW(arena, struct sql_statement);
    if (!facts->error.p || !facts->statements) return hostile(facts, trouble_words(WALK_FULL));
    facts->statements[0] =
        (struct sql_statement){ .text = text, .tag = BYTES_LITERAL("UNKNOWN"), .effects = EFFECT_UNKNOWN };
    facts->n_statements = 1;
    return SQL_UNKNOWN;
}

static bool find_secret(struct bytes text, struct arena *arena, bool *holds_out)
{
    struct bytes *secrets;
    size_t n_secrets;
    struct bytes redacted = sql_redact(text, arena, &secrets, &n_secrets);
    *holds_out = n_secrets > 0;
    return redacted.p != NULL;
}

static enum sql_outcome understand(struct bytes text, const struct catalog_view *view, struct arena *arena,
                                   struct sql_facts *facts)
{
    struct parse parse;
    /* A copy, for the NUL that the library wants behind it. */
    struct bytes copy = arena_copy(arena, text);
    if (!copy.p) return hostile(facts, trouble_words(WALK_FULL));
    parse_begin(copy, arena, &parse);
    enum sql_outcome outcome = parse.rejected ? reject(text, &parse, arena, facts)
                                              : read_statements(text, parse.statements, view, arena, facts);
    parse_end(&parse);
    return outcome;
}

enum sql_outcome sql_understand(struct bytes text, struct arena *arena, const struct sql_facts **facts_out)
{
    return sql_understand_in(text, NULL, arena, facts_out);
}

enum sql_outcome sql_understand_in(struct bytes text, const struct catalog_view *view, struct arena *arena,
                                   const struct sql_facts **facts_out)
{
    struct prescan prescan;
    struct sql_facts *facts = ARENA_NEW(arena, struct sql_facts);
    *facts_out = facts;
    if (!facts) return SQL_HOSTILE;
    facts->error_at = -1;
    enum sql_outcome outcome = prescan_text(text, arena, &prescan);
    bool holds_secret = false;
    if (prescan.may_hold_secret && !find_secret(text, arena, &holds_secret))
        return hostile(facts, trouble_words(WALK_FULL));
    if (outcome == SQL_HOSTILE)
        facts->error = prescan.error;
    else
        outcome = understand(text, view, arena, facts);
    facts->holds_secret = holds_secret;
    return outcome;
}
