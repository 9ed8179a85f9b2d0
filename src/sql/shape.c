/* The shape of a text: its tokens with every literal cut out, put together again with one spacing whatever
 * the spacing was, so that statements that differ in literals, white space and comments only are equal. A
 * shape's own shape is itself. */
#include "sql/facts.h"
#include "sql/safe.h"
#include "sql/token.h"

static bool is_one(const struct token *t, char c)
{
    return t->kind == TOKEN_OTHER && t->text.p[0] == (uint8_t)c;
}
static bool is_word_like(const struct token *t)
{
    return t->kind == TOKEN_IDENTIFIER || t->kind == TOKEN_QUOTED || t->kind == TOKEN_PARAMETER;
}

/* Whether a space stands between two tokens. Only pairs that no reader could glue together go without. */
static bool spaced(const struct token *before, const struct token *t)
{
    if (before->kind == TOKEN_END) return false;
    if (is_one(before, '(') || is_one(before, '[')) return false;
    if (is_one(t, ')') || is_one(t, ']') || is_one(t, ',') || is_one(t, ';')) return false;
    if (is_one(t, '(') || is_one(t, '['))
        return before->kind != TOKEN_IDENTIFIER && before->kind != TOKEN_QUOTED;
    if (is_one(t, '.')) return !is_word_like(before);
    if (is_one(before, '.'))
        return !is_word_like(t) && !(t->kind == TOKEN_OPERATOR && bytes_is(t->text, "*"));
    if (is_one(before, ':') && is_one(t, ':')) return false;
    return true;
}

static struct bytes shown(const struct token *t)
{
    switch (t->kind) {
    case TOKEN_STRING:
    case TOKEN_DOLLAR:
    case TOKEN_BITS:
    case TOKEN_NUMBER: return BYTES_LITERAL("?");
    case TOKEN_END:
    case TOKEN_SPACE:
    case TOKEN_COMMENT:
    case TOKEN_IDENTIFIER:
    case TOKEN_QUOTED:
    case TOKEN_PARAMETER:
    case TOKEN_OPERATOR:
    case TOKEN_OTHER: return t->text;
    }
    return t->text;
}

struct bytes sql_shape(struct bytes text, struct arena *arena)
{
    /* A token of one byte is shown as at most itself and a space. */
    uint8_t *out = arena_alloc(arena, text.n * 2 + 1);
    size_t n = 0, at = 0;
    struct token before = { 0 };
    if (!out) return (struct bytes){ 0 };
    for (;;) {
        struct token t = token_next(text, &at);
        if (t.kind == TOKEN_END) break;
        struct bytes part = shown(&t);
        if (spaced(&before, &t)) out[n++] = ' ';
        memcpy(out + n, part.p, part.n);
        n += part.n;
        before = t;
    }
    return bytes_make(out, n);
}
