/* The index's schema, its opening, its position. The tables:
 *
 *   session      one row a session
 *   shape        one row a statement shape, with full text beside it (shape_words, which holds no copy)
 *   text         a session's text numbers: their shape and verdict
 *   execution    how often a shape ran, by session, minute and verdict
 *   failure      errors and refusals, one row each: their SQLSTATE, never their message
 *   open_run     runs whose outcome was not in the blocks so far
 *   part         the beginning of a text whose rest is in a later block
 *   text_seen    which columns that are somebody's business a session's text shows, masked or clear
 *   seen         how often such a column came out, and in how many rows, by session, shape and minute
 *   rollup       counts by minute, and by hour and principal, hour and shape
 *   approval     one row a held statement: who asked, the rule, how it stands
 *   approval_decision  who approved or denied it
 *   tombstone    what is left of a session that was erased
 *   erasure      by whom and why, and how many
 *   gateway_event  what the gateway's own frames tell: policies that came into force, looks at recordings …
 *   gap          where a session's record was cut, or went on unrecorded
 *   value_…      the keyed index of values: index-values.c
 *
 * Behind them stand the views of doc/audit-sql.md (index-views.c). */
#include "record/index.h"
#include "crypto/random.h"
#include "record/index-private.h"
#include <errno.h>
#include <stdlib.h>

