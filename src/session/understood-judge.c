/* Judging an understood text: the policy's verdict over all its statements, settings that are closed, and how
 * what it changes can be counted. */
#include "session/understood-private.h"

static bool understood_is_closed(const struct target *target, struct bytes name)
{
    for (size_t i = 0; i < target->n_settings; i++)
        if (bytes_equal_nocase(target->settings[i].name, name)) return true;
    return false;
}

bool understood_calls(const struct sql_statement *s, const char *function)
{
    for (size_t i = 0; i < s->n_functions; i++)
        if (bytes_is(s->functions[i].name, function)) return true;
    return false;
}

/* Settings that the gateway makes for the connection, and every other way to a setting than SET, are closed:
 * a policy could not know of the first, and the second would go around what SET is judged by. */
static bool moves_closed_setting(const struct target *target, const struct sql_statement *s)
{
    if ((s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET) &&
        understood_is_closed(target, s->subject))
        return true;
    if (target->n_settings && s->effects & EFFECT_SESSION && understood_calls(s, "set_config")) return true;
    for (size_t i = 0; i < s->n_relations; i++)
        if (bytes_is(s->relations[i].name, "pg_settings") && s->relations[i].access & ~(uint32_t)EFFECT_READ)
            return true;
    return false;
}

static bool understood_needs_copy(struct understood *u, const struct policy_verdict *v)
{
    u->verdict.needs = ARENA_ARRAY(&u->arena, struct policy_need, v->n_needs);
    for (size_t i = 0; i < v->n_needs && u->verdict.needs; i++) {
        struct policy_need *need = &u->verdict.needs[i];
        *need = v->needs[i];
        need->policy = arena_copy(&u->arena, need->policy);
        need->rule = arena_copy(&u->arena, need->rule);
        need->by = ARENA_ARRAY(&u->arena, struct bytes, need->n_by);
        for (size_t k = 0; k < need->n_by && need->by; k++)
            if (!(need->by[k] = arena_copy(&u->arena, v->needs[i].by[k])).p) return false;
        if (!need->policy.p || !need->rule.p || !need->by) return false;
    }
    return u->verdict.needs != NULL;
}

static bool verdict_copy(struct understood *u, const struct policy_verdict *v)
{
    u->verdict = *v;
    u->verdict.policy = arena_copy(&u->arena, v->policy);
    u->verdict.rule = arena_copy(&u->arena, v->rule);
    u->verdict.message = arena_copy(&u->arena, v->message);
    u->verdict.hint = arena_copy(&u->arena, v->hint);
    u->verdict.would = arena_copy(&u->arena, v->would);
    u->verdict.held.policy = arena_copy(&u->arena, v->held.policy);
    u->verdict.held.rule = arena_copy(&u->arena, v->held.rule);
    u->verdict.held.message = arena_copy(&u->arena, v->held.message);
    u->verdict.held.hint = arena_copy(&u->arena, v->held.hint);
    u->verdict.by = ARENA_ARRAY(&u->arena, struct bytes, v->n_by);
    for (size_t i = 0; i < v->n_by && u->verdict.by; i++)
        u->verdict.by[i] = arena_copy(&u->arena, v->by[i]);
    if (!understood_needs_copy(u, v)) return false;
    return u->verdict.policy.p && u->verdict.rule.p && u->verdict.message.p && u->verdict.hint.p &&
           u->verdict.would.p && u->verdict.held.policy.p && u->verdict.held.rule.p &&
           u->verdict.held.message.p && u->verdict.held.hint.p && u->verdict.by;
}

static void refuse(struct understood *u, enum refusal_reason reason, const char *rule, const char *message,
                   const char *hint)
{
    u->refused = true;
    u->reason = reason;
    u->verdict = (struct policy_verdict){
        .decision = POLICY_DENY, .rule = bytes_of(rule), .message = bytes_of(message), .hint = bytes_of(hint)
    };
}

/* The last four only where they run code. */
static const char *const counted_tags[] = { "SELECT",
                                            "SELECT INTO",
                                            "CREATE TABLE AS",
                                            "INSERT",
                                            "UPDATE",
                                            "DELETE",
                                            "MERGE",
                                            "COPY",
                                            "EXPLAIN",
                                            "CREATE INDEX",
                                            "ALTER TABLE",
                                            "CREATE MATERIALIZED VIEW",
                                            "REFRESH MATERIALIZED VIEW" };
enum { COUNTED = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_BULK_IN };

/* Trusted or not, and whatever its volatility promises. Where citext is installed, every = could be its own:
 * what is known to change nothing does not count. */
static bool understood_runs_code(const struct sql_statement *s)
{
    if (s->effects & EFFECT_PROCEDURE) return true;
    for (size_t i = 0; i < s->n_functions; i++)
        for (size_t k = 0; k < s->functions[i].n_codes; k++)
            if (!policy_extension_is_harmless(s->functions[i].codes[k].extension)) return true;
    return false;
}

static bool tag_tells(const struct sql_statement *s)
{
    return s->in_view && !s->writes_beside && !s->runs_unseen && !understood_runs_code(s) &&
           !bytes_is(s->tag, "EXPLAIN");
}

