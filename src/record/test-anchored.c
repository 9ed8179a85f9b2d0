/* Signing keys that hand on to one another, and a log against checkpoints that were kept elsewhere. */
#include "record/test-log.h"

#include "record/anchored.h"
#include "record/key-chain.h"
#include "record/newest.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { KEYS = 4 };
static struct keys_memory keys[KEYS];
static struct world w;

static int make(void **state)
{
    (void)state;
    const uint8_t kek[32] = { 1 };
    for (uint8_t i = 0; i < KEYS; i++) {
        uint8_t seed[32] = { 10, i };
        assert_true(keys_memory_init(&keys[i], kek, seed));
    }
    world_make(&w, "/tmp", 1);
    for (int round = 0; round < 3; round++) {
        world_open(&w);
        struct record_session s = record_session_begin(record_log_lane(w.log, 0));
        world_append(record_log_lane(w.log, 0), &s, FRAME_SESSION_END, "");
        assert_true(record_lane_commit(record_log_lane(w.log, 0)));
        world_close(&w);
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    world_free(&w);
    return 0;
}

static void sign(int key, uint64_t size, struct buf *out)
{
    uint8_t root[32] = { (uint8_t)size };
    assert_int_equal(checkpoint_sign(&keys[key].keys, "o", size, root, out), 0);
}

static void hand_on(int from, int to, uint64_t size, struct buf *out)
{
    uint8_t root[32] = { (uint8_t)size };
    assert_int_equal(checkpoint_sign_handover(&keys[from].keys, &keys[to].keys, "o", size, root, out), 0);
}

/* How many notes of the file the chain takes, from its oldest key; -1: there is no chain. */
static int taken(struct buf *notes, int pinned)
{
    struct key_chain chain;
    struct checkpoint c;
    const char *why;
    int n = 0;
    if (!key_chain_read(buf_bytes(notes), keys[pinned].keys.public_key, &chain, &why)) return -1;
    for (size_t at = 0; at < buf_length(notes) && checkpoint_next(buf_bytes(notes), &at, &c); n++)
        if (!key_chain_takes(&chain, &c)) break;
    return n;
}

static void whoever_knows_one_key_of_a_log_follows_to_all(void **state)
{
    (void)state;
    struct buf notes;
    buf_init(&notes, 1 << 20);
    sign(0, 1, &notes);
    hand_on(0, 1, 1, &notes);
    sign(1, 2, &notes);
    hand_on(1, 2, 2, &notes);
    sign(2, 3, &notes);
    for (int pinned = 0; pinned < 3; pinned++)
        assert_int_equal(taken(&notes, pinned), 5);
    assert_int_equal(taken(&notes, 3), -1);
    buf_free(&notes);
}

static void a_key_signs_nothing_behind_its_handover_and_before_it_came(void **state)
{
    (void)state;
    struct buf notes;
    buf_init(&notes, 1 << 20);
    sign(0, 1, &notes);
    hand_on(0, 1, 1, &notes);
    sign(0, 2, &notes);
    assert_int_equal(taken(&notes, 0), 2);
    buf_consume(&notes, buf_length(&notes));
    sign(1, 1, &notes);
    hand_on(0, 1, 1, &notes);
    assert_int_equal(taken(&notes, 0), 0);
    buf_free(&notes);
}

static void a_handover_wants_both_signatures_and_the_key_before_it(void **state)
{
    (void)state;
    struct buf notes;
    buf_init(&notes, 1 << 20);
    /* Its second signature line is the first one again. */
    hand_on(0, 1, 1, &notes);
    struct bytes text = buf_bytes(&notes);
    size_t line = 0, first = 0;
    for (size_t i = 0; i + 1 < text.n - 1; i++)
        if (text.p[i] == '\n') {
            first = line;
            line = i + 1;
        }
    struct buf forged;
    buf_init(&forged, 1 << 20);
    buf_append(&forged, bytes_slice(text, 0, line));
    buf_append(&forged, bytes_slice(text, first, line - first));
    buf_append_text(&forged, "\n");
    assert_int_equal(taken(&forged, 0), -1);
    assert_int_equal(taken(&notes, 0), 1);
    hand_on(2, 3, 2, &notes);
    assert_int_equal(taken(&notes, 0), -1);
    buf_free(&forged);
    buf_free(&notes);
}

static void a_log_that_hands_on_is_opened_with_the_new_key_and_verifies_with_either(void **state)
{
    (void)state;
    struct newest n;
    struct buf note;
    static struct keys_memory old, other;
    struct record_verify_result r;
    const uint8_t kek[32] = "a key-encryption key for a test", seed[32] = { 77 };
    char path[300];
    assert_true(keys_memory_init(&other, kek, seed));
    old = w.keys;
    old.keys.context = &old;
    buf_init(&note, 1 << 20);
    assert_int_equal(newest_read(w.folder, &n, &note), 0);
    buf_consume(&note, buf_length(&note));
    assert_int_equal(checkpoint_sign_handover(&old.keys, &other.keys, n.origin, n.size, n.root, &note), 0);
    snprintf(path, sizeof path, "%s/checkpoints", w.folder);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, buf_bytes(&note).p, buf_length(&note)), buf_length(&note));
    close(fd);
    w.options.keys = &other.keys;
    world_open(&w);
    struct record_session s = record_session_begin(record_log_lane(w.log, 0));
    world_append(record_log_lane(w.log, 0), &s, FRAME_SESSION_END, "");
    assert_true(record_lane_commit(record_log_lane(w.log, 0)));
    world_close(&w);
    assert_int_equal(record_verify(w.folder, old.keys.public_key, &other.keys, NULL, NULL, &r), 0);
    if (!r.ok) fail_msg("%s", r.message);
    assert_int_equal(r.keys, 2);
    assert_memory_equal(r.newest_key, other.keys.public_key, 32);
    assert_int_equal(record_verify(w.folder, other.keys.public_key, NULL, NULL, NULL, &r), 0);
    assert_true(r.ok);
    assert_int_equal(record_verify(w.folder, keys[0].keys.public_key, NULL, NULL, NULL, &r), 0);
    assert_false(r.ok);
    /* And the old key opens it no more. */
    struct record_log *log;
    w.options.keys = &old.keys;
    assert_int_equal(record_log_open(&w.options, &log), -EBADMSG);
    w.options.keys = &other.keys;
    buf_free(&note);
}

