/* Bundles of a small log: what they hold, and that no byte of one can be changed. What takes a bundle apart
 * and puts it together again, and the reader in Python, are in tests/proof. */
#include "record/test-log.h"

#include "record/bundle.h"
#include "record/format.h"
#include "record/session-keys.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SHORT, LONG, ERASED, OPEN, SESSIONS };

static struct world w;
static uint64_t sessions[SESSIONS];
static uint8_t *whole; /* a bundle of SHORT and LONG, with an anchored checkpoint */
static size_t n_whole;
static struct buf anchored_note; /* the log's first checkpoint */

static void write_log(void)
{
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        s[i] = record_session_begin(lane);
        sessions[i] = s[i].id;
    }
    for (int k = 0; k < 8000; k++)
        for (int i = 0; i < SESSIONS; i++) {
            char text[200];
            if (i != LONG && k % 160) continue;
            snprintf(text, sizeof text, "select %d from t%d where x = '%x' and y = '%x'", k, i, k * 7919,
                     k * k);
            world_append(lane, &s[i], FRAME_QUERY, text);
        }
    for (int i = 0; i < SESSIONS; i++)
        if (i != OPEN) world_append(lane, &s[i], FRAME_SESSION_END, "");
    assert_true(record_lane_commit(lane));
}

static void read_file(const char *name, struct buf *out)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", w.folder, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n;
    uint8_t piece[4096];
    while ((n = read(fd, piece, sizeof piece)) > 0)
        buf_append(out, bytes_make(piece, (size_t)n));
    close(fd);
}

static enum bundle_outcome export(const uint64_t *ids, size_t n, struct bytes anchored, int *fd_out,
                                  struct bundle_written *written) {
    struct bundle_request request = { .folder = w.folder,
                                      .keys = &w.keys.keys,
                                      .public_key = w.keys.keys.public_key,
                                      .sessions = ids,
                                      .n_sessions = n,
                                      .anchored = anchored,
                                      .now_us = 1795250000000000,
                                      .version = "test" };
    *fd_out = memfd_create("bundle", 0);
    assert_true(*fd_out >= 0);
    return bundle_write(&request, *fd_out, written);
}

static struct bundle_verified verify_fd(int fd, const uint8_t *pinned, const struct anchored *anchored)
{
    struct bundle_verified v;
    bundle_verify(fd, pinned, anchored, NULL, NULL, &v);
    return v;
}

static int make_log(void **state)
{
    (void)state;
    struct bundle_written written;
    struct checkpoint c;
    int fd;
    world_make(&w, "/tmp", 1);
    /* Something before, so that there is a checkpoint to be anchored. */
    world_open(&w);
    struct record_session first = record_session_begin(record_log_lane(w.log, 0));
    world_append(record_log_lane(w.log, 0), &first, FRAME_SESSION_END, "");
    assert_true(record_lane_commit(record_log_lane(w.log, 0)));
    world_close(&w);
    buf_init(&anchored_note, 1 << 20);
    read_file("checkpoints", &anchored_note);
    size_t at = 0;
    assert_true(checkpoint_next(buf_bytes(&anchored_note), &at, &c));
    anchored_note.end = anchored_note.start + at;
    world_open(&w);
    write_log();
    world_close(&w);
    if (export(sessions, 2, buf_bytes(&anchored_note), &fd, &written) != BUNDLE_WRITTEN)
        fail_msg("%s", written.message);
    assert_int_equal(written.sessions, 2);
    assert_true(written.blocks > 2);
    n_whole = written.bytes;
    whole = malloc(n_whole);
    assert_non_null(whole);
    assert_int_equal(pread(fd, whole, n_whole, 0), n_whole);
    close(fd);
    return 0;
}

static int drop_log(void **state)
{
    (void)state;
    free(whole);
    buf_free(&anchored_note);
    world_free(&w);
    return 0;
}

