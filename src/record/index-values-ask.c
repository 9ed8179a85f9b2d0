/* Asking who was shown a value: the hash of what is asked, in each column that is meant. */
#include "base/codec.h"
#include "base/secret.h"
#include "mask/seen.h"
#include "record/index-private.h"
#include "record/index-values.h"
#include "record/value-form.h"
#include <errno.h>
#include <stdlib.h>

enum { QUESTION = 16 << 20 };

/* "people" is the relation of "public.people.mail", and "public.people" is. */
bool index_column_split(struct bytes name, struct bytes *relation_out, struct bytes *column_out)
{
    bool quoted = false;
    size_t dot = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') quoted = !quoted;
        if (name.p[i] == '.' && !quoted) dot = i;
    }
    if (quoted || dot == 0 || dot + 1 >= name.n) return false;
    *relation_out = bytes_slice(name, 0, dot);
    *column_out = bytes_slice(name, dot + 1, name.n);
    if (bytes_is(*column_out, "*")) *column_out = (struct bytes){ 0 };
    return true;
}

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
    return index_done(q);
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

/* What is looked for, as rows of (column, hash): numbers and hexadecimal alone. It is text of the question
 * and no table, since who asks may have the index open for reading only. */
static int put_wanted(struct index *index, struct value_hasher *hasher, struct bytes relation,
                      struct bytes column, struct bytes normal, struct buf *out)
{
    uint8_t sealed[SHA256_SIZE], hash[VALUE_HASH];
    struct sqlite_query *q;
    size_t n = 0;
    int error = sqlite_query_new(index->db, "SELECT id, name FROM value_column", &q);
    if (error) return error;
    value_seal(hasher, normal, sealed);
    while (sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct bytes name = sqlite_query_text(q, 1);
        if (!index_column_is_meant(name, relation, column)) continue;
        value_hash(hasher, sealed, name, hash);
        buf_printf(out, "%s(%lld, x'", n++ ? ", " : "VALUES ", (long long)sqlite_query_int(q, 0));
        codec_hex(bytes_make(hash, sizeof hash), out);
        buf_append_text(out, "')");
    }
    error = sqlite_query_error(q);
    sqlite_query_free(q);
    if (!n) buf_append_text(out, "SELECT 0, x'' WHERE false");
    return error;
}

/* The question up to its rows of what is wanted. */
static int make_wanted(struct index *index, const struct record_keys *keys, struct bytes relation,
                       struct bytes column, struct bytes value, struct buf *out)
{
    struct value_hasher hasher;
    int error = open_hasher(index, keys, &hasher);
    if (error) return error;
    uint8_t *room = malloc(value.n + 1);
    error = room ? put_wanted(index, &hasher, relation, column, value_normal(value, room), out) : -ENOMEM;
    if (room) secret_wipe(room, value.n + 1);
    free(room);
    value_hasher_free(&hasher);
    return error;
}

int index_value_sights(struct index *index, const struct record_keys *keys, const struct index_filter *filter,
                       struct bytes relation, struct bytes column, struct bytes value,
                       void (*visit)(void *context, const struct index_value_sight *sight), void *context)
{
    static const char sql[] =
        ") SELECT v.session, s.principal, s.on_behalf_of, s.connection, c.name, h.text, v.rows, v.first_us,"
        " v.last_us, v.first_sequence, v.last_sequence FROM wanted w CROSS JOIN value_column c ON c.id ="
        " w.\"column\" CROSS JOIN value_seen v ON v.hash = w.hash AND v.\"column\" = c.id"
        " JOIN session s ON s.id = v.session LEFT JOIN shape h ON h.id = v.shape"
        " WHERE (?1 IS NULL OR s.principal = ?1) AND (?2 IS NULL OR s.connection = ?2) AND v.last_us >= ?3"
        " AND v.first_us < ?4 AND (?5 IS NULL OR v.session = ?5)"
        " ORDER BY v.last_us DESC, v.session DESC, c.name LIMIT ?6";
    struct sqlite_query *q = NULL;
    struct buf text;
    buf_init(&text, QUESTION);
    buf_append_text(&text, "WITH wanted (\"column\", hash) AS (");
    int error = make_wanted(index, keys, relation, column, value, &text);
    buf_append_text(&text, sql);
    buf_put_u8(&text, 0);
    if (!error && text.failed) error = -ENOMEM;
    if (!error) error = sqlite_query_new(index->db, (const char *)buf_bytes(&text).p, &q);
    buf_free(&text);
    if (error) return error;
    index_bind_filter(q, filter);
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
    return index_done(q);
}

/* All of them, whatever the filter says of how many: each is opened, and may have nothing to tell. */
int index_value_sessions(struct index *index, const struct index_filter *filter, struct bytes relation,
                         struct bytes column, void (*visit)(void *context, uint64_t session), void *context)
{
    static const char sql[] =
        "SELECT DISTINCT v.session FROM seen v JOIN session s ON s.id = v.session WHERE v.state <> 'masked'"
        " AND (?1 IS NULL OR s.principal = ?1) AND (?2 IS NULL OR s.connection = ?2)"
        " AND v.minute >= ?3 / 60000000 AND v.minute * 60000000 < ?4 AND (?5 IS NULL OR v.session = ?5)"
        " AND (v.state = 'untraced' OR ((?7 IS NULL OR v.relation = ?7 OR substr(v.relation, -length(?7) - 1)"
        "  = '.' || ?7) AND (?8 IS NULL OR v.\"column\" = ?8))) ORDER BY v.session DESC";
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, sql, &q);
    if (error) return error;
    index_bind_filter(q, filter);
    index_bind_asked(q, 7, relation);
    index_bind_asked(q, 8, column);
    while (sqlite_query_step(q) == SQLITE_STEP_ROW)
        visit(context, (uint64_t)sqlite_query_int(q, 0));
    return index_done(q);
}
