/* A bundle whose bytes were changed. The input is a list of changes to a bundle that is made once, or, where
 * it begins with a zero, a file of its own. Oracle: with the log's key pinned, a changed bundle never
 * verifies. */
#include "base/check.h"
#include "base/cursor.h"
#include "base/log.h"
#include "record/bundle.h"
#include "record/keys-memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { SESSIONS = 2, FRAMES = 700, MOST = 1 << 20 };
static struct keys_memory keys;
static uint8_t *whole, *changed;
static size_t n_whole;
static int fd;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const uint8_t kek[32] = { 3 }, seed[32] = { 4 };
    char folder[64];
    uint64_t ids[SESSIONS];
    struct record_log *log;
    struct bundle_written written;
    (void)argc;
    (void)argv;
    log_set_level(LOG_ERROR);
    snprintf(folder, sizeof folder, "/dev/shm/postern-fuzz-XXXXXX");
    CHECK(mkdtemp(folder) && keys_memory_init(&keys, kek, seed));
    struct record_options options = { .folder = folder,
                                      .origin = "fuzz",
                                      .n_lanes = 1,
                                      .clock = &clock_system,
                                      .tail_segment_bytes = 4 << 20,
                                      .keys = &keys.keys };
    CHECK(record_log_open(&options, &log) == 0);
    struct record_lane *lane = record_log_lane(log, 0);
    for (int i = 0; i < SESSIONS; i++) {
        struct record_session s = record_session_begin(lane);
        ids[i] = s.id;
        for (int k = 0; k < FRAMES; k++) {
            char text[100];
            int n = snprintf(text, sizeof text, "select %d where x = '%x' or y = '%x'", k, k * 7919, k * k);
            struct bytes part = bytes_make(text, (size_t)n);
            CHECK(record_append(lane, &s, RECORD_INTENT, FRAME_QUERY, 0, k, &part, 1, NULL) == RECORD_OK);
        }
        CHECK(record_append(lane, &s, RECORD_INTENT, FRAME_SESSION_END, 0, 1, NULL, 0, NULL) == RECORD_OK);
        CHECK(record_lane_commit(lane));
    }
    record_log_close(log);
    struct bundle_request request = { .folder = folder,
                                      .keys = &keys.keys,
                                      .public_key = keys.keys.public_key,
                                      .sessions = ids,
                                      .n_sessions = SESSIONS,
                                      .now_us = 1,
                                      .version = "fuzz" };
    fd = memfd_create("bundle", 0);
    CHECK(fd >= 0 && bundle_write(&request, fd, &written) == BUNDLE_WRITTEN);
    n_whole = (size_t)written.bytes;
    whole = malloc(n_whole);
    changed = malloc(MOST);
    CHECK(whole && changed && n_whole < MOST && pread(fd, whole, n_whole, 0) == (ssize_t)n_whole);
    return 0;
}

/* Each change: u24 where, u8 how, u8 what: a byte is set, or flipped; a part is copied from elsewhere; the
 * end is cut. */
static size_t apply(struct cursor *c)
{
    size_t n = n_whole;
    memcpy(changed, whole, n_whole);
    while (cursor_left(c) >= 5) {
        size_t where = (size_t)cursor_u8(c) << 16 | cursor_u16(c);
        uint8_t how = cursor_u8(c), what = cursor_u8(c);
        where %= n_whole;
        if (how < 100)
            changed[where] = what;
        else if (how < 200)
            changed[where] ^= what;
        else if (how < 250) {
            size_t from = (size_t)what * 512 % n_whole, length = (size_t)(how - 199) * 16;
            if (from + length <= n_whole && where + length <= n_whole)
                memmove(changed + where, changed + from, length);
        } else
            n = where + 1;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_verified v;
    struct cursor c = cursor_over(bytes_make(data, size));
    size_t n;
    if (size && data[0] == 0) {
        n = size - 1 < MOST ? size - 1 : MOST;
        memcpy(changed, data + 1, n);
    } else
        n = apply(&c);
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, changed, n, 0) == (ssize_t)n);
    bool same = n == n_whole && memcmp(changed, whole, n) == 0;
    bundle_verify(fd, keys.keys.public_key, NULL, NULL, NULL, &v);
    CHECK(v.ok == same);
    bundle_verify(fd, NULL, NULL, NULL, NULL, &v);
    CHECK(!same || v.ok);
    return 0;
}
