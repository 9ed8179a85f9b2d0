/* Names that the policies say and the database does not have. */
#include "policy/glob.h"
#include "policy/lint.h"
#include "policy/snapshot.h"

enum { TEXT_CEILING = 256 * 1024 };

struct names {
    const struct catalog *catalog;
    const struct policy *policy;
    void (*visit)(void *context, const struct policy_finding *finding);
    void *context;
    struct arena arena; /* of one sentence */
    bool full;
};
struct lookup {
    const struct policy_pattern *pattern;
    bool found, column_found;
};

static bool look(void *context, const struct catalog_relation *relation)
{
    struct lookup *look = context;
    const struct policy_pattern *p = look->pattern;
    size_t at = p->n == 3 ? 1 : p->n - 1;
    if (!policy_glob(p->parts[at], relation->name)) return true;
    if (p->n >= 2 && !policy_glob(p->parts[at - 1], relation->schema)) return true;
    look->found = true;
    for (size_t i = 0; p->n == 3 && i < relation->n_columns; i++)
        if (relation->columns[i].name.p && policy_glob(p->parts[2], relation->columns[i].name))
            look->column_found = true;
    return p->n == 3 && !look->column_found;
}

static void PRINTF_LIKE(4, 5)
    find(struct names *n, struct yaml_place place, struct bytes rule, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct policy_finding finding = { place, "unknown-name", n->policy->name, rule,
                                      arena_vprintf(&n->arena, format, args) };
    va_end(args);
    if (finding.text.p)
        n->visit(n->context, &finding);
    else
        n->full = true;
    arena_reset(&n->arena);
}

