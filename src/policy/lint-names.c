/* Names that the policies say and the database does not have. */
#include "policy/glob.h"
#include "policy/lint.h"
#include "policy/snapshot.h"

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

static void check_pattern(struct names *n, const struct policy_pattern *p, struct yaml_place place,
                          struct bytes rule)
{
    struct lookup found = { .pattern = p };
    catalog_each_relation(n->catalog, look, &found);
    if (found.found && (p->n < 3 || found.column_found)) return;
    struct bytes b = p->n > 1 ? p->parts[1] : (struct bytes){ 0 };
    struct bytes c = p->n > 2 ? p->parts[2] : (struct bytes){ 0 };
    struct policy_finding finding = { place, "unknown-name", n->policy->name, rule, { 0 } };
    finding.text = arena_printf(&n->arena, "the database has no %s \"%.*s%s%.*s%s%.*s\"",
                                found.found ? "column" : "relation", BYTES_FMT(p->parts[0]), b.n ? "." : "",
                                BYTES_FMT(b), c.n ? "." : "", BYTES_FMT(c));
    if (finding.text.p)
        n->visit(n->context, &finding);
    else
        n->full = true;
    arena_reset(&n->arena);
}

static void check_patterns(struct names *n, const struct policy_patterns *patterns, struct yaml_place place,
                           struct bytes rule)
{
    for (size_t i = 0; i < patterns->n; i++)
        check_pattern(n, &patterns->items[i], place, rule);
}

static void check_rules(struct names *n, const struct policy_rule *rules, size_t n_rules)
{
    for (size_t i = 0; i < n_rules; i++) {
        check_patterns(n, &rules[i].relations, rules[i].place, rules[i].name);
        check_patterns(n, &rules[i].columns, rules[i].place, rules[i].name);
    }
}

bool policy_lint_names(const struct policy_snapshot *snapshot, const struct catalog *catalog,
                       void (*visit)(void *context, const struct policy_finding *finding), void *context)
{
    struct names n = { .catalog = catalog, .visit = visit, .context = context };
    arena_init(&n.arena, 4096, 256 * 1024);
    for (size_t i = 0; i < snapshot->n; i++) {
        const struct policy *p = n.policy = &snapshot->policies[i];
        for (size_t k = 0; k < p->n_allows; k++) {
            check_patterns(&n, &p->allows[k].relations, p->allows[k].place, p->allows[k].label);
            check_patterns(&n, &p->allows[k].columns, p->allows[k].place, p->allows[k].label);
        }
        check_rules(&n, p->denies, p->n_denies);
        check_rules(&n, p->holds, p->n_holds);
    }
    arena_free(&n.arena);
    return !n.full;
}
