/* What is decided, what receipts say, and logs of which a part is away. */
#include "record/test-log.h"

#include "record/archive.h"
#include "record/backup.h"
#include "record/checkpoint.h"
#include "record/erase.h"
#include "record/segment-whole.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { FRAMES = 400, BODY = 20000 };

/* ---- the decision */

static struct archive_plan decide(const char *states, uint64_t spool, bool drop, const char *seen_states)
{
    static struct archive_segment now[16], before[16];
    const char *earlier = seen_states ? seen_states : "";
    struct archive_view view = { now, strlen(states) }, seen = { before, strlen(earlier) };
    struct archive_rules rules = { spool, drop };
    for (size_t i = 0; i < view.n; i++)
        now[i] = (struct archive_segment){ i * 10, states[i] == 'a' ? 0 : 100, states[i] != 'a',
                                           states[i] != 'w' };
    for (size_t i = 0; i < seen.n; i++)
        before[i] = (struct archive_segment){ i * 10, 100, true, earlier[i] != 'w' };
    return archive_decide(&view, seen_states ? &seen : NULL, &rules);
}

static void the_oldest_sealed_segment_is_sent_and_never_the_one_that_is_written(void **state)
{
    (void)state;
    struct archive_plan p = decide("kwww", 1000, false, NULL);
    assert_int_equal(p.step, ARCHIVE_SEND);
    assert_int_equal(p.segment, 1);
    assert_int_equal(p.n_waiting, 2);
    assert_int_equal(p.waiting_bytes, 300);
    assert_int_equal(p.room_bytes, 700);
    assert_int_equal(decide("w", 1000, true, "k").step, ARCHIVE_REST);
    assert_int_equal(decide("", 1000, true, NULL).step, ARCHIVE_REST);
    assert_int_equal(decide("kkw", 1000, false, "kkw").step, ARCHIVE_REST);
}

static void what_is_kept_is_dropped_only_where_its_receipt_was_seen_before(void **state)
{
    (void)state;
    assert_int_equal(decide("kw", 1000, true, NULL).step, ARCHIVE_REST);
    assert_int_equal(decide("kw", 1000, true, "ww").step, ARCHIVE_REST);
    struct archive_plan p = decide("akww", 1000, true, "kkww");
    assert_int_equal(p.step, ARCHIVE_DROP);
    assert_int_equal(p.segment, 1);
    p = decide("wkw", 1000, true, "wkw");
    assert_int_equal(p.step, ARCHIVE_DROP);
}

static void what_waits_counts_against_the_spool_and_what_is_kept_does_not(void **state)
{
    (void)state;
    assert_int_equal(decide("kkkkkkw", 200, false, NULL).room_bytes, 100);
    assert_int_equal(decide("aaww", 200, false, NULL).room_bytes, 0);
    assert_int_equal(decide("aawww", 200, false, NULL).room_bytes, 0);
}

/* ---- receipts */

static struct receipt some_receipt(uint64_t leaf)
{
    struct receipt r = { .first_leaf = leaf, .bytes = 123, .checkpoints_to = 45, .at_us = 1795250000000000 };
    snprintf(r.bucket, sizeof r.bucket, "bucket");
    snprintf(r.key, sizeof r.key, "prefix/x.blocks");
    memset(r.sha256, 'a', 64);
    return r;
}

static void a_receipt_reads_back_and_a_damaged_one_is_none(void **state)
{
    (void)state;
    struct receipt r = some_receipt(7), back;
    struct buf text;
    buf_init(&text, RECEIPT_MOST);
    receipt_print(&r, &text);
    assert_true(receipt_parse(buf_bytes(&text), &back));
    assert_memory_equal(&r, &back, sizeof r);
    for (size_t n = 0; n < buf_length(&text); n++)
        assert_false(receipt_parse(bytes_slice(buf_bytes(&text), 0, n), &back));
    buf_append_text(&text, "more\n");
    assert_false(receipt_parse(buf_bytes(&text), &back));
    buf_free(&text);
}

/* ---- a log of which a part is away */

struct away {
    struct world world;
    char store[192]; /* where .blocks files go */
    int reads, fails;
    uint64_t session;
};

static ssize_t read_store(void *context, const struct receipt *receipt, uint64_t at, uint8_t *out, size_t n)
{
    struct away *a = context;
    char path[256];
    a->reads++;
    if (a->fails) return -EHOSTUNREACH;
    snprintf(path, sizeof path, "%s/%012llu.blocks", a->store, (unsigned long long)receipt->first_leaf);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t got = pread(fd, out, n, (off_t)at);
    close(fd);
    return got;
}

