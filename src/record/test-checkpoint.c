#include "record/test-log.h"

#include "base/buf.h"
#include "base/codec.h"
#include "crypto/hash.h"
#include "record/checkpoint.h"
#include "record/tree.h"
#include <sys/stat.h>

static const uint8_t kek[32] = { 1 }, seed[32] = { 2 };

/* The roots that RFC 6962's definition gives, computed by its recursion. */
static void root_by_definition(struct sha256 *h, const uint8_t (*leaves)[32], size_t n, uint8_t out[32])
{
    uint8_t pair[65] = { 1 };
    if (n == 0) {
        sha256_of(h, (struct bytes){ 0 }, out);
        return;
    }
    if (n == 1) {
        memcpy(out, leaves[0], 32);
        return;
    }
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    root_by_definition(h, leaves, k, pair + 1);
    root_by_definition(h, leaves + k, n - k, pair + 33);
    sha256_of(h, bytes_make(pair, sizeof pair), out);
}

static void the_tree_has_the_root_that_the_standard_defines(void **state)
{
    (void)state;
    static uint8_t leaves[200][32];
    struct sha256 *h = sha256_new();
    struct tree t = { 0 };
    uint8_t root[32], expected[32];
    for (size_t n = 0; n <= 200; n++) {
        tree_root(&t, h, root);
        root_by_definition(h, leaves, n, expected);
        assert_memory_equal(root, expected, 32);
        if (n == 200) break;
        tree_leaf_hash(h, bytes_make(&n, sizeof n), leaves[n]);
        tree_append(&t, h, leaves[n]);
    }
    sha256_free(h);
}

static void a_leaf_is_hashed_as_the_standard_says(void **state)
{
    (void)state;
    struct sha256 *h = sha256_new();
    uint8_t hash[32], expected[32];
    tree_leaf_hash(h, BYTES_LITERAL("abc"), hash);
    sha256_of(h, bytes_make("\0abc", 4), expected);
    assert_memory_equal(hash, expected, 32);
    sha256_free(h);
}

static void a_checkpoint_is_read_back_and_verifies_with_its_key_only(void **state)
{
    (void)state;
    static struct keys_memory keys;
    struct buf file;
    struct checkpoint c;
    uint8_t root[32] = { 7, 8, 9 };
    size_t at = 0;
    assert_true(keys_memory_init(&keys, kek, seed));
    buf_init(&file, 1 << 16);
    for (uint64_t size = 1; size < 1000000; size *= 10)
        assert_int_equal(checkpoint_sign(&keys.keys, "postern.test/log", size, root, &file), 0);
    for (uint64_t size = 1; size < 1000000; size *= 10) {
        assert_true(checkpoint_next(buf_bytes(&file), &at, &c));
        assert_true(c.size == size);
        assert_bytes(c.origin, "postern.test/log");
        assert_memory_equal(c.root, root, 32);
        assert_true(checkpoint_verify(&c, keys.keys.public_key));
        uint8_t other[32] = { 5 };
        assert_false(checkpoint_verify(&c, other));
    }
    assert_int_equal(at, buf_length(&file));
    assert_false(checkpoint_next(buf_bytes(&file), &at, &c));
    buf_free(&file);
}

static void a_note_that_is_written_in_another_way_is_not_read(void **state)
{
    (void)state;
    static struct keys_memory keys;
    struct buf file;
    struct checkpoint c;
    uint8_t root[32] = { 7 };
    assert_true(keys_memory_init(&keys, kek, seed));
    buf_init(&file, 1 << 16);
    assert_int_equal(checkpoint_sign(&keys.keys, "o", 12, root, &file), 0);
    struct bytes whole = buf_bytes(&file);
    for (size_t n = 0; n < whole.n; n++) {
        size_t at = 0;
        assert_false(checkpoint_next(bytes_slice(whole, 0, n), &at, &c));
        assert_int_equal(at, 0);
    }
    const char *const bad[] = {
        "o\n012\n", "o\n-1\n", "o\n+1\n", "o\n1 \n", "\n1\n", "o o\n1\n", "o\n1\r\n"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf b;
        size_t at = 0;
        buf_init(&b, 1 << 16);
        buf_append_text(&b, bad[i]);
        buf_append(&b, bytes_slice(whole, 5, SIZE_MAX));
        assert_false(checkpoint_next(buf_bytes(&b), &at, &c));
        buf_free(&b);
    }
    assert_false(checkpoint_origin_fits(bytes_of("a+b")));
    assert_false(checkpoint_origin_fits(bytes_of("")));
    buf_free(&file);
}

/* For tests/checkpoint/run: a log in $POSTERN_LEAVE_LOG/log and its verifier key beside it. */
static void a_log_signs_as_it_grows(void **state)
{
    (void)state;
    static struct world w;
    const char *leave = getenv("POSTERN_LEAVE_LOG");
    char path[300];
    world_make(&w, "/tmp", 1);
    if (leave) {
        rmdir(w.folder);
        snprintf(w.folder, sizeof w.folder, "%.100s/log", leave);
    }
    for (int round = 0; round < 9; round++) {
        world_open(&w);
        struct record_lane *lane = record_log_lane(w.log, 0);
        struct record_session s = record_session_begin(lane);
        for (int i = 0; i < 2000 * (round % 3); i++)
            world_append(lane, &s, FRAME_QUERY, "select a, b from t where c = 1");
        world_append(lane, &s, FRAME_SESSION_END, "");
        assert_true(record_lane_commit(lane));
        world_close(&w);
    }
    struct record_verify_result r;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, NULL, NULL, NULL, &r), 0);
    assert_true(r.ok);
    assert_true(r.checkpoints >= 9);
    if (!leave) {
        world_free(&w);
        return;
    }
    uint8_t text[64 + 33], hash[32];
    size_t n = strlen(w.options.origin);
    memcpy(text, w.options.origin, n);
    text[n] = '\n';
    text[n + 1] = 1;
    memcpy(text + n + 2, w.keys.keys.public_key, 32);
    sha256_once(bytes_make(text, n + 34), hash);
    struct buf b;
    buf_init(&b, 1024);
    codec_base64(CODEC_BASE64, bytes_make(text + n + 1, 33), &b);
    snprintf(path, sizeof path, "%.100s/key", leave);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s+%02x%02x%02x%02x+%.*s", w.options.origin, hash[0], hash[1], hash[2], hash[3],
            BYTES_FMT(buf_bytes(&b)));
    assert_int_equal(fclose(f), 0);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_has_the_root_that_the_standard_defines),
        cmocka_unit_test(a_leaf_is_hashed_as_the_standard_says),
        cmocka_unit_test(a_checkpoint_is_read_back_and_verifies_with_its_key_only),
        cmocka_unit_test(a_note_that_is_written_in_another_way_is_not_read),
        cmocka_unit_test(a_log_signs_as_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
