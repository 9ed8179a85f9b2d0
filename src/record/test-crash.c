/* Killing the writer. A child appends under load and tells over a pipe only what a commit answered true for;
 * it is killed at a random moment, also while it recovers from the last one. Whatever it told must be in the
 * log then, once, in order, whole, and the log must verify. */
#include "record/test-log.h"

#include "record/format.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 24, SESSIONS_MAX = 20000, WORKERS = 2 };

struct told {
    uint64_t session;
    uint32_t sequence;
    uint32_t pad;
};

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 8;
}

/* What frame `sequence` of a session says: anybody can tell from its number. */
static size_t make_body(uint64_t session, uint32_t sequence, uint8_t *body)
{
    unsigned seed = (unsigned)session * 31 + sequence;
    size_t n = next_random(&seed) % 400;
    if (sequence % 97 == 0) n = next_random(&seed) % 60000;
    for (size_t i = 0; i < n; i++)
        body[i] = (uint8_t)(i % 5 ? next_random(&seed) % 40 : 'x');
    return n;
}

struct worker {
    struct record_lane *lane;
    int pipe;
    unsigned seed;
};

static void append_some(struct worker *w, struct record_session *s)
{
    uint8_t body[60000];
    struct told told = { .session = s->id };
    for (unsigned n = 1 + next_random(&w->seed) % 6; n > 0; n--) {
        struct bytes part = bytes_make(body, make_body(s->id, s->next_sequence, body));
        bool end = s->next_sequence > 40 && next_random(&w->seed) % 200 == 0;
        enum record_outcome got;
        while ((got = record_append(w->lane, s, RECORD_INTENT, end ? FRAME_SESSION_END : FRAME_QUERY, 0,
                                    clock_wall_us(&clock_system), &part, 1, &told.sequence)) != RECORD_OK)
            usleep(1000);
        if (end) break;
    }
    if (record_lane_commit(w->lane) && write(w->pipe, &told, sizeof told) != sizeof told) _exit(3);
}

static void *work(void *argument)
{
    struct worker *w = argument;
    struct record_session s[5];
    for (int i = 0; i < 5; i++)
        s[i] = record_session_begin(w->lane);
    for (;;) {
        struct record_session *one = &s[next_random(&w->seed) % 5];
        if (one->next_sequence == 0) *one = record_session_begin(w->lane);
        append_some(w, one);
        if (next_random(&w->seed) % 64 == 0) usleep(next_random(&w->seed) % 1500);
    }
    return NULL;
}

static void child_run(struct world *w, int pipe, unsigned seed)
{
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    if (record_log_open(&w->options, &w->log) != 0) _exit(2);
    if (write(pipe, &(struct told){ 0 }, sizeof(struct told)) < 0) _exit(3);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ record_log_lane(w->log, i), pipe, seed + i };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    pause();
}

static struct told *told;
static size_t n_told;

/* Remembers the furthest frame told of each session. */
static void note(struct told t)
{
    for (size_t i = n_told; i-- > 0 && i + 40 > n_told;)
        if (told[i].session == t.session) {
            if (t.sequence > told[i].sequence) told[i] = t;
            return;
        }
    assert_true(n_told < SESSIONS_MAX);
    told[n_told++] = t;
}

/* Runs a child for some milliseconds after its log is open (or kills it while it opens), and reads what it
 * told. */
static void crash_once(struct world *w, unsigned seed, bool while_opening, unsigned ms)
{
    int ends[2];
    struct told t;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        child_run(w, ends[1], seed);
        _exit(0);
    }
    close(ends[1]);
    if (while_opening) {
        usleep(ms * 100);
    } else {
        assert_int_equal(read(ends[0], &t, sizeof t), sizeof t);
        struct timespec start, now;
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
            assert_int_equal(read(ends[0], &t, sizeof t), sizeof t);
            note(t);
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
    }
    kill(child, SIGKILL);
    while (read(ends[0], &t, sizeof t) == sizeof t)
        if (t.session) note(t);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* Every frame from the first to the end, and the end; returns the number of frames. */
static uint32_t check_session(struct record_reader *r, const struct told *t)
{
    static uint8_t body[60000];
    struct frame f;
    uint32_t n = 0;
    bool ended = false;
    assert_int_equal(record_reader_session(r, t->session, 1), RECORD_READ_FRAME);
    while (record_reader_next(r, &f) == RECORD_READ_FRAME) {
        assert_int_equal(f.sequence, ++n);
        assert_false(ended);
        if (f.type == FRAME_SESSION_END) ended = true;
        if (bytes_is(frame_fields_get(f.body, "reason"), "gateway ended")) continue;
        assert_true(bytes_equal(f.body, bytes_make(body, make_body(t->session, n, body))));
    }
    assert_string_equal(record_reader_message(r), "");
    if (n < t->sequence) fail_msg("frame %u was acknowledged, the log has %u", t->sequence, n);
    assert_true(ended);
    return n;
}

