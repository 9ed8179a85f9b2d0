/* The tables have the columns of publish-tables.c and the gateway's number; the views are those of
 * index-views.c with the gateway's name in front. Texts compare byte by byte, as in SQLite. '@' stands for
 * the schema. */
#include "record/publish-schema.h"
#include <errno.h>
#include <stdio.h>

/* clang-format off */
#define TEXT " text COLLATE \"C\""
#define KEYED "gateway integer NOT NULL, "

static const char tables[] =
    "CREATE TABLE @.gateway (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, origin" TEXT " NOT NULL UNIQUE,"
    " log" TEXT " NOT NULL, epoch bigint NOT NULL, batch bigint NOT NULL, complete boolean NOT NULL DEFAULT false,"
    " position bigint NOT NULL DEFAULT 0, up_to_us bigint NOT NULL DEFAULT 0,"
    " published_at timestamptz NOT NULL DEFAULT now(), program" TEXT " NOT NULL);"

    "CREATE TABLE @.shape (" KEYED "id bigint NOT NULL, text" TEXT " NOT NULL, tags" TEXT ", effects" TEXT ","
    " relations" TEXT ", PRIMARY KEY (gateway, id));"
    "CREATE TABLE @.relation (" KEYED "id bigint NOT NULL, name" TEXT " NOT NULL, PRIMARY KEY (gateway, id));"
    "CREATE INDEX relation_name ON @.relation USING hash (name);"
    "CREATE TABLE @.shape_relation (" KEYED "relation bigint NOT NULL, shape bigint NOT NULL,"
    " PRIMARY KEY (gateway, relation, shape));"
    "CREATE INDEX shape_relation_shape ON @.shape_relation (gateway, shape);"

    "CREATE TABLE @.session (" KEYED "id bigint NOT NULL, principal" TEXT ", subject" TEXT ", issuer" TEXT ","
    " groups" TEXT ", machine boolean NOT NULL, on_behalf_of" TEXT ", connection" TEXT ", database" TEXT ","
    " login" TEXT ", client" TEXT ", application" TEXT ", policies" TEXT ", policy_hash" TEXT ", task" TEXT ","
    " agent" TEXT ", reason" TEXT ", started_us bigint NOT NULL, last_us bigint NOT NULL, ended_us bigint NOT NULL,"
    " statements bigint NOT NULL, refused bigint NOT NULL, errors bigint NOT NULL, rows bigint NOT NULL,"
    " PRIMARY KEY (gateway, id, started_us)) PARTITION BY RANGE (started_us);"
    "CREATE INDEX session_started ON @.session (started_us);"
    "CREATE INDEX session_principal ON @.session USING hash (principal);"

    "CREATE TABLE @.execution (" KEYED "session bigint NOT NULL, shape bigint NOT NULL, minute bigint NOT NULL,"
    " decision" TEXT " NOT NULL, policy" TEXT " NOT NULL, rule" TEXT " NOT NULL, n bigint NOT NULL,"
    " errors bigint NOT NULL, rows bigint NOT NULL, us bigint NOT NULL, first_sequence bigint NOT NULL,"
    " last_sequence bigint NOT NULL, longest_us bigint, most_rows bigint,"
    " PRIMARY KEY (gateway, session, shape, minute, decision, policy, rule)) PARTITION BY RANGE (minute);"
    "CREATE INDEX execution_minute ON @.execution (minute);"
    "CREATE INDEX execution_shape ON @.execution (gateway, shape, minute);"

    "CREATE TABLE @.failure (" KEYED "session bigint NOT NULL, sequence bigint NOT NULL, time_us bigint NOT NULL,"
    " shape bigint, origin bigint NOT NULL, sqlstate" TEXT " NOT NULL,"
    " PRIMARY KEY (gateway, session, sequence, time_us)) PARTITION BY RANGE (time_us);"
    "CREATE INDEX failure_time ON @.failure (time_us);"
    "CREATE INDEX failure_sqlstate ON @.failure (sqlstate, time_us);"

    "CREATE TABLE @.rejection (" KEYED "session bigint NOT NULL, sequence bigint NOT NULL, time_us bigint NOT NULL,"
    " reason" TEXT ", sqlstate" TEXT ", principal" TEXT ", client" TEXT ","
    " PRIMARY KEY (gateway, session, sequence, time_us)) PARTITION BY RANGE (time_us);"
    "CREATE INDEX rejection_time ON @.rejection (time_us);"

    "CREATE TABLE @.seen (" KEYED "relation" TEXT " NOT NULL, \"column\"" TEXT " NOT NULL, state" TEXT " NOT NULL,"
    " session bigint NOT NULL, shape bigint NOT NULL, minute bigint NOT NULL, n bigint NOT NULL, rows bigint NOT NULL,"
    " first_sequence bigint NOT NULL, last_sequence bigint NOT NULL,"
    " PRIMARY KEY (gateway, session, shape, minute, relation, \"column\", state)) PARTITION BY RANGE (minute);"
    "CREATE INDEX seen_minute ON @.seen (minute);"
    "CREATE INDEX seen_column ON @.seen (relation, \"column\", minute);"

    "CREATE TABLE @.approval (" KEYED "request" TEXT " NOT NULL, session bigint, principal" TEXT ","
    " on_behalf_of" TEXT ", connection" TEXT ", rule" TEXT ", state" TEXT " NOT NULL, asked_us bigint NOT NULL,"
    " state_us bigint NOT NULL, rows bigint, PRIMARY KEY (gateway, request));"
    "CREATE INDEX approval_asked ON @.approval (asked_us);"
    "CREATE TABLE @.approval_decision (" KEYED "request" TEXT " NOT NULL, issuer" TEXT " NOT NULL,"
    " subject" TEXT " NOT NULL, decision" TEXT " NOT NULL, \"user\"" TEXT " NOT NULL, via" TEXT ","
    " time_us bigint NOT NULL, PRIMARY KEY (gateway, request, issuer, subject, decision));"

    "CREATE TABLE @.gateway_event (" KEYED "id bigint NOT NULL, time_us bigint NOT NULL, event" TEXT " NOT NULL,"
    " \"user\"" TEXT ", subject" TEXT ", issuer" TEXT ", client" TEXT ", hash" TEXT ", session bigint, detail" TEXT ","
    " PRIMARY KEY (gateway, id, time_us)) PARTITION BY RANGE (time_us);"
    "CREATE INDEX gateway_event_time ON @.gateway_event (time_us);"
    "CREATE TABLE @.gap (" KEYED "session bigint NOT NULL, sequence bigint NOT NULL, time_us bigint NOT NULL,"
    " what" TEXT " NOT NULL, PRIMARY KEY (gateway, session, sequence, time_us)) PARTITION BY RANGE (time_us);"
    "CREATE INDEX gap_time ON @.gap (time_us);"

    "CREATE TABLE @.tombstone (" KEYED "session bigint NOT NULL, erased_us bigint NOT NULL, erasure bigint NOT NULL,"
    " PRIMARY KEY (gateway, session));"
    "CREATE TABLE @.erasure (" KEYED "number bigint NOT NULL, time_us bigint NOT NULL, who" TEXT ", reason" TEXT ","
    " how" TEXT ", sessions bigint NOT NULL, PRIMARY KEY (gateway, number))";

