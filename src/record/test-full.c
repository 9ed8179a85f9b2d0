/* A disk without room, and a tail that somebody cuts. The disk is a small tmpfs that the test mounts, so it
 * wants root; without, it says so and passes nothing (exit 77: skipped). */
#include "record/test-log.h"

#include "record/format.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char disk[40];
static atomic_uint rooms;

static void count_room(void *context, unsigned lane)
{
    (void)context;
    (void)lane;
    atomic_fetch_add(&rooms, 1);
}

/* Fills the disk but for `leave` bytes. */
static void fill_disk(const char *path, size_t leave)
{
    static uint8_t page[1 << 16];
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    off_t size = 0;
    ssize_t n;
    while ((n = write(fd, page, sizeof page)) > 0)
        size += n;
    if (leave) assert_int_equal(ftruncate(fd, size > (off_t)leave ? size - (off_t)leave : 0), 0);
    close(fd);
}

static void random_text(unsigned *seed, uint8_t *body, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 1103515245 + 12345;
        body[i] = (uint8_t)(*seed >> 16);
    }
}

/* record_reserve that waits where the log's own threads are behind. */
static enum record_outcome reserve(struct record_lane *lane, struct record_session *s)
{
    enum record_outcome got;
    unsigned n = 0;
    while ((got = record_reserve(lane, s)) == RECORD_WAIT && world_waits(&n))
        continue;
    return got;
}

static void wait_until_refusing(struct world *w, bool refusing)
{
    struct record_stats stats;
    unsigned n = 0;
    do
        record_log_stats(w->log, &stats);
    while (stats.refusing != refusing && world_waits(&n));
}

static void a_full_disk_refuses_intents_keeps_room_for_outcomes_and_loses_nothing(void **state)
{
    (void)state;
    static struct world w;
    world_make(&w, disk, 1);
    w.options.on_room = count_room;
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    char ballast[128];
    snprintf(ballast, sizeof ballast, "%s/ballast", disk);
    for (int i = 0; i < 10; i++)
        assert_int_equal(reserve(lane, &s), RECORD_OK);
    fill_disk(ballast, 0);
    /* Noise does not compress: the sequencer soon stands still, and then the lane's room ends. */
    static uint8_t body[50000];
    unsigned seed = 7;
    uint32_t appended = 0;
    enum record_outcome got;
    for (;;) {
        unsigned saved = seed;
        random_text(&seed, body, sizeof body);
        got = world_append_bytes(lane, &s, RECORD_INTENT, FRAME_ROWS, 1, bytes_make(body, sizeof body), NULL);
        if (got == RECORD_OK) {
            appended++;
            assert_true(record_lane_commit(lane));
            continue;
        }
        seed = saved;
        break;
    }
    assert_int_equal(got, RECORD_FULL);
    assert_true(appended > 20);
    wait_until_refusing(&w, true);
    assert_int_equal(reserve(lane, &s), RECORD_FULL);
    /* What was reserved can still be written: ten outcomes of up to 64 kB. */
    for (int i = 0; i < 10; i++) {
        random_text(&seed, body, sizeof body);
        struct bytes part = bytes_make(body, sizeof body);
        assert_int_equal(record_append(lane, &s, RECORD_OUTCOME, FRAME_ROWS, 0, 1, &part, 1, NULL),
                         RECORD_OK);
        assert_true(record_lane_commit(lane));
        record_release(lane, &s);
        appended++;
    }
    /* Room comes back: the lane, which was refused once more (releasing may have told it already), is told,
     * and goes on. */
    unsigned told = atomic_load(&rooms);
    static uint8_t large[FORMAT_BODY_MAX];
    struct bytes refused = bytes_make(large, sizeof large);
    assert_int_equal(world_append_bytes(lane, &s, RECORD_INTENT, FRAME_ROWS, 1, refused, NULL), RECORD_FULL);
    assert_int_equal(unlink(ballast), 0);
    unsigned n = 0;
    while (atomic_load(&rooms) == told && world_waits(&n))
        continue;
    random_text(&seed, body, sizeof body);
    struct bytes part = bytes_make(body, sizeof body);
    while ((got = record_append(lane, &s, RECORD_INTENT, FRAME_ROWS, 0, 1, &part, 1, NULL)) != RECORD_OK &&
           world_waits(&n))
        continue;
    assert_int_equal(got, RECORD_OK);
    appended++;
    assert_true(record_lane_commit(lane));
    wait_until_refusing(&w, false);
    world_close(&w);

    struct record_reader *r;
    struct frame f;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    seed = 7;
    for (uint32_t i = 1; i <= appended; i++) {
        random_text(&seed, body, sizeof body);
        assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
        assert_int_equal(f.sequence, i);
        assert_true(bytes_equal(f.body, bytes_make(body, sizeof body)));
    }
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_END);
    record_reader_free(r);
    struct record_verify_result v;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, &w.keys.keys, NULL, NULL, &v), 0);
    if (!v.ok) fail_msg("%s", v.message);
    world_free(&w);
}

