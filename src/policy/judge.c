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

static size_t find_holds(const struct policy_ruleset *r, const struct sql_statement *s, uint32_t effects,
                         enum policy_view view, struct policy_outcome *out)
{
    struct policy_hit hit;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        for (size_t k = 0; k < p->n_holds; k++) {
            if (!policy_rule_in_view(&p->holds[k], view)) continue;
            if (!policy_rule_matches(&p->holds[k], s, effects, &hit)) continue;
            if (n++ == 0) *out = (struct policy_outcome){ OUTCOME_HELD, p, .rule = &p->holds[k], .hit = hit };
            if (n <= POLICY_HOLDS_CEILING) out->holds[n - 1] = &p->holds[k];
        }
    }
    out->n_holds = n < POLICY_HOLDS_CEILING ? n : POLICY_HOLDS_CEILING;
    return n;
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
    if (find_holds(r, s, effects, view, &held)) return held;
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

void policy_judge_unknown(const struct policy_ruleset *ruleset, struct arena *arena,
                          struct policy_verdict *verdict_out)
{
    const struct sql_statement unknown = { .effects = EFFECT_UNKNOWN };
    policy_judge(ruleset, &unknown, arena, verdict_out);
}