/* ---- views */

#define TIME(us)  "to_char(to_timestamp((" us ") / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
#define MINUTE(m) "to_char(to_timestamp((" m ") * 60) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI\"Z\"')"
#define DIGIT(x, bits) "substr('0123456789abcdefghjkmnpqrstvwxyz', ((" x " >> " bits ") & 31)::integer + 1, 1)"
#define ID(x) DIGIT(x, "60") "||" DIGIT(x, "55") "||" DIGIT(x, "50") "||" DIGIT(x, "45") "||" DIGIT(x, "40") \
         "||" DIGIT(x, "35") "||" DIGIT(x, "30") "||" DIGIT(x, "25") "||" DIGIT(x, "20") "||" DIGIT(x, "15") \
         "||" DIGIT(x, "10") "||" DIGIT(x, "5") "||" DIGIT(x, "0")
#define WHO "s.principal, s.on_behalf_of, s.connection"
#define NAME "g.origin AS gateway, "
#define SAYS(x)     " JOIN @.gateway g ON g.id = " x ".gateway"
#define SESSION(x)  " JOIN @.session s ON s.gateway = " x ".gateway AND s.id = " x ".session"
#define SHAPE(x)    " JOIN @.shape h ON h.gateway = " x ".gateway AND h.id = " x ".shape"
#define VIEW "CREATE OR REPLACE VIEW @."

