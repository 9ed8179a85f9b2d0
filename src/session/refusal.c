/* The table of refusals, and their form on the wire. */
#include "session/refusal.h"
#include "pgwire/report.h"
#include <stdlib.h>

static const struct {
    const char *sqlstate, *code;
} refusals[] = {
#define REFUSAL(NAME, sqlstate, code) { sqlstate, code },
#include "session/refusal.def"
#undef REFUSAL
};

const char *refusal_sqlstate(enum refusal_reason reason)
{
    return refusals[reason].sqlstate;
}

const char *refusal_code(enum refusal_reason reason)
{
    return refusals[reason].code;
}

/* In one allocation. */
static struct refusal *make(enum refusal_reason reason, const char *sqlstate, struct report *report)
{
    memcpy(report->sqlstate, sqlstate ? sqlstate : refusal_sqlstate(reason), 6);
    struct buf body;
    buf_init(&body, 64 * 1024);
    report_put_body(&body, report);
    struct refusal *refusal = body.failed ? NULL : malloc(sizeof *refusal + buf_length(&body));
    if (refusal) {
        refusal->reason = reason;
        refusal->n = buf_length(&body);
        memcpy(refusal->body, buf_bytes(&body).p, refusal->n);
    }
    buf_free(&body);
    return refusal;
}

struct refusal *refusal_new(enum refusal_reason reason, const char *severity, struct bytes message,
                            struct bytes detail, struct bytes hint)
{
    struct report report = { .severity = severity, .message = message, .detail = detail, .hint = hint };
    if (reason == REFUSAL_STALE) report.routine = "RevalidateCachedQuery";
    return make(reason, NULL, &report);
}

struct refusal *refusal_new_as(enum refusal_reason reason, const char *sqlstate, uint32_t position,
                               struct bytes message, struct bytes detail, struct bytes hint)
{
    struct report report = {
        .severity = "ERROR", .message = message, .detail = detail, .hint = hint, .position = position
    };
    return make(reason, sqlstate, &report);
}
