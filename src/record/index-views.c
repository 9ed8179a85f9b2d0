/* The views that doc/audit-sql.md promises: names and columns that stay, whatever becomes of the tables below
 * them. A view is never changed in its place: a migration drops it and makes it anew, with every column that
 * it had. Times are texts of UTC, and, under names that end in _us or are `minute`, numbers that indexes of
 * the tables serve. */
#include "record/index-private.h"

/* clang-format off */
#define TIME(us)   "strftime('%Y-%m-%dT%H:%M:%SZ', (" us ") / 1000000, 'unixepoch')"
#define MINUTE(m)  "strftime('%Y-%m-%dT%H:%MZ', (" m ") * 60, 'unixepoch')"
/* The number as people see it: 13 characters of Crockford's base 32. */
#define DIGIT(x, bits) "substr('0123456789abcdefghjkmnpqrstvwxyz', (((" x ") >> " bits ") & 31) + 1, 1)"
#define ID(x) DIGIT(x, "60") "||" DIGIT(x, "55") "||" DIGIT(x, "50") "||" DIGIT(x, "45") "||" DIGIT(x, "40") \
         "||" DIGIT(x, "35") "||" DIGIT(x, "30") "||" DIGIT(x, "25") "||" DIGIT(x, "20") "||" DIGIT(x, "15") \
         "||" DIGIT(x, "10") "||" DIGIT(x, "5") "||" DIGIT(x, "0")
#define WHO "s.principal, s.on_behalf_of, s.connection"

const char *const index_views[] = { "audit_sessions", "audit_statements", "audit_access", "audit_columns",
                                    "audit_refusals", "audit_errors", "audit_approvals", "audit_rejections",
                                    "audit_gateway", "audit_looks", "audit_policies", "audit_gaps", NULL };