static const char *const migrations[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('position', 0), ('last_us', 0);"
    "CREATE TABLE session (id INTEGER PRIMARY KEY, principal TEXT, subject TEXT, issuer TEXT, groups TEXT,"
    " machine INTEGER NOT NULL DEFAULT 0, on_behalf_of TEXT, connection TEXT, database TEXT, login TEXT,"
    " client TEXT, application TEXT, policies TEXT, policy_hash TEXT, task TEXT, agent TEXT, reason TEXT,"
    " started_us INTEGER NOT NULL, last_us INTEGER NOT NULL, ended_us INTEGER NOT NULL DEFAULT 0,"
    " statements INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,"
    " errors INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,"
    " last_sequence INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX session_started ON session (started_us);"
    "CREATE INDEX session_principal ON session (principal, started_us);"
    "CREATE TABLE shape (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, text TEXT NOT NULL, tags TEXT,"
    " effects TEXT, relations TEXT);"
    "CREATE VIRTUAL TABLE shape_words USING fts5 (text, content = 'shape', content_rowid = 'id',"
    " tokenize = \"unicode61 remove_diacritics 0 tokenchars '_$'\");"
    "CREATE TABLE relation (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tail TEXT NOT NULL);"
    "CREATE INDEX relation_tail ON relation (tail);"
    "CREATE TABLE shape_relation (relation INTEGER NOT NULL, shape INTEGER NOT NULL,"
    " PRIMARY KEY (relation, shape)) WITHOUT ROWID;"
    "CREATE TABLE shape_effect (effect TEXT NOT NULL, shape INTEGER NOT NULL,"
    " PRIMARY KEY (effect, shape)) WITHOUT ROWID;"
    "CREATE TABLE text (session INTEGER NOT NULL, number INTEGER NOT NULL, shape INTEGER NOT NULL,"
    " decision TEXT, policy TEXT, rule TEXT, PRIMARY KEY (session, number)) WITHOUT ROWID;"
    "CREATE TABLE execution (session INTEGER NOT NULL, shape INTEGER NOT NULL, minute INTEGER NOT NULL,"
    " decision TEXT NOT NULL, policy TEXT NOT NULL, rule TEXT NOT NULL, n INTEGER NOT NULL,"
    " errors INTEGER NOT NULL, rows INTEGER NOT NULL, us INTEGER NOT NULL, first_sequence INTEGER NOT NULL,"
    " last_sequence INTEGER NOT NULL, PRIMARY KEY (session, shape, minute, decision, policy, rule))"
    " WITHOUT ROWID;"
    "CREATE INDEX execution_shape ON execution (shape, minute);"
    "CREATE INDEX execution_minute ON execution (minute);"
    "CREATE TABLE failure (session INTEGER NOT NULL, sequence INTEGER NOT NULL, time_us INTEGER NOT NULL,"
    " shape INTEGER, origin INTEGER NOT NULL, sqlstate TEXT NOT NULL, PRIMARY KEY (session, sequence))"
    " WITHOUT ROWID;"
    "CREATE INDEX failure_sqlstate ON failure (sqlstate, time_us);"
    "CREATE TABLE rejection (session INTEGER NOT NULL, sequence INTEGER NOT NULL, time_us INTEGER NOT NULL,"
    " reason TEXT, sqlstate TEXT, principal TEXT, client TEXT, PRIMARY KEY (session, sequence)) WITHOUT "
    "ROWID;"
    "CREATE TABLE open_run (session INTEGER NOT NULL, run INTEGER NOT NULL, text INTEGER NOT NULL,"
    " minute INTEGER NOT NULL, PRIMARY KEY (session, run)) WITHOUT ROWID;"
    "CREATE TABLE part (session INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    /* The second: indexes of the first are from before columns were told of. */
    "CREATE TABLE text_seen (session INTEGER NOT NULL, number INTEGER NOT NULL, statement INTEGER NOT NULL,"
    " relation TEXT NOT NULL, \"column\" TEXT NOT NULL, state TEXT NOT NULL,"
    " PRIMARY KEY (session, number, statement, relation, \"column\")) WITHOUT ROWID;"
    "CREATE TABLE seen (relation TEXT NOT NULL, \"column\" TEXT NOT NULL, state TEXT NOT NULL,"
    " session INTEGER NOT NULL, shape INTEGER NOT NULL, minute INTEGER NOT NULL, n INTEGER NOT NULL,"
    " rows INTEGER NOT NULL, first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,"
    " PRIMARY KEY (relation, \"column\", state, session, shape, minute)) WITHOUT ROWID;"
    "ALTER TABLE open_run ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;",
    /* What pages are found by: each of these has the session's id behind its columns, in order. */
    "CREATE INDEX session_who ON session (principal);"
    "CREATE INDEX session_owner ON session (subject, issuer);"
    "CREATE INDEX session_behalf ON session (on_behalf_of, issuer) WHERE on_behalf_of IS NOT NULL;"
    "CREATE INDEX session_connection ON session (connection);"
    "CREATE INDEX session_task ON session (task) WHERE task IS NOT NULL;"
    "CREATE INDEX session_live ON session (ended_us, id) WHERE ended_us = 0;"
    "CREATE INDEX session_last ON session (last_us);"
    "CREATE INDEX execution_decision ON execution (decision, session);"
    "CREATE INDEX execution_find ON execution (shape, decision, session);"
    "CREATE INDEX shape_relation_shape ON shape_relation (shape);"
    "CREATE TABLE rollup (kind INTEGER NOT NULL, span INTEGER NOT NULL, name TEXT NOT NULL, n INTEGER NOT "
    "NULL, refused INTEGER NOT NULL, held INTEGER NOT NULL, errors INTEGER NOT NULL, rows INTEGER NOT NULL,"
    " us INTEGER NOT NULL, PRIMARY KEY (kind, span, name)) WITHOUT ROWID;"
    "INSERT INTO rollup SELECT 0, minute, '', sum(n), sum(n * (decision = 'deny')), sum(n * (decision = "
    "'hold')),"
    " sum(errors), sum(rows), sum(us) FROM execution GROUP BY minute;"
    "INSERT INTO rollup SELECT 1, minute / 60, coalesce(s.principal, ''), sum(n), sum(n * (decision = "
    "'deny')),"
    " sum(n * (decision = 'hold')), sum(e.errors), sum(e.rows), sum(us)"
    " FROM execution e JOIN session s ON s.id = e.session GROUP BY 2, 3;"
    "INSERT INTO rollup SELECT 3, minute / 60, shape, sum(n), sum(n * (decision = 'deny')),"
    " sum(n * (decision = 'hold')), sum(errors), sum(rows), sum(us) FROM execution GROUP BY 2, 3;",
    /* Held statements, of the log from here on. */
    "CREATE TABLE approval (request TEXT PRIMARY KEY, session INTEGER, principal TEXT, on_behalf_of TEXT,"
    " connection TEXT, rule TEXT, state TEXT NOT NULL, asked_us INTEGER NOT NULL, state_us INTEGER NOT NULL,"
    " rows INTEGER) WITHOUT ROWID;"
    "CREATE INDEX approval_asked ON approval (asked_us);"
    "CREATE INDEX approval_session ON approval (session);"
    "CREATE TABLE approval_decision (request TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,"
    " user TEXT NOT NULL, decision TEXT NOT NULL, via TEXT, time_us INTEGER NOT NULL,"
    " PRIMARY KEY (request, issuer, subject, decision)) WITHOUT ROWID;"
    "CREATE INDEX approval_decision_user ON approval_decision (user);"
    /* The gateway's own approvals once made a session of it. */
    "DELETE FROM session WHERE id = 0;",
    /* Erasing and retention (branch privacy). */
    "CREATE TABLE tombstone (session INTEGER PRIMARY KEY, erased_us INTEGER NOT NULL, erasure INTEGER NOT "
    "NULL);"
    "CREATE TABLE erasure (number INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, who TEXT, reason TEXT, how "
    "TEXT,"
    " sessions INTEGER NOT NULL);"
    "ALTER TABLE session ADD COLUMN retain_us INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX session_expiry ON session (ended_us + retain_us) WHERE retain_us > 0 AND ended_us > 0;",
    /* Questions (1): what the gateway says of itself, holes in the record, the longest and the largest
     * outcome; NULL of what was indexed before. */
    "CREATE TABLE gateway_event (id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, event TEXT NOT NULL,"
    " user TEXT, subject TEXT, issuer TEXT, client TEXT, hash TEXT, session INTEGER, detail TEXT);"
    "CREATE INDEX gateway_event_time ON gateway_event (time_us);"
    "CREATE INDEX gateway_event_session ON gateway_event (session) WHERE session IS NOT NULL;"
    "CREATE TABLE gap (session INTEGER NOT NULL, sequence INTEGER NOT NULL, time_us INTEGER NOT NULL,"
    " what TEXT NOT NULL, PRIMARY KEY (session, sequence)) WITHOUT ROWID;"
    "CREATE INDEX gap_time ON gap (time_us);"
    "CREATE INDEX failure_time ON failure (time_us);"
    "CREATE INDEX rejection_time ON rejection (time_us);"
    "ALTER TABLE execution ADD COLUMN longest_us INTEGER;"
    "ALTER TABLE execution ADD COLUMN most_rows INTEGER;",
    /* Questions (2) */
    index_views_sql,
    /* Questions (3): values by a keyed hash; unknown ones under an empty hash. */
    "CREATE TABLE value_key (id INTEGER PRIMARY KEY CHECK (id = 1), wrapped BLOB NOT NULL);"
    "CREATE TABLE value_column (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE value_session (session INTEGER PRIMARY KEY, counted INTEGER NOT NULL DEFAULT 0,"
    " open INTEGER NOT NULL DEFAULT 1);"
    "CREATE INDEX value_session_open ON value_session (session) WHERE open = 1;"
    "CREATE TABLE value_seen (hash BLOB NOT NULL, \"column\" INTEGER NOT NULL, session INTEGER NOT NULL,"
    " shape INTEGER NOT NULL, rows INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,"
    " first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL,"
    " PRIMARY KEY (hash, \"column\", session, shape)) WITHOUT ROWID;"
    "CREATE INDEX value_seen_session ON value_seen (session);",
};

