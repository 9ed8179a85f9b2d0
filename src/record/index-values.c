/* Values, session by session. A session that showed such columns has a row in value_session: up to which
 * frame its rows are counted, and whether more may come. Its frames are read once, through a transcript that
 * is kept while the session goes on; where it was let go, they are read from the beginning again, and what is
 * counted already is passed over. Results of a session follow one another, so that one number says what is
 * counted; it is written together with the hashes, and only where nobody else has moved it. */
#include "record/index-values.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "mask/seen.h"
#include "record/copy-rows.h"
#include "record/index-private.h"
#include "record/transcript.h"
#include "record/value-form.h"
#include <errno.h>
#include <stdlib.h>

enum {
    WATCHED_MOST = 128,
    TRANSCRIPT_CEILING = 8 << 20,
    TALLIES_MOST = 1 << 16,    /* then they are written */
    TALLIES_CEILING = 1 << 20, /* with those of the one frame that was too many */
    TALLIES_MEMORY = 512 << 20,
    LATER_MEMORY = 16 << 20, /* of a result whose columns are told at its end */
    WORK_MOST = 64,
    RUNS = 256 /* whose texts are remembered */
};

/* One row of value_seen in the making. */
struct tally {
    struct tally *next;
    uint8_t hash[VALUE_HASH];
    size_t n_hash; /* 0: unknown rows */
    struct bytes column;
    uint32_t text;
    uint64_t rows;
    int64_t first_us, last_us;
    uint32_t first_sequence, last_sequence;
};
/* A value of an EXECUTE or FETCH, sealed until its column is known. */
struct later {
    struct later *next;
    size_t place;
    uint8_t sealed[SHA256_SIZE];
    int64_t time_us;
    uint32_t sequence;
};

struct watched {
    struct watched *next; /* the one that was used longer ago */
    uint64_t session;
    struct transcript *transcript;
    uint32_t fed;     /* the last frame that the transcript had */
    uint32_t counted; /* as the index has it */
    struct {
        uint32_t run, text;
    } runs[RUNS];
    /* The result that is being read. */
    uint32_t run, first_of_run;
    uint64_t n_rows;
    struct copy_rows *copy;
    struct arena later_arena;
    struct later *later;
    bool later_lost;
};

struct index_values {
    const struct record_keys *keys;
    uint8_t wrapped[60];
    bool has_key;
    struct value_hasher hasher;
    struct watched *watched; /* the one that was used last */
    size_t n_watched;
    /* Of the session that is being read. */
    struct index *index;
    struct watched *w;
    struct map tallies;
    struct arena arena;
    struct tally *all;
    struct buf normal;
    int error;
};

static void forget_result(struct watched *w)
{
    if (w->copy) copy_rows_free(w->copy);
    free(w->copy);
    w->copy = NULL;
    arena_reset(&w->later_arena);
    w->later = NULL;
    w->later_lost = false;
    w->run = w->first_of_run = 0;
    w->n_rows = 0;
}

static void watched_free(struct watched *w)
{
    forget_result(w);
    transcript_free(w->transcript);
    arena_free(&w->later_arena);
    free(w);
}

static void drop(struct index_values *v, struct watched *w)
{
    struct watched **at = &v->watched;
    while (*at && *at != w)
        at = &(*at)->next;
    if (!*at) return;
    *at = w->next;
    v->n_watched--;
    watched_free(w);
}

static void forget_tallies(struct index_values *v)
{
    map_free(&v->tallies, NULL);
    arena_free(&v->arena);
    v->all = NULL;
}

struct index_values *index_values_new(const struct record_keys *keys)
{
    struct index_values *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->keys = keys;
    map_init(&v->tallies, TALLIES_CEILING, random_u64());
    arena_init(&v->arena, 64 * 1024, TALLIES_MEMORY);
    buf_init(&v->normal, 256 << 20);
    return v;
}

void index_values_free(struct index_values *v)
{
    if (!v) return;
    while (v->watched)
        drop(v, v->watched);
    forget_tallies(v);
    buf_free(&v->normal);
    if (v->has_key) value_hasher_free(&v->hasher);
    free(v);
}

/* ---- the key */

