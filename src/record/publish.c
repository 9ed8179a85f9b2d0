/* One batch is one transaction there: it raises the number of the gateway's batch from the one that is known
 * to the next, so that it fails as a whole where another was faster, and is the same rows again where the
 * commit's answer was lost. */
#include "record/publish.h"
#include "base/codec.h"
#include "crypto/hash.h"
#include "record/heads.h"
#include "record/publish-schema.h"
#include "record/publish-sql.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FORGET_MS = 10000, PARAMETERS = 2 + 2 * PUBLISH_COLUMNS, MARK = 33, NUMBER = 24 };

struct publish {
    struct publish_options options;
    struct publish_state state;
    struct publish_batch batch;
    char log_mark[MARK];
    char number[NUMBER]; /* of the gateway, on the server */
    uint64_t told_position;
};

struct publish *publish_new(const struct publish_options *options)
{
    struct publish *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->options = *options;
    publish_batch_init(&p->batch);
    return p;
}

void publish_free(struct publish *p)
{
    if (!p) return;
    publish_batch_free(&p->batch);
    free(p);
}

/* ---- running SQL: '@' in a text is the schema */

static int run(struct publish *p, struct postgres *pg, const char *text, const struct bytes *values, size_t n,
               char why[POSTGRES_WHY])
{
    struct buf sql;
    buf_init(&sql, 65536);
    for (; *text; text++)
        if (*text == '@')
            postgres_quote(&sql, p->options.schema);
        else
            buf_put_u8(&sql, (uint8_t)*text);
    buf_put_u8(&sql, 0);
    int error = sql.failed ? -ENOMEM : postgres_run(pg, (const char *)buf_bytes(&sql).p, values, n, why);
    buf_free(&sql);
    return error;
}

static struct bytes number_text(char out[NUMBER], int64_t number)
{
    snprintf(out, NUMBER, "%" PRId64, number);
    return bytes_of(out);
}

static int roll_back(struct publish *p, struct postgres *pg, int error)
{
    char ignored[POSTGRES_WHY];
    if (error != -EPIPE && error != -ETIMEDOUT && error != -ECANCELED)
        (void)!run(p, pg, "ROLLBACK", NULL, 0, ignored);
    return error;
}

/* ---- who it is */

