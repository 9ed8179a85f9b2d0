/* Tampering: a small log is made once; each test changes a copy of its files and asks what verification says.
 * Whoever changes the log may recompute every checksum and hash, but has no signing key. */
#include "record/test-log.h"

#include "record/format.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SESSIONS = 3, STEPS = 6 };

struct file {
    uint8_t *data;
    size_t n;
    char path[300];
};

static struct world w;
static struct file blocks, heads, notes, keys;
static struct format_block block[64];
static size_t block_at[64], n_blocks;

static void load(struct file *f, const char *name)
{
    struct stat st;
    snprintf(f->path, sizeof f->path, "%s/%s", w.folder, name);
    int fd = open(f->path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    f->n = (size_t)st.st_size;
    f->data = malloc(f->n + 1);
    assert_non_null(f->data);
    assert_int_equal(read(fd, f->data, f->n), f->n);
    close(fd);
}

static void store(const struct file *f, const void *data, size_t n)
{
    int fd = open(f->path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    close(fd);
}

static void restore(void)
{
    store(&blocks, blocks.data, blocks.n);
    store(&heads, heads.data, heads.n);
    store(&notes, notes.data, notes.n);
    store(&keys, keys.data, keys.n);
}

/* Sessions that overlap, a block each at every reopening, and a checkpoint with it. */
static int make_log(void **state)
{
    (void)state;
    world_make(&w, "/tmp", 1);
    for (int step = 0; step < STEPS; step++) {
        world_open(&w);
        struct record_lane *lane = record_log_lane(w.log, 0);
        for (int i = 0; i < SESSIONS; i++) {
            struct record_session s = record_session_begin(lane);
            for (int k = 0; k < 20 + 300 * (i == 1); k++) {
                char text[160];
                snprintf(text, sizeof text, "select %d from t%d where x = %d and y = '%x'", k, i, step,
                         k * 7919);
                world_append(lane, &s, FRAME_QUERY, text);
            }
            assert_true(record_lane_commit(lane));
        }
        world_close(&w);
    }
    load(&blocks, "segments/000000000000.blocks");
    load(&heads, "segments/000000000000.heads");
    load(&notes, "checkpoints");
    load(&keys, "keys");
    for (size_t at = FORMAT_SEGMENT_HEAD; at < blocks.n; n_blocks++) {
        assert_true(n_blocks < 64);
        assert_true(format_block_decode(blocks.data + at, &block[n_blocks]));
        block_at[n_blocks] = at;
        at += FORMAT_BLOCK_HEAD + block[n_blocks].cipher_length;
    }
    block_at[n_blocks] = blocks.n;
    assert_true(n_blocks > 15);
    return 0;
}

static int drop_log(void **state)
{
    (void)state;
    free(blocks.data);
    free(heads.data);
    free(notes.data);
    free(keys.data);
    world_free(&w);
    return 0;
}

static struct record_verify_result verify(const struct record_keys *with)
{
    struct record_verify_result r;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, with, NULL, NULL, &r), 0);
    return r;
}

static void assert_names_block(size_t leaf, const char *what, size_t where)
{
    struct record_verify_result r = verify(NULL);
    if (r.ok || r.bad_leaf != leaf || r.bad_session != block[leaf].session ||
        r.bad_first_sequence != block[leaf].first_sequence ||
        r.bad_last_sequence != block[leaf].last_sequence)
        fail_msg("%s at %zu: block %zu was expected; ok=%d leaf=%llu: %s", what, where, leaf, r.ok,
                 (unsigned long long)r.bad_leaf, r.message);
    assert_true(strlen(r.message) > 0);
}

static void an_untouched_log_verifies_with_and_without_keys(void **state)
{
    (void)state;
    struct record_verify_result r = verify(NULL);
    assert_true(r.ok);
    assert_int_equal(r.blocks, n_blocks);
    assert_int_equal(r.tree_size, n_blocks);
    assert_int_equal(r.unproven_blocks, 0);
    assert_int_equal(r.sessions, SESSIONS * STEPS);
    assert_int_equal(r.bytes, blocks.n - FORMAT_SEGMENT_HEAD);
    assert_true(r.checkpoints >= STEPS);
    assert_true(verify(&w.keys.keys).ok);
}