/* Opens the key that stands in the index; makes one where there is none. */
static int open_key(struct index_values *v, struct index *index)
{
    int error;
    uint8_t key[VALUE_KEY], wrapped[60];
    struct sqlite_query *q = index_statement(index, INDEX_VALUE_KEY_GET, &error);
    if (!q) return error;
    bool there = sqlite_query_step(q) == SQLITE_STEP_ROW;
    struct bytes stored = there ? sqlite_query_text(q, 0) : (struct bytes){ 0 };
    if (there && stored.n == sizeof wrapped) memcpy(wrapped, stored.p, sizeof wrapped);
    error = sqlite_query_error(q)                 ? sqlite_query_error(q)
            : there && stored.n != sizeof wrapped ? -EBADMSG
                                                  : 0;
    sqlite_query_reset(q);
    if (error || (there && v->has_key && memcmp(wrapped, v->wrapped, sizeof wrapped) == 0)) return error;
    if (v->has_key) value_hasher_free(&v->hasher);
    v->has_key = false;
    while (v->watched) /* what they sealed was under another key */
        drop(v, v->watched);
    if (!there) {
        random_bytes(key, sizeof key);
        error = v->keys->wrap(v->keys->context, key, wrapped);
        q = error ? NULL : index_statement(index, INDEX_VALUE_KEY_SET, &error);
        if (q) {
            sqlite_query_bind_blob(q, 1, bytes_make(wrapped, sizeof wrapped));
            error = sqlite_query_finish(q);
        }
        /* Another may have been quicker: theirs is read at the next call. */
        if (!error && sqlite_db_changes(index->db) == 0) error = -EBUSY;
    } else
        error = v->keys->unwrap(v->keys->context, wrapped, key);
    if (!error) v->has_key = value_hasher_init(&v->hasher, key);
    if (!error && !v->has_key) error = -ENOMEM;
    if (!error) memcpy(v->wrapped, wrapped, sizeof wrapped);
    secret_wipe(key, sizeof key);
    return error;
}

int index_values_rewrap(struct index *index, const struct record_keys *before,
                        const struct record_keys *after)
{
    int error;
    uint8_t key[VALUE_KEY], wrapped[60];
    struct sqlite_query *q = index_statement(index, INDEX_VALUE_KEY_GET, &error);
    if (!q) return error;
    bool there = sqlite_query_step(q) == SQLITE_STEP_ROW;
    struct bytes stored = there ? sqlite_query_text(q, 0) : (struct bytes){ 0 };
    bool good = stored.n == sizeof wrapped;
    if (good) memcpy(wrapped, stored.p, sizeof wrapped);
    error = sqlite_query_error(q);
    sqlite_query_reset(q);
    if (error || !there) return error;
    error = good ? before->unwrap(before->context, wrapped, key) : -EBADMSG;
    if (!error) error = after->wrap(after->context, key, wrapped);
    secret_wipe(key, sizeof key);
    if (!error) error = sqlite_query_new(index->db, "UPDATE value_key SET wrapped = ?1", &q);
    if (error) return error;
    sqlite_query_bind_blob(q, 1, bytes_make(wrapped, sizeof wrapped));
    error = sqlite_query_finish(q);
    sqlite_query_free(q);
    return error;
}

/* ---- counting */

static void count(struct index_values *v, struct bytes hash, struct bytes column, uint32_t text,
                  uint64_t rows, uint32_t sequence, int64_t time_us)
{
    struct buf key;
    if (sequence <= v->w->counted || v->error) return;
    buf_init(&key, 1 << 20);
    buf_append(&key, hash);
    buf_put_u32(&key, text);
    buf_append(&key, column);
    struct tally *t = key.failed ? NULL : map_get(&v->tallies, buf_bytes(&key));
    if (!t && !key.failed && (t = ARENA_NEW(&v->arena, struct tally))) {
        *t = (struct tally){ .next = v->all, .n_hash = hash.n, .text = text, .first_us = time_us };
        if (hash.n) memcpy(t->hash, hash.p, hash.n);
        t->first_sequence = sequence;
        t->column = arena_copy(&v->arena, column);
        if (!t->column.p || map_put(&v->tallies, buf_bytes(&key), t, NULL) == MAP_FULL) t = NULL;
        if (t) v->all = t;
    }
    buf_free(&key);
    if (!t) {
        v->error = -ENOMEM;
        return;
    }
    t->rows += rows;
    t->last_us = time_us;
    t->last_sequence = sequence;
}

static uint32_t text_of_run(const struct watched *w, uint32_t run)
{
    return w->runs[run % RUNS].run == run ? w->runs[run % RUNS].text : 0;
}

/* The columns of one output, "a+b": each is counted. */
static bool next_column(struct bytes *list, struct bytes *column_out)
{
    bool quoted = false;
    size_t n = 0;
    for (; n < list->n; n++) {
        if (list->p[n] == '"') quoted = !quoted;
        if (!quoted && list->p[n] == '+') break;
    }
    *column_out = bytes_slice(*list, 0, n);
    *list = bytes_slice(*list, n + 1, list->n);
    return column_out->n && !bytes_is(*column_out, "-");
}