static const char views[] =
    VIEW "audit_sessions AS SELECT " NAME ID("s.id") " AS session, " WHO ", s.subject, s.issuer, s.groups,"
    " s.machine, s.database, s.login, s.client, s.application, s.policies, s.policy_hash, s.task, s.agent, "
    TIME("s.started_us") " AS started, CASE WHEN s.ended_us > 0 THEN " TIME("s.ended_us") " END AS ended,"
    " s.reason AS end_reason, s.statements, s.refused, s.errors, s.rows, s.started_us,"
    " nullif(s.ended_us, 0) AS ended_us, s.id AS session_number FROM @.session s" SAYS("s") ";"

    VIEW "audit_statements AS SELECT " NAME ID("e.session") " AS session, " WHO ", h.text AS statement,"
    " h.tags, h.effects, h.relations, e.decision, e.policy, e.rule, " MINUTE("e.minute") " AS time,"
    " e.n AS executions, e.errors, e.rows, e.us AS duration_us, coalesce(e.longest_us, e.us) AS longest_us,"
    " coalesce(e.most_rows, e.rows) AS most_rows, e.first_sequence AS first_entry,"
    " e.last_sequence AS last_entry, e.minute, e.session AS session_number"
    " FROM @.execution e" SESSION("e") SHAPE("e") SAYS("e") ";"

    VIEW "audit_access AS SELECT " NAME ID("e.session") " AS session, " WHO ", r.name AS relation,"
    " h.effects, h.text AS statement, e.decision, " MINUTE("e.minute") " AS time, e.n AS executions,"
    " e.errors, e.rows, e.first_sequence AS first_entry, e.last_sequence AS last_entry, e.minute,"
    " e.session AS session_number FROM @.execution e" SESSION("e") SHAPE("e")
    " JOIN @.shape_relation sr ON sr.gateway = e.gateway AND sr.shape = e.shape"
    " JOIN @.relation r ON r.gateway = e.gateway AND r.id = sr.relation" SAYS("e") ";"

    VIEW "audit_columns AS SELECT " NAME ID("v.session") " AS session, " WHO ", v.relation,"
    " v.\"column\" AS column_name, v.state, h.text AS statement, " MINUTE("v.minute") " AS time,"
    " v.n AS results, v.rows, v.first_sequence AS first_entry, v.last_sequence AS last_entry, v.minute,"
    " v.session AS session_number FROM @.seen v" SESSION("v") SHAPE("v") SAYS("v") ";"

    VIEW "audit_refusals AS SELECT " NAME ID("e.session") " AS session, " WHO ", h.text AS statement,"
    " h.effects, h.relations, e.policy, e.rule, " MINUTE("e.minute") " AS time, e.n AS attempts,"
    " e.first_sequence AS first_entry, e.last_sequence AS last_entry, e.minute,"
    " e.session AS session_number FROM @.execution e" SESSION("e") SHAPE("e") SAYS("e")
    " WHERE e.decision = 'deny';"

    VIEW "audit_errors AS SELECT " NAME ID("f.session") " AS session, " WHO ", " TIME("f.time_us")
    " AS time, CASE f.origin WHEN 1 THEN 'gateway' ELSE 'server' END AS said_by, f.sqlstate,"
    " h.text AS statement, f.sequence AS entry, f.time_us, f.session AS session_number"
    " FROM @.failure f LEFT" SESSION("f") " LEFT" SHAPE("f") SAYS("f") ";"

    VIEW "audit_approvals AS SELECT " NAME "a.request, CASE WHEN a.session IS NOT NULL THEN " ID("a.session")
    " END AS session, coalesce(a.principal, s.principal) AS principal, coalesce(a.on_behalf_of, s.on_behalf_of)"
    " AS on_behalf_of, a.connection, a.rule, a.state, " TIME("a.asked_us")
    " AS asked, CASE WHEN a.state_us > 0 THEN " TIME("a.state_us") " END AS state_since,"
    " a.rows AS counted_rows, d.\"user\" AS decided_by, d.subject AS decided_by_subject,"
    " d.issuer AS decided_by_issuer, d.decision, d.via, CASE WHEN d.time_us > 0 THEN " TIME("d.time_us")
    " END AS decided, a.asked_us, d.time_us AS decided_us, a.session AS session_number"
    " FROM @.approval a LEFT JOIN @.approval_decision d ON d.gateway = a.gateway AND d.request = a.request"
    " LEFT" SESSION("a") SAYS("a") ";"

    VIEW "audit_rejections AS SELECT " NAME TIME("r.time_us") " AS time, r.reason, r.sqlstate, r.principal,"
    " r.client, r.time_us FROM @.rejection r" SAYS("r") ";"

    VIEW "audit_gateway AS SELECT " NAME TIME("v.time_us") " AS time, v.event, v.\"user\" AS user_name, v.subject,"
    " v.issuer, v.client, v.hash, CASE WHEN v.session IS NOT NULL THEN " ID("v.session") " END AS session,"
    " v.detail, v.time_us FROM @.gateway_event v" SAYS("v") ";"

    VIEW "audit_looks AS SELECT " NAME TIME("v.time_us") " AS time, v.\"user\" AS looked_by,"
    " v.subject AS looked_by_subject, v.issuer AS looked_by_issuer, v.client,"
    " CASE WHEN v.session IS NOT NULL THEN " ID("v.session") " END AS session, s.principal AS principal,"
    " v.detail, v.time_us, v.session AS session_number"
    " FROM @.gateway_event v LEFT" SESSION("v") SAYS("v") " WHERE v.event = 'looked';"

    VIEW "audit_policies AS SELECT " NAME TIME("v.time_us") " AS time, v.event, v.hash, v.detail, v.time_us"
    " FROM @.gateway_event v" SAYS("v") " WHERE v.event IN ('policies loaded', 'policies changed');"

    VIEW "audit_gaps AS SELECT " NAME TIME("p.time_us") " AS time, p.what AS gap, " ID("p.session")
    " AS session, s.principal, ''::text AS detail, p.time_us, p.session AS session_number FROM @.gap p LEFT"
    SESSION("p") SAYS("p")
    " UNION ALL SELECT g.origin, " TIME("s.ended_us") ", 'gateway ended', " ID("s.id") ", s.principal, '',"
    " s.ended_us, s.id FROM @.session s" SAYS("s") " WHERE s.reason = 'gateway ended'"
    " UNION ALL SELECT g.origin, " TIME("v.time_us") ", v.event, NULL, NULL, v.detail, v.time_us, NULL"
    " FROM @.gateway_event v" SAYS("v") " WHERE v.event = 'lane cut' OR"
    " (v.event = 'tail recovered' AND v.detail NOT LIKE '%bytes-cut 0');"

    VIEW "audit_erasures AS SELECT " NAME ID("t.session") " AS session, " TIME("t.erased_us") " AS erased, e.who AS erased_by,"
    " e.reason, e.how, t.erased_us, t.session AS session_number FROM @.tombstone t"
    " LEFT JOIN @.erasure e ON e.gateway = t.gateway AND e.number = t.erasure" SAYS("t") ";"

    VIEW "audit_gateways AS SELECT g.origin AS gateway, g.complete, CASE WHEN g.up_to_us > 0 THEN "
    TIME("g.up_to_us") " END AS up_to, to_char(g.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    " AS published, g.program, g.log, nullif(g.up_to_us, 0) AS up_to_us,"
    " (extract(epoch FROM g.published_at) * 1000000)::bigint AS published_us FROM @.gateway g";
