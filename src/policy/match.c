/* In every doubt a rule hits and an allow misses. An effect is "borne" by the relations whose access has it;
 * an effect that none bears (a lock, a function, DROP SCHEMA) belongs to the statement as a whole. */
#include "policy/match.h"
#include "policy/glob.h"
#include "sql/functions.h"

/* Effects that stay within the relations that a statement names. */
static const uint32_t WITHIN_RELATIONS = EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE |
                                         EFFECT_TRUNCATE | EFFECT_BULK_IN | EFFECT_BULK_OUT | EFFECT_LOCK |
                                         EFFECT_MAINTENANCE;

uint32_t policy_borne_effects(const struct sql_statement *statement)
{
    uint32_t borne = 0;
    for (size_t i = 0; i < statement->n_relations; i++)
        borne |= statement->relations[i].access;
    return borne;
}

/* "DROP" matches "DROP TABLE" as well: a pattern stands for a tag and all that begin with its words. */
static bool tag_matches(const struct yaml_texts *patterns, struct bytes tag)
{
    for (size_t i = 0; i < patterns->n; i++) {
        if (policy_glob(patterns->items[i], tag)) return true;
        for (size_t k = 0; k < tag.n; k++)
            if (tag.p[k] == ' ' && policy_glob(patterns->items[i], bytes_slice(tag, 0, k))) return true;
    }
    return false;
}

static bool in_scope(const struct policy_patterns *scope, struct bytes schema, enum policy_doubt doubt)
{
    return !scope->n || policy_patterns_match_schema(scope, schema, doubt);
}

/* These reach relations, or move them to another name, without naming one: a rule about relations hits them
 * by their effects alone. GRANT and its kin do so where they name none (ON ALL TABLES IN SCHEMA). */
static bool moves_containers(const struct sql_statement *s)
{
    static const char *const always[] = { "DROP SCHEMA",
                                          "DROP OWNED",
                                          "DROP EXTENSION",
                                          "DROP DATABASE",
                                          "DROP TYPE",
                                          "DROP DOMAIN",
                                          "ALTER SCHEMA",
                                          "ALTER DATABASE",
                                          "DROP SERVER",
                                          "REASSIGN OWNED",
                                          "DROP FOREIGN DATA WRAPPER" };
    static const char *const unnamed[] = {
        "GRANT",  "REVOKE",  "ALTER DEFAULT PRIVILEGES", "CREATE PUBLICATION",
        "VACUUM", "CLUSTER", "ALTER PUBLICATION",        "REINDEX"
    };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (bytes_is(s->tag, always[i])) return true;
    for (size_t i = 0; s->n_relations == 0 && i < sizeof unnamed / sizeof *unnamed; i++)
        if (bytes_is(s->tag, unnamed[i])) return true;
    return false;
}

/* Where the worst is a missing WHERE, a trivial one may stand behind it. */
static bool where_matches(const struct policy_rule *rule, const struct sql_statement *s)
{
    size_t n_whereless = 0;
    switch (rule->where) {
    case POLICY_WHERE_ANY: return true;
    case POLICY_WHERE_MISSING: break;
    case POLICY_WHERE_TRIVIAL:
        for (size_t i = 0; i < s->n_relations; i++)
            n_whereless += s->relations[i].whereless;
        if (s->where == SQL_WHERE_MISSING && n_whereless < 2) return false;
        break;
    }
    if (s->where != SQL_WHERE_MISSING && s->where != SQL_WHERE_TRIVIAL) return false;
    return !rule->effects || (s->whereless & rule->effects) != 0;
}

/* Whether the rule speaks of this relation, as far as effects and WHERE go. loose: the statement's effects
 * that no relation bears, which any of its relations may have a part in. */
static bool relation_concerned(const struct policy_rule *rule, const struct sql_relation *r, uint32_t loose)
{
    uint32_t changes = EFFECT_UPDATE | EFFECT_DELETE;
    if (rule->where != POLICY_WHERE_ANY)
        return r->whereless && (r->access & (rule->effects ? rule->effects & changes : changes));
    return !rule->effects || ((r->access | loose) & rule->effects);
}

