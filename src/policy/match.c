/* In every doubt a rule hits and an allow misses. An effect is "borne" by the relations whose access has it;
 * an effect that none bears (a lock, a function, DROP SCHEMA) belongs to the statement as a whole. */
#include "policy/match.h"
#include "policy/code.h"
#include "policy/columns.h"
#include "policy/tags.h"

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

static bool tag_matches(const struct yaml_texts *patterns, struct bytes tag)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (policy_tag_matches(patterns->items[i], tag)) return true;
    return false;
}

static bool in_scope(const struct policy_patterns *scope, struct bytes schema, enum policy_doubt doubt)
{
    return !scope->n || policy_patterns_match_schema(scope, schema, doubt);
}

/* These reach relations, or move them to another name, without naming one: a rule about relations hits them
 * by their effects alone. Some do so with CASCADE only (without it, the server refuses to drop what something
 * else needs), GRANT and its kin where they name none (ON ALL TABLES IN SCHEMA). */
static bool moves_containers(const struct sql_statement *s)
{
    static const char *const always[] = { "DROP OWNED",     "DROP EXTENSION", "DROP DATABASE",
                                          "ALTER SCHEMA",   "ALTER DATABASE", "REASSIGN OWNED",
                                          "ALTER EXTENSION" };
    static const char *const cascading[] = { "DROP SCHEMA", "DROP SEQUENCE", "DROP TYPE",
                                             "DROP DOMAIN", "DROP SERVER",   "DROP FOREIGN DATA WRAPPER" };
    static const char *const unnamed[] = { "GRANT", "REVOKE", "ALTER DEFAULT PRIVILEGES",
                                           "CREATE PUBLICATION", "VACUUM", "ANALYZE", "CLUSTER",
                                           "ALTER PUBLICATION", "REINDEX",
                                           /* ALL IN TABLESPACE */
                                           "ALTER TABLE", "ALTER INDEX", "ALTER MATERIALIZED VIEW" };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (bytes_is(s->tag, always[i])) return true;
    for (size_t i = 0; s->cascades && i < sizeof cascading / sizeof *cascading; i++)
        if (bytes_is(s->tag, cascading[i])) return true;
    if (s->cascades && s->n_relations == 0) return true; /* functions take triggers and views with them */
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
    /* What takes it out of the rule's sight is as bad as what the rule is about. */
    if (r->renamed || (r->columns_renamed && rule->columns.n)) return true;
    return !rule->effects || ((r->access | loose) & rule->effects);
}

static bool relation_hit(const struct policy_rule *rule, const struct sql_statement *s, size_t i,
                         uint32_t loose, struct policy_hit *hit)
{
    const struct sql_relation *r = &s->relations[i];
    const struct sql_column *column = NULL;
    if (!relation_concerned(rule, r, loose) || !in_scope(rule->scope, r->schema, POLICY_DOUBT_HITS))
        return false;
    if (rule->relations.n && !policy_patterns_match(&rule->relations, r->schema, r->name, POLICY_DOUBT_HITS))
        return false;
    if (rule->columns.n && !policy_columns_hit(rule, s, i, &column)) return false;
    hit->relation = rule->relations.n || rule->columns.n ? r : NULL;
    hit->column = column;
    return true;
}

static bool relations_match(const struct policy_rule *rule, const struct policy_question *q,
                            struct policy_hit *hit)
{
    const struct sql_statement *s = q->statement;
    bool named = rule->relations.n || rule->columns.n;
    if (!named && !rule->scope->n) return true;
    uint32_t loose = q->effects & ~policy_borne_effects(s);
    for (size_t i = 0; i < s->n_relations; i++)
        if (relation_hit(rule, s, i, loose, hit)) return true;
    if (moves_containers(s))
        return rule->where == POLICY_WHERE_ANY && (!rule->effects || (rule->effects & q->effects));
    if (named || rule->where != POLICY_WHERE_ANY) return false;
    /* A policy for some schemas: what no relation bears may well reach into them. */
    uint32_t elsewhere = s->n_relations ? ~WITHIN_RELATIONS : ~(uint32_t)EFFECT_READ;
    return (loose & elsewhere & (rule->effects ? rule->effects : UINT32_MAX)) != 0;
}