/* clang-format on */

/* least: programs that know fewer steps cannot write there any more. */
static const struct {
    const char *sql;
    int least;
} steps[] = { { tables, 1 }, { views, 1 } };
const size_t publish_schema_steps = sizeof steps / sizeof steps[0];

static void put(const char *text, struct bytes schema, struct buf *out)
{
    for (; *text; text++)
        if (*text == '@')
            postgres_quote(out, schema);
        else
            buf_append_text(out, *text == ';' ? ";\n" : (char[]){ *text, 0 });
}

void publish_schema_write(size_t step, struct bytes schema, struct buf *out)
{
    char note[160];
    if (step == 0)
        put("CREATE TABLE @.migration (version integer PRIMARY KEY, least integer NOT NULL, program text NOT "
            "NULL,"
            " made_at timestamptz NOT NULL DEFAULT now());",
            schema, out);
    put(steps[step].sql, schema, out);
    snprintf(note, sizeof note,
             ";INSERT INTO @.migration (version, least, program)"
             " VALUES (%zu, %d, coalesce(current_setting('application_name'), ''));",
             step + 1, steps[step].least);
    put(note, schema, out);
}

/* ---- taking them */

static int run(struct postgres *pg, struct buf *sql, char why[POSTGRES_WHY])
{
    buf_put_u8(sql, 0);
    int error = sql->failed ? -ENOMEM : postgres_run(pg, (const char *)buf_bytes(sql).p, NULL, 0, why);
    buf_free(sql);
    return error;
}

