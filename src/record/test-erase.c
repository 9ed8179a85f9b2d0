/* Tests of erasing: on real logs with hand-made sessions; what is left of the index is compared with one that
 * is made anew from the log. */
#include "record/test-log.h"

#include "record/erase.h"
#include "record/index-erase.h"
#include "record/index-private.h"
#include "record/test-frames.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SESSIONS = 24, PEOPLE = 4 };

/* A data folder with a log of SESSIONS sessions: of person i % PEOPLE; what a person asks, nobody else does,
 * but for one statement that all share. */
struct bed {
    struct world w;
    char data[64], index_path[128];
    uint64_t ids[SESSIONS];
    struct index *index;
    int notes, notes_most;
    bool wipes;
};

static void write_session(struct bed *b, int i)
{
    char who[32], text[96], relation[32];
    struct frames f;
    snprintf(who, sizeof who, "person-%d", i % PEOPLE);
    snprintf(relation, sizeof relation, "public.of_%d", i % PEOPLE);
    snprintf(text, sizeof text, "SELECT word%d FROM %s", i % PEOPLE, relation);
    frames_init(&f, 1);
    frames_fields(&f, FRAME_SESSION_START, "principal", who, "subject", who, "issuer", "https://idp",
                  "connection", "main", "retain_us", i % 2 ? "1" : "0", NULL);
    frames_text(&f, 1, text, "allow", "p", "r", "SELECT", "read", relation);
    frames_text(&f, 2, "SELECT 1 FROM everybody", "deny", "p", "no", "SELECT", "read", "public.everybody");
    for (int k = 0; k <= i; k++) {
        uint32_t run = frames_query(&f, k % 3 ? 1 : 2);
        frames_complete(&f, run, 3, 10, RUN_COMPLETED, "SELECT 3");
    }
    frames_fields(&f, FRAME_SESSION_END, "reason", "client", NULL);
    struct record_lane *lane = record_log_lane(b->w.log, 0);
    struct record_session s = record_session_begin(lane);
    for (size_t k = 0; k < f.n; k++)
        world_append_bytes(lane, &s, RECORD_INTENT, (enum frame_type)f.frame[k].type, f.frame[k].time_us,
                           f.frame[k].body, NULL);
    assert_true(record_lane_commit(lane));
    b->ids[i] = s.id;
    frames_free(&f);
}

static void follow(struct bed *b, struct index *index)
{
    struct record_reader *r;
    struct index_progress progress = { 0 };
    assert_int_equal(record_reader_open(b->w.folder, &b->w.keys.keys, &r), 0);
    while (!progress.at_end)
        assert_int_equal(index_follow(index, r, &progress), 0);
    record_reader_free(r);
}

/* The log stands in <data>/log. */
static void bed_make(struct bed *b)
{
    char log[100];
    *b = (struct bed){ .notes_most = INT32_MAX, .wipes = true };
    world_make(&b->w, "/tmp", 1);
    snprintf(b->data, sizeof b->data, "%.60s", b->w.folder);
    snprintf(log, sizeof log, "%s/log", b->data);
    assert_int_equal(mkdir(log, 0700), 0);
    snprintf(b->w.folder, sizeof b->w.folder, "%s", log);
    snprintf(b->index_path, sizeof b->index_path, "%s/index.db", b->data);
    world_open(&b->w);
    for (int i = 0; i < SESSIONS; i++)
        write_session(b, i);
    world_close(&b->w);
    assert_int_equal(index_open(b->index_path, INDEX_WRITE, &b->index), 0);
    follow(b, b->index);
}

static void bed_free(struct bed *b)
{
    index_free(b->index);
    snprintf(b->w.folder, sizeof b->w.folder, "%s", b->data);
    world_free(&b->w);
}

static bool note(void *context, struct bytes body)
{
    struct bed *b = context;
    assert_true(frame_fields_get(body, "event").n > 0);
    return b->notes++ < b->notes_most;
}

static bool wipe(void *context)
{
    struct bed *b = context;
    return b->wipes;
}

static struct erase_place place_of(struct bed *b)
{
    return (struct erase_place){
        .data = b->data, .index = b->index, .clock = &clock_system, .note = note, .wipe = wipe, .context = b
    };
}

static void take(void *context, const struct index_mortal *mortal)
{
    session_set_add(context, mortal->session);
}

static struct session_set subject(struct bed *b, const char *name)
{
    struct session_set set = { 0 };
    assert_int_equal(index_of_subject(b->index, bytes_of(name), (struct bytes){ 0 }, take, &set), 0);
    session_set_sort(&set);
    return set;
}

