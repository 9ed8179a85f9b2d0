/* Each check is about one policy, or about a rule and another that is judged before it. A check errs towards
 * silence: what it says must be so whatever the statements are. */
#include "policy/lint.h"
#include "policy/code.h"
#include "policy/cover.h"
#include "policy/glob.h"
#include "policy/snapshot.h"
#include "policy/tags.h"

enum { TEXT_CEILING = 4096 };
/* What no relation ever bears, so that an allow for some relations never covers it. */
static const uint32_t never_of_relations = EFFECT_SESSION | EFFECT_TRANSACTION | EFFECT_PROCEDURE |
                                           EFFECT_UNSAFE_IO | EFFECT_REPLICATION | EFFECT_UNKNOWN;

struct lint {
    const struct policy_snapshot *snapshot;
    const struct policy *policy;
    void (*visit)(void *context, const struct policy_finding *finding);
    void *context;
    struct arena arena; /* of one sentence */
    bool full;
};

static void PRINTF_LIKE(5, 6) find(struct lint *l, const char *code, struct yaml_place place,
                                   struct bytes rule, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(&l->arena, format, args);
    va_end(args);
    struct policy_finding finding = { place, code, l->policy->name, rule, text };
    if (text.p)
        l->visit(l->context, &finding);
    else
        l->full = true;
    arena_reset(&l->arena);
}