/* Of one that is not there the role is seldom allowed to make one: then the server says so. */
static int make_schema(struct postgres *pg, struct bytes schema, char why[POSTGRES_WHY])
{
    struct buf sql;
    int error = postgres_run(pg, "SELECT 1 FROM pg_namespace WHERE nspname = $1", &schema, 1, why);
    if (error || postgres_rows(pg)) return error;
    buf_init(&sql, 1024);
    put("CREATE SCHEMA @", schema, &sql);
    return run(pg, &sql, why);
}

static int see(struct postgres *pg, struct bytes schema, int64_t *version, int64_t *least,
               char why[POSTGRES_WHY])
{
    struct buf sql;
    *version = *least = 0;
    int error = postgres_run(pg,
                             "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                             " WHERE n.nspname = $1 AND c.relname = 'migration'",
                             &schema, 1, why);
    if (error || !postgres_rows(pg)) return error;
    buf_init(&sql, 1024);
    put("SELECT max(version), max(least) FROM @.migration", schema, &sql);
    error = run(pg, &sql, why);
    if (error) return error;
    *version = postgres_number(pg, 0, 0);
    *least = postgres_number(pg, 0, 1);
    return 0;
}

static int take_steps(struct postgres *pg, struct bytes schema, char why[POSTGRES_WHY])
{
    int64_t version, least;
    int error = postgres_run(pg, "SELECT pg_advisory_xact_lock(hashtextextended('postern index ' || $1, 0))",
                             &schema, 1, why);
    if (!error) error = make_schema(pg, schema, why);
    if (!error) error = see(pg, schema, &version, &least, why);
    if (!error && least > (int64_t)publish_schema_steps) {
        postgres_say(why, "", "a newer postern made the schema, and this one cannot write there any more");
        return -ENOTSUP;
    }
    for (size_t i = error ? 0 : (size_t)version; !error && i < publish_schema_steps; i++) {
        struct buf sql;
        buf_init(&sql, 1 << 20);
        publish_schema_write(i, schema, &sql);
        error = run(pg, &sql, why);
    }
    return error;
}

int publish_schema_migrate(struct postgres *pg, struct bytes schema, char why[POSTGRES_WHY])
{
    char ignored[POSTGRES_WHY];
    int error = postgres_run(pg, "BEGIN", NULL, 0, why);
    if (error) return error;
    error = take_steps(pg, schema, why);
    if (!error) return postgres_run(pg, "COMMIT", NULL, 0, why);
    (void)!postgres_run(pg, "ROLLBACK", NULL, 0, ignored);
    return error;
}