static int erase(struct bed *b, const struct session_set *set, struct erase_result *r)
{
    struct erase_place place = place_of(b);
    struct erase_order order = { .sessions = set->sessions,
                                 .n = set->n,
                                 .by = BYTES_LITERAL("test"),
                                 .reason = BYTES_LITERAL("because"),
                                 .how = BYTES_LITERAL("subject") };
    return erase_run(&place, &order, r);
}

/* All that an index says, as text; numbers of shapes and relations are its own affair. */
static void dump(struct index *index, struct buf *out)
{
    static const char *const questions[] = {
        ("SELECT id || principal || subject || started_us || ended_us || statements || refused || rows || "
         "retain_us FROM"
         " session ORDER BY id"),
        "SELECT text || coalesce(relations, '') FROM shape ORDER BY 1",
        "SELECT name FROM relation ORDER BY 1",
        ("SELECT e.session || h.text || e.minute || e.decision || e.n || e.rows FROM execution e JOIN shape "
         "h "
         "ON h.id ="
         " e.shape ORDER BY 1"),
        ("SELECT kind || ' ' || span || ' ' || name || ' ' || n || ' ' || refused || ' ' || rows || ' ' || "
         "us "
         "FROM rollup"
         " WHERE kind < 3 ORDER BY 1"),
        ("SELECT span || ' ' || h.text || ' ' || n || ' ' || refused || ' ' || rows FROM rollup LEFT JOIN "
         "shape h ON"
         " h.id = CAST(name AS INTEGER) WHERE kind = 3 ORDER BY 1"),
        "SELECT session || ' ' || erasure || ' ' || erased_us FROM tombstone ORDER BY 1",
        "SELECT session || ' ' || number FROM text ORDER BY 1",
        ("SELECT shape_words.rowid IN (SELECT id FROM shape) FROM shape_words WHERE shape_words MATCH "
         "'select'"),
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct sqlite_query *q;
        assert_int_equal(sqlite_query_new(index->db, questions[i], &q), 0);
        while (sqlite_query_step(q) == SQLITE_STEP_ROW)
            buf_printf(out, "%zu: %.*s\n", i, BYTES_FMT(sqlite_query_text(q, 0)));
        assert_int_equal(sqlite_query_error(q), 0);
        sqlite_query_free(q);
    }
    assert_false(out->failed);
}

static void same_as_made_anew(struct bed *b)
{
    char path[220];
    struct index *anew;
    struct buf here, there;
    buf_init(&here, 1 << 20);
    buf_init(&there, 1 << 20);
    snprintf(path, sizeof path, "%s/anew.db", b->data);
    unlink(path);
    assert_int_equal(index_open(path, INDEX_WRITE, &anew), 0);
    follow(b, anew);
    dump(b->index, &here);
    dump(anew, &there);
    buf_append(&here, bytes_make("", 1));
    buf_append(&there, bytes_make("", 1));
    assert_string_equal((const char *)buf_bytes(&here).p, (const char *)buf_bytes(&there).p);
    index_free(anew);
    unlink(path);
    buf_free(&here);
    buf_free(&there);
}

static bool verifies(struct bed *b, struct record_verify_result *v)
{
    assert_int_equal(record_verify(b->w.folder, b->w.keys.keys.public_key, &b->w.keys.keys, NULL, NULL, v),
                     0);
    return v->ok;
}

static bool file_has(const char *path, const char *word)
{
    static char all[4 << 20];
    int fd = open(path, O_RDONLY);
    if (fd < 0) return false;
    ssize_t n = read(fd, all, sizeof all);
    close(fd);
    return n > 0 && memmem(all, (size_t)n, word, strlen(word)) != NULL;
}

/* In the file, or in its write-ahead log. */
static bool index_has(const struct bed *b, const char *word)
{
    char wal[140];
    snprintf(wal, sizeof wal, "%s-wal", b->index_path);
    return file_has(b->index_path, word) || file_has(wal, word);
}

