/* Runs: each is counted into the row of its text and minute, with what came of it. */
#include "base/cursor.h"
#include "pgwire/report.h"
#include "record/index-seen.h"
#include "record/index-taking.h"
#include <errno.h>

static struct tally *taking_tally(struct taking *t, uint32_t text_number, int64_t minute)
{
    struct {
        int64_t minute;
        uint32_t text, zero;
    } key = { minute, text_number, 0 };
    struct tally *tally = map_get(&t->tallies, bytes_make(&key, sizeof key));
    const struct known_text *text = tally ? NULL : taking_text(t, text_number);
    if (tally || !text) return tally;
    tally = ARENA_NEW(&t->arena, struct tally);
    if (!tally || map_put(&t->tallies, bytes_make(&key, sizeof key), tally, NULL) == MAP_FULL) {
        t->error = -ENOMEM;
        return NULL;
    }
    tally->text = text;
    tally->minute = minute;
    tally->next = t->all_tallies;
    t->all_tallies = tally;
    return tally;
}

static struct open_run *taking_run_open(struct taking *t, uint32_t run, uint32_t text, int64_t minute)
{
    struct tally *tally = taking_tally(t, text, minute);
    struct open_run *open = tally ? ARENA_NEW(&t->arena, struct open_run) : NULL;
    if (!open) return NULL;
    *open = (struct open_run){ .next = t->all_runs, .run = run, .tally = tally };
    t->all_runs = open;
    if (map_put(&t->runs, taking_key(&open->run), open, NULL) == MAP_FULL)
        return NULL; /* its outcome is not counted */
    return open;
}

struct open_run *taking_run(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t text = cursor_u32(&c);
    if (c.failed) {
        t->damaged++;
        return NULL;
    }
    struct open_run *open = taking_run_open(t, frame->sequence, text, frame->time_us / MINUTE_US);
    struct tally *tally = open ? open->tally : NULL;
    if (!tally) return NULL;
    tally->n++;
    if (!tally->first_sequence) tally->first_sequence = frame->sequence;
    tally->last_sequence = frame->sequence;
    return open;
}

/* A text that is refused where it is prepared never becomes a run: the attempt counts all the same. */
void taking_parse(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t number = cursor_u32(&c);
    const struct known_text *text = c.failed ? NULL : taking_text(t, number);
    if (!text || (!bytes_is(text->decision, "deny") && !bytes_is(text->decision, "hold"))) return;
    struct open_run *open = taking_run(t, frame);
    if (open) open->prepared = true;
}

/* COPY … TO has messages for rows, and more of them than rows: a header, a trailer. Its tag counts rows. */
static uint64_t rows_shown(uint64_t rows, struct bytes tag)
{
    int64_t copied;
    bool copy = bytes_starts_with(tag, "COPY ") && bytes_to_int64(bytes_slice(tag, 5, tag.n), &copied);
    return copy && copied > 0 ? (uint64_t)copied : rows;
}

static bool shows_something(uint8_t how, uint64_t rows, struct bytes tag)
{
    if (how == RUN_REFUSED || how == RUN_SKIPPED || how == RUN_UNDONE || how == RUN_EMPTY) return false;
    if (bytes_is(tag, "PREPARE") || bytes_is(tag, "DECLARE CURSOR")) return false; /* EXECUTE and FETCH do */
    return rows || how == RUN_COMPLETED || how == RUN_SUSPENDED;
}

/* statement: of the text, from 1; 0: any. */
static void count_seen(struct taking *t, struct tally *tally, const struct frame *frame, uint32_t statement,
                       uint64_t rows)
{
    size_t i = 0;
    if (!tally->text->n_seen) return;
    if (!tally->seen) {
        tally->seen = ARENA_ARRAY(&t->arena, struct index_seen_count, tally->text->n_seen);
        if (!tally->seen) {
            t->error = -ENOMEM;
            return;
        }
        memset(tally->seen, 0, tally->text->n_seen * sizeof *tally->seen);
    }
    for (const struct index_seen *seen = tally->text->seen; seen; seen = seen->next, i++) {
        struct index_seen_count *count = &tally->seen[i];
        if (statement && seen->statement && seen->statement != statement) continue;
        if (!count->n) count->first_sequence = frame->sequence;
        count->n++;
        count->rows += rows;
        count->last_sequence = frame->sequence;
    }
}