/* "read, write", in the arena. */
static struct bytes effect_names(struct lint *l, uint32_t effects)
{
    struct buf text;
    buf_init(&text, TEXT_CEILING);
    policy_effects_print(effects, &text);
    struct bytes copy = arena_copy(&l->arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

static bool is_plain(struct bytes pattern)
{
    return bytes_find(pattern, BYTES_LITERAL("*")) < 0 && bytes_find(pattern, BYTES_LITERAL("?")) < 0;
}

/* Whether some schema could match both; wildcards on both sides are taken to meet. */
static bool schemas_meet(struct bytes schema, const struct policy_patterns *scope)
{
    for (size_t i = 0; i < scope->n; i++) {
        struct bytes other = scope->items[i].parts[0];
        if (policy_glob(other, schema) || policy_glob(schema, other)) return true;
        if (!is_plain(other) && !is_plain(schema)) return true;
    }
    return scope->n == 0;
}

/* Patterns whose schema lies outside of the scope (on.schemas, or schemas of the same item). */
static void check_scope(struct lint *l, const struct policy_patterns *patterns, size_t schema_from_end,
                        const struct policy_patterns *scope, const char *scope_name, struct yaml_place place,
                        struct bytes rule)
{
    for (size_t i = 0; i < patterns->n; i++) {
        const struct policy_pattern *p = &patterns->items[i];
        if (p->n <= schema_from_end) continue;
        struct bytes schema = p->parts[p->n - 1 - schema_from_end];
        if (schemas_meet(schema, scope)) continue;
        find(l, "never-matches", place, rule, "schema \"%.*s\" is none of %s", BYTES_FMT(schema), scope_name);
    }
}

static void check_tags(struct lint *l, const struct policy_rule *rule)
{
    static const char *const by_effect[] = { "INSERT", "UPDATE", "DELETE", "MERGE" };
    for (size_t i = 0; i < rule->statements.n; i++) {
        struct bytes tag = rule->statements.items[i];
        if (!policy_tag_exists(tag))
            find(l, "never-matches", rule->place, rule->name, "no statement's tag matches \"%.*s\"",
                 BYTES_FMT(tag));
        for (size_t k = 0; k < 4; k++)
            if (bytes_is(tag, by_effect[k]) && !rule->effects)
                find(l, "misleading", rule->place, rule->name,
                     "\"statements: %s\" does not see one in WITH, EXPLAIN ANALYZE or PREPARE; use "
                     "\"effects\"",
                     by_effect[k]);
    }
}

/* ---- one rule that is judged before another */

static void check_shadow(struct lint *l, const struct policy_rule *rule, size_t number, bool is_hold)
{
    for (size_t i = 0; i < l->snapshot->n; i++) {
        const struct policy *p = &l->snapshot->policies[i];
        if (!policy_reach_covers(p, l->policy) || (p->observe && !l->policy->observe)) continue;
        for (size_t k = 0; k < p->n_denies; k++) {
            bool before = is_hold || p < l->policy || (p == l->policy && k < number);
            if (!before || !policy_rule_covers(&p->denies[k], rule)) continue;
            find(l, "shadowed", rule->place, rule->name,
                 "%s: deny \"%.*s\"%s%.*s%s is judged before it and covers it",
                 is_hold ? "it never holds" : "it never decides", BYTES_FMT(p->denies[k].name),
                 p == l->policy ? "" : " of policy \"",
                 BYTES_FMT(p == l->policy ? BYTES_LITERAL("") : p->name), p == l->policy ? "" : "\"");
            return;
        }
    }
}

/* ---- single items */

/* Whether anybody is allowed one of the effects. What relations are only reached by needs no allow. */
static bool is_allowed_somewhere(const struct policy_snapshot *snapshot, uint32_t effects)
{
    if (effects & (EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE)) return true;
    for (size_t i = 0; i < snapshot->n; i++)
        for (size_t k = 0; k < snapshot->policies[i].n_allows; k++)
            if (snapshot->policies[i].allows[k].effects & effects) return true;
    return false;
}

static void check_hold(struct lint *l, const struct policy_rule *rule)
{
    if (!rule->effects || rule->observe || is_allowed_somewhere(l->snapshot, rule->effects)) return;
    find(l, "never-matches", rule->place, rule->name,
         "it never holds: no policy allows %.*s, and what nobody allows is refused before",
         BYTES_FMT(effect_names(l, rule->effects)));
}

static void check_rule(struct lint *l, const struct policy_rule *rule, size_t number, bool is_hold)
{
    check_tags(l, rule);
    check_scope(l, &rule->relations, 1, rule->scope, "on.schemas", rule->place, rule->name);
    check_scope(l, &rule->columns, 2, rule->scope, "on.schemas", rule->place, rule->name);
    check_shadow(l, rule, number, is_hold);
    if (is_hold) check_hold(l, rule);
    uint32_t counted =
        EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_BULK_IN | EFFECT_BULK_OUT;
    if (rule->unless && rule->effects && !(rule->effects & counted))
        find(l, "no-effect", rule->place, rule->name,
             "\"unless\" has no effect: nobody counts the rows of %.*s",
             BYTES_FMT(effect_names(l, rule->effects)));
    uint64_t most = l->policy->limits.affected_rows;
    if (rule->unless && most && rule->unless_rows >= most)
        find(l, "no-effect", rule->place, rule->name,
             "it never holds: limits.affected_rows ends the statement before its number is reached");
    if (rule->effects == EFFECT_TRANSACTION)
        find(l, "misleading", rule->place, rule->name,
             "only two-phase commit is judged by \"transaction\": the rest is always allowed");
}

/* What the policy itself denies whatever it touches. */
static uint32_t flatly_denied(const struct policy *policy)
{
    uint32_t denied = 0;
    for (size_t i = 0; i < policy->n_denies; i++) {
        const struct policy_rule *rule = &policy->denies[i];
        bool narrow = rule->statements.n || rule->relations.n || rule->columns.n || rule->functions.n ||
                      rule->scope->n || rule->where != POLICY_WHERE_ANY;
        if (!narrow && rule->observe == policy->observe) denied |= rule->effects;
    }
    return denied;
}

static void check_allow(struct lint *l, const struct policy_allow *allow, size_t number)
{
    bool narrow = allow->relations.n || allow->schemas.n || allow->columns.n || allow->scope->n;
    uint32_t denied = flatly_denied(l->policy), never = allow->effects & never_of_relations;
    bool limited = l->policy->n_holds || l->policy->limits.statement_us || l->policy->limits.session_us ||
                   l->policy->limits.returned_rows || l->policy->limits.affected_rows;
    check_scope(l, &allow->relations, 1, allow->scope, "on.schemas", allow->place, allow->label);
    check_scope(l, &allow->columns, 2, allow->scope, "on.schemas", allow->place, allow->label);
    check_scope(l, &allow->schemas, 0, allow->scope, "on.schemas", allow->place, allow->label);
    check_scope(l, &allow->relations, 1, &allow->schemas, "\"schemas\"", allow->place, allow->label);
    if (narrow && never && !allow->functions.n && allow->effects != EFFECT_ALL_BUT_UNKNOWN)
        find(l, "no-effect", allow->place, allow->label,
             "%.*s is nothing that is done to a relation, and is never allowed for some only",
             BYTES_FMT(effect_names(l, never)));
    if (!(allow->effects & ~denied))
        find(l, "shadowed", allow->place, allow->label, "it allows nothing: the policy denies all of it");
    if (allow->effects == EFFECT_TRANSACTION)
        find(l, "misleading", allow->place, allow->label,
             "only two-phase commit needs it: the rest of \"transaction\" is always allowed");
    if ((allow->effects & EFFECT_UNKNOWN) && limited)
        find(l, "no-effect", allow->place, allow->label,
             "\"unknown\" is never allowed by a policy that holds or limits something");
    for (size_t i = 0; i < l->policy->n_allows; i++) {
        if (i == number || !policy_allow_covers_allow(&l->policy->allows[i], allow)) continue;
        if (i > number && policy_allow_covers_allow(allow, &l->policy->allows[i]))
            continue; /* told at the later one */
        find(l, "no-effect", allow->place, allow->label, "it adds nothing to \"%.*s\"",
             BYTES_FMT(l->policy->allows[i].label));
        break;
    }
}

static void check_trust(struct lint *l)
{
    static const char *const runs_text[] = { "dblink",    "postgres_fdw", "file_fdw",
                                             "tablefunc", "xml2",         "adminpack" };
    const struct yaml_texts *names = &l->policy->trust.extensions;
    for (size_t i = 0; i < names->n; i++) {
        if (policy_extension_is_harmless(names->items[i]))
            find(l, "no-effect", l->policy->place, BYTES_LITERAL("trust"),
                 "extension \"%.*s\" is always trusted", BYTES_FMT(names->items[i]));
        for (size_t k = 0; k < sizeof runs_text / sizeof *runs_text; k++)
            if (bytes_is(names->items[i], runs_text[k]))
                find(l, "misleading", l->policy->place, BYTES_LITERAL("trust"),
                     "extension \"%s\" runs text as SQL, or reaches files or other servers: trusting it "
                     "undoes the policy",
                     runs_text[k]);
    }
}

static void lint_policy(struct lint *l)
{
    const struct policy *p = l->policy;
    for (size_t i = 0; i < p->n_allows; i++) {
        check_allow(l, &p->allows[i], i);
    }
    for (size_t i = 0; i < p->n_denies + p->n_holds; i++) {
        bool is_hold = i >= p->n_denies;
        const struct policy_rule *rule = is_hold ? &p->holds[i - p->n_denies] : &p->denies[i];
        check_rule(l, rule, i, is_hold);
    }
    check_trust(l);
}

bool policy_lint(const struct policy_snapshot *snapshot,
                 void (*visit)(void *context, const struct policy_finding *finding), void *context)
{
    struct lint l = { .snapshot = snapshot, .visit = visit, .context = context };
    arena_init(&l.arena, TEXT_CEILING, 64 * TEXT_CEILING);
    for (size_t i = 0; i < snapshot->n; i++) {
        l.policy = &snapshot->policies[i];
        lint_policy(&l);
    }
    arena_free(&l.arena);
    return !l.full;
}
