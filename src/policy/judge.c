/* The verdict: what is refused to everybody, then deny, then what no policy allows, then hold, then allow.
 * The order is the meaning: deny beats hold beats allow, and what nobody allowed is not worth an approval. */
#include "policy/code.h"
#include "policy/columns.h"
#include "policy/judge-masks.h"
#include "policy/match.h"
#include "policy/outcome.h"

/* What is always allowed leaves the effects: transaction control (two-phase commit is none), harmless
 * settings, SHOW, and letting go of what the session made itself. */
static uint32_t judged_effects(const struct sql_statement *s)
{
    uint32_t effects = s->effects;
    bool setting = s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET;
    if (s->action != SQL_ACTION_TWO_PHASE) effects &= ~(uint32_t)EFFECT_TRANSACTION;
    if (setting && (s->setting == SQL_SETTING_HARMLESS || s->setting == SQL_SETTING_CONTEXT) &&
        !s->pinned_setting)
        effects &= ~(uint32_t)EFFECT_SESSION;
    if (setting && s->setting == SQL_SETTING_PRIVILEGE) effects |= EFFECT_PRIVILEGE;
    if (s->action == SQL_ACTION_SHOW) effects &= ~(uint32_t)EFFECT_READ;
    if (s->action == SQL_ACTION_DEALLOCATE || s->action == SQL_ACTION_CLOSE)
        effects &= ~(uint32_t)(EFFECT_SESSION | EFFECT_READ);
    return effects | policy_borne_effects(s);
}

/* Which code is trusted is the policies' to say: in a view, calling other code is what a procedure is, and so
 * is making code under a name that they vouch for. */
static uint32_t procedure_effect(const struct policy_ruleset *r, enum policy_view view,
                                 const struct sql_statement *s)
{
    for (size_t i = 0; s->in_view && i < s->n_functions; i++)
        for (size_t k = 0; k < s->functions[i].n_codes; k++)
            if (!policy_code_trusted(r, view, &s->functions[i].codes[k])) return EFFECT_PROCEDURE;
    if (policy_code_is_vouched(r, view, s)) return EFFECT_PROCEDURE;
    return 0;
}

static bool moves_pinned(const struct sql_statement *s)
{
    bool setting = s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET;
    return s->pinned_setting || (setting && s->setting == SQL_SETTING_PINNED);
}

static bool find_deny(const struct policy_question *q, struct policy_outcome *out)
{
    struct policy_hit hit;
    for (size_t i = 0; i < q->ruleset->n; i++) {
        const struct policy *p = q->ruleset->policies[i];
        for (size_t k = 0; k < p->n_denies; k++) {
            if (!policy_rule_in_view(&p->denies[k], q->view)) continue;
            if (!policy_rule_matches(&p->denies[k], q, &hit)) continue;
            *out = (struct policy_outcome){ OUTCOME_DENIED, p, .rule = &p->denies[k], .hit = hit };
            return true;
        }
    }
    return false;
}

/* Whether the server's command tag tells how many rows the statement changed, so that a hold which speaks of
 * a number can wait for it. PREPARE and EXPLAIN run what their tags do not count. */
static bool countable(const struct sql_statement *s, uint32_t effects)
{
    uint32_t uncounted = EFFECT_TRUNCATE | EFFECT_SCHEMA_ALTER | EFFECT_SCHEMA_DROP | EFFECT_PROCEDURE |
                         EFFECT_UNSAFE_IO | EFFECT_REPLICATION | EFFECT_UNKNOWN;
    uint32_t changes = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE;
    if (effects & uncounted) return false;
    return !(effects & changes) || (s->action != SQL_ACTION_PREPARE && !bytes_starts_with(s->tag, "EXPLAIN"));
}

static void keep_hold(struct policy_outcome *o, const struct policy_rule *rule)
{
    if (o->n_holds < POLICY_HOLDS_CEILING) o->holds[o->n_holds++] = rule;
}

static void keep_need(struct policy_outcome *o, const struct policy *policy, const struct policy_rule *rule)
{
    if (o->n_needs++ >= POLICY_HOLDS_CEILING) return;
    o->needs[o->n_needs - 1].policy = policy;
    o->needs[o->n_needs - 1].rule = rule;
}

