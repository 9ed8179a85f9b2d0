#include "record/test-log.h"

#include "crypto/random.h"
#include "record/format.h"
#include "record/session-keys.h"
#include "record/shrink.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

static atomic_uint blocks_told;
static void count_blocks(void *context)
{
    (void)context;
    atomic_fetch_add(&blocks_told, 1);
}

static void frames_are_visible_to_readers_and_signed_within_moments(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    struct record_block b;
    world_make(&w, "/tmp", 1);
    w.options.on_blocks = count_blocks;
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_follow(r, 0, &b), RECORD_READ_END);
    world_append(lane, &s, FRAME_QUERY, "one");
    assert_true(record_lane_commit(lane));
    unsigned n = 0;
    while (atomic_load(&blocks_told) == 0 && world_waits(&n))
        continue;
    assert_int_equal(record_reader_follow(r, 0, &b), RECORD_READ_FRAME);
    assert_true(b.session == s.id);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_bytes(f.body, "one");
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_END);
    assert_int_equal(record_reader_follow(r, b.next_position, &b), RECORD_READ_END);
    struct record_verify_result v;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, NULL, NULL, NULL, &v), 0);
    assert_true(v.ok);
    assert_int_equal(v.tree_size, 1);
    /* A session that goes on is read on from where the reader stood. */
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_END);
    world_append(lane, &s, FRAME_QUERY, "two");
    assert_true(record_lane_commit(lane));
    enum record_read got;
    while ((got = record_reader_next(r, &f)) == RECORD_READ_END && world_waits(&n))
        continue;
    assert_int_equal(got, RECORD_READ_FRAME);
    assert_bytes(f.body, "two");
    record_reader_free(r);
    world_free(&w);
}

static void what_is_not_committed_is_not_in_the_log(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    world_append(lane, &s, FRAME_QUERY, "committed");
    assert_true(record_lane_commit(lane));
    world_append(lane, &s, FRAME_QUERY, "staged");
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_END);
    record_reader_free(r);
    world_free(&w);
}

static void the_largest_and_the_empty_body_come_back(void **state)
{
    (void)state;
    static struct world w;
    static uint8_t body[FORMAT_BODY_MAX];
    struct frame f;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    random_bytes(body, sizeof body);
    /* In three parts, one of them empty; time goes backwards in between. */
    struct bytes parts[3] = { bytes_make(body, 10), { 0 }, bytes_make(body + 10, sizeof body - 10) };
    const int64_t times[4] = { 5000000, INT64_MAX, INT64_MIN, -1 };
    for (int i = 0; i < 4; i++) {
        enum record_outcome got;
        while ((got = record_append(lane, &s, RECORD_INTENT, FRAME_ROWS, FRAME_PART, times[i], parts,
                                    i % 2 ? 0 : 3, NULL)) == RECORD_WAIT)
            usleep(1000);
        assert_int_equal(got, RECORD_OK);
        assert_true(record_lane_commit(lane));
    }
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
        assert_true(bytes_equal(f.body, bytes_make(body, i % 2 ? 0 : sizeof body)));
        assert_true(f.time_us == times[i]);
        assert_int_equal(f.flags, FRAME_PART);
    }
    record_reader_free(r);
    world_free(&w);
}

/* Rows as a dump has them; seed makes each body another one. */
static void fill_with_rows(uint8_t *body, size_t n, unsigned seed)
{
    for (size_t at = 0; at < n; at++)
        body[at] = "1234567\tcustomer\t2026-11-21 08:15:00\tEUR\tactive\n"[(at + seed) % 47] ^
                   (uint8_t)((at / 47 * 7919 + seed) % 5 == 0);
}