static void a_flipped_byte_in_any_part_of_any_block_is_found_and_named(void **state)
{
    (void)state;
    uint8_t *copy = malloc(blocks.n);
    assert_non_null(copy);
    for (size_t leaf = 0; leaf < n_blocks; leaf++) {
        size_t size = block_at[leaf + 1] - block_at[leaf];
        /* Every byte of the head, and a spread over the ciphertext with its first and last. */
        for (size_t i = 0; i < size; i += i < FORMAT_BLOCK_HEAD ? 5 : i + 97 < size ? 97 : 1) {
            if (i > FORMAT_BLOCK_HEAD + 2000 && i + 1 < size) i = size - 1;
            memcpy(copy, blocks.data, blocks.n);
            copy[block_at[leaf] + i] ^= (uint8_t)(1 << (i % 8));
            store(&blocks, copy, blocks.n);
            assert_names_block(leaf, "flip", i);
        }
    }
    free(copy);
    restore();
}

static void a_dropped_block_is_found_and_named(void **state)
{
    (void)state;
    uint8_t *copy = malloc(blocks.n);
    assert_non_null(copy);
    for (size_t leaf = 0; leaf < n_blocks; leaf++) {
        size_t behind = block_at[leaf + 1];
        memcpy(copy, blocks.data, block_at[leaf]);
        memcpy(copy + block_at[leaf], blocks.data + behind, blocks.n - behind);
        store(&blocks, copy, blocks.n - (behind - block_at[leaf]));
        assert_names_block(leaf, "drop", leaf);
    }
    free(copy);
    restore();
}

static void swapped_blocks_are_found_and_the_first_is_named(void **state)
{
    (void)state;
    uint8_t *copy = malloc(blocks.n);
    assert_non_null(copy);
    for (size_t a = 0; a + 1 < n_blocks; a++)
        for (size_t b = a + 1; b < n_blocks && b < a + 4; b++) {
            size_t at = block_at[a], size_a = block_at[a + 1] - at, size_b = block_at[b + 1] - block_at[b];
            size_t between = block_at[b] - block_at[a + 1];
            memcpy(copy, blocks.data, blocks.n);
            memcpy(copy + at, blocks.data + block_at[b], size_b);
            memcpy(copy + at + size_b, blocks.data + block_at[a + 1], between);
            memcpy(copy + at + size_b + between, blocks.data + at, size_a);
            store(&blocks, copy, blocks.n);
            assert_names_block(a, "swap", b);
        }
    free(copy);
    restore();
}

static void a_cut_log_is_found_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t leaf = 0; leaf < n_blocks; leaf++) {
        size_t cuts[] = { block_at[leaf], block_at[leaf] + 1, block_at[leaf] + FORMAT_BLOCK_HEAD,
                          block_at[leaf + 1] - 1 };
        for (size_t i = 0; i < 4; i++) {
            store(&blocks, blocks.data, cuts[i]);
            assert_names_block(leaf, "cut", i);
        }
    }
    restore();
}

/* With the .heads file changed to match, nothing on the disk tells any more who was there; the place is still
 * named. */
static void blocks_cut_in_both_files_are_missed(void **state)
{
    (void)state;
    for (size_t leaf = 0; leaf < n_blocks; leaf++) {
        store(&blocks, blocks.data, block_at[leaf]);
        store(&heads, heads.data, leaf * FORMAT_ENTRY);
        struct record_verify_result r = verify(NULL);
        assert_false(r.ok);
        assert_int_equal(r.bad_leaf, leaf);
    }
    restore();
}

static void a_block_rewritten_in_both_files_is_found(void **state)
{
    (void)state;
    uint8_t *copy = malloc(blocks.n), *copy_heads = malloc(heads.n);
    assert_true(copy && copy_heads);
    for (size_t leaf = 0; leaf < n_blocks; leaf++) {
        memcpy(copy, blocks.data, blocks.n);
        memcpy(copy_heads, heads.data, heads.n);
        /* Another time of sealing: no digest and no chain of the same second tells. */
        copy[block_at[leaf] + 70] ^= 1;
        copy_heads[leaf * FORMAT_ENTRY + 70] ^= 1;
        store(&blocks, copy, blocks.n);
        store(&heads, copy_heads, heads.n);
        struct record_verify_result r = verify(NULL);
        assert_false(r.ok);
        assert_true(r.bad_leaf <= leaf && r.bad_leaf + SESSIONS + 3 > leaf);
    }
    free(copy);
    free(copy_heads);
    restore();
}

static void a_changed_heads_file_is_found_and_told_from_a_changed_block(void **state)
{
    (void)state;
    uint8_t *copy = malloc(heads.n);
    assert_non_null(copy);
    for (size_t i = 0; i < heads.n; i += 11) {
        memcpy(copy, heads.data, heads.n);
        copy[i] ^= 0x40;
        store(&heads, copy, heads.n);
        struct record_verify_result r = verify(NULL);
        assert_false(r.ok);
        assert_int_equal(r.bad_leaf, i / FORMAT_ENTRY);
    }
    for (size_t leaf = 0; leaf < n_blocks; leaf++) {
        store(&heads, heads.data, leaf * FORMAT_ENTRY);
        struct record_verify_result r = verify(NULL);
        assert_false(r.ok);
        assert_int_equal(r.bad_leaf, leaf);
    }
    free(copy);
    restore();
}