static bool functions_match(const struct policy_rule *rule, const struct sql_statement *s,
                            struct policy_hit *hit)
{
    for (size_t i = 0; rule->functions.n && i < s->n_functions; i++) {
        if (!policy_function_hit(&rule->functions, s, &s->functions[i])) continue;
        hit->function = &s->functions[i];
        return true;
    }
    return !rule->functions.n;
}

/* A rule that names relations speaks of what gets another name, whatever its effects. */
static bool renames(const struct policy_rule *rule, const struct sql_statement *s)
{
    for (size_t i = 0; (rule->relations.n || rule->columns.n) && i < s->n_relations; i++)
        if (s->relations[i].renamed || s->relations[i].columns_renamed) return true;
    return false;
}

bool policy_rule_matches(const struct policy_rule *rule, const struct policy_question *q,
                         struct policy_hit *hit_out)
{
    *hit_out = (struct policy_hit){ 0 };
    if (rule->effects && !(rule->effects & q->effects) && !renames(rule, q->statement)) return false;
    if (rule->statements.n && !tag_matches(&rule->statements, q->statement->tag)) return false;
    return where_matches(rule, q->statement) && relations_match(rule, q, hit_out) &&
           functions_match(rule, q->statement, hit_out);
}

static bool relation_allowed(const struct policy_allow *allow, const struct sql_relation *r)
{
    if (!in_scope(allow->scope, r->schema, POLICY_DOUBT_MISSES)) return false;
    if (allow->schemas.n && !policy_patterns_match_schema(&allow->schemas, r->schema, POLICY_DOUBT_MISSES))
        return false;
    return !allow->relations.n ||
           policy_patterns_match(&allow->relations, r->schema, r->name, POLICY_DOUBT_MISSES);
}

/* The relation, and each of its columns that the effect shows in. */
static bool part_allowed(const struct policy_allow *allow, const struct sql_statement *s, uint32_t effect,
                         size_t relation)
{
    const struct sql_relation *r = &s->relations[relation];
    if (!relation_allowed(allow, r)) return false;
    if (!allow->columns.n) return true;
    if (!policy_columns_known(s, r) || !policy_columns_concern(allow, r)) return false;
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *column = &s->columns[i];
        if (column->relation != relation || !(column->uses & policy_uses_of(effect))) continue;
        if (!policy_column_allowed(allow, r, column)) return false;
    }
    return true;
}

bool policy_allow_covers_column(const struct policy_allow *allow, const struct policy_question *q,
                                uint32_t effect, size_t relation, const struct sql_column *column)
{
    const struct sql_relation *r = &q->statement->relations[relation];
    if (!(allow->effects & effect) || allow->functions.n || !relation_allowed(allow, r)) return false;
    return !allow->columns.n || policy_column_allowed(allow, r, column);
}

/* What a statement as a whole does belongs to all relations that it names; only effects that stay within
 * relations can be allowed that way. Reading nothing at all (SELECT 1, SELECT now()) needs no relation. */
static bool loose_effect_allowed(const struct policy_allow *allow, const struct sql_statement *s,
                                 uint32_t effect)
{
    if (effect == EFFECT_READ) return true;
    bool any = false;
    if (!(effect & WITHIN_RELATIONS)) return false;
    for (size_t i = 0; i < s->n_relations; i++) {
        if (s->relations[i].through) continue;
        any = true;
        if (!part_allowed(allow, s, effect, i)) return false;
    }
    return any;
}

bool policy_allow_covers(const struct policy_allow *allow, const struct policy_question *q, uint32_t effect,
                         size_t relation)
{
    const struct sql_statement *s = q->statement;
    if (!(allow->effects & effect)) return false;
    if (allow->functions.n) return policy_functions_allowed(&allow->functions, q->ruleset, q->view, s);
    if (relation != POLICY_NO_RELATION) return part_allowed(allow, s, effect, relation);
    bool narrow = allow->relations.n || allow->schemas.n || allow->columns.n || allow->scope->n;
    return !narrow || loose_effect_allowed(allow, s, effect);
}