static void a_large_body_is_stored_small_and_comes_back_as_it_was(void **state)
{
    (void)state;
    enum { BODIES = 40 };
    static struct world w;
    static uint8_t body[FORMAT_BODY_MAX];
    const size_t sizes[] = { SHRINK_LEAST - 1, SHRINK_LEAST, SHRINK_BULK - 1, SHRINK_BULK, FORMAT_BODY_MAX };
    size_t total = 0;
    struct frame f;
    struct record_stats stats;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    for (unsigned i = 0; i < BODIES; i++) {
        size_t n = sizes[i % 5];
        fill_with_rows(body, n, i);
        struct bytes part = bytes_make(body, n);
        enum record_outcome got;
        while ((got = record_append(lane, &s, RECORD_INTENT, FRAME_ROWS, i % 2 ? FRAME_PART : 0, i, &part, 1,
                                    NULL)) == RECORD_WAIT)
            usleep(1000);
        assert_int_equal(got, RECORD_OK);
        assert_true(record_lane_commit(lane));
        total += n;
    }
    record_log_stats(w.log, &stats);
    assert_int_equal(stats.bytes_appended, total);
    world_append(lane, &s, FRAME_SESSION_END, "");
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    for (unsigned i = 0; i < BODIES; i++) {
        assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
        fill_with_rows(body, sizes[i % 5], i);
        assert_true(bytes_equal(f.body, bytes_make(body, sizes[i % 5])));
        assert_int_equal(f.flags, i % 2 ? FRAME_PART : 0);
    }
    record_reader_free(r);
    struct record_verify_result v;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, &w.keys.keys, NULL, NULL, &v), 0);
    if (!v.ok) fail_msg("%s", v.message);
    assert_true(v.bytes < total / 4);
    world_free(&w);
}

static void behind_its_end_a_session_takes_nothing(void **state)
{
    (void)state;
    static struct world w;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    world_append(lane, &s, FRAME_SESSION_END, "");
    assert_int_equal(record_append(lane, &s, RECORD_OUTCOME, FRAME_QUERY, 0, 1, NULL, 0, NULL), RECORD_FULL);
    world_free(&w);
}

/* A clock that the test sets. */
struct set_clock {
    struct clock clock;
    _Atomic int64_t wall_us;
};
static int64_t set_wall(const struct clock *c)
{
    return atomic_load(&((const struct set_clock *)c)->wall_us);
}
static int64_t real_monotonic(const struct clock *c)
{
    (void)c;
    return clock_monotonic_us(&clock_system);
}

static void session_numbers_are_unique_whatever_the_clock_does(void **state)
{
    (void)state;
    static struct world w;
    static struct set_clock clock = { { set_wall, real_monotonic }, 1795250000000000 };
    uint64_t last[2] = { 0, 0 };
    world_make(&w, "/tmp", 2);
    w.options.clock = &clock.clock;
    for (int opening = 0; opening < 3; opening++) {
        world_open(&w);
        for (int i = 0; i < 40000; i++)
            for (unsigned l = 0; l < 2; l++) {
                struct record_lane *lane = record_log_lane(w.log, l);
                struct record_session s = record_session_begin(lane);
                assert_true(s.id > last[l]);
                last[l] = s.id;
                if (i == 39999) {
                    world_append(lane, &s, FRAME_SESSION_END, "");
                    assert_true(record_lane_commit(lane));
                }
            }
        assert_true(last[0] != last[1]);
        world_close(&w);
        atomic_store(&clock.wall_us, 1795250000000000 - 3600000000 * (opening + 1));
    }
    world_free(&w);
}

static void frames_of_the_gateway_come_from_any_lane_and_are_numbered_in_one_row(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    int n = 0, of_lane[2] = { 0, 0 };
    world_make(&w, "/tmp", 2);
    for (int opening = 0; opening < 2; opening++) {
        world_open(&w);
        for (int i = 0; i < 500; i++)
            for (unsigned l = 0; l < 2; l++) {
                struct record_session g = { .id = 0, .next_sequence = 1 };
                assert_int_equal(
                    world_append(record_log_lane(w.log, l), &g, FRAME_REJECTED, l ? "right" : "left"), 0);
                assert_true(record_lane_commit(record_log_lane(w.log, l)));
            }
        world_close(&w);
    }
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, 0, 1), RECORD_READ_FRAME);
    while (record_reader_next(r, &f) == RECORD_READ_FRAME) {
        assert_int_equal(f.sequence, ++n);
        of_lane[bytes_is(f.body, "right")]++;
    }
    assert_int_equal(n, 2000);
    assert_int_equal(of_lane[0], 1000);
    record_reader_free(r);
    struct record_verify_result v;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, &w.keys.keys, NULL, NULL, &v), 0);
    assert_true(v.ok);
    world_free(&w);
}

