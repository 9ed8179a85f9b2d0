/* PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, CLOSE, DISCARD: what SQL does to the name space that it
 * shares with the protocol. */
#include "session/session-private.h"
#include <stdlib.h>

static bool made_before(const struct understood *u, size_t until, enum sql_action action, struct bytes name)
{
    for (size_t i = 0; i < until; i++)
        if (u->facts->statements[i].action == action && bytes_equal(u->facts->statements[i].subject, name))
            return true;
    return false;
}

/* A name that was not seen to be made came from code that ran in the server: a cursor from a function is as
 * good as the right to call functions; what a prepared statement from there does, nobody can say. */
static bool is_known(struct session *s, const struct understood *u, size_t i)
{
    const struct sql_statement *st = &u->facts->statements[i];
    struct policy_verdict verdict = { 0 };
    if (st->action == SQL_ACTION_EXECUTE) {
        if (binding_find(&s->bindings, false, st->subject) ||
            made_before(u, i, SQL_ACTION_PREPARE, st->subject))
            return true;
        policy_judge_unknown(s->ruleset, &s->scratch, &verdict);
        return verdict.decision == POLICY_ALLOW;
    }
    if (st->action == SQL_ACTION_FETCH) {
        if (binding_find(&s->bindings, true, st->subject) ||
            made_before(u, i, SQL_ACTION_DECLARE, st->subject))
            return true;
        struct sql_statement as_call = { .tag = st->tag, .effects = EFFECT_PROCEDURE | EFFECT_READ };
        policy_judge(s->ruleset, &as_call, &s->scratch, &verdict);
        return verdict.decision == POLICY_ALLOW;
    }
    return true;
}

bool names_are_known(struct session *s, const struct understood *u)
{
    for (size_t i = 0; i < u->facts->n_statements; i++)
        if (!is_known(s, u, i)) return false;
    return true;
}

bool names_are_held(struct session *s, const struct understood *u)
{
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *st = &u->facts->statements[i];
        if (st->action != SQL_ACTION_EXECUTE) continue;
        const struct binding *b = binding_find(&s->bindings, false, st->subject);
        if (b && b->understood->held) return true;
    }
    return false;
}

static bool add_change(struct session *s, struct pending *p, size_t i, bool portal, struct bytes name,
                       struct understood *u)
{
    struct name_change *change = calloc(1, sizeof *change), **last = &p->changes;
    if (!change) return false;
    change->statement = i;
    change->what = CHANGE_BINDING;
    change->binding = binding_push(&s->bindings, portal, name, u);
    if (!change->binding) {
        free(change);
        return false;
    }
    change->binding->text = p->text;
    change->binding->hold = portal;
    while (*last)
        last = &(*last)->next;
    *last = change;
    return true;
}

static bool add_sweep(struct pending *p, size_t i, int what)
{
    struct name_change *change = calloc(1, sizeof *change), **last = &p->changes;
    if (!change) return false;
    change->statement = i;
    change->what = what;
    while (*last)
        last = &(*last)->next;
    *last = change;
    return true;
}

bool names_push(struct session *s, struct pending *p, struct understood *u)
{
    for (size_t i = 0; u->facts && i < u->facts->n_statements; i++) {
        const struct sql_statement *st = &u->facts->statements[i];
        bool good = true;
        if (st->action == SQL_ACTION_PREPARE)
            good = add_change(s, p, i, false, st->subject, u);
        else if (st->action == SQL_ACTION_DECLARE)
            good = add_change(s, p, i, true, st->subject, u);
        else if (st->action == SQL_ACTION_DEALLOCATE)
            good = st->subject.n ? add_change(s, p, i, false, st->subject, NULL)
                                 : add_sweep(p, i, CHANGE_ALL_STATEMENTS);
        else if (st->action == SQL_ACTION_CLOSE)
            good = st->subject.n ? add_change(s, p, i, true, st->subject, NULL)
                                 : add_sweep(p, i, CHANGE_ALL_PORTALS);
        else if (st->action == SQL_ACTION_DISCARD && bytes_is(st->subject, "all"))
            good = add_sweep(p, i, CHANGE_EVERYTHING);
        if (!good) return false;
    }
    return true;
}

void names_commit(struct session *s, struct pending *p, size_t statement)
{
    while (p->changes && p->changes->statement <= statement) {
        struct name_change *change = p->changes;
        p->changes = change->next;
        if (change->what == CHANGE_BINDING) binding_commit(&s->bindings, change->binding);
        if (change->what == CHANGE_ALL_STATEMENTS || change->what == CHANGE_EVERYTHING)
            bindings_forget_all(&s->bindings, false, true);
        if (change->what == CHANGE_ALL_PORTALS || change->what == CHANGE_EVERYTHING)
            bindings_forget_all(&s->bindings, true, true);
        binding_release(&s->bindings, change->binding);
        free(change);
    }
}

void names_revert(struct session *s, struct pending *p)
{
    while (p->changes) {
        struct name_change *change = p->changes;
        p->changes = change->next;
        if (change->binding) binding_revert(&s->bindings, change->binding);
        binding_release(&s->bindings, change->binding);
        free(change);
    }
}
