/* Tokens, since what is asked of a text is little: which words in it are volatile, and in which item of its
 * select list (or RETURNING) they stand. */
#include "cli/rerun-volatile.h"
#include "sql/token.h"
#include <stdlib.h>

enum { ITEMS = 1664, RELATIONS = 100000, WRITTEN_CEILING = 64 << 20 };

static const struct volatile_word {
    const char *name;
    unsigned classes;
} words[] = {
#define VOLATILE(name, classes) { name, classes },
#include "cli/rerun-volatile.def"
#undef VOLATILE
};
/* Words of SQL that are no calls. */
static const char *const keywords[] = { "current_catalog",   "current_date", "current_role", "current_time",
                                        "current_timestamp", "current_user", "localtime",    "localtimestamp",
                                        "session_user",      "user" };

static int compare_word(const void *key, const void *member)
{
    return strcmp(key, ((const struct volatile_word *)member)->name);
}

static bool is_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(keywords[i], name) == 0) return true;
    return false;
}

/* NULL: the token is no volatile word. `at` stands behind it. */
static const struct volatile_word *word_of(struct bytes text, const struct token *t, size_t at)
{
    char name[64];
    struct bytes bare = t->kind == TOKEN_QUOTED ? t->content : t->text;
    if ((t->kind != TOKEN_IDENTIFIER && t->kind != TOKEN_QUOTED) || bare.n >= sizeof name) return NULL;
    for (size_t i = 0; i < bare.n; i++)
        name[i] = (char)(bare.p[i] >= 'A' && bare.p[i] <= 'Z' ? bare.p[i] + 32 : bare.p[i]);
    name[bare.n] = 0;
    const struct volatile_word *w =
        bsearch(name, words, sizeof words / sizeof *words, sizeof *words, compare_word);
    if (!w || (t->kind == TOKEN_IDENTIFIER && is_keyword(name))) return w;
    struct token behind = token_next(text, &at);
    return behind.kind == TOKEN_OTHER && behind.text.p[0] == '(' ? w : NULL;
}

/* ---- one text */

enum where { IN_FRONT, IN_LIST, BEHIND };
struct scan {
    struct rerun_text *out;
    enum where where;
    size_t depth;
    bool selects, returns, writes; /* the list is a SELECT's, or RETURNING's; INSERT, UPDATE, DELETE */
    bool inserts, filtered;        /* a WHERE at the top was passed */
    bool star, set_operation, item_empty;
};

static bool is_one_of(const struct token *t, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (token_is_word(t, names[i])) return true;
    return false;
}

static bool ends_list(const struct token *t)
{
    static const char *const enders[] = {
        "from",  "into",   "where", "group", "having", "window", "order",
        "limit", "offset", "fetch", "for",   "union",  "except", "intersect"
    };
    return is_one_of(t, enders, sizeof enders / sizeof *enders);
}

static void begin_list(struct scan *s)
{
    s->where = IN_LIST;
    s->out->n_items = 1;
    s->out->items[0] = (struct bytes){ 0 };
    s->item_empty = true;
}

/* A word at the top level. */
static void top_word(struct scan *s, const struct token *t)
{
    static const char *const set_words[] = { "union", "except", "intersect" };
    if (is_one_of(t, set_words, 3)) s->set_operation = true;
    if (token_is_word(t, "where")) s->filtered = true;
    if (s->where == IN_LIST && ends_list(t)) s->where = BEHIND;
    if (token_is_word(t, "insert")) s->inserts = s->writes = true;
    if (token_is_word(t, "update") || token_is_word(t, "delete")) s->writes |= s->where == IN_FRONT;
    if (s->where == IN_FRONT && !s->writes && token_is_word(t, "select")) {
        s->selects = true;
        begin_list(s);
    } else if (s->writes && token_is_word(t, "returning")) {
        s->returns = true;
        begin_list(s);
    }
}

static void take_mark(struct scan *s, const struct token *t)
{
    uint8_t c = t->text.p[0];
    if (c == '(' || c == '[') s->depth++;
    if ((c == ')' || c == ']') && s->depth) s->depth--;
    if (s->where != IN_LIST || s->depth || c != ',') return;
    if (s->out->n_items < ITEMS) s->out->items[s->out->n_items++] = (struct bytes){ 0 };
    s->item_empty = true;
}

static void take_word(struct scan *s, const struct volatile_word *w)
{
    struct rerun_text *out = s->out;
    out->classes |= w->classes;
    if (s->where == IN_LIST)
        out->items[out->n_items - 1] = bytes_of(w->name);
    else if ((s->selects && s->where == BEHIND) || (s->writes && !s->inserts && s->filtered))
        out->rows_volatile = true;
}

/* `*` and `x.*` at the top of an item; between operands it multiplies. */
static bool is_star(const struct scan *s, const struct token *t, const struct token *before)
{
    return t->kind == TOKEN_OPERATOR && bytes_is(t->text, "*") && s->where == IN_LIST && s->depth == 0 &&
           (s->item_empty || bytes_is(before->text, "."));
}

