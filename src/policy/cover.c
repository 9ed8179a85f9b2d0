/* Patterns are compared as texts: "public.*" covers "public.order_*", and what only two patterns together
 * cover is not found. */
#include "policy/cover.h"
#include "policy/glob.h"

static bool has(struct bytes pattern, char c)
{
    return memchr(pattern.p, c, pattern.n) != NULL;
}

/* The wildcards of b are then only matched by stars of a, which match whatever stands for them. */
static bool glob_covers(struct bytes a, struct bytes b)
{
    bool plain = !has(b, '*') && !has(b, '?');
    return bytes_equal(a, b) || ((plain || !has(a, '?')) && policy_glob(a, b));
}

/* Parts are compared from the name on; a pattern without a schema is for every schema. */
static bool pattern_covers(const struct policy_pattern *a, const struct bytes *parts, size_t n)
{
    if (a->n > n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!glob_covers(a->parts[a->n - 1 - i], parts[n - 1 - i])) return false;
    return true;
}

static bool any_covers(const struct policy_patterns *a, const struct bytes *parts, size_t n)
{
    for (size_t i = 0; i < a->n; i++)
        if (pattern_covers(&a->items[i], parts, n)) return true;
    return false;
}

/* Of each pattern of b, all parts but the last `less` count. */
static bool patterns_cover(const struct policy_patterns *a, const struct policy_patterns *b, size_t less)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->items[i].n <= less || !any_covers(a, b->items[i].parts, b->items[i].n - less)) return false;
    return b->n > 0;
}

static bool texts_cover(const struct yaml_texts *a, const struct yaml_texts *b)
{
    for (size_t i = 0; i < b->n; i++) {
        bool found = false;
        for (size_t k = 0; k < a->n && !found; k++)
            found = glob_covers(a->items[k], b->items[i]);
        if (!found) return false;
    }
    return b->n > 0;
}

/* A rule about columns speaks of their relations only. */
static bool relations_covered(const struct policy_rule *a, const struct policy_rule *b)
{
    if (!a->relations.n) return true;
    return patterns_cover(&a->relations, &b->relations, 0) || patterns_cover(&a->relations, &b->columns, 1);
}

static bool columns_covered(const struct policy_rule *a, const struct policy_rule *b)
{
    return !a->columns.n || (patterns_cover(&a->columns, &b->columns, 0) && !(b->uses & ~a->uses));
}

bool policy_rule_covers(const struct policy_rule *a, const struct policy_rule *b)
{
    if (a->observe && !b->observe) return false;
    if (a->effects && (!b->effects || (b->effects & ~a->effects))) return false;
    /* DROP matches DROP TABLE as well, which comparing texts does not see; it errs towards no. */
    if (a->statements.n && !texts_cover(&a->statements, &b->statements)) return false;
    if (a->functions.n && !patterns_cover(&a->functions, &b->functions, 0)) return false;
    if (a->scope->n && !patterns_cover(a->scope, b->scope, 0)) return false;
    if (!relations_covered(a, b) || !columns_covered(a, b)) return false;
    if (a->where == POLICY_WHERE_ANY) return true;
    return a->where == b->where || (a->where == POLICY_WHERE_MISSING && b->where == POLICY_WHERE_TRIVIAL);
}

bool policy_allow_covers_allow(const struct policy_allow *a, const struct policy_allow *b)
{
    if (a->columns.n || b->columns.n || (b->effects & ~a->effects)) return false;
    if (a->scope->n && a->scope != b->scope) return false;
    if (a->functions.n && !patterns_cover(&a->functions, &b->functions, 0)) return false;
    if (a->schemas.n && !patterns_cover(&a->schemas, &b->schemas, 0)) return false;
    return !a->relations.n || patterns_cover(&a->relations, &b->relations, 0);
}

bool policy_reach_covers(const struct policy *a, const struct policy *b)
{
    const struct policy_who *w = &a->who, *v = &b->who;
    if (a == b) return true;
    if (w->claims.n) return false;
    if (w->users.n && !texts_cover(&w->users, &v->users)) return false;
    if (w->groups.n && !texts_cover(&w->groups, &v->groups)) return false;
    if (w->machine != POLICY_MACHINE_EITHER && w->machine != v->machine) return false;
    if (a->connections.n && !texts_cover(&a->connections, &b->connections)) return false;
    return !a->databases.n || texts_cover(&a->databases, &b->databases);
}