/* Of the holds that speak of a number, those with the smallest. */
static void keep_limit(struct policy_outcome *o, const struct policy *policy, const struct policy_rule *rule,
                       const struct policy_hit *hit)
{
    if (o->limit.is && rule->unless_rows > o->limit.rows) return;
    if (!o->limit.is || rule->unless_rows < o->limit.rows) {
        o->limit.is = true;
        o->limit.rows = rule->unless_rows;
        o->limit.policy = policy;
        o->limit.rule = rule;
        o->limit.hit = *hit;
        o->n_holds = 0;
    }
    keep_hold(o, rule);
}

/* allowed gets what holds above a number of rows; held, which is answered, what holds at once. */
static bool find_holds(const struct policy_question *q, struct policy_outcome *allowed,
                       struct policy_outcome *held)
{
    struct policy_hit hit;
    bool counted = countable(q->statement, q->effects);
    for (size_t i = 0; i < q->ruleset->n; i++) {
        const struct policy *p = q->ruleset->policies[i];
        for (size_t k = 0; k < p->n_holds; k++) {
            const struct policy_rule *rule = &p->holds[k];
            if (!policy_rule_in_view(rule, q->view)) continue;
            if (!policy_rule_matches(rule, q, &hit)) continue;
            keep_need(allowed, p, rule);
            if (rule->unless && counted) {
                keep_limit(allowed, p, rule, &hit);
                continue;
            }
            if (!held->rule) *held = (struct policy_outcome){ OUTCOME_HELD, p, .rule = rule, .hit = hit };
            keep_hold(held, rule);
        }
    }
    held->n_needs = allowed->n_needs;
    memcpy(held->needs, allowed->needs, sizeof held->needs);
    return held->rule != NULL;
}

/* The next item of a policy in sight that allows the effect somewhere, in name order of the policies; NULL
 * behind the last. Begin with *at 0. */
static const struct policy_allow *next_allow(const struct policy_question *q, uint32_t effect, size_t *at,
                                             const struct policy **policy_out)
{
    size_t first = 0;
    for (size_t i = 0; i < q->ruleset->n; i++) {
        const struct policy *p = q->ruleset->policies[i];
        for (size_t k = *at - first; policy_in_view(p, q->view) && *at >= first && k < p->n_allows; k++) {
            if (!(p->allows[k].effects & effect)) continue;
            *at = first + k + 1;
            *policy_out = p;
            return &p->allows[k];
        }
        first += p->n_allows;
        if (*at < first) *at = first;
    }
    return NULL;
}

static void keep_allow(struct policy_outcome *o, const struct policy *policy,
                       const struct policy_allow *allow)
{
    if (o->allow) return;
    o->allow = allow;
    o->policy = policy;
}

static bool covered(const struct policy_question *q, uint32_t effect, size_t relation,
                    struct policy_outcome *out)
{
    const struct policy *policy;
    const struct policy_allow *allow;
    size_t at = 0;
    while ((allow = next_allow(q, effect, &at, &policy))) {
        if (!policy_allow_covers(allow, q, effect, relation)) continue;
        keep_allow(out, policy, allow);
        return true;
    }
    return false;
}

/* narrow: only items that name columns count. */
static bool column_covered(const struct policy_question *q, uint32_t effect, size_t relation,
                           const struct sql_column *column, bool narrow, struct policy_outcome *out)
{
    const struct policy *policy;
    const struct policy_allow *allow;
    size_t at = 0;
    while ((allow = next_allow(q, effect, &at, &policy))) {
        if (narrow && !allow->columns.n) continue;
        if (!policy_allow_covers_column(allow, q, effect, relation, column)) continue;
        keep_allow(out, policy, allow);
        return true;
    }
    return false;
}

static bool columns_narrowed(const struct policy_question *q, uint32_t effects, size_t relation)
{
    const struct policy *policy;
    const struct policy_allow *allow;
    size_t at = 0;
    while ((allow = next_allow(q, effects, &at, &policy)))
        if (policy_columns_concern(allow, &q->statement->relations[relation])) return true;
    return false;
}

/* Items for columns add up: each column that the effect shows in may have another one. */
static bool covered_by_columns(const struct policy_question *q, uint32_t effect, size_t relation,
                               struct policy_outcome *out)
{
    const struct sql_statement *s = q->statement;
    if (!policy_columns_known(s, &s->relations[relation]) || !columns_narrowed(q, effect, relation))
        return false;
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *column = &s->columns[i];
        if (column->relation != relation || !(column->uses & policy_uses_of(effect))) continue;
        if (column_covered(q, effect, relation, column, false, out)) continue;
        out->hit.column = column;
        return false;
    }
    return true;
}