static void count_columns(struct index_values *v, struct bytes columns, const uint8_t sealed[SHA256_SIZE],
                          uint32_t text, uint32_t sequence, int64_t time_us)
{
    uint8_t hash[VALUE_HASH];
    for (struct bytes column; next_column(&columns, &column);) {
        value_hash(&v->hasher, sealed, column, hash);
        count(v, bytes_make(hash, sizeof hash), column, text, 1, sequence, time_us);
    }
}

static bool seal(struct index_values *v, struct bytes value, uint8_t sealed[SHA256_SIZE])
{
    buf_consume(&v->normal, buf_length(&v->normal));
    uint8_t *room = buf_room(&v->normal, value.n + 1);
    if (!room) return false;
    value_seal(&v->hasher, value_normal(value, room), sealed);
    return true;
}

/* The columns of output number `place`. */
static struct bytes columns_at(struct bytes list, size_t place)
{
    struct bytes one = { 0 };
    for (size_t i = 0; i <= place; i++)
        if (!mask_seen_next(&list, &one)) return (struct bytes){ 0 };
    return one;
}

static bool is_told_at_its_end(const struct transcript_text *text)
{
    return text && (bytes_find(text->tags, BYTES_LITERAL("EXECUTE")) >= 0 ||
                    bytes_find(text->tags, BYTES_LITERAL("FETCH")) >= 0);
}

static void keep_for_later(struct index_values *v, size_t place, const uint8_t sealed[SHA256_SIZE],
                           const struct transcript_event *e)
{
    struct later *l = ARENA_NEW(&v->w->later_arena, struct later);
    if (!l) {
        v->w->later_lost = true;
        return;
    }
    *l =
        (struct later){ .next = v->w->later, .place = place, .time_us = e->time_us, .sequence = e->sequence };
    memcpy(l->sealed, sealed, SHA256_SIZE);
    v->w->later = l;
}

static void begin_result(struct index_values *v, const struct transcript_event *e)
{
    struct watched *w = v->w;
    if (w->run == e->run && w->first_of_run) return;
    forget_result(w);
    w->run = e->run;
    w->first_of_run = e->sequence;
}

static void on_row(struct index_values *v, const struct transcript_event *e)
{
    const struct transcript_row *row = &e->of.row;
    struct bytes list = transcript_text_list(row->text, "values", row->statement), columns;
    bool later = !list.n && is_told_at_its_end(row->text);
    uint8_t sealed[SHA256_SIZE];
    begin_result(v, e);
    v->w->n_rows++;
    if (!list.n && !later) return;
    for (size_t i = 0; i < row->n_values; i++) {
        bool any = mask_seen_next(&list, &columns) && !bytes_is(columns, "-");
        if (row->values[i].null || !(any || later) || !seal(v, row->values[i].text, sealed)) continue;
        if (later)
            keep_for_later(v, i, sealed, e);
        else
            count_columns(v, columns, sealed, text_of_run(v->w, e->run), e->sequence, e->time_us);
    }
}

struct copying {
    struct index_values *v;
    const struct transcript_event *e;
    struct bytes list;
};

static void on_field(void *context, uint64_t row, size_t place, struct bytes field)
{
    struct copying *c = context;
    uint8_t sealed[SHA256_SIZE];
    struct bytes columns = columns_at(c->list, place);
    (void)row;
    if (columns.n && !bytes_is(columns, "-") && seal(c->v, field, sealed))
        count_columns(c->v, columns, sealed, text_of_run(c->v->w, c->e->run), c->e->sequence, c->e->time_us);
}

static void on_copy(struct index_values *v, const struct transcript_event *e)
{
    struct watched *w = v->w;
    struct copying c = { v, e, transcript_text_list(e->of.copy.text, "values", e->of.copy.statement) };
    if (e->of.copy.in || !c.list.n) return;
    begin_result(v, e);
    if (!w->copy && (w->copy = malloc(sizeof *w->copy))) {
        struct copy_options options = copy_options_of(e->of.copy.text->text);
        copy_rows_init(w->copy, &options);
    }
    if (!w->copy) {
        v->error = -ENOMEM;
        return;
    }
    copy_rows_feed(w->copy, e->of.copy.data, on_field, &c);
    w->n_rows = w->copy->n_rows;
}