static const char *const tables[] = {
    "meta", "session",   "shape",        "shape_words",       "relation",  "shape_relation", "shape_effect",
    "text", "execution", "failure",      "rejection",         "open_run",  "part",           "text_seen",
    "seen", "rollup",    "approval",     "approval_decision", "tombstone", "erasure",        "gateway_event",
    "gap",  "value_key", "value_column", "value_session",     "value_seen"
};

static const char *const statements[INDEX_N_STATEMENTS] = {
    [INDEX_POSITION_GET] =
        "SELECT max(CASE name WHEN 'position' THEN value END), max(CASE name WHEN 'last_us'"
        " THEN value END) FROM meta",
    [INDEX_POSITION_SET] = "INSERT OR REPLACE INTO meta VALUES ('position', ?1), ('last_us', ?2)",
    [INDEX_SESSION_GET] = "SELECT last_sequence, principal FROM session WHERE id = ?1",
    [INDEX_SESSION_START] =
        "INSERT INTO session (id, started_us, last_us, principal, subject, issuer, groups, machine, "
        "on_behalf_of,"
        " connection, database, login, client, application, policies, policy_hash, task, agent, retain_us) "
        "VALUES"
        " (?1, ?2,"
        " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
        " ON CONFLICT (id) DO UPDATE SET principal = ?3, subject = ?4, issuer = ?5, groups = ?6, machine = "
        "?7,"
        " on_behalf_of = ?8, connection = ?9, database = ?10, login = ?11, client = ?12, application = ?13,"
        " policies = ?14, policy_hash = ?15, task = ?16, agent = ?17, retain_us = ?18, started_us = ?2",
    [INDEX_SESSION_CONTEXT] =
        "UPDATE session SET task = coalesce(?2, task), agent = coalesce(?3, agent) WHERE id = ?1",
    [INDEX_SESSION_END] = "UPDATE session SET ended_us = ?2, reason = ?3 WHERE id = ?1",
    [INDEX_SESSION_COUNT] =
        "INSERT INTO session (id, started_us, last_us, last_sequence, statements, refused, errors, rows)"
        " VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET last_us = max(last_us, ?2),"
        " last_sequence = max(last_sequence, ?3), statements = statements + ?4, refused = refused + ?5, "
        "errors = errors + ?6,"
        " rows = rows + ?7",
    [INDEX_SHAPE_FIND] = "SELECT id FROM shape WHERE hash = ?1",
    [INDEX_SHAPE_ADD] =
        "INSERT INTO shape (hash, text, tags, effects, relations) VALUES (?1, ?2, ?3, ?4, ?5)",
    [INDEX_SHAPE_WORDS] = "INSERT INTO shape_words (rowid, text) VALUES (?1, ?2)",
    [INDEX_RELATION_ADD] = "INSERT OR IGNORE INTO relation (name, tail) VALUES (?1, ?2)",
    [INDEX_SHAPE_RELATION] =
        "INSERT OR IGNORE INTO shape_relation SELECT id, ?2 FROM relation WHERE name = ?1",
    [INDEX_SHAPE_EFFECT] = "INSERT OR IGNORE INTO shape_effect VALUES (?1, ?2)",
    [INDEX_TEXT_ADD] = "INSERT OR REPLACE INTO text VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [INDEX_TEXT_FIND] = "SELECT shape, decision, policy, rule FROM text WHERE session = ?1 AND number = ?2",
    [INDEX_TEXT_SEEN_ADD] = "INSERT OR REPLACE INTO text_seen VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [INDEX_TEXT_SEEN_EACH] =
        "SELECT statement, relation, \"column\", state FROM text_seen WHERE session = ?1 AND number = ?2",
    [INDEX_SEEN_ADD] =
        "INSERT INTO seen VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        " ON CONFLICT (relation, \"column\", state, session, shape, minute) DO UPDATE SET n = n + ?7,"
        " rows = rows + ?8, first_sequence = min(first_sequence, ?9),"
        " last_sequence = max(last_sequence, ?10)",
    [INDEX_EXECUTION_ADD] =
        "INSERT INTO execution VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT (session, shape, minute, decision, policy, rule) DO UPDATE SET n = n + ?7,"
        " errors = errors + ?8, rows = rows + ?9, us = us + ?10,"
        " first_sequence = min(first_sequence, ?11), last_sequence = max(last_sequence, ?12),"
        " longest_us = max(coalesce(longest_us, us), ?13), most_rows = max(coalesce(most_rows, rows), ?14)",
    [INDEX_FAILURE_ADD] = "INSERT OR IGNORE INTO failure VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [INDEX_REJECTION_ADD] = "INSERT OR IGNORE INTO rejection VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [INDEX_OPEN_ADD] = "INSERT OR REPLACE INTO open_run VALUES (?1, ?2, ?3, ?4, ?5)",
    [INDEX_OPEN_EACH] = "SELECT run, text, minute, ended FROM open_run WHERE session = ?1",
    [INDEX_OPEN_DROP] = "DELETE FROM open_run WHERE session = ?1",
    [INDEX_PART_ADD] = "INSERT INTO part VALUES (?1, ?2) ON CONFLICT (session) DO UPDATE SET body = ?2",
    [INDEX_PART_GET] = "SELECT body FROM part WHERE session = ?1",
    [INDEX_PART_DROP] = "DELETE FROM part WHERE session = ?1",
    [INDEX_ROLLUP_ADD] =
        "INSERT INTO rollup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (kind, span, name)"
        " DO UPDATE SET n = n + ?4, refused = refused + ?5, held = held + ?6, errors = errors + ?7,"
        " rows = rows + ?8, us = us + ?9",
    /* A state that is older than the known one (a lane that was read late) changes nothing. */
    [INDEX_APPROVAL_ADD] =
        "INSERT INTO approval (request, session, principal, on_behalf_of, connection, state, asked_us,"
        " state_us, rows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8) ON CONFLICT (request) DO UPDATE SET"
        " session = coalesce(?2, session), principal = coalesce(?3, principal), on_behalf_of = coalesce(?4, "
        "on_behalf_of), connection = ?5,"
        " state = CASE WHEN ?7 >= state_us THEN ?6 ELSE state END, asked_us = min(asked_us, ?7),"
        " state_us = max(state_us, ?7), rows = coalesce(?8, rows)",
    [INDEX_APPROVAL_RULE] =
        "INSERT INTO approval (request, session, rule, state, asked_us, state_us)"
        " VALUES (?1, ?2, ?3, 'waiting', ?4, 0) ON CONFLICT (request) DO UPDATE SET rule = ?3",
    [INDEX_GATEWAY_ADD] =
        "INSERT INTO gateway_event (time_us, event, user, subject, issuer, client, hash, session, detail)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [INDEX_GAP_ADD] = "INSERT OR IGNORE INTO gap VALUES (?1, ?2, ?3, ?4)",
    [INDEX_VALUE_KEY_GET] = "SELECT wrapped FROM value_key",
    [INDEX_VALUE_KEY_SET] = "INSERT OR IGNORE INTO value_key VALUES (1, ?1)",
    [INDEX_VALUE_SESSION_ADD] = "INSERT OR IGNORE INTO value_session (session) VALUES (?1)",
    [INDEX_VALUE_SESSION_MOVE] =
        "UPDATE value_session SET counted = ?3, open = ?4 WHERE session = ?1 AND counted = ?2",
    [INDEX_VALUE_COLUMN_ADD] = "INSERT OR IGNORE INTO value_column (name) VALUES (?1)",
    [INDEX_VALUE_SEEN_ADD] =
        "INSERT INTO value_seen SELECT ?1, c.id, ?3, coalesce((SELECT shape FROM text WHERE session = ?3 AND"
        " number = ?4), 0), ?5, ?6, ?7, ?8, ?9 FROM value_column c WHERE c.name = ?2"
        " ON CONFLICT (hash, \"column\", session, shape) DO UPDATE SET rows = rows + ?5,"
        " first_us = min(first_us, ?6), last_us = max(last_us, ?7),"
        " first_sequence = min(first_sequence, ?8), last_sequence = max(last_sequence, ?9)",
    [INDEX_VALUE_WORK] =
        "SELECT v.session, v.counted, s.last_sequence, s.ended_us FROM value_session v JOIN session s"
        " ON s.id = v.session WHERE v.open = 1 AND s.last_sequence > v.counted",
    [INDEX_APPROVAL_DECISION] = "INSERT OR IGNORE INTO approval_decision VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [INDEX_TOMBSTONE_ADD] = "INSERT OR IGNORE INTO tombstone VALUES (?1, ?2, ?3)",
    [INDEX_TOMBSTONE_SESSION] = "DELETE FROM session WHERE id = ?1",
    [INDEX_TOMBSTONE_APPROVAL] =
        "UPDATE approval SET principal = NULL, on_behalf_of = NULL WHERE session = ?1 AND session IN (SELECT "
        "session FROM tombstone)",
    [INDEX_ERASURE_ADD] = "INSERT OR IGNORE INTO erasure VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};

enum { N_MIGRATIONS = sizeof migrations / sizeof migrations[0] };

int index_open(const char *path, enum index_mode mode, struct index **index_out)
{
    struct index *index = calloc(1, sizeof *index);
    if (!index) return -ENOMEM;
    index->seed = random_u64();
    rollups_init(index);
    int error = sqlite_db_open(path, mode == INDEX_WRITE ? SQLITE_DB_WRITE : SQLITE_DB_READ, &index->db);
    if (!error && mode == INDEX_WRITE) error = sqlite_db_migrate(index->db, migrations, N_MIGRATIONS);
    if (!error && mode == INDEX_READ) {
        int version = sqlite_db_version(index->db);
        error = version < 0 ? version : version == N_MIGRATIONS ? 0 : version ? -ENOTSUP : -ENOENT;
    }
    if (!error) {
        *index_out = index;
        return 0;
    }
    index_free(index);
    return error;
}

void index_free(struct index *index)
{
    if (!index) return;
    for (size_t i = 0; i < INDEX_N_STATEMENTS; i++)
        sqlite_query_free(index->queries[i]);
    sqlite_db_close(index->db);
    rollups_free(index);
    free(index);
}

struct sqlite_query *index_statement(struct index *index, enum index_statement which, int *error_out)
{
    struct sqlite_query **q = &index->queries[which];
    *error_out = *q ? 0 : sqlite_query_new(index->db, statements[which], q);
    if (*q) sqlite_query_reset(*q);
    return *q;
}

int index_position(struct index *index, struct index_progress *progress_out)
{
    int error;
    *progress_out = (struct index_progress){ 0 };
    struct sqlite_query *q = index_statement(index, INDEX_POSITION_GET, &error);
    if (!q) return error;
    if (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        progress_out->position = (uint64_t)sqlite_query_int(q, 0);
        progress_out->last_us = sqlite_query_int(q, 1);
    } else
        error = sqlite_query_error(q) ? sqlite_query_error(q) : -EBADMSG;
    sqlite_query_reset(q);
    return error;
}

int index_rebuild(struct index *index)
{
    char drop[64];
    for (size_t i = 0; i < INDEX_N_STATEMENTS; i++) {
        sqlite_query_free(index->queries[i]);
        index->queries[i] = NULL;
    }
    int error = sqlite_db_begin(index->db, 5000);
    if (error) return error;
    for (size_t i = 0; index_views[i] && !error; i++) {
        snprintf(drop, sizeof drop, "DROP VIEW %s", index_views[i]);
        error = sqlite_db_run(index->db, drop);
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && !error; i++) {
        snprintf(drop, sizeof drop, "DROP TABLE %s", tables[i]);
        error = sqlite_db_run(index->db, drop);
    }
    for (size_t i = 0; i < N_MIGRATIONS && !error; i++)
        error = sqlite_db_run(index->db, migrations[i]);
    if (!error) error = sqlite_db_commit(index->db);
    if (error) sqlite_db_rollback(index->db);
    return error;
}

int index_batch_begin(struct index *index, unsigned wait_ms)
{
    struct index_progress progress;
    int error = sqlite_db_begin(index->db, wait_ms);
    if (error) return error;
    error = index_position(index, &progress);
    index->position = progress.position;
    if (error) sqlite_db_rollback(index->db);
    return error;
}

int index_batch_commit(struct index *index)
{
    int error = rollups_save(index);
    if (!error) error = sqlite_db_commit(index->db);
    if (error) index_batch_rollback(index);
    return error;
}

void index_batch_rollback(struct index *index)
{
    rollups_free(index);
    sqlite_db_rollback(index->db);
}
