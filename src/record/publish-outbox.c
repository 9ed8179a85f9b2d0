/* publish_dirty has a row for each row that changed, and counts its changes: what is forgotten must still
 * have the count that it was read with. publish_state and publish_walk say how far everything is. */
#include "record/publish-outbox.h"
#include "crypto/random.h"
#include "record/index-private.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 5000 };

static const char make_tables[] =
    "CREATE TABLE publish_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE publish_dirty (tab, k0, k1, k2, n INTEGER NOT NULL,"
    " PRIMARY KEY (tab, k0, k1, k2)) WITHOUT ROWID;"
    "CREATE TABLE publish_walk (id INTEGER PRIMARY KEY CHECK (id = 1), k0, k1, k2);";
static const char drop_tables[] = "DROP TABLE IF EXISTS publish_state; DROP TABLE IF EXISTS publish_dirty;"
                                  "DROP TABLE IF EXISTS publish_walk;";

/* ---- making and taking away */

/* How much an event adds to a note's count. What is deleted, or moves into another month, is told by a large
 * number: then what is there goes first. */
#define GOES "4294967297"
static void write_count(const struct publish_table *table, const char *event, struct buf *out)
{
    const char *time = table->columns[table->time_column].name;
    bool moves = table->time && table->time_column >= table->n_keys;
    if (event[0] == 'U' && moves)
        buf_printf(out, "iif(old.\"%s\" IS new.\"%s\", 1, " GOES ")", time, time);
    else
        buf_append_text(out, event[0] == 'D' ? GOES : "1");
}

static void write_trigger(const struct publish_table *table, size_t number, const char *event,
                          const char *row, struct buf *out)
{
    buf_printf(out,
               "CREATE TRIGGER publish_%s_%s AFTER %s ON \"%s\" BEGIN INSERT INTO publish_dirty VALUES (%zu",
               table->name, event, event, table->name, number);
    for (size_t k = 0; k < PUBLISH_UNIT; k++)
        if (k < table->n_unit)
            buf_printf(out, ", %s.\"%s\"", row, table->columns[k].name);
        else
            buf_append_text(out, ", ''");
    buf_append_text(out, ", ");
    write_count(table, event, out);
    buf_append_text(out, ") ON CONFLICT DO UPDATE SET n = n + excluded.n; END;");
}

static int run_text(struct index *index, struct buf *sql)
{
    buf_put_u8(sql, 0);
    int error = sql->failed ? -ENOMEM : sqlite_db_run(index->db, (const char *)buf_bytes(sql).p);
    buf_free(sql);
    return error;
}

/* Keys never change: an update is noted under the one that the row has. */
static int make_triggers(struct index *index)
{
    struct buf sql;
    buf_init(&sql, 1 << 20);
    for (size_t i = 0; i < publish_n_tables; i++) {
        write_trigger(&publish_tables[i], i, "INSERT", "new", &sql);
        write_trigger(&publish_tables[i], i, "UPDATE", "new", &sql);
        write_trigger(&publish_tables[i], i, "DELETE", "old", &sql);
        if (publish_tables[i].index)
            buf_printf(&sql, "CREATE INDEX publish_%s ON \"%s\" (%s);", publish_tables[i].name,
                       publish_tables[i].name, publish_tables[i].index);
    }
    return run_text(index, &sql);
}

static int drop_all(struct index *index)
{
    struct buf sql;
    buf_init(&sql, 1 << 20);
    for (size_t i = 0; i < publish_n_tables; i++) {
        const char *name = publish_tables[i].name;
        buf_printf(&sql,
                   "DROP TRIGGER IF EXISTS publish_%s_INSERT; DROP TRIGGER IF EXISTS publish_%s_UPDATE;"
                   "DROP TRIGGER IF EXISTS publish_%s_DELETE; DROP INDEX IF EXISTS publish_%s;",
                   name, name, name, name);
    }
    buf_append_text(&sql, drop_tables);
    return run_text(index, &sql);
}

/* ---- the state */

static int ask(struct index *index, const char *sql, int64_t *out)
{
    struct sqlite_query *q;
    *out = 0;
    int error = sqlite_query_new(index->db, sql, &q);
    if (error) return error;
    switch (sqlite_query_step(q)) {
    case SQLITE_STEP_ROW: *out = sqlite_query_int(q, 0); break;
    case SQLITE_STEP_DONE: error = -ENOENT; break;
    case SQLITE_STEP_FAILED: error = sqlite_query_error(q); break;
    }
    sqlite_query_free(q);
    return error;
}