static void a_cut_or_changed_checkpoints_file_is_found(void **state)
{
    (void)state;
    uint8_t *copy = malloc(notes.n);
    assert_non_null(copy);
    for (size_t i = 0; i < notes.n; i += 3) {
        memcpy(copy, notes.data, notes.n);
        copy[i] ^= 1;
        store(&notes, copy, notes.n);
        if (verify(NULL).ok) fail_msg("byte %zu of the checkpoints file may be changed", i);
        if (i == 0) continue;
        /* Cut between two notes, the log only looks shorter: see the next test. */
        if (notes.data[i - 1] == '\n' && notes.data[i - 2] == '\n' && notes.data[i] == 'p') continue;
        store(&notes, notes.data, i);
        if (verify(NULL).ok) fail_msg("the checkpoints file may be cut at %zu", i);
    }
    free(copy);
    assert_int_equal(unlink(notes.path), 0);
    assert_false(verify(NULL).ok);
    store(&notes, "", 0);
    assert_false(verify(NULL).ok);
    restore();
}

static void without_its_last_checkpoints_blocks_count_as_unproven(void **state)
{
    (void)state;
    size_t last = notes.n - 2;
    while (notes.data[last - 1] != '\n' || notes.data[last - 2] != '\n' || notes.data[last] != 'p')
        last--;
    store(&notes, notes.data, last);
    struct record_verify_result r = verify(NULL);
    assert_true(r.ok);
    assert_true(r.unproven_blocks > 0);
    assert_int_equal(r.tree_size + r.unproven_blocks, n_blocks);
    restore();
}

static void a_log_rolled_back_under_its_checkpoints_is_found(void **state)
{
    (void)state;
    char path[300], aside[200];
    snprintf(path, sizeof path, "%s/segments", w.folder);
    snprintf(aside, sizeof aside, "%s/aside", w.folder);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    struct record_verify_result r = verify(NULL);
    assert_false(r.ok);
    assert_int_equal(r.bad_leaf, 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_true(verify(NULL).ok);
    /* Nor does such a log open. */
    store(&blocks, blocks.data, block_at[n_blocks - 1]);
    struct record_log *log;
    assert_int_equal(record_log_open(&w.options, &log), -EBADMSG);
    restore();
}

static void another_key_verifies_nothing(void **state)
{
    (void)state;
    struct record_verify_result r;
    uint8_t other[32] = { 1, 2, 3 };
    assert_int_equal(record_verify(w.folder, other, NULL, NULL, NULL, &r), 0);
    assert_false(r.ok);
}

static void a_damaged_key_is_found_and_an_erased_one_leaves_the_proof_whole(void **state)
{
    (void)state;
    uint8_t *copy = malloc(keys.n);
    assert_non_null(copy);
    memcpy(copy, keys.data, keys.n);
    copy[block[3].key * FORMAT_KEY + 20] ^= 1;
    store(&keys, copy, keys.n);
    struct record_verify_result r = verify(&w.keys.keys);
    assert_false(r.ok);
    assert_true(r.bad_session == block[3].session);
    assert_true(verify(NULL).ok);
    free(copy);
    restore();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_untouched_log_verifies_with_and_without_keys),
        cmocka_unit_test(a_flipped_byte_in_any_part_of_any_block_is_found_and_named),
        cmocka_unit_test(a_dropped_block_is_found_and_named),
        cmocka_unit_test(swapped_blocks_are_found_and_the_first_is_named),
        cmocka_unit_test(a_cut_log_is_found_wherever_it_is_cut),
        cmocka_unit_test(blocks_cut_in_both_files_are_missed),
        cmocka_unit_test(a_block_rewritten_in_both_files_is_found),
        cmocka_unit_test(a_changed_heads_file_is_found_and_told_from_a_changed_block),
        cmocka_unit_test(a_cut_or_changed_checkpoints_file_is_found),
        cmocka_unit_test(without_its_last_checkpoints_blocks_count_as_unproven),
        cmocka_unit_test(a_log_rolled_back_under_its_checkpoints_is_found),
        cmocka_unit_test(another_key_verifies_nothing),
        cmocka_unit_test(a_damaged_key_is_found_and_an_erased_one_leaves_the_proof_whole),
    };
    return cmocka_run_group_tests(tests, make_log, drop_log);
}
