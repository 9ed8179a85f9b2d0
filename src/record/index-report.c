/* Each question is one SELECT on the views of index-views.c. Minutes are compared where the view has minutes:
 * the period is whole minutes, so that nothing is at both sides of its ends. */
#include "record/index-report.h"
#include "record/index-private.h"
#include <stdio.h>

#define MINUTES "minute >= ?1 / 60000000 AND minute < ?2 / 60000000"
#define AT      "time_us >= ?1 AND time_us < ?2"
#define STARTED "started_us >= ?1 AND started_us < ?2"
#define ASKED   "asked_us >= ?1 AND asked_us < ?2"

static const struct index_report_section sections[] = {
    { "totals",
      "Totals",
      "Sessions are those that began in the period; all else is what happened in it.",
      { "what", "#count" },
      NULL,
      "SELECT 'sessions', count(*) FROM audit_sessions WHERE " STARTED
      " UNION ALL SELECT 'principals', count(DISTINCT principal) FROM audit_sessions WHERE " STARTED
      " UNION ALL SELECT 'executions', coalesce(sum(executions), 0) FROM audit_statements WHERE " MINUTES
      " UNION ALL SELECT 'rows', coalesce(sum(rows), 0) FROM audit_statements WHERE " MINUTES
      " UNION ALL SELECT 'refused by a policy', coalesce(sum(attempts), 0) FROM audit_refusals WHERE " MINUTES
      " UNION ALL SELECT 'would have been refused (observe)', coalesce(sum(executions), 0) FROM "
      "audit_statements WHERE decision = 'observed' AND " MINUTES
      " UNION ALL SELECT 'connections turned away', count(*) FROM audit_rejections WHERE " AT
      " UNION ALL SELECT 'approvals asked for', count(DISTINCT request) FROM audit_approvals WHERE " ASKED
      " UNION ALL SELECT 'results with sensitive columns, unmasked', coalesce(sum(results), 0) FROM "
      "audit_columns WHERE state = 'clear' AND " MINUTES
      " UNION ALL SELECT 'changes of policies', count(*) FROM audit_policies WHERE event = 'policies "
      "changed' AND " AT " UNION ALL SELECT 'gaps in the record', count(*) FROM audit_gaps WHERE " AT
      " UNION ALL SELECT 'looks at recordings', count(*) FROM audit_looks WHERE " AT },
    { "access",
      "Access by principal and table",
      "What ran, by what it does to a table; a statement that touches two tables counts with both, with all "
      "its rows; rows are those returned. \"hold\" are attempts and approved runs together: the approvals "
      "tell them apart. Refused "
      "statements are below.",
      { "principal", "on behalf of", "connection", "table", "effects", "verdict", "#executions", "#errors",
        "#rows", "first", "last" },
      "audit search --limit 0",
      "SELECT principal, on_behalf_of, connection, relation, effects, decision, sum(executions), "
      "sum(errors), sum(rows), min(time), max(time) FROM audit_access WHERE decision <> 'deny' AND " MINUTES
      " GROUP BY principal, on_behalf_of, connection, relation, effects, decision ORDER BY principal, "
      "on_behalf_of, connection, relation, effects, decision" },
    { "refusals",
      "Refusals by a policy",
      "Statements that a rule said no to; attempts of a text that was only prepared count once.",
      { "principal", "on behalf of", "connection", "policy", "rule", "tables", "#attempts", "first", "last" },
      "audit search --verdict deny --limit 0",
      "SELECT principal, on_behalf_of, connection, policy, rule, relations, sum(attempts), min(time), "
      "max(time) FROM audit_refusals WHERE " MINUTES
      " GROUP BY principal, on_behalf_of, connection, policy, rule, relations ORDER BY principal, "
      "on_behalf_of, connection, policy, rule, relations" },
    { "stops",
      "Errors that the gateway gave",
      "All that the gateway refused or stopped, by SQLSTATE: policies, limits, names that are not there, "
      "protocol. doc/wire.md explains each.",
      { "principal", "connection", "sqlstate", "#errors", "first", "last" },
      NULL,
      "SELECT principal, connection, sqlstate, count(*), min(time), max(time) FROM audit_errors WHERE "
      "said_by = 'gateway' AND " AT
      " GROUP BY principal, connection, sqlstate ORDER BY principal, connection, sqlstate" },
    { "rejections",
      "Connections turned away",
      "Before they were sessions: wrong, old or foreign tokens, no policy for who came, limits.",
      { "reason", "sqlstate", "principal", "client", "#connections", "first", "last" },
      "sessions list --rejected --limit 0",
      "SELECT reason, sqlstate, principal, client, count(*), min(time), max(time) FROM audit_rejections "
      "WHERE " AT
      " GROUP BY reason, sqlstate, principal, client ORDER BY count(*) DESC, reason, principal, client" },
    { "approvals",
      "Approvals, and who gave them",
      "One line for each decision, and one for a request that nobody decided. Reasons stand in the log.",
      { "request", "asked", "principal", "on behalf of", "connection", "rule", "state", "#counted rows",
        "decision", "decided by", "way", "decided" },
      NULL,
      "SELECT request, asked, principal, on_behalf_of, connection, rule, state, counted_rows, decision, "
      "decided_by, via, decided FROM audit_approvals WHERE " ASKED
      " ORDER BY asked_us, request, decided_us" },
    { "unmasked",
      "Unmasked reads of sensitive columns",
      "Columns with a tag, or that a mask of some policy names, that came out as they are; under \"values\", "
      "what was found by what it looks like (rows are values there). \"untraced\": a table that somebody is "
      "masked from was read under a policy that is open, so that any of its columns may have come out.",
      { "principal", "on behalf of", "connection", "table", "column", "how", "#sessions", "#results", "#rows",
        "first", "last" },
      NULL,
      "SELECT principal, on_behalf_of, connection, relation, column_name, state, count(DISTINCT "
      "session_number), sum(results), sum(rows), min(time), max(time) FROM audit_columns WHERE state <> "
      "'masked' AND " MINUTES " GROUP BY principal, on_behalf_of, connection, relation, column_name, state "
      "ORDER BY relation, column_name, principal, on_behalf_of, connection, state" },
    { "observed",
      "Only observed",
      "Statements that a rule would have refused or held, and that ran since its policy or the rule itself "
      "only observes.",
      { "principal", "connection", "policy", "rule", "#executions", "first", "last" },
      "audit search --verdict observed --limit 0",
      "SELECT principal, connection, policy, rule, sum(executions), min(time), max(time) FROM "
      "audit_statements WHERE decision = 'observed' AND " MINUTES
      " GROUP BY principal, connection, policy, rule ORDER BY principal, connection, policy, rule" },
    { "policies",
      "Policies in force",
      "What the gateway loaded at its start or took over while it ran; the hash is that of the policies' "
      "text.",
      { "time", "event", "hash", "detail" },
      NULL,
      "SELECT time, event, hash, detail FROM audit_policies WHERE " AT " ORDER BY time_us" },
    { "policies-used",
      "Policies that sessions ran under",
      "By the hash that stands in each session.",
      { "hash", "policies", "#sessions", "#principals", "first", "last" },
      NULL,
      "SELECT policy_hash, policies, count(*), count(DISTINCT principal), min(started), max(started) FROM "
      "audit_sessions WHERE " STARTED " GROUP BY policy_hash, policies ORDER BY min(started_us), policies" },
    { "gaps",
      "Gaps in the record",
      "\"gateway ended\": the gateway died with the session open; what was committed is there, and an "
      "outcome may be missing. \"unrecorded\": the log was full, and the policy (record.on_failure: allow) "
      "let the session go on. \"result cut\": rows that could not be recorded were not delivered. A session "
      "that began while the log was full under such a policy is in the gateway's own messages alone.",
      { "time", "gap", "session", "principal", "detail" },
      NULL,
      "SELECT time, gap, session, principal, detail FROM audit_gaps WHERE " AT " ORDER BY time_us, session" },
    { "looks",
      "Looks at recordings",
      "Through the API and the web pages. Who has the data folder and its key reads without the gateway: "
      "that is for the machine's own records.",
      { "time", "looked by", "subject", "session", "session of", "detail" },
      NULL,
      "SELECT time, looked_by, looked_by_subject, session, principal, detail FROM audit_looks WHERE " AT
      " ORDER BY time_us, session" },
};