static int set(struct index *index, const char *name, int64_t value)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, "INSERT OR REPLACE INTO publish_state VALUES (?1, ?2)", &q);
    if (error) return error;
    sqlite_query_bind_text(q, 1, bytes_of(name));
    sqlite_query_bind_int(q, 2, value);
    error = sqlite_query_finish(q);
    sqlite_query_free(q);
    return error;
}

static int64_t new_epoch(void)
{
    int64_t epoch = (int64_t)(random_u64() >> 1);
    return epoch ? epoch : 1;
}

static int set_state(struct index *index, const struct publish_state *state)
{
    int error = set(index, "epoch", state->epoch);
    if (!error) error = set(index, "batch", state->batch);
    if (!error) error = set(index, "walk", (int64_t)state->walk);
    return error ? error : set(index, "claims", state->claims);
}

int publish_outbox_state(struct index *index, struct publish_state *state)
{
    int64_t n = 0, layout = 0, walk = 0, claims = 0;
    *state = (struct publish_state){ 0 };
    int error = ask(index, "SELECT count(*) FROM sqlite_master WHERE name = 'publish_state'", &n);
    if (!error && !n) error = -ENOENT;
    if (!error) error = ask(index, "SELECT value FROM publish_state WHERE name = 'layout'", &layout);
    if (!error && layout != PUBLISH_LAYOUT) error = -ENOENT;
    /* A migration that made a table anew took its triggers with it. */
    if (!error)
        error = ask(
            index, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'publish_*'", &n);
    if (!error && (size_t)n != 3 * publish_n_tables) error = -ENOENT;
    if (!error) error = ask(index, "SELECT value FROM publish_state WHERE name = 'epoch'", &state->epoch);
    if (!error) error = ask(index, "SELECT value FROM publish_state WHERE name = 'batch'", &state->batch);
    if (!error) error = ask(index, "SELECT value FROM publish_state WHERE name = 'walk'", &walk);
    if (!error) error = ask(index, "SELECT value FROM publish_state WHERE name = 'claims'", &claims);
    state->walk = walk < 0 || (size_t)walk > publish_n_tables ? publish_n_tables : (size_t)walk;
    state->claims = claims;
    return error;
}

static int end_transaction(struct index *index, int error)
{
    if (!error) error = sqlite_db_commit(index->db);
    if (error) sqlite_db_rollback(index->db);
    return error;
}

int publish_outbox_open(struct index *index, struct publish_state *state)
{
    int error = publish_outbox_state(index, state);
    if (error != -ENOENT) return error;
    error = sqlite_db_begin(index->db, WAIT_MS);
    if (error) return error;
    *state = (struct publish_state){ .epoch = new_epoch() };
    error = drop_all(index);
    if (!error) error = sqlite_db_run(index->db, make_tables);
    if (!error) error = make_triggers(index);
    if (!error) error = set(index, "layout", PUBLISH_LAYOUT);
    if (!error) error = set_state(index, state);
    return end_transaction(index, error);
}

int publish_outbox_remove(struct index *index)
{
    int64_t n = 0;
    int error = ask(index, "SELECT count(*) FROM sqlite_master WHERE name = 'publish_state'", &n);
    if (error || !n) return error;
    error = sqlite_db_begin(index->db, WAIT_MS);
    return error ? error : end_transaction(index, drop_all(index));
}

int publish_outbox_restart(struct index *index, bool claims, struct publish_state *state)
{
    int error = sqlite_db_begin(index->db, WAIT_MS);
    if (error) return error;
    *state = (struct publish_state){ .epoch = new_epoch(), .claims = claims };
    error = sqlite_db_run(index->db, "DELETE FROM publish_walk");
    if (!error) error = set_state(index, state);
    return end_transaction(index, error);
}

int publish_outbox_count(struct index *index, uint64_t most, uint64_t *n_out)
{
    char sql[96];
    int64_t n = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM publish_dirty LIMIT %" PRId64 ")",
             (int64_t)most);
    int error = ask(index, sql, &n);
    *n_out = (uint64_t)n;
    return error;
}

/* ---- reading */

static void list_columns(const struct publish_table *table, struct buf *sql)
{
    for (size_t i = 0; i < table->n_columns; i++)
        buf_printf(sql, "%st.\"%s\"", i ? ", " : "", table->columns[i].name);
}

static int prepare(struct index *index, struct buf *sql, struct sqlite_query **out)
{
    buf_put_u8(sql, 0);
    int error = sql->failed ? -ENOMEM : sqlite_query_new(index->db, (const char *)buf_bytes(sql).p, out);
    buf_free(sql);
    return error;
}

