/* Words for what judging found: one short sentence, and what would be allowed. */
#include "policy/outcome.h"
#include "policy/judge-masks.h"
#include <inttypes.h>

enum { SENTENCE_CEILING = 8192, PATTERNS_SHOWN = 8 };

static enum policy_decision decision_of(const struct policy_outcome *o)
{
    switch (o->kind) {
    case OUTCOME_ALLOWED: return POLICY_ALLOW;
    case OUTCOME_HELD: return POLICY_HOLD;
    case OUTCOME_NOT_ALLOWED:
    case OUTCOME_NOT_UNDERSTOOD:
    case OUTCOME_PINNED:
    case OUTCOME_MASKED:
    case OUTCOME_DENIED: break;
    }
    return POLICY_DENY;
}

static void name_print(struct bytes schema, struct bytes name, struct buf *out)
{
    buf_append(out, schema);
    if (schema.n) buf_append_text(out, ".");
    buf_append(out, name);
}

static void call_print(const struct policy_hit *hit, struct buf *out)
{
    buf_append_text(out, "calling ");
    if (hit->code)
        buf_append(out, hit->code->signature);
    else
        name_print(hit->function->schema, hit->function->name, out);
}

/* " on public.audit_log", " reaching hr.people" (which a view or a key leads to), " using column
 * public.customers.email" */
static void object_print(const struct policy_hit *hit, struct buf *out)
{
    const struct sql_relation *r = hit->relation;
    bool whole = hit->column && hit->column->attribute == 0;
    if (!r) return;
    buf_append_text(out, whole         ? " using the whole row of "
                         : hit->column ? " using column "
                         : r->through  ? " reaching "
                                       : " on ");
    if (r->name.n)
        name_print(r->schema, r->name, out);
    else if (r->schema.n)
        buf_printf(out, "any relation of %.*s", BYTES_FMT(r->schema));
    else if (r->access & ~(uint32_t)(EFFECT_READ | EFFECT_WRITE))
        buf_append_text(out, "relations that only the server knows");
    else
        buf_append_text(out, "a sequence that only the server knows");
    if (hit->column && !whole) buf_printf(out, ".%.*s", BYTES_FMT(hit->column->name));
}

/* "DELETE", "DELETE without a WHERE clause", "DELETE on public.audit_log", "calling pg_sleep" */
static void subject_print(const struct sql_statement *s, const struct policy_outcome *o, struct buf *out)
{
    if (o->hit.function) {
        call_print(&o->hit, out);
        return;
    }
    buf_append(out, s->tag.n ? s->tag : BYTES_LITERAL("this statement"));
    if (o->rule && o->rule->where != POLICY_WHERE_ANY)
        buf_append_text(out, s->where == SQL_WHERE_TRIVIAL ? " with a WHERE clause that is always true"
                                                           : " without a WHERE clause");
    object_print(&o->hit, out);
}

static void approvers_print(const struct policy_outcome *o, struct buf *out)
{
    for (size_t i = 0; i < o->n_holds; i++) {
        const struct yaml_texts *by = &o->holds[i]->by;
        buf_append_text(out, i ? ", and by " : ", by ");
        for (size_t k = 0; k < by->n; k++)
            buf_printf(out, "%s%.*s", k == 0 ? "" : k + 1 < by->n ? ", " : " or ", BYTES_FMT(by->items[k]));
    }
}

static void message_print(const struct sql_statement *s, const struct policy_outcome *o, struct buf *out)
{
    switch (o->kind) {
    case OUTCOME_MASKED:
    case OUTCOME_ALLOWED: return;
    case OUTCOME_NOT_UNDERSTOOD:
        buf_append_text(out, "this text is not understood, and is denied here");
        return;
    case OUTCOME_PINNED:
        buf_append(out, s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET ? s->subject : s->tag);
        buf_append_text(out, s->setting == SQL_SETTING_PINNED
                                 ? " is set by the gateway and cannot be changed here"
                                 : " would change a setting that the gateway keeps");
        return;
    case OUTCOME_NOT_ALLOWED:
        subject_print(s, o, out);
        buf_append_text(out, " is not allowed here");
        return;
    case OUTCOME_DENIED:
        subject_print(s, o, out);
        buf_append_text(out, " is denied here");
        break;
    case OUTCOME_HELD:
        subject_print(s, o, out);
        if (o->limit.is && o->limit.rows)
            buf_printf(out, " of more than %" PRIu64 " rows", o->limit.rows);
        else if (o->limit.is)
            buf_append_text(out, " of any row");
        buf_append_text(out, " needs approval");
        approvers_print(o, out);
        break;
    }
    if (o->rule->message.n) buf_printf(out, ": %.*s", BYTES_FMT(o->rule->message));
}