static void what_is_left_is_what_the_log_gives(void **state)
{
    (void)state;
    static struct bed b;
    struct erase_result r;
    struct record_verify_result v;
    bed_make(&b);
    same_as_made_anew(&b);
    assert_true(index_has(&b, "of_1"));
    struct session_set set = subject(&b, "person-1");
    assert_int_equal(set.n, SESSIONS / PEOPLE);
    assert_int_equal(erase(&b, &set, &r), 0);
    assert_int_equal(r.keys, set.n);
    assert_int_equal(r.shapes, 1);
    same_as_made_anew(&b);
    assert_false(index_has(&b, "of_1"));
    assert_false(index_has(&b, "word1"));
    assert_false(index_has(&b, "person-1"));
    assert_true(index_has(&b, "of_2"));
    assert_true(verifies(&b, &v));
    assert_true(v.erased >= set.n && v.removed == v.erased);
    session_set_free(&set);
    /* Twice more, until the statement that all share has nobody either. */
    for (int i = 0; i < PEOPLE; i++) {
        char who[32];
        snprintf(who, sizeof who, "person-%d", i);
        set = subject(&b, who);
        assert_int_equal(set.n, i == 1 ? 0 : SESSIONS / PEOPLE);
        assert_int_equal(erase(&b, &set, &r), 0);
        same_as_made_anew(&b);
        session_set_free(&set);
    }
    assert_false(index_has(&b, "everybody"));
    assert_true(verifies(&b, &v));
    bed_free(&b);
}

static void zeros_of_what_was_not_erased_are_damage(void **state)
{
    (void)state;
    static struct bed b;
    uint64_t blocks, bytes;
    struct record_verify_result v;
    bed_make(&b);
    assert_true(verifies(&b, &v));
    assert_int_equal(erase_blocks(b.w.folder, &b.ids[3], 1, &blocks, &bytes), 0);
    assert_true(blocks > 0 && bytes > 0);
    assert_false(verifies(&b, &v));
    assert_true(v.bad_session == b.ids[3]);
    bed_free(&b);
}

static void what_was_erased_this_moment_is_no_torn_block(void **state)
{
    (void)state;
    static struct world w;
    struct record_verify_result before, after;
    struct session_grave grave = { .erasure = 1, .erased_us = 2 };
    uint64_t ids[3], blocks, bytes;
    char path[160];
    world_make(&w, "/tmp", 1);
    world_open(&w);
    for (int i = 0; i < 3; i++) {
        struct record_lane *lane = record_log_lane(w.log, 0);
        struct record_session s = record_session_begin(lane);
        ids[i] = s.id;
        world_append(lane, &s, FRAME_QUERY, "some text");
        world_append(lane, &s, FRAME_SESSION_END, "");
        assert_true(record_lane_commit(lane));
    }
    world_close(&w);
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, NULL, NULL, NULL, &before), 0);
    assert_true(before.ok);
    /* As a crash leaves it, before a checkpoint covers the blocks. */
    snprintf(path, sizeof path, "%s/checkpoints", w.folder);
    assert_int_equal(truncate(path, 0), 0);
    snprintf(path, sizeof path, "%s/keys", w.folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(session_keys_erase(fd, &ids[0], 1, &grave), 1);
    close(fd);
    assert_int_equal(erase_blocks(w.folder, ids, 1, &blocks, &bytes), 0);
    assert_true(blocks > 0);
    world_open(&w);
    world_close(&w);
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, &w.keys.keys, NULL, NULL, &after), 0);
    assert_true(after.ok && after.removed == blocks);
    assert_int_equal(after.sessions, 3);
    assert_true(after.blocks >= before.blocks);
    world_free(&w);
}

static void nothing_is_erased_that_is_held_or_cannot_be_recorded(void **state)
{
    (void)state;
    static struct bed b;
    struct erase_result r;
    struct record_verify_result v;
    struct holds *holds;
    struct hold hold = { .subject = BYTES_LITERAL("person-2"),
                         .reason = BYTES_LITERAL("case"),
                         .since_us = 1 };
    int64_t number, again;
    uint64_t n;
    bed_make(&b);
    struct session_set set = subject(&b, "person-2");
    b.notes_most = 0;
    assert_int_equal(erase(&b, &set, &r), -EIO);
    b.notes_most = INT32_MAX;
    assert_int_equal(holds_open(b.data, true, &holds), 0);
    assert_int_equal(holds_add(holds, &hold, &number), 0);
    assert_int_equal(holds_add(holds, &hold, &again), 0);
    assert_true(number == again);
    assert_int_equal(erase(&b, &set, &r), -EPERM);
    assert_string_equal(r.step, "legal hold");
    struct erase_place place = place_of(&b);
    struct erase_prune prune;
    assert_int_equal(erase_expired(&place, BYTES_LITERAL("test"), true, &prune), 0);
    /* Persons 1 and 3 are kept for a microsecond, the others for ever. */
    assert_int_equal(prune.expired, SESSIONS / 2);
    assert_true(verifies(&b, &v) && v.erased == 0);
    assert_int_equal(holds_release(holds, 0, BYTES_LITERAL("person-2"), (struct bytes){ 0 }, &n), 0);
    assert_int_equal(n, 1);
    holds_close(holds);
    assert_int_equal(erase(&b, &set, &r), 0);
    assert_int_equal(erase_expired(&place, BYTES_LITERAL("test"), false, &prune), 0);
    assert_int_equal(prune.result.keys, SESSIONS / 2);
    same_as_made_anew(&b);
    session_set_free(&set);
    bed_free(&b);
}

