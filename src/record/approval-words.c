/* Sentences of approvals. A session's own frames say its state; those of the gateway (session 0) say the
 * event and the state behind it, which for the first of two approvals is still "waiting". */
#include "record/approval-words.h"
#include "record/frame.h"

static struct bytes get(struct bytes fields, const char *name)
{
    return frame_fields_get(fields, name);
}

/* before, the field, after; nothing where the field is not there. */
static void put(struct buf *out, struct bytes fields, const char *before, const char *name, const char *after)
{
    struct bytes value = get(fields, name);
    if (value.n) buf_printf(out, "%s%.*s%s", before, BYTES_FMT(value), after);
}

static void asked(struct bytes fields, struct buf *out)
{
    buf_append_text(out, "asked for approval");
    put(out, fields, " of ", "by", "");
    put(out, fields, " (", "approvals", " different people)");
    put(out, fields, ", and of ", "by_2", "");
    put(out, fields, " (", "approvals_2", " different people)");
    put(out, fields, ", and of ", "by_3", "");
    put(out, fields, ", until ", "expires", "");
    put(out, fields, "; it would change ", "rows", " rows");
    put(out, fields, ", and not undone by counting are ", "not_undone", "");
    put(out, fields, "; in the place of ", "replaces", "");
    put(out, fields, ": ", "because", "");
}

static void decided(struct bytes fields, bool approved, struct buf *out)
{
    buf_append_text(out, approved ? "approved" : "denied");
    put(out, fields, " by ", "by_user", "");
    put(out, fields, ", for whom ", "by_issuer", " vouched");
    put(out, fields, ", via ", "via", "");
    put(out, fields, ", saying: ", "reason", "");
    if (approved && bytes_is(get(fields, "state"), "waiting"))
        buf_append_text(out, "; another approval is needed");
}

void approval_words(struct bytes fields, struct buf *out)
{
    struct bytes state = get(fields, "state"), decision = get(fields, "decision");
    if (decision.n ||
        (get(fields, "by_user").n && (bytes_is(state, "approved") || bytes_is(state, "denied"))))
        decided(fields, bytes_is(decision.n ? decision : state, decision.n ? "approve" : "approved"), out);
    else if (bytes_is(state, "asked") || bytes_is(get(fields, "event"), "asked"))
        asked(fields, out);
    else if (bytes_is(state, "used"))
        buf_append_text(out, "used its approval: it may run now, once");
    else if (bytes_is(state, "expired"))
        buf_append_text(out, "not decided in time");
    else if (bytes_is(state, "withdrawn"))
        buf_append_text(out, "withdrawn");
    else if (bytes_is(state, "lapsed"))
        buf_append_text(out, "approved, and not used");
    else
        return;
    if (!decision.n) put(out, fields, ": ", "why", "");
}