static void a_log_closed_on_a_full_disk_keeps_its_tail_for_the_next_opening(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    world_make(&w, disk, 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    char ballast[128];
    snprintf(ballast, sizeof ballast, "%s/ballast", disk);
    fill_disk(ballast, 0);
    for (int i = 0; i < 1000; i++)
        world_append(lane, &s, FRAME_QUERY, "select now(), random()");
    assert_true(record_lane_commit(lane));
    world_close(&w);
    assert_int_equal(unlink(ballast), 0);
    world_open(&w);
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(f.type, FRAME_SESSION_END);
    assert_bytes(frame_fields_get(f.body, "reason"), "gateway ended");
    record_reader_free(r);
    world_free(&w);
}

/* Cuts every tail file of a lane. */
static void cut_tail(const struct world *w)
{
    char path[600];
    snprintf(path, sizeof path, "%s/tail", w->folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (memcmp(e->d_name, "000-", 4) != 0) continue;
        snprintf(path, sizeof path, "%s/tail/%.64s", w->folder, e->d_name);
        assert_int_equal(truncate(path, 4096), 0);
    }
    closedir(dir);
}

static void a_tail_that_is_cut_under_us_closes_its_lane_and_nothing_else(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    world_make(&w, "/tmp", 2);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0), *other = record_log_lane(w.log, 1);
    struct record_session s = record_session_begin(lane), t = record_session_begin(other);
    struct bytes part = BYTES_LITERAL("x");
    world_append(lane, &s, FRAME_QUERY, "before");
    assert_true(record_lane_commit(lane));
    struct record_stats stats;
    unsigned n = 0;
    do
        record_log_stats(w.log, &stats);
    while (stats.blocks == 0 && world_waits(&n));
    cut_tail(&w);
    world_append(lane, &s, FRAME_QUERY, "behind");
    assert_false(record_lane_commit(lane));
    assert_false(record_lane_commit(lane));
    assert_int_equal(record_append(lane, &s, RECORD_OUTCOME, FRAME_CUT, 0, 1, &part, 1, NULL), RECORD_FULL);
    assert_int_equal(record_reserve(lane, &s), RECORD_FULL);
    record_log_stats(w.log, &stats);
    assert_true(stats.refusing);
    world_append(other, &t, FRAME_QUERY, "elsewhere");
    assert_true(record_lane_commit(other));
    world_close(&w);
    world_open(&w);
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_bytes(f.body, "before");
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(f.type, FRAME_SESSION_END);
    assert_int_equal(record_reader_session(r, t.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_bytes(f.body, "elsewhere");
    record_reader_free(r);
    world_free(&w);
}

static void committed_frames_that_somebody_cuts_away_are_written_down_as_lost(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    /* Enough to be cut while the sequencer still has to read it. */
    static uint8_t body[900000];
    struct bytes part = bytes_make(body, sizeof body);
    for (int i = 0; i < 4; i++)
        assert_int_equal(world_append_bytes(lane, &s, RECORD_INTENT, FRAME_ROWS, 1, part, NULL), RECORD_OK);
    cut_tail(&w);
    unsigned n = 0;
    while (record_lane_commit(lane) && world_waits(&n))
        continue;
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    bool found = false;
    assert_int_equal(record_reader_session(r, 0, 1), RECORD_READ_FRAME);
    while (record_reader_next(r, &f) == RECORD_READ_FRAME)
        if (f.type == FRAME_GATEWAY && bytes_is(frame_fields_get(f.body, "event"), "lane cut")) found = true;
    assert_true(found);
    record_reader_free(r);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest on_disk[] = {
        cmocka_unit_test(a_full_disk_refuses_intents_keeps_room_for_outcomes_and_loses_nothing),
        cmocka_unit_test(a_log_closed_on_a_full_disk_keeps_its_tail_for_the_next_opening),
    };
    const struct CMUnitTest cut[] = {
        cmocka_unit_test(a_tail_that_is_cut_under_us_closes_its_lane_and_nothing_else),
        cmocka_unit_test(committed_frames_that_somebody_cuts_away_are_written_down_as_lost),
    };
    int failed = cmocka_run_group_tests(cut, NULL, NULL);
    snprintf(disk, sizeof disk, "/tmp/postern-disk-XXXXXX");
    if (!mkdtemp(disk)) return 1;
    if (mount("postern-test", disk, "tmpfs", 0, "size=24m") < 0) {
        fprintf(stderr, "the tests of a full disk are skipped: cannot mount a tmpfs (%s)\n", strerror(errno));
        rmdir(disk);
        return failed ? failed : 77;
    }
    failed += cmocka_run_group_tests(on_disk, NULL, NULL);
    umount2(disk, MNT_DETACH);
    rmdir(disk);
    return failed;
}
