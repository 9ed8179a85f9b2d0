/* Made once a session: who matches, the terms over all that apply, and what judging can know beforehand. */
#include "policy/ruleset.h"
#include "policy/masks.h"
#include "policy/who.h"
#include "json/read.h"

enum { CLAIMS_BYTES_CEILING = 64 * 1024, CLAIMS_DEPTH_CEILING = 16, TEXT_CEILING = 64 * 1024 };

void policy_effects_print(uint32_t effects, struct buf *out)
{
    const char *between = "";
    if ((effects & EFFECT_SCHEMA) == EFFECT_SCHEMA) {
        buf_append_text(out, "schema");
        effects &= ~(uint32_t)EFFECT_SCHEMA;
        between = ", ";
    }
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++) {
        if (!(effects & 1u << i)) continue;
        buf_printf(out, "%s%s", between, sql_effect_name(1u << i));
        between = ", ";
    }
}

static bool applies(const struct policy *policy, const struct policy_request *request, const json_t *claims)
{
    struct bytes database = request->database.n ? request->database : request->connection;
    if (policy->connections.n && !policy_texts_match(&policy->connections, request->connection)) return false;
    if (policy->databases.n && !policy_texts_match(&policy->databases, database)) return false;
    return policy_who_matches(&policy->who, request->principal, claims);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    if (!a || !b) return a ? a : b;
    return a < b ? a : b;
}

void policy_limits_narrow(struct policy_limits *limits, const struct policy_limits *by)
{
    struct policy_budget *budget = &limits->budget;
    limits->statement_us = (int64_t)smaller((uint64_t)limits->statement_us, (uint64_t)by->statement_us);
    limits->session_us = (int64_t)smaller((uint64_t)limits->session_us, (uint64_t)by->session_us);
    limits->returned_rows = smaller(limits->returned_rows, by->returned_rows);
    limits->affected_rows = smaller(limits->affected_rows, by->affected_rows);
    limits->returned_bytes = smaller(limits->returned_bytes, by->returned_bytes);
    budget->statements = smaller(budget->statements, by->budget.statements);
    budget->rows = smaller(budget->rows, by->budget.rows);
    budget->affected_rows = smaller(budget->affected_rows, by->budget.affected_rows);
    budget->bytes = smaller(budget->bytes, by->budget.bytes);
    budget->lookups = smaller(budget->lookups, by->budget.lookups);
}

enum { LOOKUPS = 100 };

/* Whether some masked column may be asked for its values. */
static bool looks_up(const struct policy_ruleset *r)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->policies[i]->n_masks; k++)
            if (r->policies[i]->masks[k].mask.equal) return true;
    return false;
}

/* Recording that is fullest: for ever is longer than any time, and one policy that denies on failure is
 * enough. */
static bool make_terms(struct policy_ruleset *r, struct arena *arena)
{
    struct policy_terms *t = &r->terms;
    bool for_ever = false;
    struct buf names;
    buf_init(&names, TEXT_CEILING);
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        if (!t->login.n && p->login.n) t->login = p->login;
        if (!p->observe) policy_limits_narrow(&t->limits, &p->limits);
        if (p->rows > t->rows) t->rows = p->rows;
        if (p->on_failure == POLICY_FAILURE_DENY) t->record_or_refuse = true;
        if (!p->retain_us) for_ever = true;
        if (p->retain_us > t->retain_us) t->retain_us = p->retain_us;
        t->record_effects |= p->record_effects;
        buf_printf(&names, "%s%.*s", i ? "," : "", BYTES_FMT(p->name));
    }
    if (for_ever) t->retain_us = 0;
    if (looks_up(r) && !t->limits.budget.lookups) t->limits.budget.lookups = LOOKUPS;
    t->policies = names.failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&names));
    t->hash = r->snapshot->hash;
    buf_free(&names);
    return t->policies.p != NULL;
}

static bool limited(const struct policy_limits *limits)
{
    const struct policy_budget *budget = &limits->budget;
    return limits->statement_us || limits->session_us || limits->returned_rows || limits->affected_rows ||
           limits->returned_bytes || budget->statements || budget->rows || budget->affected_rows ||
           budget->bytes || budget->lookups;
}

/* Text that is not understood passes only where a policy without holds and limits allows it by name, and
 * where no other that applies holds something or counts rows: nobody could tell whether the text is what they
 * mean. */
static bool unknown_passes(const struct policy_ruleset *r, enum policy_view view)
{
    bool named = false;
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        if (!policy_in_view(p, view)) continue;
        for (size_t k = 0; k < p->n_holds; k++)
            if (policy_rule_in_view(&p->holds[k], view)) return false;
        if (p->limits.affected_rows || p->limits.budget.affected_rows) return false;
        for (size_t k = 0; k < p->n_allows; k++)
            if ((p->allows[k].effects & EFFECT_UNKNOWN) && !limited(&p->limits) && !p->n_holds) named = true;
    }
    return named;
}

static bool unrestricted(const struct policy_allow *allow)
{
    return !allow->relations.n && !allow->schemas.n && !allow->columns.n && !allow->functions.n &&
           !allow->scope->n;
}