const struct index_report_section *index_report_section(size_t i)
{
    return i < sizeof sections / sizeof *sections ? &sections[i] : NULL;
}

void index_report_sql(const struct index_report_section *section, int64_t since_us, int64_t until_us,
                      struct buf *out)
{
    for (const char *p = section->sql; *p; p++) {
        if (p[0] == '?' && (p[1] == '1' || p[1] == '2')) {
            buf_printf(out, "%lld", (long long)(p[1] == '1' ? since_us : until_us));
            p++;
        } else
            buf_put_u8(out, (uint8_t)*p);
    }
}

int index_report_rows(struct index *index, const struct index_report_section *section, int64_t since_us,
                      int64_t until_us, uint64_t limit,
                      void (*visit)(void *context, const struct bytes *cells, size_t n), void *context)
{
    struct sqlite_query *q;
    struct bytes cells[INDEX_REPORT_COLUMNS];
    size_t n = 0;
    uint64_t rows = 0;
    while (section->columns[n])
        n++;
    int error = sqlite_query_new(index->db, section->sql, &q);
    if (error) return error;
    sqlite_query_bind_int(q, 1, since_us);
    sqlite_query_bind_int(q, 2, until_us);
    while ((!limit || rows < limit) && sqlite_query_step(q) == SQLITE_STEP_ROW) {
        for (size_t i = 0; i < n; i++)
            cells[i] = sqlite_query_text(q, (int)i);
        visit(context, cells, n);
        rows++;
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

int index_report_begin(struct index *index)
{
    return sqlite_db_run(index->db, "BEGIN");
}

void index_report_end(struct index *index)
{
    sqlite_db_rollback(index->db);
}