static int query_changes(struct index *index, size_t number, struct sqlite_query **out)
{
    const struct publish_table *table = &publish_tables[number];
    struct buf sql;
    buf_init(&sql, 8192);
    buf_append_text(&sql, "SELECT d.n");
    for (size_t k = 0; k < table->n_unit; k++)
        buf_printf(&sql, ", d.k%zu", k);
    buf_append_text(&sql, ", ");
    list_columns(table, &sql);
    buf_printf(&sql, " FROM publish_dirty d LEFT JOIN main.\"%s\" t ON", table->name);
    for (size_t k = 0; k < table->n_unit; k++)
        buf_printf(&sql, "%s t.\"%s\" = d.k%zu", k ? " AND" : "", table->columns[k].name, k);
    buf_printf(&sql, " WHERE d.tab = %zu", number);
    return prepare(index, &sql, out);
}

static bool is_unit(const struct publish_table *table, const struct publish_value *a,
                    const struct publish_value *b)
{
    for (size_t k = 0; k < table->n_unit; k++)
        if (table->columns[k].type == PUBLISH_TEXT ? !bytes_equal(a[k].text, b[k].text)
                                                   : a[k].number != b[k].number)
            return false;
    return true;
}

/* A unit is in a batch as a whole: whether there is room is asked where another begins. */
static int read_changes(struct index *index, size_t number, struct publish_batch *batch)
{
    const struct publish_table *table = &publish_tables[number];
    struct sqlite_query *q;
    struct publish_value unit[PUBLISH_UNIT] = { 0 }, key[PUBLISH_UNIT] = { 0 };
    enum sqlite_step step;
    int error = query_changes(index, number, &q);
    if (error) return error;
    for (bool first = true; (step = sqlite_query_step(q)) == SQLITE_STEP_ROW; first = false) {
        publish_batch_take_key(batch, table, q, 1, key);
        if (first || !is_unit(table, unit, key)) {
            if (publish_batch_is_full(batch)) break;
            memcpy(unit, key, sizeof unit);
            int64_t n = sqlite_query_int(q, 0);
            if (n >> 32) publish_batch_add_key(batch, number, key);
            publish_batch_mark(batch, number, n, key);
        }
        if (sqlite_query_text(q, 1 + (int)table->n_unit).p)
            publish_batch_add_row(batch, number, q, 1 + (int)table->n_unit);
        batch->n++;
    }
    if (step == SQLITE_STEP_FAILED) error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

static void bind_key(struct sqlite_query *q, int first, const struct publish_table *table,
                     const struct publish_value *key)
{
    for (size_t k = 0; k < table->n_unit; k++)
        if (table->columns[k].type == PUBLISH_TEXT)
            sqlite_query_bind_text(q, first + (int)k, key[k].text);
        else
            sqlite_query_bind_int(q, first + (int)k, key[k].number);
}

static int walk_from(struct index *index, const struct publish_table *table, struct publish_batch *batch)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(index->db, "SELECT k0, k1, k2 FROM publish_walk", &q);
    if (error) return error;
    switch (sqlite_query_step(q)) {
    case SQLITE_STEP_ROW:
        publish_batch_take_key(batch, table, q, 0, batch->from);
        batch->has_from = true;
        break;
    case SQLITE_STEP_DONE: break;
    case SQLITE_STEP_FAILED: error = sqlite_query_error(q); break;
    }
    sqlite_query_free(q);
    return error;
}

static int query_walk(struct index *index, const struct publish_table *table, bool has_from,
                      struct sqlite_query **out)
{
    struct buf sql;
    buf_init(&sql, 8192);
    buf_append_text(&sql, "SELECT ");
    list_columns(table, &sql);
    buf_printf(&sql, " FROM main.\"%s\" t", table->name);
    for (size_t k = 0; has_from && k < table->n_unit; k++)
        buf_printf(&sql, "%s\"%s\"", k ? ", " : " WHERE (", table->columns[k].name);
    for (size_t k = 0; has_from && k < table->n_unit; k++)
        buf_printf(&sql, "%s?%zu", k ? ", " : ") > (", k + 1);
    buf_append_text(&sql, has_from ? ") ORDER BY " : " ORDER BY ");
    for (size_t k = 0; k < table->n_unit; k++)
        buf_printf(&sql, "%s\"%s\"", k ? ", " : "", table->columns[k].name);
    return prepare(index, &sql, out);
}