static bool relations_match(const struct policy_rule *rule, const struct sql_statement *s, uint32_t effects,
                            struct policy_hit *hit)
{
    if (!rule->relations.n && !rule->scope->n) return true;
    uint32_t loose = effects & ~policy_borne_effects(s);
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        if (!relation_concerned(rule, r, loose) || !in_scope(rule->scope, r->schema, POLICY_DOUBT_HITS))
            continue;
        if (rule->relations.n &&
            !policy_patterns_match(&rule->relations, r->schema, r->name, POLICY_DOUBT_HITS))
            continue;
        hit->relation = rule->relations.n ? r : NULL;
        return true;
    }
    if (moves_containers(s)) return rule->where == POLICY_WHERE_ANY;
    if (rule->relations.n || rule->where != POLICY_WHERE_ANY) return false;
    /* A policy for some schemas: what no relation bears may well reach into them. */
    uint32_t elsewhere = s->n_relations ? ~WITHIN_RELATIONS : ~(uint32_t)EFFECT_READ;
    return (loose & elsewhere & (rule->effects ? rule->effects : UINT32_MAX)) != 0;
}

static bool functions_match(const struct policy_rule *rule, const struct sql_statement *s,
                            struct policy_hit *hit)
{
    for (size_t i = 0; i < s->n_functions; i++) {
        const struct sql_function *f = &s->functions[i];
        if (!policy_patterns_match(&rule->functions, f->schema, f->name, POLICY_DOUBT_HITS)) continue;
        hit->function = f;
        return true;
    }
    return !rule->functions.n;
}

bool policy_rule_matches(const struct policy_rule *rule, const struct sql_statement *statement,
                         uint32_t effects, struct policy_hit *hit_out)
{
    *hit_out = (struct policy_hit){ 0 };
    if (rule->effects && !(rule->effects & effects)) return false;
    if (rule->statements.n && !tag_matches(&rule->statements, statement->tag)) return false;
    return where_matches(rule, statement) && relations_match(rule, statement, effects, hit_out) &&
           functions_match(rule, statement, hit_out);
}

static bool relation_allowed(const struct policy_allow *allow, const struct sql_relation *r)
{
    if (!in_scope(allow->scope, r->schema, POLICY_DOUBT_MISSES)) return false;
    if (allow->schemas.n && !policy_patterns_match_schema(&allow->schemas, r->schema, POLICY_DOUBT_MISSES))
        return false;
    return !allow->relations.n ||
           policy_patterns_match(&allow->relations, r->schema, r->name, POLICY_DOUBT_MISSES);
}

/* Whether it is of the functions that no published list knows: those that make a statement a procedure. */
static bool is_procedure(const struct sql_function *f)
{
    char schema[PATTERN_NAME_CEILING + 1], name[PATTERN_NAME_CEILING + 1];
    if (f->schema.n >= sizeof schema || f->name.n >= sizeof name) return true;
    memcpy(schema, f->schema.p ? f->schema.p : (const uint8_t *)"", f->schema.n);
    memcpy(name, f->name.p, f->name.n);
    schema[f->schema.n] = name[f->name.n] = 0;
    return functions_effects(f->schema.n ? schema : NULL, name) & EFFECT_PROCEDURE;
}

/* Every procedure that is called must be one of the item's, and there must be one: DO has no name. */
static bool functions_allowed(const struct policy_allow *allow, const struct sql_statement *s)
{
    size_t n_named = 0;
    for (size_t i = 0; i < s->n_functions; i++) {
        const struct sql_function *f = &s->functions[i];
        if (policy_patterns_match(&allow->functions, f->schema, f->name, POLICY_DOUBT_MISSES))
            n_named++;
        else if (is_procedure(f))
            return false;
    }
    return n_named > 0;
}

/* What a statement as a whole does belongs to all of its relations; only effects that stay within relations
 * can be allowed that way. Reading nothing at all (SELECT 1, SELECT now()) needs no relation. */
static bool loose_effect_allowed(const struct policy_allow *allow, const struct sql_statement *s,
                                 uint32_t effect)
{
    if (effect == EFFECT_READ) return true;
    if (!(effect & WITHIN_RELATIONS) || s->n_relations == 0) return false;
    for (size_t i = 0; i < s->n_relations; i++)
        if (!relation_allowed(allow, &s->relations[i])) return false;
    return true;
}

bool policy_allow_covers(const struct policy_allow *allow, const struct sql_statement *statement,
                         uint32_t effect, const struct sql_relation *relation)
{
    if (!(allow->effects & effect)) return false;
    if (allow->functions.n) return functions_allowed(allow, statement);
    if (relation) return relation_allowed(allow, relation);
    bool narrow = allow->relations.n || allow->schemas.n || allow->scope->n;
    return !narrow || loose_effect_allowed(allow, statement, effect);
}
