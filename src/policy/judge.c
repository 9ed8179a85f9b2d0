/* The verdict: what is refused to everybody, then deny, then what no policy allows, then hold, then allow.
 * The order is the meaning: deny beats hold beats allow, and what nobody allowed is not worth an approval. */
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

static bool moves_pinned(const struct sql_statement *s)
{
    bool setting = s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET;
    return s->pinned_setting || (setting && s->setting == SQL_SETTING_PINNED);
}

static bool find_deny(const struct policy_ruleset *r, const struct sql_statement *s, uint32_t effects,
                      enum policy_view view, struct policy_outcome *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        for (size_t k = 0; k < p->n_denies; k++) {
            if (!policy_rule_in_view(&p->denies[k], view)) continue;
            if (!policy_rule_matches(&p->denies[k], s, effects, &out->hit)) continue;
            *out = (struct policy_outcome){ OUTCOME_DENIED, p, .rule = &p->denies[k], .hit = out->hit };
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

/* Of the holds that speak of a number, those with the smallest. */
static void keep_limit(struct policy_outcome *o, const struct policy *policy, const struct policy_rule *rule,
                       const struct policy_hit *hit)
{
    if (o->limit.rows && rule->unless_rows > o->limit.rows) return;
    if (!o->limit.rows || rule->unless_rows < o->limit.rows) {
        o->limit.rows = rule->unless_rows;
        o->limit.policy = policy;
        o->limit.rule = rule;
        o->limit.hit = *hit;
        o->n_holds = 0;
    }
    keep_hold(o, rule);
}

/* allowed gets what holds above a number of rows; held, which is answered, what holds at once. */
static bool find_holds(const struct policy_ruleset *r, const struct sql_statement *s, uint32_t effects,
                       enum policy_view view, struct policy_outcome *allowed, struct policy_outcome *held)
{
    struct policy_hit hit;
    bool counted = countable(s, effects);
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        for (size_t k = 0; k < p->n_holds; k++) {
            const struct policy_rule *rule = &p->holds[k];
            if (!policy_rule_in_view(rule, view)) continue;
            if (!policy_rule_matches(rule, s, effects, &hit)) continue;
            if (rule->unless_rows && counted) {
                keep_limit(allowed, p, rule, &hit);
                continue;
            }
            if (!held->rule) *held = (struct policy_outcome){ OUTCOME_HELD, p, .rule = rule, .hit = hit };
            keep_hold(held, rule);
        }
    }
    return held->rule != NULL;
}

/* The first item, in name order of the policies, that covers the effect. */
static bool covered(const struct policy_ruleset *r, const struct sql_statement *s, uint32_t effect,
                    const struct sql_relation *relation, enum policy_view view, struct policy_outcome *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        for (size_t k = 0; policy_in_view(p, view) && k < p->n_allows; k++) {
            if (!policy_allow_covers(&p->allows[k], s, effect, relation)) continue;
            if (!out->allow) {
                out->allow = &p->allows[k];
                out->policy = p;
            }
            return true;
        }
    }
    return false;
}

/* Each relation needs its own allow for each effect that it bears. */
static bool effect_allowed(const struct policy_ruleset *r, const struct sql_statement *s, uint32_t effect,
                           enum policy_view view, struct policy_outcome *out)
{
    bool borne = false;
    for (size_t i = 0; i < s->n_relations; i++) {
        if (!(s->relations[i].access & effect)) continue;
        borne = true;
        if (covered(r, s, effect, &s->relations[i], view, out)) continue;
        out->hit.relation = &s->relations[i];
        return false;
    }
    return borne || covered(r, s, effect, NULL, view, out);
}

static bool all_allowed(const struct policy_ruleset *r, const struct sql_statement *s, uint32_t effects,
                        enum policy_view view, struct policy_outcome *out)
{
    const struct policy_sight *sight = &r->sights[view];
    if ((effects & EFFECT_UNKNOWN) && !(sight->unknown && covered(r, s, EFFECT_UNKNOWN, NULL, view, out))) {
        out->kind = OUTCOME_NOT_UNDERSTOOD;
        return false;
    }
    for (uint32_t rest = effects & ~(uint32_t)EFFECT_UNKNOWN; rest; rest &= rest - 1) {
        uint32_t effect = rest & -rest;
        /* The first look is for the policy that allows, so that the verdict can name it. */
        if (out->allow && (sight->free & effect)) continue;
        if (effect_allowed(r, s, effect, view, out)) continue;
        out->kind = OUTCOME_NOT_ALLOWED;
        out->missing = effect;
        return false;
    }
    out->kind = OUTCOME_ALLOWED;
    return true;
}

static struct policy_outcome evaluate(const struct policy_ruleset *r, const struct sql_statement *s,
                                      enum policy_view view)
{
    struct policy_outcome out = { 0 }, held = { 0 };
    uint32_t effects = judged_effects(s);
    if (moves_pinned(s) && !r->open) return (struct policy_outcome){ OUTCOME_PINNED };
    if (view == POLICY_VIEW_ENFORCED && !r->enforces)
        return (struct policy_outcome){ OUTCOME_ALLOWED, r->policies[0] };
    if (find_deny(r, s, effects, view, &out)) return out;
    out = (struct policy_outcome){ 0 };
    if (!all_allowed(r, s, effects, view, &out)) {
        out.allow = NULL;
        out.policy = NULL;
        return out;
    }
    if (find_holds(r, s, effects, view, &out, &held)) return held;
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
    }
    *verdict_out = whole;
}

void policy_judge_unknown(const struct policy_ruleset *ruleset, struct arena *arena,
                          struct policy_verdict *verdict_out)
{
    const struct sql_statement unknown = { .effects = EFFECT_UNKNOWN };
    policy_judge(ruleset, &unknown, arena, verdict_out);
}