/* The head of the log's first block holds what the block's content comes to: no two logs have the same. */
static int read_log_mark(struct publish *p)
{
    struct heads heads;
    struct heads_entry entry;
    struct buf hex;
    uint8_t hash[SHA256_SIZE];
    int folder = open(p->options.log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT ? -EAGAIN : -errno;
    int error = heads_open(folder, &heads);
    close(folder);
    if (error) return error == -ENOENT ? -EAGAIN : error;
    switch (heads_get(&heads, 0, &entry)) {
    case HEADS_BAD: error = -EBADMSG; break;
    case HEADS_END: error = -EAGAIN; break;
    case HEADS_FOUND: break;
    }
    heads_close(&heads);
    if (error) return error;
    sha256_once(bytes_make(entry.raw, sizeof entry.raw), hash);
    buf_init(&hex, 2 * sizeof hash);
    codec_hex(bytes_make(hash, (MARK - 1) / 2), &hex);
    snprintf(p->log_mark, sizeof p->log_mark, "%.*s", BYTES_FMT(buf_bytes(&hex)));
    buf_free(&hex);
    return 0;
}

static int lock_name(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    struct bytes values[2] = { p->options.schema, bytes_of(p->options.origin) };
    int error = run(p, pg, "SELECT pg_try_advisory_lock(hashtextextended($1 || ' ' || $2, 1))::integer",
                    values, 2, why);
    if (error || postgres_number(pg, 0, 0) == 1) return error;
    postgres_say(why, p->options.origin, "another process publishes under this name");
    return -EBUSY;
}

/* Its row, made where there is none. */
static int find_row(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    char epoch[NUMBER];
    struct bytes values[4] = { bytes_of(p->options.origin), bytes_of(p->log_mark),
                               number_text(epoch, p->state.epoch), bytes_of(p->options.program) };
    int error = run(p, pg,
                    "INSERT INTO @.gateway (origin, log, epoch, batch, program)"
                    " VALUES ($1, $2, $3, 0, $4) ON CONFLICT (origin) DO NOTHING",
                    values, 4, why);
    if (!error)
        error = run(p, pg, "SELECT id, log, epoch, batch FROM @.gateway WHERE origin = $1", values, 1, why);
    if (!error && postgres_rows(pg) != 1) error = -EIO;
    if (!error) number_text(p->number, postgres_number(pg, 0, 0));
    return error;
}

/* What is there is not what was left there: it is walked through. */
static int begin_anew(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    char epoch[NUMBER];
    int error = publish_outbox_restart(p->options.index, false, &p->state);
    struct bytes values[4] = { bytes_of(p->number), number_text(epoch, p->state.epoch), bytes_of(p->log_mark),
                               bytes_of(p->options.program) };
    if (!error)
        error = run(p, pg,
                    "UPDATE @.gateway SET epoch = $2, batch = 0, log = $3, program = $4, complete = false"
                    " WHERE id = $1::integer",
                    values, 4, why);
    return error;
}

/* Before the lock, so that another log of the name is told apart from another process of this one. */
static int is_mine(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    if (bytes_is(postgres_value(pg, 0, 1), p->log_mark) || p->state.claims) return 0;
    postgres_say(
        why, p->options.origin,
        "another log is published under this name: give this one a name of its own (keys init --origin), or "
        "take the name over with `postern store publish --replace`");
    return -EEXIST;
}

static int sign_in(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    int error = publish_outbox_open(p->options.index, &p->state);
    if (!error) error = find_row(p, pg, why);
    if (!error) error = is_mine(p, pg, why);
    if (!error) error = lock_name(p, pg, why);
    if (!error) error = find_row(p, pg, why);
    if (error) return error;
    bool same = bytes_is(postgres_value(pg, 0, 1), p->log_mark) &&
                postgres_number(pg, 0, 2) == p->state.epoch && !p->state.claims;
    int64_t there = postgres_number(pg, 0, 3);
    if (!same || there < p->state.batch || there > p->state.batch + 1) return begin_anew(p, pg, why);
    /* A batch whose forgetting was cut off. */
    return there == p->state.batch ? 0 : publish_outbox_set_batch(p->options.index, there, &p->state);
}

int publish_attach(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    *why = 0;
    int error = read_log_mark(p);
    if (error == -EAGAIN) return error;
    if (!error) error = postgres_run(pg, "SHOW server_encoding", NULL, 0, why);
    if (!error && !bytes_is(postgres_value(pg, 0, 0), "UTF8")) {
        postgres_say(why, "", "the database's encoding is not UTF8");
        return -ENOTSUP;
    }
    if (!error) error = publish_schema_migrate(pg, p->options.schema, why);
    if (!error) error = sign_in(p, pg, why);
    if (error && !*why) postgres_say(why, "the index", strerror(-error));
    return error;
}

/* ---- a batch */

/* The months that the batch has rows of, where they are not there yet, in a transaction of their own. */
static int make_month(struct publish *p, struct postgres *pg, const struct publish_month *month,
                      char why[POSTGRES_WHY])
{
    char name[64];
    struct buf sql;
    const struct publish_table *table = &publish_tables[month->table];
    publish_sql_month_name(table, month->month, name);
    struct bytes values[2] = { p->options.schema, bytes_of(name) };
    static const char there[] = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                " WHERE n.nspname = $1 AND c.relname = $2 AND c.relispartition";
    int error = run(p, pg, there, values, 2, why);
    if (error || postgres_rows(pg)) return error;
    error = run(p, pg, "BEGIN", NULL, 0, why);
    if (!error)
        error = run(p, pg, "SELECT pg_advisory_xact_lock(hashtextextended('postern index ' || $1, 0))",
                    values, 1, why);
    if (!error) error = run(p, pg, there, values, 2, why);
    if (!error && !postgres_rows(pg)) {
        buf_init(&sql, 4096);
        publish_sql_month(table, p->options.schema, month->month, &sql);
        buf_put_u8(&sql, 0);
        error = sql.failed ? -ENOMEM : postgres_run(pg, (const char *)buf_bytes(&sql).p, NULL, 0, why);
        buf_free(&sql);
    }
    if (!error) error = run(p, pg, "COMMIT", NULL, 0, why);
    return error ? roll_back(p, pg, error) : 0;
}

static int send_arrays(struct publish *p, struct postgres *pg, struct buf *arrays, size_t n,
                       void (*write)(const struct publish_table *, struct bytes, struct buf *),
                       const struct publish_table *table, char why[POSTGRES_WHY])
{
    struct bytes values[1 + PUBLISH_COLUMNS] = { bytes_of(p->number) };
    struct buf sql;
    for (size_t i = 0; i < n; i++) {
        buf_append_text(&arrays[i], "}");
        buf_put_u8(&arrays[i], 0);
        if (arrays[i].failed) return -ENOMEM;
        struct bytes text = buf_bytes(&arrays[i]);
        values[1 + i] = bytes_make(text.p, text.n - 1);
    }
    buf_init(&sql, 65536);
    write(table, p->options.schema, &sql);
    buf_put_u8(&sql, 0);
    int error = sql.failed ? -ENOMEM : postgres_run(pg, (const char *)buf_bytes(&sql).p, values, n + 1, why);
    buf_free(&sql);
    return error;
}

static size_t add_key(const struct publish_table *table, const struct publish_value *key, struct arena *arena,
                      struct bytes *values)
{
    for (size_t k = 0; k < table->n_unit; k++)
        values[k] = table->columns[k].type == PUBLISH_TEXT ? arena_copy(arena, publish_key_clip(key[k].text))
                                                           : arena_printf(arena, "%" PRId64, key[k].number);
    return table->n_unit;
}

/* What is there between the walk's two keys goes: what is here comes. */
static int clear_range(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    struct publish_batch *b = &p->batch;
    const struct publish_table *table = &publish_tables[b->walked];
    struct bytes values[1 + 2 * PUBLISH_UNIT] = { bytes_of(p->number) };
    size_t n = 1;
    struct buf sql;
    if (b->has_from) n += add_key(table, b->from, &b->arena, values + n);
    if (b->has_to) n += add_key(table, b->to, &b->arena, values + n);
    for (size_t i = 1; i < n; i++)
        if (!values[i].p) return -ENOMEM;
    buf_init(&sql, 65536);
    publish_sql_range(table, p->options.schema, b->has_from, b->has_to, &sql);
    buf_put_u8(&sql, 0);
    int error = sql.failed ? -ENOMEM : postgres_run(pg, (const char *)buf_bytes(&sql).p, values, n, why);
    buf_free(&sql);
    return error;
}

static int send_rows(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    int error = p->batch.walks ? clear_range(p, pg, why) : 0;
    for (size_t i = 0; i < publish_n_tables && !error; i++) {
        const struct publish_table *table = &publish_tables[i];
        struct publish_part *part = &p->batch.parts[i];
        if (part->n_keys)
            error = send_arrays(p, pg, part->keys, table->n_unit, publish_sql_delete, table, why);
        if (!error && part->n_rows)
            error = send_arrays(p, pg, part->columns, table->n_columns, publish_sql_put, table, why);
    }
    return error;
}

/* Raises the batch's number; -ESTALE: it is not the one that was known. */
static int send_head(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    const struct publish_batch *b = &p->batch;
    char epoch[NUMBER], number[NUMBER], position[NUMBER], up_to[NUMBER];
    bool last_piece = b->walks && !b->has_to && b->walked + 1 == publish_n_tables;
    bool complete = p->state.walk == publish_n_tables || last_piece;
    bool current = complete && !b->walks && b->is_all;
    struct bytes values[] = { bytes_of(p->number),
                              number_text(epoch, p->state.epoch),
                              number_text(number, p->state.batch),
                              bytes_of(complete ? "t" : "f"),
                              bytes_of(current ? "t" : "f"),
                              number_text(position, (int64_t)b->position),
                              number_text(up_to, b->up_to_us) };
    int error = run(p, pg,
                    "UPDATE @.gateway SET batch = batch + 1, complete = $4::boolean, published_at = now(),"
                    " position = CASE WHEN $5::boolean THEN $6::bigint ELSE position END,"
                    " up_to_us = CASE WHEN $5::boolean THEN $7::bigint ELSE up_to_us END"
                    " WHERE id = $1::integer AND epoch = $2::bigint AND batch = $3::bigint",
                    values, sizeof values / sizeof values[0], why);
    if (error || postgres_changed(pg) == 1) return error;
    postgres_say(why, p->options.origin, "another published under this name meanwhile");
    return -ESTALE;
}

static int send_batch(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    int error = 0;
    for (size_t i = 0; i < p->batch.n_months && !error; i++)
        error = make_month(p, pg, &p->batch.months[i], why);
    if (!error) error = run(p, pg, "BEGIN", NULL, 0, why);
    if (error) return error;
    error = send_head(p, pg, why);
    if (!error) error = send_rows(p, pg, why);
    if (!error) error = run(p, pg, "COMMIT", NULL, 0, why);
    return error ? roll_back(p, pg, error) : 0;
}

enum publish_outcome publish_step(struct publish *p, struct postgres *pg, struct publish_news *news,
                                  char why[POSTGRES_WHY])
{
    struct publish_state now;
    *why = 0;
    *news = (struct publish_news){ 0 };
    int error = publish_outbox_state(p->options.index, &now);
    if (error == -ENOENT || (!error && now.epoch != p->state.epoch)) return PUBLISH_AGAIN;
    if (!error) error = publish_outbox_read(p->options.index, &p->state, &p->batch);
    bool any = p->batch.n || p->batch.walks;
    bool moved = any || (p->batch.position != p->told_position && p->state.walk == publish_n_tables);
    if (!error && moved) error = send_batch(p, pg, why);
    if (!error && moved) error = publish_outbox_forget(p->options.index, &p->batch, FORGET_MS, &p->state);
    if (!error && p->batch.is_all) p->told_position = p->batch.position;
    news->rows = p->batch.n;
    news->is_all = p->batch.is_all && !p->batch.walks;
    news->walks = p->state.walk < publish_n_tables;
    publish_batch_clear(&p->batch);
    if (!error) return any ? PUBLISH_MORE : PUBLISH_DONE;
    if (!*why) postgres_say(why, "the index", strerror(-error));
    return PUBLISH_FAILED;
}

int publish_beat(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY])
{
    struct bytes values[1] = { bytes_of(p->number) };
    return run(p, pg, "UPDATE @.gateway SET published_at = now() WHERE id = $1::integer", values, 1, why);
}
