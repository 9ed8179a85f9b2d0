/* Asking who was shown a value: the hash of what is asked, in each column that is meant. */
#include "base/secret.h"
#include "mask/seen.h"
#include "record/index-private.h"
#include "record/index-values.h"
#include "record/value-form.h"
#include <errno.h>
#include <stdlib.h>

static struct bytes none_if_empty(struct bytes b)
{
    return b.n ? b : (struct bytes){ 0 };
}

/* "people" is the relation of "public.people.mail", and "public.people" is. */
bool index_column_is_meant(struct bytes name, struct bytes relation, struct bytes column)
{
    ptrdiff_t dot = -1;
    bool quoted = false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') quoted = !quoted;
        if (!quoted && name.p[i] == '.') dot = (ptrdiff_t)i;
    }
    if (dot < 0) return false;
    struct bytes of = bytes_slice(name, 0, (size_t)dot), is = bytes_slice(name, (size_t)dot + 1, name.n);
    if (column.n && !bytes_equal(column, is)) return false;
    if (!relation.n || bytes_equal(relation, of)) return true;
    return of.n > relation.n && of.p[of.n - relation.n - 1] == '.' &&
           bytes_equal(bytes_slice(of, of.n - relation.n, relation.n), relation);
}

int index_value_columns(struct index *index, struct bytes relation, struct bytes column,
                        void (*visit)(void *context, const struct index_value_column *column), void *context)
{
    struct sqlite_query *q;
    int error =
        sqlite_query_new(index->db,
                         "SELECT c.name, coalesce((SELECT sum(v.rows) FROM value_seen v WHERE v.hash ="
                         " x'' AND v.\"column\" = c.id), 0) FROM value_column c ORDER BY c.name",
                         &q);
    if (error) return error;
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_value_column c = { sqlite_query_text(q, 0), (uint64_t)sqlite_query_int(q, 1) };
        if (index_column_is_meant(c.name, relation, column)) visit(context, &c);
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

static int open_hasher(struct index *index, const struct record_keys *keys, struct value_hasher *out)
{
    int error;
    uint8_t wrapped[60], key[VALUE_KEY];
    struct sqlite_query *q = index_statement(index, INDEX_VALUE_KEY_GET, &error);
    if (!q) return error;
    bool there = sqlite_query_step(q) == SQLITE_STEP_ROW;
    struct bytes stored = there ? sqlite_query_text(q, 0) : (struct bytes){ 0 };
    if (stored.n == sizeof wrapped) memcpy(wrapped, stored.p, sizeof wrapped);
    error = sqlite_query_error(q);
    sqlite_query_reset(q);
    if (error || !there) return error ? error : -ENOENT;
    if (stored.n != sizeof wrapped) return -EBADMSG;
    error = keys->unwrap(keys->context, wrapped, key);
    if (!error && !value_hasher_init(out, key)) error = -ENOMEM;
    secret_wipe(key, sizeof key);
    return error;
}

struct asking {
    struct value_hasher hasher;
    uint8_t sealed[SHA256_SIZE];
    struct sqlite_query *add;
    int error;
};

static void ask_of(void *context, const struct index_value_column *column)
{
    struct asking *a = context;
    uint8_t hash[VALUE_HASH];
    value_hash(&a->hasher, a->sealed, column->name, hash);
    sqlite_query_bind_text(a->add, 1, column->name);
    sqlite_query_bind_blob(a->add, 2, bytes_make(hash, sizeof hash));
    int error = sqlite_query_finish(a->add);
    if (!a->error) a->error = error;
}

/* What is looked for, as a table of this connection's own: a hash for each column. */
static int make_wanted(struct index *index, const struct record_keys *keys, struct bytes relation,
                       struct bytes column, struct bytes value)
{
    struct asking a = { .error = 0 };
    int error = open_hasher(index, keys, &a.hasher);
    if (error) return error;
    uint8_t *room = malloc(value.n + 1);
    error = !room ? -ENOMEM
                  : sqlite_db_run(index->db, "CREATE TEMP TABLE IF NOT EXISTS wanted (name TEXT, hash BLOB);"
                                             "DELETE FROM wanted");
    if (!error) value_seal(&a.hasher, value_normal(value, room), a.sealed);
    if (!error) error = sqlite_query_new(index->db, "INSERT INTO wanted VALUES (?1, ?2)", &a.add);
    if (!error) error = index_value_columns(index, relation, column, ask_of, &a);
    if (!error) error = a.error;
    sqlite_query_free(a.add);
    free(room);
    value_hasher_free(&a.hasher);
    return error;
}

int index_value_sights(struct index *index, const struct record_keys *keys, const struct index_filter *filter,
                       struct bytes relation, struct bytes column, struct bytes value,
                       void (*visit)(void *context, const struct index_value_sight *sight), void *context)
{
    static const char sql[] =
        "SELECT v.session, s.principal, s.on_behalf_of, s.connection, w.name, h.text, v.rows, v.first_us,"
        " v.last_us, v.first_sequence, v.last_sequence FROM wanted w CROSS JOIN value_column c ON c.name ="
        " w.name CROSS JOIN value_seen v ON v.hash = w.hash AND v.\"column\" = c.id"
        " JOIN session s ON s.id = v.session LEFT JOIN shape h ON h.id = v.shape"
        " WHERE (?1 IS NULL OR s.principal = ?1) AND (?2 IS NULL OR s.connection = ?2) AND v.last_us >= ?3"
        " AND v.first_us < ?4 AND (?5 IS NULL OR v.session = ?5)"
        " ORDER BY v.last_us DESC, v.session DESC, w.name LIMIT ?6";
    struct sqlite_query *q;
    int error = make_wanted(index, keys, relation, column, value);
    if (!error) error = sqlite_query_new(index->db, sql, &q);
    if (error) return error;
    sqlite_query_bind_text(q, 1, none_if_empty(filter->principal));
    sqlite_query_bind_text(q, 2, none_if_empty(filter->connection));
    sqlite_query_bind_int(q, 3, filter->since_us);
    sqlite_query_bind_int(q, 4, filter->until_us ? filter->until_us : INT64_MAX);
    if (filter->session) sqlite_query_bind_int(q, 5, (int64_t)filter->session);
    sqlite_query_bind_int(q, 6, filter->limit ? (int64_t)filter->limit : -1);
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_value_sight s = { .session = (uint64_t)sqlite_query_int(q, 0),
                                       .principal = sqlite_query_text(q, 1),
                                       .on_behalf_of = sqlite_query_text(q, 2),
                                       .connection = sqlite_query_text(q, 3),
                                       .column = sqlite_query_text(q, 4),
                                       .shape = sqlite_query_text(q, 5),
                                       .rows = (uint64_t)sqlite_query_int(q, 6),
                                       .first_us = sqlite_query_int(q, 7),
                                       .last_us = sqlite_query_int(q, 8),
                                       .first_sequence = (uint32_t)sqlite_query_int(q, 9),
                                       .last_sequence = (uint32_t)sqlite_query_int(q, 10) };
        visit(context, &s);
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

int index_value_sessions(struct index *index, const struct index_filter *filter, struct bytes relation,
                         struct bytes column, void (*visit)(void *context, uint64_t session), void *context)
{
    static const char sql[] =
        "SELECT DISTINCT v.session FROM seen v JOIN session s ON s.id = v.session WHERE v.state <> 'masked'"
        " AND (?1 IS NULL OR s.principal = ?1) AND (?2 IS NULL OR s.connection = ?2)"
        " AND v.minute >= ?3 / 60000000 AND v.minute * 60000000 < ?4 AND (?5 IS NULL OR v.session = ?5)"
        " AND (v.state = 'untraced' OR ((?6 IS NULL OR v.relation = ?6 OR substr(v.relation, -length(?6) - 1)"
        "  = '.' || ?6) AND (?7 IS NULL OR v.\"column\" = ?7))) ORDER BY v.session DESC";
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, sql, &q);
    if (error) return error;
    sqlite_query_bind_text(q, 1, none_if_empty(filter->principal));
    sqlite_query_bind_text(q, 2, none_if_empty(filter->connection));
    sqlite_query_bind_int(q, 3, filter->since_us);
    sqlite_query_bind_int(q, 4, filter->until_us ? filter->until_us : INT64_MAX);
    if (filter->session) sqlite_query_bind_int(q, 5, (int64_t)filter->session);
    sqlite_query_bind_text(q, 6, none_if_empty(relation));
    sqlite_query_bind_text(q, 7, none_if_empty(column));
    while (sqlite_query_step(q) == SQLITE_STEP_ROW)
        visit(context, (uint64_t)sqlite_query_int(q, 0));
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}