/* Rows whose values nobody knows count under each column of the list. */
static void count_unknown(struct index_values *v, struct bytes list, uint32_t text, uint64_t rows,
                          const struct transcript_event *e)
{
    for (struct bytes columns; mask_seen_next(&list, &columns);)
        for (struct bytes column; next_column(&columns, &column);)
            count(v, (struct bytes){ 0 }, column, text, rows, e->sequence, e->time_us);
}

static uint64_t rows_of(const struct transcript_complete *c)
{
    int64_t n;
    bool copy =
        bytes_starts_with(c->tag, "COPY ") && bytes_to_int64(bytes_slice(c->tag, 5, c->tag.n), &n) && n > 0;
    return copy ? (uint64_t)n : c->rows;
}

static void on_complete(struct index_values *v, const struct transcript_event *e,
                        const struct transcript_text *own, uint32_t statement)
{
    struct watched *w = v->w;
    const struct transcript_complete *c = &e->of.complete;
    struct bytes list = transcript_text_list(c->of ? c->of : own, "values", c->of ? 1 : statement);
    uint32_t text = c->of ? c->of->number : text_of_run(w, e->run);
    uint64_t rows = rows_of(c), known = w->run == e->run ? w->n_rows : 0;
    if (list.n && c->of)
        for (const struct later *l = w->later; l; l = l->next)
            count_columns(v, columns_at(list, l->place), l->sealed, text, l->sequence, l->time_us);
    if (list.n && w->later_lost)
        count_unknown(v, list, text, rows, e); /* too many for memory: none of them is sure */
    else if (list.n && rows > known)
        count_unknown(v, list, text, rows - known, e);
    forget_result(w);
}

static void on_event(void *context, const struct transcript_event *e)
{
    struct index_values *v = context;
    if (v->error) return;
    switch (e->kind) {
    case EVENT_ROW: on_row(v, e); break;
    case EVENT_COPY: on_copy(v, e); break;
    case EVENT_COMPLETE: on_complete(v, e, e->of.complete.text, e->of.complete.statement); break;
    default: break;
    }
}

/* Which text a run is of: a run that carries its own names the one that it is like. */
static void note_run(struct watched *w, const struct frame *frame)
{
    struct cursor c = cursor_over(frame->body);
    uint32_t text = cursor_u32(&c);
    if (c.failed || (frame->type != FRAME_QUERY && frame->type != FRAME_EXECUTE)) return;
    w->runs[frame->sequence % RUNS].run = frame->sequence;
    w->runs[frame->sequence % RUNS].text = text;
}

/* ---- writing */

static int save_tally(struct index_values *v, const struct tally *t)
{
    int error;
    struct index *index = v->index;
    struct sqlite_query *q = index_statement(index, INDEX_VALUE_COLUMN_ADD, &error);
    if (!q) return error;
    sqlite_query_bind_text(q, 1, t->column);
    error = sqlite_query_finish(q);
    q = error ? NULL : index_statement(index, INDEX_VALUE_SEEN_ADD, &error);
    if (!q) return error;
    sqlite_query_bind_blob(q, 1, bytes_make(t->hash, t->n_hash));
    sqlite_query_bind_text(q, 2, t->column);
    sqlite_query_bind_int(q, 3, (int64_t)v->w->session);
    sqlite_query_bind_int(q, 4, t->text);
    sqlite_query_bind_int(q, 5, (int64_t)t->rows);
    sqlite_query_bind_int(q, 6, t->first_us);
    sqlite_query_bind_int(q, 7, t->last_us);
    sqlite_query_bind_int(q, 8, t->first_sequence);
    sqlite_query_bind_int(q, 9, t->last_sequence);
    return sqlite_query_finish(q);
}

/* Moves the session's number, where it is still what it was; -ESTALE where another moved it. */
static int save_counted(struct index_values *v, uint32_t counted, bool open)
{
    int error;
    struct sqlite_query *q = index_statement(v->index, INDEX_VALUE_SESSION_MOVE, &error);
    if (!q) return error;
    sqlite_query_bind_int(q, 1, (int64_t)v->w->session);
    sqlite_query_bind_int(q, 2, v->w->counted);
    sqlite_query_bind_int(q, 3, counted);
    sqlite_query_bind_int(q, 4, open);
    error = sqlite_query_finish(q);
    return error || sqlite_db_changes(v->index->db) == 1 ? error : -ESTALE;
}

static int save(struct index_values *v, bool open)
{
    /* What waits for the end of its result is not counted yet. */
    uint32_t counted = v->w->later || v->w->later_lost ? v->w->first_of_run - 1 : v->w->fed;
    if (counted < v->w->counted) counted = v->w->counted;
    int error = sqlite_db_begin(v->index->db, 100);
    if (error) return error;
    for (const struct tally *t = v->all; t && !error; t = t->next)
        error = save_tally(v, t);
    if (!error) error = save_counted(v, counted, open);
    if (!error) error = sqlite_db_commit(v->index->db);
    if (error)
        sqlite_db_rollback(v->index->db);
    else {
        v->w->counted = counted;
        forget_tallies(v);
    }
    return error;
}