static void what_was_interrupted_is_finished(void **state)
{
    (void)state;
    static struct bed b;
    struct erase_result r;
    struct record_verify_result v;
    size_t n = 0;
    bed_make(&b);
    struct session_set set = subject(&b, "person-3");
    struct erase_place place = place_of(&b);
    assert_int_equal(erase_resume(&place, &r, &n), 0);
    assert_int_equal(n, 0);
    b.wipes = false;
    assert_int_equal(erase(&b, &set, &r), -EBUSY);
    assert_string_equal(r.step, "tail");
    assert_int_equal(erase_resume(&place, &r, &n), -EBUSY);
    b.wipes = true;
    assert_int_equal(erase_resume(&place, &r, &n), 0);
    assert_int_equal(n, set.n);
    assert_int_equal(erase_resume(&place, &r, &n), 0);
    assert_int_equal(n, 0);
    same_as_made_anew(&b);
    assert_true(verifies(&b, &v) && v.erased >= set.n);
    session_set_free(&set);
    bed_free(&b);
}

static void every_table_of_the_index_is_purged_or_known(void **state)
{
    (void)state;
    static struct bed b;
    struct sqlite_query *q;
    bed_make(&b);
    assert_int_equal(
        sqlite_query_new(
            b.index->db,
            "SELECT count(*), group_concat(name) FROM sqlite_master m WHERE type = 'table' AND name NOT IN"
            " ('meta', 'session', 'shape', 'relation', 'shape_relation', 'shape_effect', 'rollup',"
            " 'approval', 'approval_decision', 'tombstone', 'erasure', 'value_key', 'value_column') AND name "
            "NOT LIKE 'shape_words%' AND"
            " name NOT LIKE 'sqlite_%' AND NOT EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE"
            " c.name = 'session')",
            &q),
        0);
    assert_int_equal(sqlite_query_step(q), SQLITE_STEP_ROW);
    if (sqlite_query_int(q, 0))
        fail_msg("index-erase.c must be told of: %.*s", BYTES_FMT(sqlite_query_text(q, 1)));
    sqlite_query_free(q);
    bed_free(&b);
}

static void a_lane_that_turns_leaves_nothing_in_the_tail(void **state)
{
    (void)state;
    static struct world w;
    char path[200];
    unsigned waited = 0;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    world_append(lane, &s, FRAME_QUERY, "before the turn");
    assert_true(record_lane_commit(lane));
    snprintf(path, sizeof path, "%s/tail/000-0000000000", w.folder);
    assert_int_equal(access(path, F_OK), 0);
    record_log_wipe(w.log, true);
    while (!record_lane_turn(lane))
        world_waits(&waited);
    /* What is reserved and staged goes on behind it. */
    world_append(lane, &s, FRAME_QUERY, "behind the turn");
    assert_true(record_lane_commit(lane));
    while (!record_log_is_wiped(w.log, 0))
        world_waits(&waited);
    record_log_wipe(w.log, false);
    assert_int_equal(access(path, F_OK), -1);
    world_append(lane, &s, FRAME_SESSION_END, "");
    assert_true(record_lane_commit(lane));
    world_close(&w);
    struct record_reader *r;
    struct frame f;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_bytes(f.body, "before the turn");
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_bytes(f.body, "behind the turn");
    record_reader_free(r);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_what_the_log_gives),
        cmocka_unit_test(zeros_of_what_was_not_erased_are_damage),
        cmocka_unit_test(what_was_erased_this_moment_is_no_torn_block),
        cmocka_unit_test(nothing_is_erased_that_is_held_or_cannot_be_recorded),
        cmocka_unit_test(what_was_interrupted_is_finished),
        cmocka_unit_test(every_table_of_the_index_is_purged_or_known),
        cmocka_unit_test(a_lane_that_turns_leaves_nothing_in_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
