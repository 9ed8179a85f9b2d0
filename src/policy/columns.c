/* A column that is denied is denied in every use; one that is allowed must be told by name: a whole row is
 * allowed only where every column is. */
#include "policy/columns.h"
#include "policy/glob.h"

uint32_t policy_uses_of(uint32_t effects)
{
    uint32_t uses = 0;
    if (effects & (EFFECT_READ | EFFECT_BULK_OUT | EFFECT_LOCK)) uses |= POLICY_USES_READ;
    if (effects & (EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_BULK_IN)) uses |= SQL_USE_WRITTEN;
    return uses;
}

static bool relation_matches(const struct policy_pattern *p, const struct sql_relation *r,
                             enum policy_doubt doubt)
{
    if (!policy_glob(p->parts[1], r->name)) return false;
    if (r->schema.n) return policy_glob(p->parts[0], r->schema);
    return doubt == POLICY_DOUBT_HITS || bytes_is(p->parts[0], "*");
}

static bool is_whole(const struct sql_column *column)
{
    return column->attribute == 0 || bytes_is(column->name, "*");
}

/* What happens to the relation beyond its columns (it is dropped, renamed, given away) happens to all. */
static bool beyond_columns(const struct policy_rule *rule, const struct sql_relation *r)
{
    uint32_t within = POLICY_EFFECTS_OF_COLUMNS | EFFECT_DELETE | EFFECT_LOCK | EFFECT_MAINTENANCE;
    return (r->access & ~within & (rule->effects ? rule->effects : UINT32_MAX)) != 0;
}

/* Facts without a single column or output come from where nothing was traced: they tell nothing. */
bool policy_columns_known(const struct sql_statement *s, const struct sql_relation *relation)
{
    return s->in_view && relation->resolved && (s->n_columns || s->n_outputs || s->outputs_open);
}

bool policy_columns_hit(const struct policy_rule *rule, const struct sql_statement *s, size_t relation,
                        const struct sql_column **column_out)
{
    const struct sql_relation *r = &s->relations[relation];
    bool known = policy_columns_known(s, r);
    *column_out = NULL;
    for (size_t i = 0; i < rule->columns.n; i++) {
        const struct policy_pattern *p = &rule->columns.items[i];
        if (!relation_matches(p, r, POLICY_DOUBT_HITS)) continue;
        if (!known || beyond_columns(rule, r)) return true;
        for (size_t k = 0; k < s->n_columns; k++) {
            const struct sql_column *column = &s->columns[k];
            if (column->relation != relation || !(column->uses & rule->uses)) continue;
            if (!is_whole(column) && !policy_glob(p->parts[2], column->name)) continue;
            *column_out = column;
            return true;
        }
    }
    return false;
}

bool policy_columns_concern(const struct policy_allow *allow, const struct sql_relation *relation)
{
    for (size_t i = 0; i < allow->columns.n; i++)
        if (relation_matches(&allow->columns.items[i], relation, POLICY_DOUBT_MISSES)) return true;
    return false;
}

bool policy_column_allowed(const struct policy_allow *allow, const struct sql_relation *relation,
                           const struct sql_column *column)
{
    for (size_t i = 0; i < allow->columns.n; i++) {
        const struct policy_pattern *p = &allow->columns.items[i];
        if (!relation_matches(p, relation, POLICY_DOUBT_MISSES)) continue;
        if (is_whole(column) ? bytes_is(p->parts[2], "*") : policy_glob(p->parts[2], column->name))
            return true;
    }
    return false;
}