/* ---- sessions */

static struct watched *watch(struct index_values *v, uint64_t session, uint32_t counted)
{
    for (struct watched **at = &v->watched; *at; at = &(*at)->next)
        if ((*at)->session == session) {
            struct watched *w = *at;
            *at = w->next;
            w->next = v->watched;
            v->watched = w;
            return w;
        }
    struct watched *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->session = session;
    w->counted = counted;
    arena_init(&w->later_arena, 16 * 1024, LATER_MEMORY);
    w->transcript = transcript_new(TRANSCRIPT_CEILING);
    if (!w->transcript) {
        watched_free(w);
        return NULL;
    }
    w->next = v->watched;
    v->watched = w;
    if (++v->n_watched > WATCHED_MOST) {
        struct watched *last = w;
        while (last->next)
            last = last->next;
        drop(v, last);
    }
    return w;
}

static bool is_watched(const struct index_values *v, uint64_t session)
{
    for (const struct watched *w = v->watched; w; w = w->next)
        if (w->session == session) return true;
    return false;
}

struct work {
    uint64_t session;
    uint32_t counted, last;
    bool ended;
};

/* Feeds what there is, at most *frames of it. Answers the reader's last word. */
static enum record_read feed(struct index_values *v, struct record_reader *reader, uint64_t *frames)
{
    struct watched *w = v->w;
    struct frame frame;
    enum record_read read = record_reader_session(reader, w->session, w->fed + 1);
    while (read == RECORD_READ_FRAME && *frames && !v->error && v->tallies.n < TALLIES_MOST) {
        read = record_reader_next(reader, &frame);
        if (read != RECORD_READ_FRAME) break;
        --*frames;
        note_run(w, &frame);
        transcript_feed(w->transcript, &frame, on_event, v);
        w->fed = frame.sequence;
    }
    return read;
}

static int follow_session(struct index_values *v, struct record_reader *reader, const struct work *work,
                          uint64_t *frames, bool *more_out)
{
    v->w = watch(v, work->session, work->counted);
    if (!v->w) return -ENOMEM;
    v->error = 0;
    if (v->w->counted != work->counted) { /* another counted meanwhile */
        drop(v, v->w);
        *more_out = true;
        return 0;
    }
    enum record_read read = feed(v, reader, frames);
    bool whole = read == RECORD_READ_END && v->w->fed >= work->last;
    /* What cannot be read (its key is gone, a block is damaged) will not be read later. */
    bool over = read == RECORD_READ_BAD || (whole && work->ended);
    *more_out |= read == RECORD_READ_FRAME;
    int error = v->error ? v->error : save(v, !over);
    if (error || over) {
        forget_tallies(v);
        drop(v, v->w);
    }
    return error == -ESTALE ? 0 : error;
}

/* A session that goes on and would be read again from its beginning waits until that is worth it. */
static bool is_worth_it(const struct index_values *v, const struct work *w, bool all)
{
    return all || w->ended || !w->counted || is_watched(v, w->session) ||
           w->last - w->counted > w->counted / 2;
}

int index_values_follow(struct index_values *v, struct index *index, struct record_reader *reader,
                        uint64_t frames_most, bool all, bool *more_out)
{
    struct work work[WORK_MOST];
    size_t n = 0;
    uint64_t frames = frames_most ? frames_most : UINT64_MAX;
    int error;
    *more_out = false;
    struct sqlite_query *q = index_statement(index, INDEX_VALUE_WORK, &error);
    if (!q) return error;
    while (n < WORK_MOST && sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct work w = { (uint64_t)sqlite_query_int(q, 0), (uint32_t)sqlite_query_int(q, 1),
                          (uint32_t)sqlite_query_int(q, 2), sqlite_query_int(q, 3) != 0 };
        if (is_worth_it(v, &w, all)) work[n++] = w;
    }
    error = sqlite_query_error(q);
    sqlite_query_reset(q);
    if (error || !n) return error;
    v->index = index;
    error = open_key(v, index);
    for (size_t i = 0; i < n && !error; i++) {
        if (!frames) *more_out = true;
        if (frames) error = follow_session(v, reader, &work[i], &frames, more_out);
    }
    *more_out |= n == WORK_MOST;
    return error;
}