/* One statement of the run has ended. What is refused, skipped or undone shows nothing; what fails may have
 * shown some rows before. of: the text whose rows they were; 0: the run's own. */
static void take_seen(struct taking *t, const struct frame *frame, struct open_run *open, uint8_t how,
                      uint64_t rows, struct bytes tag, uint32_t of)
{
    uint32_t statement = ++open->ended;
    rows = rows_shown(rows, tag);
    if (!shows_something(how, rows, tag)) return;
    struct tally *tally = of ? taking_tally(t, of, open->tally->minute) : open->tally;
    if (tally) count_seen(t, tally, frame, of ? 0 : statement, rows);
}

void taking_complete(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    uint64_t rows = cursor_u64(&c);
    cursor_u64(&c);
    uint64_t us = cursor_u64(&c);
    uint8_t how = cursor_u8(&c);
    struct bytes tag = cursor_cstring(&c);
    uint32_t of = cursor_left(&c) == 4 ? cursor_u32(&c) : 0;
    if (c.failed) {
        t->damaged++;
        return;
    }
    struct open_run *open = map_get(&t->runs, taking_key(&run));
    t->rows += rows;
    if (!open) return;
    take_seen(t, frame, open, how, rows, tag, of);
    open->tally->rows += rows;
    open->tally->us += (int64_t)us;
    if (rows > open->tally->most_rows) open->tally->most_rows = rows;
    if ((int64_t)us > open->tally->most_us) open->tally->most_us = (int64_t)us;
    open->completed = true;
    if (how != RUN_SKIPPED) return;
    open->tally->n--; /* an earlier statement of the pipeline failed: it never ran */
    if (!open->prepared) t->statements--;
}

void taking_found(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    struct bytes fields = cursor_take(&c, cursor_left(&c));
    struct open_run *open = map_get(&t->runs, taking_key(&run));
    if (c.failed) t->damaged++;
    if (c.failed || !open || t->error) return;
    t->error = index_seen_found(t->index, t->session, open->tally->text->shape, open->tally->minute,
                                frame->sequence, fields);
}

void taking_error(struct taking *t, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t run = cursor_u32(&c);
    uint8_t origin = cursor_u8(&c);
    struct bytes body = cursor_take(&c, cursor_left(&c)), sqlstate = report_field(body, 'C');
    if (c.failed || !sqlstate.p) {
        t->damaged++;
        return;
    }
    struct open_run *open = run ? map_get(&t->runs, taking_key(&run)) : NULL;
    if (origin == ORIGIN_GATEWAY && bytes_is(report_field(body, 'V'), "ERROR")) {
        t->refused++;
        if (run && (!open || open->prepared)) t->statements++; /* a Parse that was refused */
    } else {
        t->errors++;
    }
    if (open && !open->counted_error) {
        open->tally->errors++;
        open->counted_error = true;
    }
    struct sqlite_query *q = taking_statement(t, INDEX_FAILURE_ADD);
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, frame->sequence);
    sqlite_query_bind_int(q, 3, frame->time_us);
    if (open) sqlite_query_bind_int(q, 4, open->tally->text->shape);
    sqlite_query_bind_int(q, 5, origin);
    sqlite_query_bind_text(q, 6, bytes_slice(sqlstate, 0, 5));
    taking_finish(t, q);
}