static enum understood_limited limited_by(const struct sql_statement *s)
{
    if (s->action == SQL_ACTION_EXECUTE || s->action == SQL_ACTION_FETCH) return LIMITED_BY_NAME;
    if (!(s->effects & COUNTED) && !understood_runs_code(s) && !s->runs_unseen) return LIMITED_NOT;
    if (s->action == SQL_ACTION_DECLARE) return LIMITED_BY_COUNT;
    if (s->action == SQL_ACTION_PREPARE) return tag_tells(s) ? LIMITED_BY_TAG : LIMITED_BY_COUNT;
    for (size_t i = 0; i < sizeof counted_tags / sizeof *counted_tags; i++)
        if (bytes_is(s->tag, counted_tags[i])) return tag_tells(s) ? LIMITED_BY_TAG : LIMITED_BY_COUNT;
    return LIMITED_NOT;
}

/* What runs code that may commit by itself, or code that runs at another time than now, is not to be counted
 * and undone; nor what another server holds, which may know no transactions. */
static const char *why_not_counted(const struct sql_statement *s)
{
    bool code = understood_runs_code(s);
    if (s->writes_foreign) return "It changes a foreign table, whose rows stand on another server.";
    if (s->writes_late || ((code || s->runs_unseen) && s->late_triggers))
        return "It may set off a trigger that is deferred to COMMIT, when nothing is left to count.";
    if (bytes_is(s->tag, "CALL") || bytes_is(s->tag, "DO") || (s->action == SQL_ACTION_DECLARE && code))
        return "Write the INSERT, UPDATE or DELETE itself; a procedure and DO may commit on their own.";
    return NULL;
}

/* Where changed rows are limited: what decides, or a refusal. */
static void limit_statements(struct understood *u)
{
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *s = &u->facts->statements[i];
        enum understood_limited limited = limited_by(s);
        bool inside = s->action == SQL_ACTION_PREPARE || s->action == SQL_ACTION_DECLARE;
        enum understood_limited *most = inside ? &u->limited_inside : &u->limited;
        if (limited > *most) *most = limited;
        const char *why = why_not_counted(s);
        if (!why) continue;
        refuse(u, REFUSAL_COUNTED, "affected_rows",
               "what this changes cannot be counted and undone, and changed rows are limited", why);
        return;
    }
}

/* An approval is for one run with these parameters: what is prepared in SQL could run any number of times. */
static bool prepares(const struct sql_facts *facts)
{
    for (size_t i = 0; i < facts->n_statements; i++)
        if (facts->statements[i].action == SQL_ACTION_PREPARE) return true;
    return false;
}

/* All statements are judged as one text. */
static bool judge_statements(struct understood *u, const struct understood_context *context)
{
    struct policy_verdict verdict = { 0 };
    bool open = policy_ruleset_is_open(context->ruleset);
    size_t index;
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *s = &u->facts->statements[i];
        u->has_context |= s->action == SQL_ACTION_SET && s->setting == SQL_SETTING_CONTEXT;
        u->has_names |= s->action >= SQL_ACTION_PREPARE && s->action <= SQL_ACTION_DISCARD;
        u->n_copies_in += s->action == SQL_ACTION_COPY_IN;
        if (!open && moves_closed_setting(context->target, s)) {
            refuse(u, REFUSAL_POLICY, "closed setting", "this setting belongs to the gateway",
                   "Leave it as it is.");
            return true;
        }
    }
    policy_judge_text(context->ruleset, u->facts, &u->arena, &verdict, &index);
    u->held = verdict.decision == POLICY_HOLD && verdict.n_needs && !prepares(u->facts);
    u->refused = verdict.decision != POLICY_ALLOW && !u->held;
    if (u->refused || u->held)
        u->reason = verdict.decision == POLICY_HOLD ? REFUSAL_APPROVAL : REFUSAL_POLICY;
    if (!verdict_copy(u, &verdict)) return false;
    if (!u->refused && policy_verdict_counts_rows(&verdict)) limit_statements(u);
    return true;
}

bool understood_judge(struct understood *u, const struct understood_context *context)
{
    struct policy_verdict verdict = { 0 };
    switch (u->outcome) {
    case SQL_HOSTILE:
        refuse(u, REFUSAL_HOSTILE, "not understood", "this text cannot be judged safely",
               "Write it in plain PostgreSQL 15 SQL.");
        if (u->facts && u->facts->error.n)
            u->verdict.message = arena_printf(&u->arena, "this text cannot be judged safely: %.*s",
                                              BYTES_FMT(u->facts->error));
        return u->verdict.message.p != NULL;
    case SQL_UNKNOWN:
        u->may_return_rows = true;
        policy_judge_unknown(context->ruleset, &u->arena, &verdict);
        u->refused = verdict.decision != POLICY_ALLOW;
        u->reason = REFUSAL_POLICY;
        return verdict_copy(u, &verdict);
    case SQL_UNDERSTOOD: return judge_statements(u, context);
    }
    return false;
}