/* As it was written, but for its quotes. */
static struct bytes pattern_text(struct names *n, const struct policy_pattern *p)
{
    struct buf text;
    buf_init(&text, TEXT_CEILING);
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&text, "%s%.*s", i ? "." : "", BYTES_FMT(p->parts[i]));
    struct bytes copy = arena_copy(&n->arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

static void check_pattern(struct names *n, const struct policy_pattern *p, struct yaml_place place,
                          struct bytes rule)
{
    struct lookup found = { .pattern = p };
    catalog_each_relation(n->catalog, look, &found);
    if (found.found && (p->n < 3 || found.column_found)) return;
    find(n, place, rule, "the database has no %s \"%.*s\"", found.found ? "column" : "relation",
         BYTES_FMT(pattern_text(n, p)));
}

static void check_patterns(struct names *n, const struct policy_patterns *patterns, struct yaml_place place,
                           struct bytes rule)
{
    for (size_t i = 0; i < patterns->n; i++)
        check_pattern(n, &patterns->items[i], place, rule);
}

static bool look_for_schema(void *context, const struct catalog_relation *relation)
{
    struct lookup *look = context;
    look->found = policy_glob(look->pattern->parts[0], relation->schema);
    return !look->found;
}

/* A schema that holds no relation is as good as none to a policy. */
static void check_schemas(struct names *n, const struct policy_patterns *patterns, struct yaml_place place,
                          struct bytes rule)
{
    for (size_t i = 0; i < patterns->n; i++) {
        struct lookup found = { .pattern = &patterns->items[i] };
        catalog_each_relation(n->catalog, look_for_schema, &found);
        if (!found.found)
            find(n, place, rule, "the database has no relation in a schema \"%.*s\"",
                 BYTES_FMT(pattern_text(n, found.pattern)));
    }
}

static bool is_plain(struct bytes pattern)
{
    return bytes_find(pattern, BYTES_LITERAL("*")) < 0 && bytes_find(pattern, BYTES_LITERAL("?")) < 0;
}

/* The catalogue finds code by its whole name, so that a pattern of names is left alone. */
static void check_functions(struct names *n, const struct policy_patterns *patterns, struct yaml_place place,
                            struct bytes rule)
{
    for (size_t i = 0; i < patterns->n; i++) {
        const struct policy_pattern *p = &patterns->items[i];
        if (!is_plain(p->parts[p->n - 1])) continue;
        struct catalog_functions named = catalog_functions_named(n->catalog, p->parts[p->n - 1]);
        bool found = false;
        for (size_t k = 0; k < named.n && !found; k++)
            found = p->n == 1 || policy_glob(p->parts[0], named.items[k]->schema);
        if (!found)
            find(n, place, rule, "the database has no function \"%.*s\"", BYTES_FMT(pattern_text(n, p)));
    }
}

static bool code_exists(const struct catalog *catalog, const struct policy_signature *s)
{
    struct bytes name = s->name.parts[s->name.n - 1];
    struct policy_signatures one = { (struct policy_signature *)s, 1 };
    struct catalog_functions f = catalog_functions_named(catalog, name);
    struct catalog_operators o = catalog_operators_named(catalog, name);
    struct catalog_view view = { .catalog = catalog };
    for (size_t i = 0; i < f.n; i++)
        if (policy_signatures_match(&one, f.items[i]->signature)) return true;
    for (size_t i = 0; i < o.n; i++)
        if (policy_signatures_match(&one, o.items[i]->signature)) return true;
    return !s->arguments.n && is_plain(s->name.parts[0]) && catalog_type_find(&view, s->name.parts[0], name);
}

static void check_trust(struct names *n)
{
    const struct policy_signatures *trusted = &n->policy->trust.functions;
    for (size_t i = 0; i < trusted->n; i++) {
        const struct policy_signature *s = &trusted->items[i];
        /* Casts are told by their whole text, and a pattern of names is left alone. */
        if (s->cast.n || !is_plain(s->name.parts[s->name.n - 1]) || code_exists(n->catalog, s)) continue;
        find(n, n->policy->place, BYTES_LITERAL("trust"),
             "the database has no function or operator \"%.*s%.*s\"", BYTES_FMT(pattern_text(n, &s->name)),
             BYTES_FMT(s->arguments));
    }
}

static void check_allows(struct names *n, const struct policy_allow *allows, size_t n_allows)
{
    for (size_t i = 0; i < n_allows; i++) {
        const struct policy_allow *a = &allows[i];
        check_patterns(n, &a->relations, a->place, a->label);
        check_patterns(n, &a->columns, a->place, a->label);
        check_schemas(n, &a->schemas, a->place, a->label);
        check_functions(n, &a->functions, a->place, a->label);
    }
}

static void check_rules(struct names *n, const struct policy_rule *rules, size_t n_rules)
{
    for (size_t i = 0; i < n_rules; i++) {
        check_patterns(n, &rules[i].relations, rules[i].place, rules[i].name);
        check_patterns(n, &rules[i].columns, rules[i].place, rules[i].name);
        check_functions(n, &rules[i].functions, rules[i].place, rules[i].name);
    }
}

struct tagged {
    struct bytes pattern;
    bool found;
};

static bool look_for_tag(void *context, const struct catalog_relation *relation)
{
    struct tagged *tagged = context;
    for (size_t i = 0; i < relation->n_columns && !tagged->found; i++)
        tagged->found = policy_mask_has_tag(relation->columns[i].tags, tagged->pattern);
    return !tagged->found;
}

static void check_column_set(struct names *n, const struct policy_column_set *set, struct yaml_place place,
                             struct bytes what)
{
    check_patterns(n, &set->columns, place, what);
    for (size_t k = 0; k < set->tags.n; k++) {
        struct tagged tagged = { set->tags.items[k], false };
        catalog_each_relation(n->catalog, look_for_tag, &tagged);
        if (!tagged.found)
            find(n, place, what, "no column's comment has the tag \"%.*s\"", BYTES_FMT(tagged.pattern));
    }
}

/* A mask on a column that is not there masks nothing, and nobody hears of it; no more is its value indexed.
 */
static void check_masks(struct names *n, const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_masks; i++)
        check_column_set(n, &policy->masks[i].columns, policy->masks[i].place, BYTES_LITERAL("mask"));
    check_column_set(n, &policy->indexed, policy->place, BYTES_LITERAL("record.values"));
}

bool policy_lint_names(const struct policy_snapshot *snapshot, const struct catalog *catalog,
                       void (*visit)(void *context, const struct policy_finding *finding), void *context)
{
    struct names n = { .catalog = catalog, .visit = visit, .context = context };
    arena_init(&n.arena, 4096, TEXT_CEILING);
    for (size_t i = 0; i < snapshot->n; i++) {
        const struct policy *p = n.policy = &snapshot->policies[i];
        check_schemas(&n, &p->schemas, p->place, BYTES_LITERAL("on"));
        check_allows(&n, p->allows, p->n_allows);
        check_rules(&n, p->denies, p->n_denies);
        check_rules(&n, p->holds, p->n_holds);
        check_masks(&n, p);
        check_trust(&n);
    }
    arena_free(&n.arena);
    return !n.full;
}
