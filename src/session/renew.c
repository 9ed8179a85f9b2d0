/* A prepared statement was judged when it was parsed, in the view of that time. Where the view has changed
 * since, its text is judged again in the view of now before it is used: what would be refused now is refused,
 * and where a name has come to stand for something else the client is told to prepare it again, in the words
 * in which a server says so. The same text in the same view is a look-up. */
#include "session/session-private.h"

/* Longer ones would hold up the loop: they are to be parsed again, on the way that long texts take. */
enum { RENEW_BYTES = SQL_INLINE_VIEW_BYTES };

static struct refusal *say_stale(void)
{
    return refusal_new(REFUSAL_STALE, "ERROR", BYTES_LITERAL("cached plan must not change result type"),
                       BYTES_LITERAL("The catalogue or the search path has changed since this statement was "
                                     "prepared, and its names may stand for something else."),
                       BYTES_LITERAL("Prepare it again."));
}

static bool edits_are_equal(const struct understood *a, const struct understood *b)
{
    if (a->facts->n_edits != b->facts->n_edits) return false;
    for (size_t i = 0; i < a->facts->n_edits; i++)
        if (!bytes_equal(a->facts->edits[i].insert, b->facts->edits[i].insert)) return false;
    return true;
}

/* What the text is now, if it may be used. */
static struct refusal *compare(const struct understood *was, const struct understood *is)
{
    if (is->unresolved)
        return refusal_new_as(REFUSAL_UNRESOLVED, is->unresolved->unresolved_code, 0,
                              is->unresolved->unresolved_says, (struct bytes){ 0 }, (struct bytes){ 0 });
    if (is->refused)
        return refusal_new(is->reason, "ERROR", is->verdict.message,
                           BYTES_LITERAL("It was allowed when it was prepared; the catalogue has changed."),
                           is->verdict.hint);
    if (!was->facts || !is->facts || !edits_are_equal(was, is)) return say_stale();
    /* It was not known then that people would have to read it. */
    if (is->held && !was->held) return say_stale();
    return NULL;
}

enum step renew_binding(struct session *s, struct binding *binding, struct refusal **refusal_out)
{
    struct understood *was = binding->understood;
    struct bytes says, hint;
    *refusal_out = NULL;
    if (!s->view.needed || was->refused || was->nameless || was->outcome != SQL_UNDERSTOOD) return STEP_NEXT;
    if (was->view == s->view.key && view_is_current(s)) return STEP_NEXT;
    switch (view_ready(s, &says, &hint)) {
    case VIEW_WAITS: return STEP_WAIT;
    case VIEW_WITHOUT: return STEP_NEXT; /* the server refuses it: the transaction has failed */
    case VIEW_REFUSED:
        *refusal_out = refusal_new(REFUSAL_CATALOGUE, "ERROR", says, (struct bytes){ 0 }, hint);
        return *refusal_out ? STEP_NEXT : session_drop(s, "out of memory");
    case VIEW_READY: break;
    }
    if (was->view == s->view.key) return STEP_NEXT;
    struct understood_context context = session_context(s);
    context.types = was->types;
    struct understood *is = understood_find(s->world->cache, &context, was->text);
    if (!is && was->text.n <= RENEW_BYTES) is = understood_make(s->world->cache, &context, was->text);
    if (is) {
        *refusal_out = compare(was, is);
        if (!*refusal_out && !is->unresolved && !is->refused && edits_are_equal(was, is))
            binding_renew(&s->bindings, binding, is);
        understood_unpin(s->world->cache, is);
        return STEP_NEXT;
    }
    *refusal_out = say_stale();
    return *refusal_out ? STEP_NEXT : session_drop(s, "out of memory");
}

enum step renew_named(struct session *s, const struct understood *u, struct refusal **refusal_out)
{
    *refusal_out = NULL;
    for (size_t i = 0; s->view.needed && i < u->facts->n_statements; i++) {
        const struct sql_statement *st = &u->facts->statements[i];
        if (st->action != SQL_ACTION_EXECUTE) continue;
        struct binding *binding = binding_find(&s->bindings, false, st->subject);
        enum step step = binding ? renew_binding(s, binding, refusal_out) : STEP_NEXT;
        if (step != STEP_NEXT || *refusal_out) return step;
    }
    return STEP_NEXT;
}
