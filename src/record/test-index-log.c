/* Tests of following a real log: what the index opens, and what it passes over. */
#include "record/test-log.h"

#include "crypto/random.h"
#include "record/format.h"
#include "record/index.h"
#include "record/test-frames.h"
#include <fcntl.h>

enum { ROW_FRAMES = 60, ROW_BYTES = 100000 };

/* A session of the log whose one statement has six megabytes of rows, which do not compress. */
static uint64_t write_session(struct world *w, const struct frames *f)
{
    static uint8_t rows[ROW_BYTES];
    struct record_lane *lane = record_log_lane(w->log, 0);
    struct record_session s = record_session_begin(lane);
    random_bytes(rows, sizeof rows);
    for (size_t i = 0; i < f->n; i++) {
        const struct frame *one = &f->frame[i];
        bool more = one->type == FRAME_ROWS;
        struct bytes part = more ? bytes_make(rows, sizeof rows) : one->body;
        for (int k = 0; k < (more ? ROW_FRAMES : 1);) {
            snprintf((char *)rows, sizeof rows, "row %d", k);
            enum record_outcome got = record_append(lane, &s, RECORD_INTENT, (enum frame_type)one->type, 0,
                                                    one->time_us, &part, 1, NULL);
            assert_int_not_equal(got, RECORD_FULL);
            if (got == RECORD_OK) k++;
            assert_true(record_lane_commit(lane));
            if (got == RECORD_WAIT) usleep(1000);
        }
    }
    return s.id;
}

/* Flips a bit in every block that holds nothing but rows; how many there were. */
static int spoil_rows(struct world *w)
{
    char name[200];
    uint8_t raw[FORMAT_BLOCK_HEAD], byte;
    struct format_block head;
    int n = 0;
    snprintf(name, sizeof name, "%s/segments/000000000000.blocks", w->folder);
    int fd = open(name, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = FORMAT_SEGMENT_HEAD; pread(fd, raw, sizeof raw, at) == sizeof raw;
         at += FORMAT_BLOCK_HEAD + head.cipher_length) {
        assert_true(format_block_decode(raw, &head));
        if (head.types != frame_type_bit(FRAME_ROWS)) continue;
        assert_int_equal(pread(fd, &byte, 1, at + FORMAT_BLOCK_HEAD), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at + FORMAT_BLOCK_HEAD), 1);
        n++;
    }
    close(fd);
    return n;
}

static void see_one(void *context, const struct index_session *s)
{
    struct index_session *out = context;
    *out = *s;
}

/* One session: START, TEXT, QUERY, rows, COMPLETE, and END where it has one. */
static void make_session(struct frames *f, bool ends)
{
    frames_init(f, 1);
    frames_fields(f, FRAME_SESSION_START, "principal", "ada", NULL);
    frames_text(f, 1, "SELECT * FROM t", "allow", "p", "r", "SELECT", "read", "t");
    uint32_t run = frames_query(f, 1);
    frames_rows_begin(f, run, 1);
    frames_end(f, FRAME_ROWS, 0);
    frames_complete(f, run, 7, 100, RUN_COMPLETED, "SELECT 7");
    if (ends) frames_fields(f, FRAME_SESSION_END, "reason", "client", NULL);
}

static void blocks_of_rows_are_counted_without_being_opened(void **state)
{
    (void)state;
    static struct world w;
    static struct frames f;
    char path[160];
    struct index *index;
    struct record_reader *reader;
    struct index_progress progress;
    struct index_session session = { 0 };
    world_make(&w, "/tmp", 1);
    world_open(&w);
    make_session(&f, true);
    uint64_t id = write_session(&w, &f);
    world_close(&w);
    int spoiled = spoil_rows(&w);
    assert_true(spoiled > 2);
    snprintf(path, sizeof path, "%s/index.db", w.folder);
    assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &reader), 0);
    assert_int_equal(index_follow(index, reader, &progress), 0);
    assert_true(progress.at_end);
    assert_int_equal(progress.damaged, 0);
    assert_true(progress.blocks > (uint64_t)spoiled);
    assert_int_equal(progress.frames, f.n - 1 + ROW_FRAMES);
    assert_int_equal(index_sessions(index, &(struct index_filter){ .session = id }, see_one, &session), 0);
    assert_int_equal(session.rows, 7);
    assert_int_equal(session.statements, 1);
    assert_int_equal(session.last_sequence, f.n - 1 + ROW_FRAMES);
    assert_true(session.ended_us != 0);
    /* Who wants everything is told. */
    struct record_block block;
    enum record_read got;
    uint64_t at = 0;
    while ((got = record_reader_follow(reader, at, &block)) == RECORD_READ_FRAME)
        at = block.next_position;
    assert_int_equal(got, RECORD_READ_BAD);
    record_reader_free(reader);
    index_free(index);
    frames_free(&f);
    world_free(&w);
}

static void a_session_in_the_middle_of_its_rows_is_up_to_date(void **state)
{
    (void)state;
    static struct world w;
    static struct frames f;
    char path[160];
    struct index *index;
    struct record_reader *reader;
    struct index_progress progress;
    struct index_session session = { 0 };
    world_make(&w, "/tmp", 1);
    world_open(&w);
    make_session(&f, false);
    f.n--; /* the statement has not ended yet */
    uint64_t id = write_session(&w, &f);
    record_log_close(w.log);
    w.log = NULL;
    snprintf(path, sizeof path, "%s/index.db", w.folder);
    assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &reader), 0);
    assert_int_equal(index_follow(index, reader, &progress), 0);
    assert_int_equal(index_sessions(index, &(struct index_filter){ .session = id }, see_one, &session), 0);
    assert_int_equal(session.last_sequence, f.n - 1 + ROW_FRAMES);
    assert_true(session.last_us >= f.frame[f.n - 1].time_us);
    /* Its end, in the log's next opening, counts what went before. */
    world_open(&w);
    world_close(&w);
    assert_int_equal(index_follow(index, reader, &progress), 0);
    assert_int_equal(index_sessions(index, &(struct index_filter){ .session = id }, see_one, &session), 0);
    assert_int_equal(session.last_sequence, f.n - 1 + ROW_FRAMES + 1);
    assert_true(session.ended_us != 0);
    record_reader_free(reader);
    index_free(index);
    f.n++;
    frames_free(&f);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_rows_are_counted_without_being_opened),
        cmocka_unit_test(a_session_in_the_middle_of_its_rows_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
