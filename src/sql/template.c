/* Templates: see facts.h. A literal is cut out only where no fact can hang on it; in doubt a text is no
 * template, and is parsed.
 *
 * Why this is sound. Two texts of one template have the same tokens but for plain literals, so the grammar
 * makes the same tree of them but for the values of constants. Facts read constants in few places: conditions
 * that fold (only behind WHERE of UPDATE and DELETE: see `compared`), settings and their values (SET is no
 * template, set_config is excluded), names of sequences (`reads_literals`), file names and programs (COPY is
 * none), secrets (`may_be_secret`), and places in the output (ORDER BY 2: see `may_be_place`). A condition
 * folds on whether two constants are the same (a = 1 OR a <> 1), too: where two are, the text is no template,
 * so that the literals of all texts of one differ from each other (see `seen_before`).
 */
#include "sql/facts.h"
#include "sql/safe.h"
#include "sql/token.h"

enum { COMPARED_CEILING = 64 };
struct scan {
    struct token tokens[3];                   /* the last ones that are no white space, and the one at hand */
    const struct token *before, *before_that; /* of those */
    struct bytes compared[COMPARED_CEILING];
    size_t n_compared;
    bool behind_by;                      /* BY or DISTINCT came before */
    bool writes, behind_where, want_end; /* want_end: a compared literal came last, and what follows must not
                                            go on with its expression */
};

/* What a literal leaves in the template: bytes that stand in no text that passes the pre-scan. The grammar
 * takes an integer where it takes no other number (interval(3)), and what does not fit an int4 is none. */
enum { MARK_INTEGER = 1, MARK_STRING = 2, MARK_NUMBER = 3, MARK_NONE = 0 };

static uint8_t number_mark(struct bytes b)
{
    uint64_t value = 0;
    size_t dots = 0;
    if (b.n > 18 || (b.n > 1 && b.p[0] == '0' && b.p[1] != '.')) return MARK_NONE; /* 01 and 1 are the same */
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '.')
            dots++;
        else if (b.p[i] < '0' || b.p[i] > '9')
            return MARK_NONE;
        else
            value = value * 10 + (b.p[i] - '0');
    }
    if (dots > 1) return MARK_NONE;
    return dots || value > INT32_MAX ? MARK_NUMBER : MARK_INTEGER;
}

/* A string that could hold a password, or SQL with one, or that is anything but a plain '…' on one line. */
static bool may_be_secret(struct bytes content)
{
    for (size_t i = 0; i < content.n; i++) {
        uint8_t c = content.p[i];
        if (c == '\\' || c == '\n' || c == '\r' || c == ':' || c == '\'' || c == '$') return true;
        if ((c | 0x20) == 'p' && i + 4 <= content.n &&
            bytes_equal_nocase(bytes_slice(content, i, 4), BYTES_LITERAL("pass")))
            return true;
        if ((c | 0x20) == 'p' && i + 3 <= content.n &&
            bytes_equal_nocase(bytes_slice(content, i, 3), BYTES_LITERAL("pwd")))
            return true;
    }
    return false;
}

static bool is_plain_string(const struct token *t)
{
    return t->text.p[0] == '\'' && t->text.n == t->content.n + 2 && !may_be_secret(t->content) &&
           bytes_is_utf8(t->content);
}

static bool is_comparison(const struct token *t)
{
    static const char *const operators[] = { "=", "<", ">", "<=", ">=", "<>", "!=" };
    if (t->kind != TOKEN_OPERATOR) return false;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (bytes_is(t->text, operators[i])) return true;
    return false;
}

/* column = LITERAL */
static bool compared(const struct scan *s)
{
    return is_comparison(s->before) &&
           (s->before_that->kind == TOKEN_IDENTIFIER || s->before_that->kind == TOKEN_QUOTED);
}

/* What may stand behind a compared literal: nothing that makes a larger expression of it. */
static bool ends_comparison(const struct token *t)
{
    return token_is_word(t, "and") || token_is_word(t, "or") || token_is_word(t, "returning") ||
           (t->kind == TOKEN_OTHER && (t->text.p[0] == ';' || t->text.p[0] == ')'));
}

static bool is_first_word(const struct token *t, struct scan *s)
{
    s->writes = token_is_word(t, "update") || token_is_word(t, "delete");
    return s->writes || token_is_word(t, "select") || token_is_word(t, "insert");
}

static uint8_t literal_mark(const struct token *t)
{
    if (t->kind == TOKEN_NUMBER) return number_mark(t->text);
    return t->kind == TOKEN_STRING && is_plain_string(t) ? MARK_STRING : MARK_NONE;
}

/* Whether an equal literal was compared with something before, or too many were to tell. */
static bool seen_before(struct scan *s, struct bytes literal)
{
    if (s->n_compared == COMPARED_CEILING) return true;
    for (size_t i = 0; i < s->n_compared; i++)
        if (bytes_equal(s->compared[i], literal)) return true;
    s->compared[s->n_compared++] = literal;
    return false;
}