static struct bytes message_of(const struct sql_statement *s, const struct policy_outcome *o,
                               struct arena *arena)
{
    struct buf text;
    if (o->kind == OUTCOME_MASKED) return policy_masks_message(s, o, arena);
    buf_init(&text, SENTENCE_CEILING);
    message_print(s, o, &text);
    struct bytes message = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return message;
}

static void pattern_print(const struct policy_pattern *pattern, size_t *n, struct buf *out)
{
    if (*n > PATTERNS_SHOWN) return;
    if ((*n)++ == PATTERNS_SHOWN) {
        buf_append_text(out, ", …");
        return;
    }
    buf_append_text(out, *n > 1 ? ", " : "");
    for (size_t i = 0; i < pattern->n; i++)
        buf_printf(out, "%s%.*s", i ? "." : "", BYTES_FMT(pattern->parts[i]));
}

/* Where the effect that is missing is allowed: " read: sales.*, public.products." */
static void places_print(const struct policy_ruleset *r, const struct policy_outcome *o,
                         enum policy_view view, struct buf *out)
{
    size_t n = 0;
    struct buf list;
    buf_init(&list, SENTENCE_CEILING);
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        for (size_t k = 0; policy_in_view(p, view) && k < p->n_allows; k++) {
            const struct policy_allow *allow = &p->allows[k];
            const struct policy_patterns *of = allow->columns.n     ? &allow->columns
                                               : allow->relations.n ? &allow->relations
                                               : allow->functions.n ? &allow->functions
                                               : allow->schemas.n   ? &allow->schemas
                                                                    : allow->scope;
            if (!(allow->effects & o->missing)) continue;
            for (size_t m = 0; m < of->n; m++)
                pattern_print(&of->items[m], &n, &list);
        }
    }
    if (n && !list.failed)
        buf_printf(out, " %s: %.*s.", sql_effect_name(o->missing), BYTES_FMT(buf_bytes(&list)));
    buf_free(&list);
}

static struct bytes hint_of(const struct policy_ruleset *r, const struct sql_statement *s,
                            const struct policy_outcome *o, enum policy_view view, struct arena *arena)
{
    struct buf text;
    if (o->kind == OUTCOME_MASKED) return policy_masks_hint(s, o, arena);
    if (o->kind == OUTCOME_ALLOWED || o->kind == OUTCOME_PINNED)
        return arena_copy(arena, (struct bytes){ 0 });
    if (o->rule && o->rule->where != POLICY_WHERE_ANY)
        return arena_copy(arena, BYTES_LITERAL("Add a WHERE clause that names the rows."));
    if (o->kind == OUTCOME_HELD) return arena_copy(arena, (struct bytes){ 0 });
    buf_init(&text, SENTENCE_CEILING);
    buf_append(&text, r->sights[view].hint);
    if (o->kind == OUTCOME_NOT_ALLOWED && o->missing) places_print(r, o, view, &text);
    if (o->hit.relation && !o->hit.relation->schema.n)
        buf_append_text(&text, " Name the relation with its schema.");
    if (o->hit.column && o->hit.column->attribute == 0 && o->hit.column->uses & SQL_USE_OUTPUT)
        buf_append_text(&text, " Name the columns that you need.");
    struct bytes hint = text.failed ? r->sights[view].hint : buf_bytes(&text);
    hint = arena_copy(arena, hint);
    buf_free(&text);
    return hint;
}

static struct bytes rule_of(const struct policy_outcome *o)
{
    if (o->rule) return o->rule->name;
    if (o->kind == OUTCOME_PINNED) return BYTES_LITERAL("pinned");
    if (o->kind == OUTCOME_MASKED) return BYTES_LITERAL("mask");
    if (o->kind != OUTCOME_ALLOWED) return BYTES_LITERAL("default");
    return o->allow ? o->allow->label : BYTES_LITERAL("allow");
}

/* "deny by agents/no-drop: DROP TABLE is denied here" */
static struct bytes would_of(const struct sql_statement *s, const struct policy_outcome *o,
                             struct arena *arena)
{
    struct bytes message = message_of(s, o, arena), rule = rule_of(o);
    struct bytes policy = o->policy ? o->policy->name : (struct bytes){ 0 };
    if (!message.p) return message;
    return arena_printf(arena, "%s by %.*s%s%.*s: %.*s", decision_of(o) == POLICY_HOLD ? "hold" : "deny",
                        BYTES_FMT(policy), policy.n ? "/" : "", BYTES_FMT(rule), BYTES_FMT(message));
}