static void what_was_acknowledged_is_in_the_log_once_whenever_the_process_dies(void **state)
{
    (void)state;
    static struct world w;
    world_make(&w, "/tmp", WORKERS + 1);
    told = calloc(SESSIONS_MAX, sizeof *told);
    assert_non_null(told);
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    uint64_t frames = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t before = n_told;
        crash_once(&w, seed + 1000 * (unsigned)round, false, 20 + next_random(&seed) % 150);
        for (unsigned again = next_random(&seed) % 3; again > 0; again--)
            crash_once(&w, seed, true, next_random(&seed) % 300);
        world_open(&w);
        world_close(&w);
        struct record_reader *r;
        assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
        for (size_t i = before; i < n_told; i++)
            frames += check_session(r, &told[i]);
        record_reader_free(r);
    }
    struct record_verify_result v;
    assert_int_equal(record_verify(w.folder, w.keys.keys.public_key, &w.keys.keys, NULL, NULL, &v), 0);
    if (!v.ok) fail_msg("%s", v.message);
    assert_int_equal(v.unproven_blocks, 0);
    struct record_reader *r;
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    for (size_t i = 0; i < n_told; i++)
        check_session(r, &told[i]);
    record_reader_free(r);
    print_message("%d crashes, %zu sessions, %llu frames\n", ROUNDS, n_told, (unsigned long long)frames);
    free(told);
    world_free(&w);
}

/* A child commits three batches of ten frames in one session and says so; then it is killed. */
static uint64_t leave_three_batches(struct world *w)
{
    int ends[2];
    struct told t;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (record_log_open(&w->options, &w->log) != 0) _exit(2);
        struct record_lane *lane = record_log_lane(w->log, 0);
        struct record_session s = record_session_begin(lane);
        for (int i = 0; i < 30; i++) {
            struct bytes part = BYTES_LITERAL("select 1");
            if (record_append(lane, &s, RECORD_INTENT, FRAME_QUERY, 0, 1, &part, 1, &t.sequence) !=
                    RECORD_OK ||
                (i % 10 == 9 && !record_lane_commit(lane)))
                _exit(2);
        }
        t.session = s.id;
        if (write(ends[1], &t, sizeof t) != sizeof t) _exit(3);
        pause();
    }
    assert_int_equal(read(ends[0], &t, sizeof t), sizeof t);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return t.session;
}

/* What a power cut can do: flips a byte of the lane's batch number `batch` (from 0). */
static void tear_batch(const struct world *w, int batch)
{
    char path[300];
    uint8_t head[FORMAT_BATCH_HEAD], byte;
    struct format_batch b;
    snprintf(path, sizeof path, "%s/tail/000-0000000000", w->folder);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t at = FORMAT_TAIL_HEAD;
    for (int i = 0;; i++) {
        assert_int_equal(pread(fd, head, sizeof head, at), sizeof head);
        format_batch_decode(head, &b);
        assert_int_equal(b.n_frames, 10);
        if (i == batch) break;
        at += (off_t)format_batch_size(b.length);
    }
    assert_int_equal(pread(fd, &byte, 1, at + 50), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at + 50), 1);
    close(fd);
}

static void a_torn_batch_ends_the_recovery_and_is_written_down(void **state)
{
    (void)state;
    for (int torn = 0; torn < 3; torn++) {
        static struct world w;
        struct record_reader *r;
        struct frame f;
        int n = 0, notes = 0;
        world_make(&w, "/tmp", 1);
        uint64_t session = leave_three_batches(&w);
        tear_batch(&w, torn);
        world_open(&w);
        world_close(&w);
        assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
        enum record_read found = record_reader_session(r, session, 1);
        assert_int_equal(found, torn ? RECORD_READ_FRAME : RECORD_READ_END);
        while (torn && record_reader_next(r, &f) == RECORD_READ_FRAME)
            n++;
        assert_int_equal(n, torn ? torn * 10 + 1 : 0);
        if (torn) assert_int_equal(f.type, FRAME_SESSION_END);
        assert_int_equal(record_reader_session(r, 0, 1), RECORD_READ_FRAME);
        while (record_reader_next(r, &f) == RECORD_READ_FRAME) {
            assert_bytes(frame_fields_get(f.body, "event"), "tail recovered");
            int64_t cut = 0;
            assert_true(bytes_to_int64(frame_fields_get(f.body, "bytes-cut"), &cut));
            assert_int_equal(cut, (3 - torn) * 10 * (FORMAT_FRAME_HEAD + 8));
            notes++;
        }
        assert_int_equal(notes, 1);
        record_reader_free(r);
        world_free(&w);
    }
}

static void a_tail_whose_key_does_not_unwrap_is_kept(void **state)
{
    (void)state;
    static struct world w;
    struct record_log *log;
    struct frame f;
    struct record_reader *r;
    uint8_t right[32];
    world_make(&w, "/tmp", 1);
    uint64_t session = leave_three_batches(&w);
    memcpy(right, w.keys.encryption_key, sizeof right);
    w.keys.encryption_key[0] ^= 1;
    assert_true(record_log_open(&w.options, &log) < 0);
    memcpy(w.keys.encryption_key, right, sizeof right);
    world_open(&w);
    world_close(&w);
    assert_int_equal(record_reader_open(w.folder, &w.keys.keys, &r), 0);
    assert_int_equal(record_reader_session(r, session, 30), RECORD_READ_FRAME);
    assert_int_equal(record_reader_next(r, &f), RECORD_READ_FRAME);
    assert_int_equal(f.sequence, 30);
    record_reader_free(r);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torn_batch_ends_the_recovery_and_is_written_down),
        cmocka_unit_test(a_tail_whose_key_does_not_unwrap_is_kept),
        cmocka_unit_test(what_was_acknowledged_is_in_the_log_once_whenever_the_process_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