static int walk(struct index *index, const struct publish_state *state, struct publish_batch *batch)
{
    const struct publish_table *table = &publish_tables[state->walk];
    struct sqlite_query *q;
    batch->walks = true;
    batch->walked = state->walk;
    int error = walk_from(index, table, batch);
    if (!error) error = query_walk(index, table, batch->has_from, &q);
    if (error) return error;
    if (batch->has_from) bind_key(q, 1, table, batch->from);
    struct publish_value key[PUBLISH_UNIT] = { 0 };
    enum sqlite_step step;
    for (bool first = true; (step = sqlite_query_step(q)) == SQLITE_STEP_ROW; first = false) {
        publish_batch_take_key(batch, table, q, 0, key);
        batch->has_to = !first && !is_unit(table, batch->to, key) && publish_batch_is_full(batch);
        if (batch->has_to) break;
        memcpy(batch->to, key, sizeof batch->to);
        publish_batch_add_row(batch, state->walk, q, 0);
        batch->n++;
    }
    if (step == SQLITE_STEP_FAILED) error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}

static int read_all(struct index *index, const struct publish_state *state, struct publish_batch *batch)
{
    struct index_progress progress = { 0 };
    int error = 0;
    for (size_t i = 0; i < publish_n_tables && !error && !publish_batch_is_full(batch); i++)
        error = read_changes(index, i, batch);
    if (!error && batch->n == 0 && state->walk < publish_n_tables) error = walk(index, state, batch);
    if (!error) error = index_position(index, &progress);
    batch->position = progress.position;
    batch->up_to_us = progress.last_us;
    batch->is_all = !publish_batch_is_full(batch);
    if (!error && publish_batch_failed(batch)) error = -ENOMEM;
    return error;
}

int publish_outbox_read(struct index *index, const struct publish_state *state, struct publish_batch *batch)
{
    publish_batch_clear(batch);
    int error = sqlite_db_run(index->db, "BEGIN"); /* one state of everything */
    if (error) return error;
    error = read_all(index, state, batch);
    sqlite_db_rollback(index->db);
    return error;
}

/* ---- forgetting */

static int forget_marks(struct index *index, const struct publish_batch *batch)
{
    struct sqlite_query *q = NULL;
    int error = sqlite_query_new(index->db,
                                 "DELETE FROM publish_dirty WHERE tab = ?1 AND n = ?2 AND k0 = ?3 AND k1 = ?4"
                                 " AND k2 = ?5",
                                 &q);
    for (size_t i = 0; i < batch->n_marks && !error; i++) {
        const struct publish_mark *mark = &batch->marks[i];
        const struct publish_table *table = &publish_tables[mark->table];
        sqlite_query_bind_int(q, 1, (int64_t)mark->table);
        sqlite_query_bind_int(q, 2, mark->n);
        bind_key(q, 3, table, mark->key);
        for (size_t k = table->n_unit; k < PUBLISH_UNIT; k++)
            sqlite_query_bind_text(q, 3 + (int)k, BYTES_LITERAL(""));
        error = sqlite_query_finish(q);
    }
    sqlite_query_free(q);
    return error;
}

static int walk_on(struct index *index, const struct publish_batch *batch, struct publish_state *state)
{
    struct sqlite_query *q;
    int error = sqlite_db_run(index->db, "DELETE FROM publish_walk");
    if (error) return error;
    if (!batch->has_to) {
        state->walk++;
        return 0;
    }
    error = sqlite_query_new(index->db, "INSERT INTO publish_walk VALUES (1, ?1, ?2, ?3)", &q);
    if (error) return error;
    bind_key(q, 1, &publish_tables[batch->walked], batch->to);
    error = sqlite_query_finish(q);
    sqlite_query_free(q);
    return error;
}

/* What another process changed in the state since it was read (a command that has everything published anew,
 * an index that was replaced) is left as that process wants it. */
static bool is_same(struct index *index, const struct publish_state *state)
{
    struct publish_state now;
    return publish_outbox_state(index, &now) == 0 && now.epoch == state->epoch;
}

int publish_outbox_forget(struct index *index, const struct publish_batch *batch, unsigned wait_ms,
                          struct publish_state *state)
{
    struct publish_state next = *state;
    int error = sqlite_db_begin(index->db, wait_ms);
    if (error) return error;
    if (!is_same(index, state)) {
        sqlite_db_rollback(index->db);
        return -ESTALE;
    }
    next.batch++;
    error = forget_marks(index, batch);
    if (!error && batch->walks) error = walk_on(index, batch, &next);
    if (!error) error = set_state(index, &next);
    error = end_transaction(index, error);
    if (!error) *state = next;
    return error;
}

int publish_outbox_set_batch(struct index *index, int64_t number, struct publish_state *state)
{
    int error = sqlite_db_begin(index->db, WAIT_MS);
    if (error) return error;
    if (!is_same(index, state)) {
        sqlite_db_rollback(index->db);
        return -ESTALE;
    }
    state->batch = number;
    state->claims = false;
    return end_transaction(index, set_state(index, state));
}