/* ORDER BY 2, GROUP BY 1, ROLLUP (1, 2), DISTINCT ON (1): which column that is, is a fact. */
static bool may_be_place(const struct token *t, const struct scan *s)
{
    if (!s->behind_by || t->kind != TOKEN_NUMBER) return false;
    return token_is_word(s->before, "by") ||
           (s->before->kind == TOKEN_OTHER && (s->before->text.p[0] == '(' || s->before->text.p[0] == ','));
}

static bool take_literal(const struct token *t, struct scan *s, struct bytes text, size_t end)
{
    if (literal_mark(t) == MARK_NONE || may_be_place(t, s)) return false;
    /* The grammar itself checks the precision of float(25). */
    if (s->before->kind == TOKEN_OTHER && s->before->text.p[0] == '(' &&
        token_is_word(s->before_that, "float"))
        return false;
    /* "1abc" is a number and a name to this grammar, and an error to a newer one. */
    if (end < text.n && (text.p[end] == '_' || text.p[end] == '$' || text.p[end] >= 0x80 ||
                         ((text.p[end] | 0x20) >= 'a' && (text.p[end] | 0x20) <= 'z')))
        return false;
    if (!s->writes || !s->behind_where) return true;
    s->want_end = true;
    return compared(s) && !seen_before(s, t->text);
}

static bool take(const struct token *t, struct scan *s, struct bytes text, size_t end)
{
    if (t->unterminated) return false;
    switch (t->kind) {
    case TOKEN_NUMBER:
    case TOKEN_STRING: return take_literal(t, s, text, end);
    case TOKEN_QUOTED: return t->text.p[0] == '"'; /* U&"…" has its escape character in a literal */
    case TOKEN_IDENTIFIER:
        if (token_is_word(t, "where")) s->behind_where = true;
        if (token_is_word(t, "by") || token_is_word(t, "distinct")) s->behind_by = true;
        return !token_is_word(t, "uescape");
    case TOKEN_OTHER:
        /* Bytes below a blank stand for literals in templates, and stand in no text that may be parsed. */
        return t->text.p[0] > 0x20 && t->text.p[0] < 0x7F && (t->text.p[0] != ';' || end == text.n);
    case TOKEN_OPERATOR:
    case TOKEN_PARAMETER: return true;
    case TOKEN_END:
    case TOKEN_SPACE:
    case TOKEN_COMMENT:
    case TOKEN_DOLLAR:
    case TOKEN_BITS: return false;
    }
    return false;
}

/* Not what is compared: that is counted, and a kilobyte to clear for each text. */
static void scan_init(struct scan *s)
{
    static const struct token none = { .kind = TOKEN_END };
    s->before = s->before_that = &none;
    s->n_compared = 0;
    s->behind_by = s->writes = s->behind_where = s->want_end = false;
}

bool sql_template(struct bytes text, uint8_t *out, size_t *n_out, size_t *n_literals_out)
{
    struct scan s;
    size_t n = 0, n_literals = 0, n_tokens = 0;
    if (text.n >= SQL_TEMPLATE_BYTES) return false;
    scan_init(&s);
    for (size_t at = 0; at < text.n;) {
        struct token *t = &s.tokens[n_tokens % 3];
        *t = token_at(text, at);
        if (t->kind == TOKEN_END) break;
        at += t->text.n;
        if (t->kind != TOKEN_SPACE) {
            if (s.want_end && !ends_comparison(t)) return false;
            s.want_end = false;
            if (n_tokens == 0 ? !is_first_word(t, &s) : !take(t, &s, text, at)) return false;
            s.before_that = s.before;
            s.before = t;
            n_tokens++;
        }
        if (t->kind == TOKEN_NUMBER || t->kind == TOKEN_STRING) {
            out[n++] = literal_mark(t);
            n_literals++;
        } else {
            memcpy(out + n, t->text.p, t->text.n);
            n += t->text.n;
        }
    }
    *n_out = n;
    *n_literals_out = n_literals;
    return n_tokens > 0;
}

/* A literal that such a function is given is a name, or a setting's value. */
static bool reads_literals(struct bytes function)
{
    static const char *const readers[] = { "set_config", "nextval", "setval", "currval" };
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (bytes_is(function, readers[i])) return true;
    return false;
}

bool sql_facts_fit_template(const struct sql_facts *facts)
{
    const uint32_t plain = EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_LOCK;
    if (facts->n_statements != 1 || facts->holds_secret) return false;
    const struct sql_statement *s = &facts->statements[0];
    if (s->n_lookups) return false; /* the edits have a literal in them */
    if (s->effects & ~plain || s->action != SQL_ACTION_NONE || s->pinned_setting) return false;
    /* An UPDATE or DELETE inside an INSERT or SELECT was not looked at for its conditions. */
    bool writes = bytes_is(s->tag, "UPDATE") || bytes_is(s->tag, "DELETE");
    if (!writes && s->effects & (EFFECT_UPDATE | EFFECT_DELETE)) return false;
    for (size_t i = 0; i < s->n_functions; i++)
        if (reads_literals(s->functions[i].name)) return false;
    return true;
}
