/* What the index keeps of the session itself: who it is, what it claims, how it ended, and log-ins that were
 * turned away. */
#include "record/index-taking.h"

static void bind_claim(struct sqlite_query *q, int i, struct bytes fields, const char *name)
{
    char full[40];
    snprintf(full, sizeof full, "claim.%s", name);
    struct bytes value = frame_fields_get(fields, full);
    if (!value.p) value = frame_fields_get(fields, name);
    sqlite_query_bind_text(q, i, bytes_slice(value, 0, 400));
}

void taking_session_start(struct taking *t, const struct frame *frame)
{
    static const char *const names[] = { "principal",    "subject",    "issuer",     "groups", NULL,
                                         "on_behalf_of", "connection", "database",   "login",  "client",
                                         "application",  "policies",   "policy_hash" };
    struct sqlite_query *q = taking_statement(t, INDEX_SESSION_START);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->time_us);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i]) sqlite_query_bind_text(q, (int)i + 3, frame_fields_get(frame->body, names[i]));
    sqlite_query_bind_int(q, 7, bytes_is(frame_fields_get(frame->body, "machine"), "true"));
    bind_claim(q, 16, frame->body, "task");
    bind_claim(q, 17, frame->body, "agent");
    int64_t retain_us = 0;
    (void)!bytes_to_int64(frame_fields_get(frame->body, "retain_us"), &retain_us);
    sqlite_query_bind_int(q, 18, retain_us > 0 ? retain_us : 0);
    taking_finish(t, q);
    t->principal = taking_keep(t, frame_fields_get(frame->body, "principal"));
}

void taking_session_context(struct taking *t, const struct frame *frame)
{
    struct sqlite_query *q = taking_statement(t, INDEX_SESSION_CONTEXT);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    bind_claim(q, 2, frame->body, "task");
    bind_claim(q, 3, frame->body, "agent");
    taking_finish(t, q);
}

void taking_session_end(struct taking *t, const struct frame *frame)
{
    struct sqlite_query *q = taking_statement(t, INDEX_SESSION_END);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->time_us);
    sqlite_query_bind_text(q, 3, frame_fields_get(frame->body, "reason"));
    taking_finish(t, q);
    t->all_runs = NULL;
}

void taking_rejected(struct taking *t, const struct frame *frame)
{
    static const char *const names[] = { "reason", "sqlstate", "principal", "client" };
    struct sqlite_query *q = taking_statement(t, INDEX_REJECTION_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->sequence);
    sqlite_query_bind_int(q, 3, frame->time_us);
    for (size_t i = 0; i < 4; i++)
        sqlite_query_bind_text(q, (int)i + 4, frame_fields_get(frame->body, names[i]));
    taking_finish(t, q);
}