static void note_first(struct scan *s, const struct token *first)
{
    s->out->plan = token_is_word(first, "explain");
}

bool rerun_text_read(struct bytes statement, struct arena *arena, struct rerun_text *out)
{
    *out = (struct rerun_text){ .items = ARENA_ARRAY(arena, struct bytes, ITEMS) };
    struct scan s = { .out = out };
    struct token before = { 0 };
    bool first = true;
    if (!out->items) return false;
    for (size_t at = 0;;) {
        struct token t = token_next(statement, &at);
        if (t.kind == TOKEN_END) break;
        if (first) note_first(&s, &t);
        first = false;
        const struct volatile_word *w = word_of(statement, &t, at);
        if (t.kind == TOKEN_IDENTIFIER && s.depth == 0) {
            if (token_is_word(&t, "by") && token_is_word(&before, "order")) out->ordered = true;
            if (!bytes_is(before.text, ".")) top_word(&s, &t);
        }
        if (is_star(&s, &t, &before)) s.star = true;
        if (w) take_word(&s, w);
        bool opens = t.kind == TOKEN_OTHER;
        if (s.where == IN_LIST && !opens && !token_is_word(&t, "distinct") && !token_is_word(&t, "all") &&
            !token_is_word(&t, "select") && !token_is_word(&t, "returning"))
            s.item_empty = false;
        if (opens) take_mark(&s, &t);
        before = t;
    }
    out->mapped = (s.selects || s.returns) && !s.star && !s.set_operation;
    return true;
}

/* ---- what was written */

struct written {
    bool inserted;
    unsigned classes;
};

void rerun_written_init(struct rerun_written *w)
{
    map_init(&w->relations, RELATIONS, 1);
    arena_init(&w->arena, 4096, WRITTEN_CEILING);
}

void rerun_written_free(struct rerun_written *w)
{
    map_free(&w->relations, NULL);
    arena_free(&w->arena);
}

void rerun_written_add(struct rerun_written *w, struct bytes relation, bool inserted, unsigned classes)
{
    struct written *one = map_get(&w->relations, relation);
    if (!one) {
        one = ARENA_NEW(&w->arena, struct written);
        if (!one || !map_put(&w->relations, relation, one, NULL)) return; /* less is expected then */
    }
    one->inserted |= inserted;
    one->classes |= classes;
}

/* ---- a column */

/* What a value of the type can have come from. */
static unsigned classes_of_type(uint32_t type)
{
    switch (type) {
    case 1082: /* date, time, timestamp, timestamptz, timetz */
    case 1083:
    case 1114:
    case 1184:
    case 1266: return RERUN_TIME;
    case 20: /* bigint, smallint, integer, oid, float4, float8, numeric, xid, xid8 */
    case 21:
    case 23:
    case 26:
    case 28:
    case 700:
    case 701:
    case 1700:
    case 5069: return RERUN_NUMBER;
    case 2950: return RERUN_UUID | RERUN_NAME;
    case 18: /* "char", name, text, bpchar, varchar, bytea, json, jsonb, inet */
    case 19:
    case 25:
    case 1042:
    case 1043:
    case 17:
    case 114:
    case 3802:
    case 869: return RERUN_TIME | RERUN_NUMBER | RERUN_UUID | RERUN_NAME;
    default: return 0;
    }
}

static struct bytes written_why(const struct rerun_written *w, const struct rerun_column *c,
                                const struct rerun_table *table)
{
    const struct written *one = table && table->found ? map_get(&w->relations, table->name) : NULL;
    struct bytes none = { 0 };
    if (!one || c->attribute <= 0) return none;
    size_t bit = (size_t)c->attribute;
    bool by_default = bit / 8 < sizeof table->defaults && table->defaults[bit / 8] >> bit % 8 & 1;
    if (one->inserted && by_default) return BYTES_LITERAL("its default, in rows that the session wrote");
    if (one->classes & classes_of_type(c->type))
        return BYTES_LITERAL("the session wrote it with such a value");
    return none;
}

struct bytes rerun_column_why(const struct rerun_text *text, const struct rerun_written *w,
                              const struct rerun_column *c, size_t i, size_t n_columns,
                              const struct rerun_table *table)
{
    bool mapped = text->mapped && text->n_items == n_columns;
    struct bytes none = { 0 };
    if (text->plan) return BYTES_LITERAL("a plan's costs and times");
    if (c->table && c->attribute < 0) return BYTES_LITERAL("a system column");
    if (c->table && c->table < 16384) return BYTES_LITERAL("the server's own catalogue");
    if (c->table) return written_why(w, c, table);
    if (mapped) return text->items[i];
    if (text->classes & classes_of_type(c->type))
        return BYTES_LITERAL("it is computed, and the statement calls such a function");
    return none;
}