/* Every group that one of the holds names. */
static bool copy_approvers(const struct policy_outcome *o, struct arena *arena, struct policy_verdict *v)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_holds; i++)
        n += o->holds[i]->by.n;
    v->by = ARENA_ARRAY(arena, struct bytes, n);
    for (size_t i = 0; v->by && i < o->n_holds; i++)
        for (size_t k = 0; k < o->holds[i]->by.n; k++) {
            v->by[v->n_by] = arena_copy(arena, o->holds[i]->by.items[k]);
            if (!v->by[v->n_by++].p) return false;
        }
    return v->by != NULL;
}

/* What each of those that hold wants. So many that they were not all kept cannot be asked for. */
static bool copy_needs(const struct policy_outcome *o, struct arena *arena, bool counted,
                       struct policy_verdict *v)
{
    if (o->n_needs > POLICY_HOLDS_CEILING) return true;
    v->needs = ARENA_ARRAY(arena, struct policy_need, o->n_needs);
    for (size_t i = 0; v->needs && i < o->n_needs; i++) {
        const struct policy_rule *rule = o->needs[i].rule;
        struct policy_need *need = &v->needs[v->n_needs++];
        *need = (struct policy_need){ .policy = arena_copy(arena, o->needs[i].policy->name),
                                      .rule = arena_copy(arena, rule->name),
                                      .by = ARENA_ARRAY(arena, struct bytes, rule->by.n),
                                      .approvals = rule->approvals,
                                      .reason = rule->reason,
                                      .own = rule->own,
                                      .expires_us = rule->expires_us,
                                      .window_us = rule->window_us,
                                      .in_transaction_us = rule->in_transaction_us,
                                      .unless = counted && rule->unless,
                                      .rows = counted ? rule->unless_rows : 0 };
        if (!need->policy.p || !need->rule.p || !need->by) return false;
        for (size_t k = 0; k < rule->by.n; k++)
            if (!(need->by[need->n_by++] = arena_copy(arena, rule->by.items[k])).p) return false;
    }
    return v->needs != NULL;
}

/* Allowed up to a number of rows, above which it is held; in its words. */
static bool tell_limit(const struct sql_statement *s, const struct policy_outcome *is, struct arena *arena,
                       struct policy_verdict *v)
{
    struct policy_outcome above = *is;
    above.kind = OUTCOME_HELD;
    above.policy = is->limit.policy;
    above.rule = is->limit.rule;
    above.hit = is->limit.hit;
    v->limit_is_hold = true;
    v->limits.affected_rows = is->limit.rows;
    v->held.policy = arena_copy(arena, above.policy->name);
    v->held.rule = arena_copy(arena, above.rule->name);
    v->held.message = message_of(s, &above, arena);
    v->held.hint = is->limit.rows
                       ? arena_printf(arena, "Up to %" PRIu64 " rows need no approval.", is->limit.rows)
                       : arena_copy(arena, BYTES_LITERAL("What changes no row needs no approval."));
    return v->held.policy.p && v->held.rule.p && v->held.message.p && v->held.hint.p &&
           copy_approvers(is, arena, v) && copy_needs(is, arena, true, v);
}

void policy_outcome_tell(const struct policy_ruleset *ruleset, const struct sql_statement *statement,
                         const struct policy_outcome *is, const struct policy_outcome *would,
                         struct arena *arena, struct policy_verdict *verdict_out)
{
    struct policy_verdict v = { .decision = decision_of(is), .limits = ruleset->terms.limits };
    bool harsher = decision_of(would) < v.decision;
    v.observed = harsher && v.decision == POLICY_ALLOW;
    v.policy = arena_copy(arena, is->policy ? is->policy->name : (struct bytes){ 0 });
    v.rule = arena_copy(arena, rule_of(is));
    v.message = message_of(statement, is, arena);
    v.hint = hint_of(ruleset, statement, is, POLICY_VIEW_ENFORCED, arena);
    v.would = harsher ? would_of(statement, would, arena) : arena_copy(arena, (struct bytes){ 0 });
    bool full = !v.policy.p || !v.rule.p || !v.message.p || !v.hint.p || !v.would.p;
    if (is->kind == OUTCOME_HELD && !full)
        full = !copy_approvers(is, arena, &v) || !copy_needs(is, arena, false, &v);
    uint64_t most = v.limits.affected_rows;
    if (is->kind == OUTCOME_ALLOWED && is->limit.is && (!most || is->limit.rows < most) && !full)
        full = !tell_limit(statement, is, arena, &v);
    *verdict_out = full ? (struct policy_verdict){ 0 } : v;
}
