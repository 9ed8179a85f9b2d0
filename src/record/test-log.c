#include "record/test-log.h"

static void a_session_is_read_back_as_it_was_appended(void **state)
{
    (void)state;
    static struct world w;
    world_make(&w, "/tmp", 2);
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    char body[64];
    for (int i = 1; i <= 3000; i++) {
        snprintf(body, sizeof body, "select %d", i);
        assert_int_equal(world_append(lane, &s, FRAME_QUERY, body), i);
        if (i % 7 == 0) assert_true(record_lane_commit(lane));
    }
    world_append(lane, &s, FRAME_SESSION_END, "");
    assert_true(record_lane_commit(lane));
    world_close(&w);

    struct record_reader *r;
    struct frame f;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, s.id, 1), RECORD_READ_FRAME);
    for (int i = 1; i <= 3000; i++) {
        assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
        snprintf(body, sizeof body, "select %d", i);
        assert_bytes(f.body, body);
        assert_int_equal(f.sequence, i);
        assert_int_equal(f.type, FRAME_QUERY);
        assert_true(f.session == s.id);
        assert_true(f.time_us == 1795250000000000 + i);
    }
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(f.type, FRAME_SESSION_END);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_END);
    assert_int_equal(record_reader_session(r, s.id, 2990), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(f.sequence, 2990);
    assert_int_equal(record_reader_session(r, s.id + 1, 1), RECORD_READ_END);
    record_reader_free(r);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_read_back_as_it_was_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