/* Runs of earlier blocks whose outcome may stand in this one. */
void taking_load_runs(struct taking *t)
{
    struct loaded {
        uint32_t run, text;
        int64_t minute;
        uint32_t ended;
    } *loaded = ARENA_ARRAY(&t->arena, struct loaded, 1024);
    size_t n = 0;
    struct sqlite_query *q = loaded ? taking_statement(t, INDEX_OPEN_EACH) : NULL;
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    while (n < 1024 && sqlite_query_step(q) == SQLITE_STEP_ROW)
        loaded[n++] = (struct loaded){ (uint32_t)sqlite_query_int(q, 0), (uint32_t)sqlite_query_int(q, 1),
                                       sqlite_query_int(q, 2), (uint32_t)sqlite_query_int(q, 3) };
    t->error = sqlite_query_error(q);
    sqlite_query_reset(q);
    for (size_t i = 0; i < n && !t->error; i++) {
        struct open_run *open = taking_run_open(t, loaded[i].run, loaded[i].text, loaded[i].minute);
        if (open) open->ended = loaded[i].ended;
    }
    q = n ? taking_statement(t, INDEX_OPEN_DROP) : NULL;
    if (!q) return;
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    taking_finish(t, q);
}

/* Runs without an outcome, the newest first, and the newest in any case: a simple query has an outcome for
 * each of its statements. */
void taking_save_runs(struct taking *t)
{
    size_t n = 0;
    for (struct open_run *open = t->all_runs; open && n < 1024; open = open->next) {
        if (open->completed && open != t->all_runs) continue;
        n++;
        struct sqlite_query *q = taking_statement(t, INDEX_OPEN_ADD);
        if (!q) return;
        sqlite_query_bind_int(q, 1, (int64_t)t->session);
        sqlite_query_bind_int(q, 2, open->run);
        sqlite_query_bind_int(q, 3, open->tally->text->number);
        sqlite_query_bind_int(q, 4, open->tally->minute);
        sqlite_query_bind_int(q, 5, open->ended);
        taking_finish(t, q);
    }
}

static void save_seen(struct taking *t, const struct tally *tally)
{
    const struct index_seen *seen = tally->seen ? tally->text->seen : NULL;
    for (size_t i = 0; seen && !t->error; seen = seen->next, i++)
        if (tally->seen[i].n)
            t->error = index_seen_add(t->index, t->session, tally->text->shape, tally->minute, seen,
                                      &tally->seen[i]);
}

void taking_save_tally(struct taking *t, const struct tally *tally)
{
    save_seen(t, tally);
    if (!tally->n && !tally->errors && !tally->rows && !tally->us) return;
    const struct known_text *text = tally->text;
    struct rollup_add add = { .minute = tally->minute,
                              .shape = text->shape,
                              .n = tally->n,
                              .errors = (int64_t)tally->errors,
                              .rows = (int64_t)tally->rows,
                              .us = tally->us,
                              .principal = t->principal,
                              .decision = text->decision };
    if (!t->error) t->error = rollups_add(t->index, &add);
    struct sqlite_query *q = taking_statement(t, INDEX_EXECUTION_ADD);
    if (!q) return;
    const int64_t numbers[] = { tally->n,
                                (int64_t)tally->errors,
                                (int64_t)tally->rows,
                                tally->us,
                                tally->first_sequence ? tally->first_sequence : UINT32_MAX,
                                tally->last_sequence,
                                tally->most_us,
                                (int64_t)tally->most_rows };
    sqlite_query_bind_int(q, 1, (int64_t)t->session);
    sqlite_query_bind_int(q, 2, text->shape);
    sqlite_query_bind_int(q, 3, tally->minute);
    sqlite_query_bind_text(q, 4, text->decision.p ? text->decision : BYTES_LITERAL(""));
    sqlite_query_bind_text(q, 5, text->policy.p ? text->policy : BYTES_LITERAL(""));
    sqlite_query_bind_text(q, 6, text->rule.p ? text->rule : BYTES_LITERAL(""));
    for (int i = 0; i < 8; i++)
        sqlite_query_bind_int(q, 7 + i, numbers[i]);
    taking_finish(t, q);
}
