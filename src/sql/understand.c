/* sql_understand: the pre-scan, the grammar, a walk over each statement. */
#include "sql/edits.h"
#include "sql/lineage.h"
#include "sql/names.h"
#include "sql/parse.h"
#include "sql/prescan.h"
#include "sql/scan.h"
#include "sql/token.h"

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
static enum walk_trouble read_statement(struct bytes text, const RawStmt *raw, struct names *names,
                                        struct arena *arena, struct sql_statement *statement)
{
    struct walk walk = { .arena = arena, .statement = statement, .names = names };
    walk.view = names ? names->view : NULL;
    statement->text = statement_text(text, raw);
    statement->in_view = names != NULL;
    walk_statement(&walk, raw->stmt);
    /* What is not forwarded needs no lineage. */
    if (names && !walk.trouble && !statement->unresolved_code) {
        bool gave_up = lineage_read(&walk, walk.view, raw->stmt);
        relations_note_columns(&walk);
        if (names->scans && !walk.trouble) scan_finish(&walk, raw->stmt, gave_up);
    }
    if (names && !walk.trouble) names_change(&walk, raw->stmt);
    if (statement->action == SQL_ACTION_PREPARE) statement->inner = prepared_text(statement->text);
    return walk.trouble;
}

static enum sql_outcome hostile(struct sql_facts *facts, const char *why)
{
    *facts = (struct sql_facts){ .error = bytes_of(why), .error_at = -1 };
    return SQL_HOSTILE;
}

static enum sql_outcome read_statements(struct bytes text, const List *list, struct names *names,
                                        struct arena *arena, struct sql_facts *facts)
{
    int n = tree_length(list);
    if (n > SQL_STATEMENTS_CEILING) return hostile(facts, "more than 10000 statements in one text");
    if (n == 0) return SQL_UNDERSTOOD;
    facts->statements = ARENA_ARRAY(arena, struct sql_statement, (size_t)n);
    if (!facts->statements) return hostile(facts, trouble_words(WALK_FULL));
    for (int i = 0; i < n; i++) {
        enum walk_trouble trouble =
            read_statement(text, tree_item(list, i), names, arena, &facts->statements[i]);
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

static bool resolves(const struct sql_facts *facts)
{
    for (size_t i = 0; i < facts->n_statements; i++)
        if (facts->statements[i].unresolved_code) return false;
    return true;
}

static bool can_be_sent(const struct sql_facts *facts)
{
    for (size_t i = 0; i < facts->n_statements; i++)
        if (facts->statements[i].unmaskable.n) return false;
    return resolves(facts);
}

static enum proof parse_and_compare(struct bytes edited, const List *list, struct names *names)
{
    struct scans *scans = names->scans;
    struct parse parse, templates = { 0 };
    bool more = scans && scans->n_templates > 0;
    parse_begin(edited, names->arena, &parse);
    if (more) parse_begin(scan_templates(scans), names->arena, &templates);
    enum proof proof = parse.rejected || templates.rejected
                           ? PROOF_DIFFERENT
                           : proof_compare(list, parse.statements, more ? templates.statements : NULL,
                                           names->nodes, names->n_nodes, names->arena);
    if (proof == PROOF_SAME && scans && !scan_all_masked(scans, parse.statements)) proof = PROOF_DIFFERENT;
    if (more) parse_end(&templates);
    parse_end(&parse);
    return proof;
}

/* Whether the text says the same with its edits: it is parsed with them, and the trees are compared. */
static enum proof prove(struct bytes text, const List *list, struct names *names, struct arena *arena)
{
    struct buf edited;
    (void)arena;
    if (!edits_settle(names, text)) return PROOF_DIFFERENT;
    buf_init(&edited, 2 * (size_t)SQL_TEXT_CEILING);
    sql_edits_apply(text, names->edits, names->n_edits, &edited);
    buf_put_u8(&edited, 0);
    enum proof proof = PROOF_FULL;
    struct bytes whole = buf_bytes(&edited);
    if (!edited.failed) proof = parse_and_compare(bytes_make(whole.p, whole.n - 1), list, names);
    buf_free(&edited);
    return proof;
}

/* A text that is not forwarded needs no edits. */
static enum sql_outcome settle(struct bytes text, const List *list, struct names *names, struct arena *arena,
                               struct sql_facts *facts)
{
    bool edits = names->n_edits > 0 || (names->scans && names->scans->n_nodes > 0);
    if (!edits || !can_be_sent(facts)) return SQL_UNDERSTOOD;
    switch (prove(text, list, names, arena)) {
    case PROOF_DIFFERENT: return hostile(facts, "its names cannot be made unambiguous");
    case PROOF_FULL: return hostile(facts, trouble_words(WALK_FULL));
    case PROOF_SAME: break;
    }
    facts->edits = names->edits;
    facts->n_edits = names->n_edits;
    return SQL_UNDERSTOOD;
}

static enum sql_outcome understand(struct bytes text, const struct catalog_view *view, struct bytes types,
                                   const struct sql_masking *masking, struct arena *arena,
                                   struct sql_facts *facts)
{
    struct parse parse;
    struct scans scans = { .masking = masking, .view = view, .arena = arena };
    struct names names = {
        .view = view, .arena = arena, .parameters = types, .scans = masking && view ? &scans : NULL
    };
    /* A copy, for the NUL that the library wants behind it. */
    struct bytes copy = arena_copy(arena, text);
    if (!copy.p) return hostile(facts, trouble_words(WALK_FULL));
    scans.text = copy;
    buf_init(&scans.templates, 2 * (size_t)SQL_TEXT_CEILING);
    parse_begin(copy, arena, &parse);
    enum sql_outcome outcome =
        parse.rejected ? reject(text, &parse, arena, facts)
                       : read_statements(text, parse.statements, view ? &names : NULL, arena, facts);
    if (view && outcome == SQL_UNDERSTOOD) outcome = settle(text, parse.statements, &names, arena, facts);
    parse_end(&parse);
    buf_free(&scans.templates);
    return outcome;
}

enum sql_outcome sql_understand(struct bytes text, struct arena *arena, const struct sql_facts **facts_out)
{
    return sql_understand_in(text, NULL, arena, facts_out);
}

enum sql_outcome sql_understand_in(struct bytes text, const struct catalog_view *view, struct arena *arena,
                                   const struct sql_facts **facts_out)
{
    return sql_understand_typed(text, view, (struct bytes){ 0 }, arena, facts_out);
}

enum sql_outcome sql_understand_typed(struct bytes text, const struct catalog_view *view, struct bytes types,
                                      struct arena *arena, const struct sql_facts **facts_out)
{
    return sql_understand_masked(text, view, types, NULL, arena, facts_out);
}

enum sql_outcome sql_understand_masked(struct bytes text, const struct catalog_view *view, struct bytes types,
                                       const struct sql_masking *masking, struct arena *arena,
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
        outcome = understand(text, view, types, masking, arena, facts);
    facts->holds_secret = holds_secret;
    return outcome;
}
