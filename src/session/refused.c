/* Telling the surroundings of a refusal, once for each statement, where it is decided. The reasons are a
 * list: what a client did wrong in form, or what the gateway could not do, is no news for people. What could
 * quote the client's text (a parser's words) is told without its words. */
#include "pgwire/report.h"
#include "session/session-private.h"

static bool is_told(enum refusal_reason reason)
{
    switch ((int)reason) {
    case REFUSAL_POLICY:
    case REFUSAL_MASKED:
    case REFUSAL_APPROVAL:
    case REFUSAL_HOSTILE:
    case REFUSAL_ROWS:
    case REFUSAL_BYTES:
    case REFUSAL_BUDGET:
    case REFUSAL_AFFECTED:
    case REFUSAL_TIME: return true;
    }
    return false;
}

void refused_tell(struct session *s, enum refusal_reason reason, struct bytes policy, struct bytes rule,
                  struct bytes message)
{
    if (!s->world->refused || !is_told(reason)) return;
    struct session_refused refused = { .session = s->record.id,
                                       .principal = &s->principal,
                                       .connection = s->target ? s->target->name : (struct bytes){ 0 },
                                       .database = s->database,
                                       .code = refusal_code(reason),
                                       .policy = policy,
                                       .rule = rule };
    if (reason != REFUSAL_HOSTILE) refused.message = message;
    s->world->refused(s->world, &refused);
}

void refused_tell_of(struct session *s, const struct refusal *refusal)
{
    refused_tell(s, refusal->reason, (struct bytes){ 0 }, (struct bytes){ 0 },
                 report_field(refusal_body(refusal), 'M'));
}
