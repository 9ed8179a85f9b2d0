/* What tests of the log share: a folder of their own, keys, a log that is opened with them. */
#ifndef POSTERN_RECORD_TEST_LOG_H
#define POSTERN_RECORD_TEST_LOG_H
#include "base/test.h"

#include "base/clock.h"
#include "record/keys-memory.h"
#include "record/reader.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct world {
    char folder[128];
    struct keys_memory keys;
    struct record_options options;
    struct record_log *log;
};

static inline int world_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void world_make(struct world *w, const char *under, unsigned n_lanes)
{
    const uint8_t kek[32] = "a key-encryption key for a test", seed[32] = "the seed of a signing key, test";
    *w = (struct world){ 0 };
    snprintf(w->folder, sizeof w->folder, "%s/postern-test-XXXXXX", under);
    assert_non_null(mkdtemp(w->folder));
    assert_true(keys_memory_init(&w->keys, kek, seed));
    w->options = (struct record_options){ .folder = w->folder,
                                          .origin = "postern.test/log",
                                          .n_lanes = n_lanes,
                                          .tail_segment_bytes = 4 << 20,
                                          .clock = &clock_system,
                                          .keys = &w->keys.keys };
}

static inline void world_open(struct world *w)
{
    assert_int_equal(record_log_open(&w->options, &w->log), 0);
}

static inline void world_close(struct world *w)
{
    record_log_close(w->log);
    w->log = NULL;
}

static inline void world_free(struct world *w)
{
    if (w->log) world_close(w);
    nftw(w->folder, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Whether it is worth to look once more after a millisecond; the test fails where it never was true. */
static inline bool world_waits(unsigned *n)
{
    if (++*n > 300000) fail_msg("not within five minutes");
    usleep(1000);
    return true;
}

/* record_append of one part, which waits where the log's own threads are behind. */
static inline enum record_outcome world_append_bytes(struct record_lane *lane, struct record_session *s,
                                                     enum record_urgency urgency, enum frame_type type,
                                                     int64_t time_us, struct bytes part,
                                                     uint32_t *sequence_out)
{
    enum record_outcome got;
    unsigned n = 0;
    while ((got = record_append(lane, s, urgency, type, 0, time_us, &part, 1, sequence_out)) == RECORD_WAIT &&
           world_waits(&n))
        continue;
    return got;
}

static inline uint32_t world_append(struct record_lane *lane, struct record_session *s, enum frame_type type,
                                    const char *body)
{
    uint32_t sequence = 0;
    assert_int_equal(world_append_bytes(lane, s, RECORD_INTENT, type, 1795250000000000 + s->next_sequence,
                                        bytes_of(body), &sequence),
                     RECORD_OK);
    return sequence;
}
#endif
