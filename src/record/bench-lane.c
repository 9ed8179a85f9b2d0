/* Figures of the hot path and of bulk. usage: bench-record-lane [folder]
 *
 *   append+commit   one frame of 200 bytes a commit, and four a commit, paced so that the sequencer keeps up
 *   bulk            1 GB in frames of 64 kB, committed each, with back-pressure; worker's and whole process's
 *                   CPU time: what COPY costs the log */
#include "base/log.h"
#include "record/keys-memory.h"
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static atomic_int room;
static void on_room(void *context, unsigned lane)
{
    (void)context;
    (void)lane;
    atomic_store(&room, 1);
}

static uint64_t waits;
static void append(struct record_lane *lane, struct record_session *s, enum frame_type type,
                   struct bytes body)
{
    for (;;) {
        atomic_store(&room, 0);
        if (record_append(lane, s, RECORD_INTENT, type, 0, clock_wall_us(&clock_system), &body, 1, NULL) ==
            RECORD_OK)
            return;
        waits++;
        while (!atomic_load(&room))
            usleep(200);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Rounds of 2,000 commits with a pause in between, each commit timed by its round. */
static void bench_small(struct record_lane *lane, unsigned per_commit)
{
    enum { ROUNDS = 200, COMMITS = 2000 };
    static double each[ROUNDS];
    uint8_t body[200];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)("select name, email from customers where id = $1 "[i % 48] + (i % 7 == 0));
    struct record_session s = record_session_begin(lane);
    double cpu = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double c0 = seconds(CLOCK_THREAD_CPUTIME_ID), t0 = seconds(CLOCK_MONOTONIC);
        for (int i = 0; i < COMMITS; i++) {
            for (unsigned k = 0; k < per_commit; k++)
                append(lane, &s, FRAME_QUERY, bytes_make(body, sizeof body));
            if (!record_lane_commit(lane)) abort();
        }
        each[r] = (seconds(CLOCK_MONOTONIC) - t0) / COMMITS;
        cpu += seconds(CLOCK_THREAD_CPUTIME_ID) - c0;
        usleep(10000);
    }
    qsort(each, ROUNDS, sizeof each[0], by_value);
    printf("append x%u + commit: median %.3f us, 99%% %.3f us, CPU %.3f us\n", per_commit,
           each[ROUNDS / 2] * 1e6, each[ROUNDS * 99 / 100] * 1e6, cpu / ROUNDS / COMMITS * 1e6);
}

static void bench_bulk(struct record_lane *lane, struct record_log *log, size_t frame, const char *what)
{
    size_t total = (size_t)1 << 30;
    uint8_t *data = malloc(4 << 20);
    if (!data) abort();
    size_t n = 0;
    unsigned x = 12345, i = 1000000;
    /* Rows as COPY has them: numbers, a name, a time stamp, a random word. */
    while (n < (4 << 20) - 200) {
        x = x * 1103515245 + 12345;
        n += (size_t)snprintf((char *)data + n, 200,
                              "%u\tcustomer-%u\t2026-11-%02u 08:%02u:%02u\t%u.%02u\tEUR\tactive\n", i++,
                              x % 9973, x % 28 + 1, x % 60, x / 60 % 60, x % 1000, x % 100);
    }
    struct record_session s = record_session_begin(lane);
    struct record_stats before, after;
    struct rusage u0, u1;
    record_log_stats(log, &before);
    getrusage(RUSAGE_SELF, &u0);
    waits = 0;
    double t0 = seconds(CLOCK_MONOTONIC), c0 = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t sent = 0; sent < total; sent += frame) {
        append(lane, &s, FRAME_COPY_OUT, bytes_make(data + sent % (n - frame), frame));
        if (!record_lane_commit(lane)) abort();
    }
    double worker = seconds(CLOCK_THREAD_CPUTIME_ID) - c0, handed = seconds(CLOCK_MONOTONIC) - t0;
    append(lane, &s, FRAME_SESSION_END, (struct bytes){ 0 });
    if (!record_lane_commit(lane)) abort();
    do {
        usleep(1000);
        record_log_stats(log, &after);
    } while (after.tail_backlog_bytes);
    double wall = seconds(CLOCK_MONOTONIC) - t0;
    getrusage(RUSAGE_SELF, &u1);
    double cpu =
        (double)(u1.ru_utime.tv_sec - u0.ru_utime.tv_sec) +
        (double)(u1.ru_stime.tv_sec - u0.ru_stime.tv_sec) +
        (double)(u1.ru_utime.tv_usec - u0.ru_utime.tv_usec + u1.ru_stime.tv_usec - u0.ru_stime.tv_usec) / 1e6;
    printf("bulk %s, %zu B frames: handed over at %.0f MB/s, sequenced at %.0f MB/s; CPU: worker %.2f s, all "
           "%.2f s a GB "
           "(%.0f MB/s on one core); stored 1/%.1f in %llu blocks; %llu waits\n",
           what, frame, 1e-6 * (double)total / handed, 1e-6 * (double)total / wall, worker, cpu,
           1e-6 * (double)total / cpu, (double)total / (double)(after.bytes_stored - before.bytes_stored + 1),
           (unsigned long long)(after.blocks - before.blocks), (unsigned long long)waits);
    free(data);
}

int main(int argc, char **argv)
{
    char folder[200];
    const uint8_t kek[32] = { 1 }, seed[32] = { 2 };
    struct keys_memory keys;
    snprintf(folder, sizeof folder, "%s/postern-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (!mkdtemp(folder) || !keys_memory_init(&keys, kek, seed)) return 1;
    struct record_options options = { .folder = folder,
                                      .origin = "bench",
                                      .n_lanes = 2,
                                      .clock = &clock_system,
                                      .keys = &keys.keys,
                                      .on_room = on_room };
    struct record_log *log;
    if (record_log_open(&options, &log) < 0) return 1;
    struct record_lane *lane = record_log_lane(log, 0);
    bench_small(lane, 1);
    bench_small(lane, 4);
    bench_bulk(lane, log, 64 << 10, "COPY");
    bench_bulk(lane, log, 8 << 10, "COPY");
    record_log_close(log);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