static void what_was_anchored_is_missed_where_the_log_is_shorter_or_another(void **state)
{
    (void)state;
    struct anchored a;
    struct buf notes;
    struct newest n;
    struct record_verify_result r;
    buf_init(&notes, 1 << 20);
    assert_int_equal(newest_read(w.folder, &n, &notes), 0);
    const uint8_t *public_key = w.keys.keys.public_key;
    assert_int_equal(anchored_read(buf_bytes(&notes), &a), ANCHORED_READ);
    assert_int_equal(record_verify_against(w.folder, NULL, public_key, NULL, &a, NULL, NULL, &r), 0);
    if (!r.ok) fail_msg("%s", r.message);
    assert_int_equal(a.held, n.size);
    anchored_free(&a);
    for (int wrong = 0; wrong < 3; wrong++) {
        uint8_t root[32];
        memcpy(root, n.root, 32);
        root[5] ^= wrong == 0;
        buf_consume(&notes, buf_length(&notes));
        assert_int_equal(checkpoint_sign(&w.keys.keys, wrong == 2 ? "another/log" : n.origin,
                                         n.size + (wrong == 1 ? 1 : 0), root, &notes),
                         0);
        assert_int_equal(anchored_read(buf_bytes(&notes), &a), ANCHORED_READ);
        assert_int_equal(record_verify_against(w.folder, NULL, public_key, NULL, &a, NULL, NULL, &r), 0);
        assert_false(r.ok);
        assert_non_null(strstr(r.message, wrong == 0   ? "rewritten and signed again"
                                          : wrong == 1 ? "it was cut"
                                                       : "of another log"));
        anchored_free(&a);
    }
    buf_free(&notes);
}

static void anchored_notes_are_read_in_any_order_and_must_agree(void **state)
{
    (void)state;
    struct anchored a;
    struct buf notes;
    uint8_t other[32] = { 99 };
    buf_init(&notes, 1 << 20);
    sign(0, 9, &notes);
    buf_append_text(&notes, "\n\n");
    sign(0, 3, &notes);
    sign(1, 9, &notes);
    assert_int_equal(anchored_read(buf_bytes(&notes), &a), ANCHORED_READ);
    assert_int_equal(a.n, 3);
    assert_true(a.trees[0].size == 3 && a.trees[2].size == 9);
    anchored_free(&a);
    assert_int_equal(checkpoint_sign(&keys[0].keys, "o", 3, other, &notes), 0);
    assert_int_equal(anchored_read(buf_bytes(&notes), &a), ANCHORED_CONFLICT);
    anchored_free(&a);
    assert_int_equal(checkpoint_sign(&keys[0].keys, "p", 30, other, &notes), 0);
    assert_int_equal(anchored_read(buf_bytes(&notes), &a), ANCHORED_OTHER_LOGS);
    anchored_free(&a);
    assert_int_equal(anchored_read(BYTES_LITERAL("nothing of the kind"), &a), ANCHORED_MALFORMED);
    anchored_free(&a);
    buf_free(&notes);
}

static void the_gateways_own_words_are_told_from_sessions(void **state)
{
    (void)state;
    struct newest n;
    struct newest_since since;
    struct buf note;
    buf_init(&note, 1 << 20);
    assert_int_equal(newest_read(w.folder, &n, &note), 0);
    assert_int_equal(newest_since(w.folder, 0, n.size, &since), 0);
    assert_true(since.others);
    world_open(&w);
    struct record_session own = { .next_sequence = 1 };
    for (int i = 0; i < 3; i++)
        world_append(record_log_lane(w.log, 0), &own, FRAME_GATEWAY, "\0");
    assert_true(record_lane_commit(record_log_lane(w.log, 0)));
    world_close(&w);
    uint64_t before = n.size;
    buf_consume(&note, buf_length(&note));
    assert_int_equal(newest_read(w.folder, &n, &note), 0);
    assert_true(n.size > before);
    assert_int_equal(newest_since(w.folder, before, n.size, &since), 0);
    assert_false(since.others);
    assert_int_equal(since.frames, 3);
    buf_free(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_knows_one_key_of_a_log_follows_to_all),
        cmocka_unit_test(a_key_signs_nothing_behind_its_handover_and_before_it_came),
        cmocka_unit_test(a_handover_wants_both_signatures_and_the_key_before_it),
        cmocka_unit_test(what_was_anchored_is_missed_where_the_log_is_shorter_or_another),
        cmocka_unit_test(a_log_that_hands_on_is_opened_with_the_new_key_and_verifies_with_either),
        cmocka_unit_test(anchored_notes_are_read_in_any_order_and_must_agree),
        cmocka_unit_test(the_gateways_own_words_are_told_from_sessions),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