/* What a rule denies whatever it touches; hints leave it out. */
static uint32_t flatly_denied(const struct policy *policy, enum policy_view view)
{
    uint32_t denied = 0;
    for (size_t i = 0; i < policy->n_denies; i++) {
        const struct policy_rule *rule = &policy->denies[i];
        bool flat = !rule->statements.n && !rule->relations.n && !rule->columns.n && !rule->functions.n &&
                    !rule->scope->n && rule->where == POLICY_WHERE_ANY;
        if (flat && policy_rule_in_view(rule, view)) denied |= rule->effects;
    }
    return denied;
}

static bool make_sight(struct policy_ruleset *r, enum policy_view view, struct arena *arena)
{
    struct policy_sight *sight = &r->sights[view];
    uint32_t somewhere = 0, denied = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        if (!policy_in_view(p, view)) continue;
        denied |= flatly_denied(p, view);
        for (size_t k = 0; k < p->n_allows; k++) {
            somewhere |= p->allows[k].effects;
            sight->columns |= p->allows[k].columns.n > 0;
            if (unrestricted(&p->allows[k])) sight->free |= p->allows[k].effects;
        }
    }
    sight->free &= ~(uint32_t)EFFECT_UNKNOWN;
    sight->unknown = unknown_passes(r, view);
    uint32_t shown = (sight->free | (sight->unknown ? EFFECT_UNKNOWN : 0)) & ~denied;
    uint32_t partly = somewhere & EFFECT_ALL_BUT_UNKNOWN & ~sight->free & ~denied;
    struct buf hint;
    buf_init(&hint, TEXT_CEILING);
    buf_append_text(&hint, "Allowed here: ");
    policy_effects_print(shown, &hint);
    if (partly) {
        buf_append_text(&hint, shown ? "; in part: " : "in part: ");
        policy_effects_print(partly, &hint);
    }
    buf_append_text(&hint, shown || partly ? "." : "nothing.");
    sight->hint = arena_copy(arena, buf_bytes(&hint));
    buf_free(&hint);
    return sight->hint.p != NULL;
}

static bool is_open(const struct policy_ruleset *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->policies[i]->observe || r->policies[i]->n_denies || r->policies[i]->n_holds) return false;
    return r->sights[POLICY_VIEW_ENFORCED].unknown &&
           r->sights[POLICY_VIEW_ENFORCED].free == EFFECT_ALL_BUT_UNKNOWN;
}

/* FNV-1a over the hash of the policies' text and which of them apply: rulesets judge by nothing else. */
static uint64_t make_key(const struct policy_ruleset *r)
{
    uint64_t key = 0xcbf29ce484222325;
    for (size_t i = 0; i < r->snapshot->hash.n; i++)
        key = (key ^ r->snapshot->hash.p[i]) * 0x100000001b3;
    for (size_t i = 0; i < r->n; i++) {
        uint32_t index = (uint32_t)(r->policies[i] - r->snapshot->policies);
        for (unsigned shift = 0; shift < 32; shift += 8)
            key = (key ^ (index >> shift & 0xff)) * 0x100000001b3;
    }
    return key;
}

static bool observes(const struct policy *policy)
{
    bool any = policy->observe;
    for (size_t i = 0; i < policy->n_denies; i++)
        any = any || policy->denies[i].observe;
    for (size_t i = 0; i < policy->n_holds; i++)
        any = any || policy->holds[i].observe;
    return any;
}

static bool finish(struct policy_ruleset *r, struct arena *arena)
{
    for (size_t i = 0; i < r->n; i++) {
        r->enforces = r->enforces || !r->policies[i]->observe;
        r->observes = r->observes || observes(r->policies[i]);
    }
    if (!make_terms(r, arena)) return false;
    for (enum policy_view view = POLICY_VIEW_ENFORCED; view < POLICY_N_VIEWS; view++)
        if (!make_sight(r, view, arena)) return false;
    r->masks = policy_ruleset_masks(r);
    r->open = !r->masks && !policy_ruleset_values(r).looked && is_open(r);
    r->key = make_key(r);
    return true;
}

const struct policy_ruleset *policy_ruleset_for(const struct policy_snapshot *snapshot,
                                                const struct policy_request *request, struct arena *arena)
{
    json_t *claims = NULL;
    struct policy_ruleset *r = ARENA_NEW(arena, struct policy_ruleset);
    if (!r) return NULL;
    *r = (struct policy_ruleset){ .snapshot = snapshot,
                                  .policies = ARENA_ARRAY(arena, const struct policy *, snapshot->n) };
    if (!r->policies) return NULL;
    /* Claims that cannot be read could have brought a policy that denies: nobody is let in without them. */
    if (snapshot->uses_claims && json_read_object(request->principal->claims, CLAIMS_BYTES_CEILING,
                                                  CLAIMS_DEPTH_CEILING, &claims) != JSON_READ)
        return NULL;
    for (size_t i = 0; i < snapshot->n; i++)
        if (applies(&snapshot->policies[i], request, claims)) r->policies[r->n++] = &snapshot->policies[i];
    json_decref(claims);
    return r->n && finish(r, arena) ? r : NULL;
}

uint64_t policy_ruleset_key(const struct policy_ruleset *ruleset)
{
    return ruleset->key;
}

bool policy_ruleset_is_open(const struct policy_ruleset *ruleset)
{
    return ruleset->open;
}

bool policy_ruleset_needs_view(const struct policy_ruleset *ruleset)
{
    return !ruleset->open;
}

const struct policy_terms *policy_ruleset_terms(const struct policy_ruleset *ruleset)
{
    return &ruleset->terms;
}