static int with(const void *data, size_t n)
{
    int fd = memfd_create("bundle", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    return fd;
}

static void a_bundle_verifies_with_the_logs_key_and_with_its_own(void **state)
{
    (void)state;
    int fd = with(whole, n_whole);
    struct bundle_verified v = verify_fd(fd, w.keys.keys.public_key, NULL);
    if (!v.ok) fail_msg("%s", v.message);
    assert_true(v.whole && v.pinned);
    assert_int_equal(v.sessions, 2);
    assert_int_equal(v.frames, 50 + 1 + 8000 + 1);
    assert_string_equal(v.origin, "postern.test/log");
    v = verify_fd(fd, NULL, NULL);
    assert_true(v.ok && !v.pinned);
    assert_memory_equal(v.key, w.keys.keys.public_key, 32);
    close(fd);
}

static void another_key_does_not_verify_it(void **state)
{
    (void)state;
    uint8_t other[32] = { 1, 2, 3 };
    int fd = with(whole, n_whole);
    struct bundle_verified v = verify_fd(fd, other, NULL);
    assert_false(v.ok);
    assert_string_equal(v.message, "the checkpoint is not signed by the key that you gave");
    close(fd);
}

static void no_byte_of_a_bundle_can_be_changed(void **state)
{
    (void)state;
    int fd = with(whole, n_whole);
    for (size_t i = 0; i < n_whole; i += 7) {
        uint8_t byte = whole[i] ^ (uint8_t)(1u << i % 8);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
        if (verify_fd(fd, w.keys.keys.public_key, NULL).ok)
            fail_msg("byte %zu of %zu can be changed", i, n_whole);
        assert_int_equal(pwrite(fd, whole + i, 1, (off_t)i), 1);
    }
    assert_true(verify_fd(fd, w.keys.keys.public_key, NULL).ok);
    close(fd);
}

static void a_bundle_that_is_cut_or_longer_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < n_whole; n += n_whole / 200 + 1) {
        int fd = with(whole, n);
        assert_false(verify_fd(fd, w.keys.keys.public_key, NULL).ok);
        close(fd);
    }
    int fd = with(whole, n_whole);
    assert_int_equal(pwrite(fd, "", 1, (off_t)n_whole), 1);
    assert_false(verify_fd(fd, NULL, NULL).ok);
    close(fd);
}

static void a_session_that_has_not_ended_is_told(void **state)
{
    (void)state;
    int fd;
    struct bundle_written written;
    assert_int_equal(export(&sessions[OPEN], 1, (struct bytes){ 0 }, &fd, &written), BUNDLE_WRITTEN);
    assert_int_equal(written.open, 1);
    struct bundle_verified v = verify_fd(fd, w.keys.keys.public_key, NULL);
    assert_true(v.ok && !v.whole);
    assert_int_equal(v.n_open, 1);
    close(fd);
}

static void an_erased_session_is_proven_and_not_shown(void **state)
{
    (void)state;
    int fd;
    char path[300];
    struct bundle_written written;
    snprintf(path, sizeof path, "%s/keys", w.folder);
    int keys = open(path, O_RDWR);
    assert_true(keys >= 0);
    const struct session_grave grave = { .erased_us = 1 };
    assert_true(session_keys_erase(keys, &sessions[ERASED], 1, &grave) > 0);
    close(keys);
    assert_int_equal(export(&sessions[LONG], 2, (struct bytes){ 0 }, &fd, &written), BUNDLE_WRITTEN);
    assert_int_equal(written.erased, 1);
    struct bundle_verified v = verify_fd(fd, w.keys.keys.public_key, NULL);
    if (!v.ok) fail_msg("%s", v.message);
    assert_false(v.whole);
    assert_int_equal(v.n_erased, 1);
    close(fd);
}

static void a_session_that_is_not_there_is_not_exported(void **state)
{
    (void)state;
    int fd;
    struct bundle_written written;
    uint64_t none = 12345;
    assert_int_equal(export(&none, 1, (struct bytes){ 0 }, &fd, &written), BUNDLE_REFUSED);
    assert_string_equal(written.message, "the log has no session 0000000000c1s");
    close(fd);
}

static void a_bundle_holds_against_what_was_anchored_before_it(void **state)
{
    (void)state;
    struct anchored a;
    struct buf other;
    uint8_t root[32] = { 9 };
    int fd = with(whole, n_whole);
    assert_int_equal(anchored_read(buf_bytes(&anchored_note), &a), ANCHORED_READ);
    struct bundle_verified v = verify_fd(fd, w.keys.keys.public_key, &a);
    if (!v.ok) fail_msg("%s", v.message);
    assert_int_equal(v.anchored_size, a.trees[0].size);
    /* The same size with another root, as an anchor would hold it of a history that is no more. */
    buf_init(&other, 1 << 16);
    assert_int_equal(checkpoint_sign(&w.keys.keys, "postern.test/log", a.trees[0].size, root, &other), 0);
    anchored_free(&a);
    assert_int_equal(anchored_read(buf_bytes(&other), &a), ANCHORED_READ);
    assert_false(verify_fd(fd, w.keys.keys.public_key, &a).ok);
    anchored_free(&a);
    buf_free(&other);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_verifies_with_the_logs_key_and_with_its_own),
        cmocka_unit_test(another_key_does_not_verify_it),
        cmocka_unit_test(no_byte_of_a_bundle_can_be_changed),
        cmocka_unit_test(a_bundle_that_is_cut_or_longer_is_refused),
        cmocka_unit_test(a_session_that_has_not_ended_is_told),
        cmocka_unit_test(an_erased_session_is_proven_and_not_shown),
        cmocka_unit_test(a_session_that_is_not_there_is_not_exported),
        cmocka_unit_test(a_bundle_holds_against_what_was_anchored_before_it),
    };
    return cmocka_run_group_tests(tests, make_log, drop_log);
}