static int open_segments(const struct away *a)
{
    char path[256];
    snprintf(path, sizeof path, "%s/segments", a->world.folder);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Makes another byte of the one there, whatever it is; done twice, it is as it was. */
static void flip(int fd, off_t at)
{
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte = (uint8_t)~byte;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

/* Writes some segments and closes the log. */
static void make_segments(struct away *a)
{
    world_make(&a->world, "/tmp", 1);
    a->world.options.segment_bytes = 1 << 20;
    world_open(&a->world);
    struct record_lane *lane = record_log_lane(a->world.log, 0);
    struct record_session s = record_session_begin(lane);
    static char body[BODY + 1];
    unsigned seed = 5;
    a->session = s.id;
    for (int i = 0; i < FRAMES; i++) {
        for (int k = 0; k < BODY; k++) {
            seed = seed * 1103515245 + 12345;
            body[k] = (char)(' ' + (seed >> 16) % 90);
        }
        world_append(lane, &s, FRAME_ROWS, body);
        assert_true(record_lane_commit(lane));
    }
    world_append(lane, &s, FRAME_SESSION_END, "");
    assert_true(record_lane_commit(lane));
    world_close(&a->world);
}

/* And moves the blocks of all sealed ones away. */
static size_t make_away(struct away *a)
{
    make_segments(a);
    snprintf(a->store, sizeof a->store, "%s/store", a->world.folder);
    assert_int_equal(mkdir(a->store, 0700), 0);
    struct archive_view view;
    int folder = open_segments(a);
    assert_int_equal(archive_look(folder, &view), 0);
    assert_true(view.n > 3);
    for (size_t i = 0; i + 1 < view.n; i++) {
        struct receipt r = some_receipt(view.segments[i].first_leaf);
        char from[256], to[256];
        r.bytes = view.segments[i].bytes;
        assert_int_equal(receipt_write(folder, &r), 0);
        snprintf(from, sizeof from, "%s/segments/%012llu.blocks", a->world.folder,
                 (unsigned long long)r.first_leaf);
        snprintf(to, sizeof to, "%s/%012llu.blocks", a->store, (unsigned long long)r.first_leaf);
        assert_int_equal(rename(from, to), 0);
    }
    size_t n = view.n;
    archive_view_free(&view);
    close(folder);
    return n;
}

static void count_frames(struct away *a, const struct record_far *far, int wanted, const char *message)
{
    struct record_reader *reader;
    struct frame frame;
    int n = 0;
    enum record_read got;
    assert_int_equal(record_reader_open(a->world.folder, &a->world.keys.keys, &reader), 0);
    record_reader_reach(reader, far);
    assert_int_equal(record_reader_session(reader, a->session, 1), RECORD_READ_FRAME);
    while ((got = record_reader_next(reader, &frame)) == RECORD_READ_FRAME)
        n++;
    assert_int_equal(n, wanted);
    assert_int_equal(got, message ? RECORD_READ_BAD : RECORD_READ_END);
    if (message) assert_non_null(strstr(record_reader_message(reader), message));
    record_reader_free(reader);
}

static void a_log_whose_blocks_are_away_is_read_and_verified_from_there(void **state)
{
    (void)state;
    static struct away a;
    a = (struct away){ 0 };
    size_t n = make_away(&a);
    struct record_far far = { .context = &a, .read = read_store };
    struct record_verify_result result;
    const uint8_t *key = a.world.keys.keys.public_key;
    count_frames(&a, &far, FRAMES + 1, NULL);
    assert_true(a.reads > 0);
    a.reads = 0;
    assert_int_equal(
        record_verify_against(a.world.folder, &far, key, &a.world.keys.keys, NULL, NULL, NULL, &result), 0);
    assert_true(result.ok);
    assert_true(a.reads < (int)n * 8); /* windows, not blocks */
    /* Out of reach is not the same as changed. */
    assert_int_equal(record_verify(a.world.folder, key, NULL, NULL, NULL, &result), -ENOLINK);
    count_frames(&a, NULL, 0, "no way there is known");
    a.fails = 1;
    assert_int_equal(record_verify_against(a.world.folder, &far, key, NULL, NULL, NULL, NULL, &result),
                     -EHOSTUNREACH);
    count_frames(&a, &far, 0, "cannot be read");
    a.fails = 0;
    /* What was changed there is found. */
    char path[256];
    struct archive_view view;
    int folder = open_segments(&a);
    assert_int_equal(archive_look(folder, &view), 0);
    snprintf(path, sizeof path, "%s/%012llu.blocks", a.store,
             (unsigned long long)view.segments[1].first_leaf);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    flip(fd, 5000);
    close(fd);
    assert_int_equal(record_verify_against(a.world.folder, &far, key, NULL, NULL, NULL, NULL, &result), 0);
    assert_false(result.ok);
    assert_true(result.bad_leaf >= view.segments[1].first_leaf &&
                result.bad_leaf < view.segments[2].first_leaf);
    archive_view_free(&view);
    close(folder);
    world_free(&a.world);
}

static void a_log_whose_blocks_are_away_is_opened_and_goes_on(void **state)
{
    (void)state;
    static struct away a;
    a = (struct away){ 0 };
    (void)make_away(&a);
    struct record_far far = { .context = &a, .read = read_store };
    struct record_verify_result result;
    world_open(&a.world);
    struct record_lane *lane = record_log_lane(a.world.log, 0);
    struct record_session s = record_session_begin(lane);
    world_append(lane, &s, FRAME_QUERY, "more");
    assert_true(record_lane_commit(lane));
    world_close(&a.world);
    assert_int_equal(record_verify_against(a.world.folder, &far, a.world.keys.keys.public_key,
                                           &a.world.keys.keys, NULL, NULL, NULL, &result),
                     0);
    assert_true(result.ok);
    assert_int_equal(result.sessions, 2);
    world_free(&a.world);
}

/* The file again, with something more behind its first part. */
static void rewrite_checkpoints(int folder, struct bytes first, struct bytes more, struct bytes whole)
{
    int fd = openat(folder, "checkpoints", O_WRONLY | O_TRUNC | O_CLOEXEC);
    struct bytes rest = bytes_slice(whole, first.n, whole.n);
    assert_int_equal(write(fd, first.p, first.n), first.n);
    assert_int_equal(write(fd, more.p, more.n), more.n);
    assert_int_equal(write(fd, rest.p, rest.n), rest.n);
    close(fd);
}

static void the_checkpoints_of_segments_are_the_file_in_parts(void **state)
{
    (void)state;
    static struct away a;
    a = (struct away){ 0 };
    (void)make_away(&a);
    struct archive_view view;
    struct buf parts;
    int segments = open_segments(&a), folder = open(a.world.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t at = 0;
    assert_int_equal(archive_look(segments, &view), 0);
    buf_init(&parts, 1 << 20);
    for (size_t i = 0; i + 1 < view.n; i++) {
        uint64_t before = at;
        assert_int_equal(archive_checkpoints(folder, at, view.segments[i + 1].first_leaf, &parts, &at), 0);
        assert_true(at > before);
        assert_int_equal(buf_length(&parts), at);
    }
    /* A handover that is written later changes nothing of what was sent already. */
    struct buf first, handover;
    uint64_t ends, ignored;
    const uint8_t root[32] = { 0 };
    buf_init(&first, 1 << 20);
    buf_init(&handover, CHECKPOINT_MAX);
    assert_int_equal(archive_checkpoints(folder, 0, view.segments[1].first_leaf, &first, &ends), 0);
    assert_int_equal(checkpoint_sign_handover(&a.world.keys.keys, &a.world.keys.keys, "postern.test/log",
                                              view.segments[1].first_leaf, root, &handover),
                     0);
    rewrite_checkpoints(folder, buf_bytes(&first), buf_bytes(&handover), buf_bytes(&parts));
    buf_consume(&first, buf_length(&first));
    uint64_t after;
    assert_int_equal(archive_checkpoints(folder, 0, view.segments[1].first_leaf, &first, &after), 0);
    assert_int_equal(after, ends);
    buf_consume(&first, buf_length(&first));
    assert_int_equal(archive_checkpoints(folder, after, view.segments[2].first_leaf, &first, &after), 0);
    assert_true(bytes_starts_with(buf_bytes(&first), "postern.test/log\n"));
    assert_true(bytes_find(buf_bytes(&first), buf_bytes(&handover)) == 0);
    buf_free(&first);
    buf_free(&handover);
    assert_int_equal(archive_checkpoints(folder, 0, view.segments[1].first_leaf - 1, &parts, &ignored),
                     -EBADMSG);
    buf_free(&parts);
    archive_view_free(&view);
    close(segments);
    close(folder);
    world_free(&a.world);
}

/* ---- what was erased */

static void erase_all(struct away *a, uint64_t *blocks_out)
{
    char path[256];
    uint64_t bytes;
    struct session_grave grave = { .erasure = 1, .erased_us = 2 };
    snprintf(path, sizeof path, "%s/keys", a->world.folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(session_keys_erase(fd, &a->session, 1, &grave), 1);
    close(fd);
    assert_int_equal(erase_blocks(a->world.folder, &a->session, 1, blocks_out, &bytes), 0);
}

static void erasing_leaves_what_is_away_alone_and_it_verifies(void **state)
{
    (void)state;
    static struct away a;
    uint64_t here;
    a = (struct away){ 0 };
    (void)make_away(&a);
    struct record_far far = { .context = &a, .read = read_store };
    struct record_verify_result result;
    erase_all(&a, &here);
    for (int keys = 0; keys < 2; keys++) {
        assert_int_equal(record_verify_against(a.world.folder, &far, a.world.keys.keys.public_key,
                                               keys ? &a.world.keys.keys : NULL, NULL, NULL, NULL, &result),
                         0);
        assert_true(result.ok);
        assert_int_equal(result.removed, here);
        assert_true(result.erased > here);
    }
    /* Nothing of it is fetched to say that it was erased. */
    struct record_reader *reader;
    struct session_grave grave;
    a.fails = 1;
    assert_int_equal(record_reader_open(a.world.folder, &a.world.keys.keys, &reader), 0);
    assert_true(record_reader_is_erased(reader, a.session, &grave));
    assert_int_equal(grave.erasure, 1);
    record_reader_free(reader);
    world_free(&a.world);
}

/* Its own first block is not erased: the log's lane has a word to say. */
static void a_segment_in_which_sessions_were_erased_is_whole_and_a_changed_one_is_not(void **state)
{
    (void)state;
    static struct away a;
    struct archive_view view;
    struct stat st;
    char path[256];
    uint64_t removed, blocks;
    a = (struct away){ 0 };
    make_segments(&a);
    int segments = open_segments(&a), folder = open(a.world.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(archive_look(segments, &view), 0);
    uint64_t first = view.segments[1].first_leaf, end = view.segments[2].first_leaf;
    assert_int_equal(segment_is_whole(folder, first, end, &removed), 0);
    assert_int_equal(removed, 0);
    assert_int_equal(segment_is_whole(folder, first, end - 1, &removed), -EBADMSG);
    /* Zeros alone are damage. */
    uint64_t bytes;
    assert_int_equal(erase_blocks(a.world.folder, &a.session, 1, &blocks, &bytes), 0);
    assert_int_equal(segment_is_whole(folder, first, end, &removed), -EBADMSG);
    erase_all(&a, &blocks);
    assert_int_equal(segment_is_whole(folder, first, end, &removed), 0);
    assert_int_equal(removed, end - first);
    snprintf(path, sizeof path, "%s/segments/%012llu.blocks", a.world.folder, (unsigned long long)first);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    flip(fd, st.st_size / 2);
    assert_int_equal(segment_is_whole(folder, first, end, &removed), -EBADMSG);
    flip(fd, st.st_size / 2);
    assert_int_equal(segment_is_whole(folder, first, end, &removed), 0);
    assert_int_equal(pwrite(fd, "", 1, st.st_size), 1);
    assert_int_equal(segment_is_whole(folder, first, end, &removed), -EBADMSG);
    close(fd);
    archive_view_free(&view);
    close(segments);
    close(folder);
    world_free(&a.world);
}

static void a_backup_has_the_receipts_of_what_is_away(void **state)
{
    (void)state;
    static struct away a;
    char data[100], log[120], copy[120], path[140];
    struct backup_result copied;
    struct record_verify_result result;
    a = (struct away){ 0 };
    (void)make_away(&a);
    struct record_far far = { .context = &a, .read = read_store };
    /* The log stands in a data folder. */
    snprintf(data, sizeof data, "%.90s-data", a.world.folder);
    assert_int_equal(mkdir(data, 0700), 0);
    snprintf(log, sizeof log, "%s/log", data);
    assert_int_equal(rename(a.world.folder, log), 0);
    snprintf(a.world.folder, sizeof a.world.folder, "%s", data);
    snprintf(a.store, sizeof a.store, "%s/store", log);
    snprintf(path, sizeof path, "%s/log.pub", data);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    snprintf(copy, sizeof copy, "%s/copy", data);
    assert_int_equal(backup_folder(data, copy, false, &copied), 0);
    snprintf(path, sizeof path, "%s/log", copy);
    assert_int_equal(record_verify_against(path, &far, a.world.keys.keys.public_key, &a.world.keys.keys, NULL,
                                           NULL, NULL, &result),
                     0);
    assert_true(result.ok);
    assert_int_equal(record_verify(path, a.world.keys.keys.public_key, NULL, NULL, NULL, &result), -ENOLINK);
    world_free(&a.world);
}

/* ---- the spool */

static atomic_uint told_of_room;
static void count_room(void *context, unsigned lane)
{
    (void)context, (void)lane;
    told_of_room++;
}

static void intents_are_refused_at_the_bound_and_outcomes_are_not(void **state)
{
    (void)state;
    static struct world w;
    world_make(&w, "/tmp", 1);
    w.options.on_room = count_room;
    told_of_room = 0;
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    struct record_stats stats;
    struct bytes part = BYTES_LITERAL("x");
    unsigned waits = 0;
    world_append(lane, &s, FRAME_QUERY, "one");
    assert_int_equal(record_reserve(lane, &s), RECORD_OK);
    assert_true(record_lane_commit(lane));
    record_log_allow(w.log, 0);
    do
        record_log_stats(w.log, &stats);
    while (!stats.refusing && world_waits(&waits));
    assert_int_equal(record_reserve(lane, &s), RECORD_FULL);
    assert_int_equal(record_append(lane, &s, RECORD_INTENT, FRAME_QUERY, 0, 1, &part, 1, NULL), RECORD_FULL);
    assert_int_equal(record_append(lane, &s, RECORD_OUTCOME, FRAME_QUERY, 0, 1, &part, 1, NULL), RECORD_OK);
    record_release(lane, &s);
    assert_true(record_lane_commit(lane));
    assert_int_equal(told_of_room, 0);
    record_log_allow(w.log, 1 << 20);
    while (!told_of_room && world_waits(&waits))
        continue;
    world_append(lane, &s, FRAME_QUERY, "two");
    assert_true(record_lane_commit(lane));
    world_free(&w);
}

static void a_segment_that_is_old_enough_is_sealed_though_nothing_more_comes(void **state)
{
    (void)state;
    static struct world w;
    char path[256];
    unsigned waits = 0;
    struct archive_view view = { 0 };
    world_make(&w, "/tmp", 1);
    w.options.segment_us = 300000;
    world_open(&w);
    struct record_lane *lane = record_log_lane(w.log, 0);
    struct record_session s = record_session_begin(lane);
    world_append(lane, &s, FRAME_QUERY, "one");
    assert_true(record_lane_commit(lane));
    snprintf(path, sizeof path, "%s/segments", w.folder);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    do {
        archive_view_free(&view);
        assert_int_equal(archive_look(folder, &view), 0);
    } while (view.n < 2 && world_waits(&waits));
    /* And one without a block never is. */
    usleep(700000);
    archive_view_free(&view);
    assert_int_equal(archive_look(folder, &view), 0);
    assert_int_equal(view.n, 2);
    archive_view_free(&view);
    close(folder);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_sealed_segment_is_sent_and_never_the_one_that_is_written),
        cmocka_unit_test(what_is_kept_is_dropped_only_where_its_receipt_was_seen_before),
        cmocka_unit_test(what_waits_counts_against_the_spool_and_what_is_kept_does_not),
        cmocka_unit_test(a_receipt_reads_back_and_a_damaged_one_is_none),
        cmocka_unit_test(a_log_whose_blocks_are_away_is_read_and_verified_from_there),
        cmocka_unit_test(a_log_whose_blocks_are_away_is_opened_and_goes_on),
        cmocka_unit_test(the_checkpoints_of_segments_are_the_file_in_parts),
        cmocka_unit_test(erasing_leaves_what_is_away_alone_and_it_verifies),
        cmocka_unit_test(a_segment_in_which_sessions_were_erased_is_whole_and_a_changed_one_is_not),
        cmocka_unit_test(a_backup_has_the_receipts_of_what_is_away),
        cmocka_unit_test(intents_are_refused_at_the_bound_and_outcomes_are_not),
        cmocka_unit_test(a_segment_that_is_old_enough_is_sealed_though_nothing_more_comes),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