/* UPDATE, DELETE and INSERT look at columns of their target without the effect read (WHERE, RETURNING). Where
 * reading it, or the effect itself, is allowed by columns, these are for such an item to allow. */
static bool target_columns_allowed(const struct policy_question *q, size_t relation,
                                   struct policy_outcome *out)
{
    const struct sql_statement *s = q->statement;
    const struct sql_relation *r = &s->relations[relation];
    uint32_t changes = r->access & (EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE);
    if (r->through || !changes || !columns_narrowed(q, changes | EFFECT_READ, relation)) return true;
    out->hit = (struct policy_hit){ .relation = r };
    out->missing = EFFECT_READ;
    if (!policy_columns_known(s, r)) return false;
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *column = &s->columns[i];
        if (column->relation != relation || !(column->uses & POLICY_USES_READ)) continue;
        if (column_covered(q, EFFECT_READ, relation, column, false, out)) continue;
        if (column_covered(q, changes, relation, column, true, out)) continue;
        out->hit.column = column;
        return false;
    }
    out->hit = (struct policy_hit){ 0 };
    return true;
}

/* Whether a call bears the effect, and not only what hangs on the relations. */
static bool called(const struct sql_statement *s, uint32_t effect)
{
    for (size_t i = 0; i < s->n_functions; i++)
        if (policy_function_effects(s, &s->functions[i]) & effect) return true;
    return false;
}

/* Each relation that is named needs its own allow for each effect that it bears. What is only reached through
 * them needs none, so that an effect which nothing else bears is allowed with them. */
static bool effect_allowed(const struct policy_question *q, uint32_t effect, struct policy_outcome *out)
{
    const struct sql_statement *s = q->statement;
    uint32_t by_ties = EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE;
    bool borne = false, through = false;
    for (size_t i = 0; i < s->n_relations; i++) {
        if (!(s->relations[i].access & effect)) continue;
        borne |= !s->relations[i].through;
        through |= s->relations[i].through;
        if (s->relations[i].through || covered(q, effect, i, out) || covered_by_columns(q, effect, i, out))
            continue;
        out->hit.relation = &s->relations[i];
        return false;
    }
    if (borne || (through && (effect & by_ties) && !called(s, effect))) return true;
    return covered(q, effect, POLICY_NO_RELATION, out);
}

static bool all_allowed(const struct policy_question *q, struct policy_outcome *out)
{
    const struct policy_sight *sight = &q->ruleset->sights[q->view];
    out->kind = OUTCOME_NOT_UNDERSTOOD;
    if ((q->effects & EFFECT_UNKNOWN) &&
        !(sight->unknown && covered(q, EFFECT_UNKNOWN, POLICY_NO_RELATION, out)))
        return false;
    out->kind = OUTCOME_NOT_ALLOWED;
    for (uint32_t rest = q->effects & ~(uint32_t)EFFECT_UNKNOWN; rest; rest &= rest - 1) {
        uint32_t effect = rest & -rest;
        /* The first look is for the policy that allows, so that the verdict can name it. */
        if (out->allow && (sight->free & effect)) continue;
        out->missing = effect;
        if (!effect_allowed(q, effect, out)) return false;
    }
    for (size_t i = 0; sight->columns && i < q->statement->n_relations; i++)
        if (!target_columns_allowed(q, i, out)) return false;
    out->missing = 0;
    out->kind = OUTCOME_ALLOWED;
    return true;
}

static void tell_procedure(const struct policy_question *q, struct policy_outcome *out)
{
    if (out->kind == OUTCOME_NOT_ALLOWED && out->missing == EFFECT_PROCEDURE)
        out->hit.function = policy_procedure_called(q->ruleset, q->view, q->statement, &out->hit.code);
    out->allow = NULL;
    out->policy = NULL;
}