static void an_erased_session_cannot_be_read_and_the_log_still_verifies(void **state)
{
    (void)state;
    static struct world w;
    struct frame f;
    struct record_block b;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane), t = record_session_begin(lane);
    world_append(lane, &s, FRAME_QUERY, "forget this");
    world_append(lane, &t, FRAME_QUERY, "keep this");
    assert_true(record_lane_commit(lane));
    world_close(&w);
    char path[200];
    snprintf(path, sizeof path, "%s/keys", w.folder);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    const struct session_grave grave = { 77, 1795250000000000 };
    struct session_grave told = { 0 };
    assert_int_equal(session_keys_erase(fd, &s.id, 1, &grave), 1);
    assert_int_equal(session_keys_erase(fd, &s.id, 1, &grave), 0);
    close(fd);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_BAD);
    assert_true(record_reader_is_erased(r, s.id, &told));
    assert_true(told.erasure == 77 && told.erased_us == 1795250000000000);
    assert_false(record_reader_is_erased(r, t.id, &told));
    assert_int_equal(record_reader_session(r, t.id, 1), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_bytes(f.body, "keep this");
    int followed = 0;
    for (uint64_t at = 0; record_reader_follow(r, at, &b) == RECORD_READ_FRAME; at = b.next_position)
        followed++;
    assert_int_equal(followed, 2);
    record_reader_free(r);
    struct record_verify_result v;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, &w.keys.keys, NULL, NULL, &v), 0);
    assert_true(v.ok);
    world_free(&w);
}

static void one_process_writes_a_log(void **state)
{
    (void)state;
    static struct world w;
    struct record_log *second;
    world_make(&w, "/tmp", 1);
    world_open(&w);
    assert_int_equal(record_log_open(&w.options, &second), -EBUSY);
    world_free(&w);
}

static void thousands_of_sessions_at_once_are_kept_apart(void **state)
{
    (void)state;
    enum { SESSIONS = 3000 };
    static struct world w;
    static struct record_session s[SESSIONS];
    struct frame f;
    char body[64];
    world_make(&w, "/tmp", 1);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    for (int i = 0; i < SESSIONS; i++)
        s[i] = record_session_begin(lane);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < SESSIONS; i++) {
            snprintf(body, sizeof body, "%d in %d", i, round);
            world_append(lane, &s[i], FRAME_QUERY, body);
            assert_true(record_lane_commit(lane));
        }
    world_close(&w);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    for (int i = 0; i < SESSIONS; i += 97) {
        assert_int_equal(record_reader_session(r, s[i].id, 1), RECORD_READ_FRAME);
        for (int round = 0; round < 5; round++) {
            assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
            snprintf(body, sizeof body, "%d in %d", i, round);
            assert_bytes(f.body, body);
        }
    }
    record_reader_free(r);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_visible_to_readers_and_signed_within_moments),
        cmocka_unit_test(what_is_not_committed_is_not_in_the_log),
        cmocka_unit_test(the_largest_and_the_empty_body_come_back),
        cmocka_unit_test(a_large_body_is_stored_small_and_comes_back_as_it_was),
        cmocka_unit_test(behind_its_end_a_session_takes_nothing),
        cmocka_unit_test(session_numbers_are_unique_whatever_the_clock_does),
        cmocka_unit_test(frames_of_the_gateway_come_from_any_lane_and_are_numbered_in_one_row),
        cmocka_unit_test(an_erased_session_cannot_be_read_and_the_log_still_verifies),
        cmocka_unit_test(one_process_writes_a_log),
        cmocka_unit_test(thousands_of_sessions_at_once_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
