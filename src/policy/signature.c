/* Whoever writes a policy writes int or varchar(20), and the catalogue says integer and character varying:
 * the names that SQL and PostgreSQL have for one type are made one here. */
#include "policy/signature.h"
#include "base/buf.h"
#include "policy/glob.h"

static size_t count(struct bytes text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == (uint8_t)c;
    return n;
}

bool policy_code_name(struct bytes signature, struct policy_code_name *out)
{
    ptrdiff_t parenthesis = bytes_find(signature, BYTES_LITERAL("("));
    size_t end = parenthesis < 0 ? signature.n : (size_t)parenthesis;
    struct bytes name = bytes_slice(signature, 0, end);
    ptrdiff_t dot = bytes_find(name, BYTES_LITERAL("."));
    out->arguments = bytes_slice(signature, end, signature.n);
    if (dot <= 0 || count(name, '.') != 1 || count(out->arguments, '(') > 1) return false;
    out->schema = bytes_slice(name, 0, (size_t)dot);
    out->name = bytes_slice(name, (size_t)dot + 1, name.n);
    return out->name.n > 0;
}

/* What a type is called in the catalogue. */
static struct bytes type_name(struct bytes type)
{
    static const struct {
        const char *alias, *name;
    } aliases[] = {
        { "int", "integer" },
        { "int4", "integer" },
        { "int2", "smallint" },
        { "int8", "bigint" },
        { "bool", "boolean" },
        { "float4", "real" },
        { "float", "double precision" },
        { "float8", "double precision" },
        { "decimal", "numeric" },
        { "varchar", "character varying" },
        { "char", "character" },
        { "bpchar", "character" },
        { "timestamp", "timestamp without time zone" },
        { "timestamptz", "timestamp with time zone" },
        { "time", "time without time zone" },
        { "timetz", "time with time zone" },
        { "varbit", "bit varying" },
    };
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (bytes_is(type, aliases[i].alias)) return bytes_of(aliases[i].name);
    return type;
}

static struct bytes trim(struct bytes text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = bytes_slice(text, 1, text.n);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

static void put_type(struct buf *out, struct bytes type)
{
    struct bytes item = trim(type), array = { 0 };
    ptrdiff_t bracket = bytes_find(item, BYTES_LITERAL("["));
    if (bracket > 0) {
        array = bytes_slice(item, (size_t)bracket, item.n);
        item = trim(bytes_slice(item, 0, (size_t)bracket));
    }
    buf_append(out, type_name(item));
    buf_append(out, array);
}

/* "(int,text)" → "(integer, text)", in lower case but for what stands in quotes. */
static const char *parse_arguments(struct bytes text, struct arena *arena, struct bytes *out)
{
    struct buf list;
    uint8_t *copy = arena_alloc(arena, text.n + 1);
    if (!copy) return "too much";
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        quoted ^= text.p[i] == '"';
        copy[i] = !quoted && text.p[i] >= 'A' && text.p[i] <= 'Z' ? (uint8_t)(text.p[i] + 32) : text.p[i];
    }
    if (quoted || text.n < 2 || text.p[text.n - 1] != ')') return "a signature that does not end in )";
    buf_init(&list, 16 * 1024);
    buf_append_text(&list, "(");
    struct bytes inside = bytes_make(copy + 1, text.n - 2);
    for (size_t at = 0, start = 0; at <= inside.n && inside.n; at++) {
        if (at < inside.n && inside.p[at] != ',') continue;
        if (start) buf_append_text(&list, ", ");
        put_type(&list, bytes_slice(inside, start, at - start));
        start = at + 1;
    }
    buf_append_text(&list, ")");
    *out = list.failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&list));
    buf_free(&list);
    return out->p ? NULL : "too much";
}

const char *policy_signature_parse(struct bytes text, struct arena *arena, struct policy_signature *out)
{
    *out = (struct policy_signature){ 0 };
    ptrdiff_t parenthesis = bytes_find(text, BYTES_LITERAL("("));
    size_t end = parenthesis < 0 ? text.n : (size_t)parenthesis;
    if (parenthesis == 0) {
        out->cast = arena_copy(arena, text);
        return out->cast.p ? NULL : "too much";
    }
    const char *wrong = policy_pattern_parse(trim(bytes_slice(text, 0, end)), arena, &out->name);
    if (!wrong && out->name.n != 2) wrong = "no schema.function, and trust is for one that is told";
    if (!wrong && end < text.n)
        wrong = parse_arguments(bytes_slice(text, end, text.n), arena, &out->arguments);
    return wrong;
}

bool policy_signatures_match(const struct policy_signatures *patterns, struct bytes signature)
{
    struct policy_code_name code;
    bool named = patterns->n && policy_code_name(signature, &code);
    for (size_t i = 0; i < patterns->n; i++) {
        const struct policy_signature *p = &patterns->items[i];
        if (p->cast.n && bytes_equal(p->cast, signature)) return true;
        if (p->cast.n || !named) continue;
        if (!policy_glob(p->name.parts[0], code.schema) || !policy_glob(p->name.parts[1], code.name))
            continue;
        if (!p->arguments.n || bytes_equal(p->arguments, code.arguments)) return true;
    }
    return false;
}