static struct policy_outcome evaluate(const struct policy_ruleset *r, const struct sql_statement *s,
                                      enum policy_view view)
{
    struct policy_outcome out = { 0 }, held = { 0 };
    struct policy_question q = { r, view, s, judged_effects(s) | procedure_effect(r, view, s) };
    if (moves_pinned(s) && !r->open) return (struct policy_outcome){ OUTCOME_PINNED };
    if (view == POLICY_VIEW_ENFORCED && !r->enforces)
        return (struct policy_outcome){ OUTCOME_ALLOWED, r->policies[0] };
    if (find_deny(&q, &out)) return out;
    if (r->masks && policy_masks_deny(&q, &out)) return out;
    if (!all_allowed(&q, &out)) {
        tell_procedure(&q, &out);
        return out;
    }
    if (find_holds(&q, &out, &held)) return held;
    for (size_t i = 0; !out.policy && i < r->n; i++)
        if (policy_in_view(r->policies[i], view)) out.policy = r->policies[i];
    return out;
}

void policy_judge(const struct policy_ruleset *ruleset, const struct sql_statement *statement,
                  struct arena *arena, struct policy_verdict *verdict_out)
{
    struct policy_outcome is = evaluate(ruleset, statement, POLICY_VIEW_ENFORCED), would = is;
    if (ruleset->observes) would = evaluate(ruleset, statement, POLICY_VIEW_ALL);
    policy_outcome_tell(ruleset, statement, &is, &would, arena, verdict_out);
}

/* A limit that is a hold counts only below the terms' own. */
static void narrow(struct policy_verdict *whole, const struct policy_verdict *v)
{
    bool tighter =
        v->limit_is_hold && (!whole->limit_is_hold || v->limits.affected_rows < whole->limits.affected_rows);
    policy_limits_narrow(&whole->limits, &v->limits);
    if (!tighter) return;
    whole->limit_is_hold = true;
    whole->held = v->held;
    whole->by = v->by;
    whole->n_by = v->n_by;
}

/* What is held with others needs what they need as well. False: the arena is full. */
static bool add_needs(struct policy_verdict *whole, const struct policy_verdict *other, struct arena *arena)
{
    if (other->decision == POLICY_DENY || other->n_needs == 0) return true;
    struct policy_need *needs = ARENA_ARRAY(arena, struct policy_need, whole->n_needs + other->n_needs);
    if (!needs) return false;
    size_t n = whole->n_needs;
    if (n) memcpy(needs, whole->needs, n * sizeof *needs);
    for (size_t i = 0; i < other->n_needs; i++) {
        const struct policy_need *need = &other->needs[i];
        bool there = false;
        for (size_t k = 0; k < n; k++)
            there |= bytes_equal(needs[k].policy, need->policy) && bytes_equal(needs[k].rule, need->rule);
        if (!there) needs[n++] = *need;
    }
    whole->needs = needs;
    whole->n_needs = n;
    return true;
}

void policy_judge_text(const struct policy_ruleset *ruleset, const struct sql_facts *facts,
                       struct arena *arena, struct policy_verdict *verdict_out, size_t *index_out)
{
    struct policy_verdict whole = { .decision = POLICY_ALLOW,
                                    .rule = BYTES_LITERAL("empty"),
                                    .policy = BYTES_LITERAL(""),
                                    .message = BYTES_LITERAL(""),
                                    .hint = BYTES_LITERAL(""),
                                    .would = BYTES_LITERAL(""),
                                    .limits = ruleset->terms.limits };
    *index_out = 0;
    for (size_t i = 0; i < facts->n_statements && whole.decision != POLICY_DENY; i++) {
        struct policy_verdict v;
        policy_judge(ruleset, &facts->statements[i], arena, &v);
        /* The first of the harshest decides; of what is allowed, the first that enforcing would not. */
        bool harsher =
            v.decision < whole.decision ||
            (v.decision == POLICY_ALLOW && whole.decision == POLICY_ALLOW && v.observed && !whole.observed);
        struct policy_verdict before = whole;
        if (i == 0 || harsher) {
            whole = v;
            *index_out = i;
        }
        if (i > 0 && whole.decision == POLICY_ALLOW) narrow(&whole, harsher ? &before : &v);
        if (i > 0 && whole.decision == POLICY_HOLD && !add_needs(&whole, harsher ? &before : &v, arena))
            whole = (struct policy_verdict){ 0 };
    }
    *verdict_out = whole;
}

void policy_judge_unknown(const struct policy_ruleset *ruleset, struct arena *arena,
                          struct policy_verdict *verdict_out)
{
    const struct sql_statement unknown = { .effects = EFFECT_UNKNOWN };
    policy_judge(ruleset, &unknown, arena, verdict_out);
}