const char index_views_sql[] =
    "CREATE VIEW audit_sessions AS SELECT " ID("s.id") " AS session, " WHO ", s.subject, s.issuer, s.groups,"
    " s.machine, s.database, s.login, s.client, s.application, s.policies, s.policy_hash, s.task, s.agent, "
    TIME("s.started_us") " AS started, CASE WHEN s.ended_us > 0 THEN " TIME("s.ended_us") " END AS ended,"
    " s.reason AS end_reason, s.statements, s.refused, s.errors, s.rows, s.started_us,"
    " nullif(s.ended_us, 0) AS ended_us, s.id AS session_number FROM session s;"

    "CREATE VIEW audit_statements AS SELECT " ID("e.session") " AS session, " WHO ", h.text AS statement,"
    " h.tags, h.effects, h.relations, e.decision, e.policy, e.rule, " MINUTE("e.minute") " AS time,"
    " e.n AS executions, e.errors, e.rows, e.us AS duration_us, coalesce(e.longest_us, e.us) AS longest_us,"
    " coalesce(e.most_rows, e.rows) AS most_rows, e.first_sequence AS first_entry,"
    " e.last_sequence AS last_entry, e.minute, e.session AS session_number"
    " FROM execution e JOIN session s ON s.id = e.session JOIN shape h ON h.id = e.shape;"

    "CREATE VIEW audit_access AS SELECT " ID("e.session") " AS session, " WHO ", r.name AS relation,"
    " h.effects, h.text AS statement, e.decision, " MINUTE("e.minute") " AS time, e.n AS executions,"
    " e.errors, e.rows, e.first_sequence AS first_entry, e.last_sequence AS last_entry, e.minute,"
    " e.session AS session_number FROM execution e JOIN session s ON s.id = e.session"
    " JOIN shape h ON h.id = e.shape JOIN shape_relation sr ON sr.shape = e.shape"
    " JOIN relation r ON r.id = sr.relation;"

    "CREATE VIEW audit_columns AS SELECT " ID("v.session") " AS session, " WHO ", v.relation,"
    " v.\"column\" AS column_name, v.state, h.text AS statement, " MINUTE("v.minute") " AS time,"
    " v.n AS results, v.rows, v.first_sequence AS first_entry, v.last_sequence AS last_entry, v.minute,"
    " v.session AS session_number FROM seen v JOIN session s ON s.id = v.session"
    " JOIN shape h ON h.id = v.shape;"

    "CREATE VIEW audit_refusals AS SELECT " ID("e.session") " AS session, " WHO ", h.text AS statement,"
    " h.effects, h.relations, e.policy, e.rule, " MINUTE("e.minute") " AS time, e.n AS attempts,"
    " e.first_sequence AS first_entry, e.last_sequence AS last_entry, e.minute,"
    " e.session AS session_number FROM execution e JOIN session s ON s.id = e.session"
    " JOIN shape h ON h.id = e.shape WHERE e.decision = 'deny';"

    "CREATE VIEW audit_errors AS SELECT " ID("f.session") " AS session, " WHO ", " TIME("f.time_us")
    " AS time, CASE f.origin WHEN 1 THEN 'gateway' ELSE 'server' END AS said_by, f.sqlstate,"
    " h.text AS statement, f.sequence AS entry, f.time_us, f.session AS session_number"
    " FROM failure f LEFT JOIN session s ON s.id = f.session LEFT JOIN shape h ON h.id = f.shape;"

    "CREATE VIEW audit_approvals AS SELECT a.request, CASE WHEN a.session IS NOT NULL THEN " ID("a.session")
    " END AS session, coalesce(a.principal, s.principal) AS principal, coalesce(a.on_behalf_of, s.on_behalf_of) AS on_behalf_of, a.connection, a.rule, a.state, " TIME("a.asked_us")
    " AS asked, CASE WHEN a.state_us > 0 THEN " TIME("a.state_us") " END AS state_since,"
    " a.rows AS counted_rows, d.user AS decided_by, d.subject AS decided_by_subject,"
    " d.issuer AS decided_by_issuer, d.decision, d.via, CASE WHEN d.time_us > 0 THEN " TIME("d.time_us")
    " END AS decided, a.asked_us, d.time_us AS decided_us, a.session AS session_number"
    " FROM approval a LEFT JOIN approval_decision d ON d.request = a.request"
    " LEFT JOIN session s ON s.id = a.session;"

    "CREATE VIEW audit_rejections AS SELECT " TIME("time_us") " AS time, reason, sqlstate, principal, client,"
    " time_us FROM rejection;"

    "CREATE VIEW audit_gateway AS SELECT " TIME("time_us") " AS time, event, user AS user_name, subject,"
    " issuer, client, hash, CASE WHEN session IS NOT NULL THEN " ID("session") " END AS session, detail,"
    " time_us FROM gateway_event;"

    "CREATE VIEW audit_looks AS SELECT " TIME("g.time_us") " AS time, g.user AS looked_by,"
    " g.subject AS looked_by_subject, g.issuer AS looked_by_issuer, g.client,"
    " CASE WHEN g.session IS NOT NULL THEN " ID("g.session") " END AS session, s.principal AS principal,"
    " g.detail, g.time_us, g.session AS session_number"
    " FROM gateway_event g LEFT JOIN session s ON s.id = g.session WHERE g.event = 'looked';"

    "CREATE VIEW audit_policies AS SELECT " TIME("time_us") " AS time, event, hash, detail, time_us"
    " FROM gateway_event WHERE event IN ('policies loaded', 'policies changed');"

    "CREATE VIEW audit_gaps AS"
    " SELECT " TIME("g.time_us") " AS time, g.what AS gap, " ID("g.session") " AS session, s.principal,"
    " '' AS detail, g.time_us, g.session AS session_number FROM gap g LEFT JOIN session s ON s.id = g.session"
    " UNION ALL SELECT " TIME("s.ended_us") ", 'gateway ended', " ID("s.id") ", s.principal, '', s.ended_us,"
    " s.id FROM session s WHERE s.reason = 'gateway ended'"
    " UNION ALL SELECT " TIME("time_us") ", event, NULL, NULL, detail, time_us, NULL FROM gateway_event"
    " WHERE event = 'lane cut' OR (event = 'tail recovered' AND detail NOT LIKE '%bytes-cut 0');";
/* clang-format on */
