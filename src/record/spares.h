/* The thread that makes tail segments ahead of the lanes, takes up retired ones, and syncs what the lanes
 * wrote every 100 ms while they write: what a power cut may take is no older than that. */
#ifndef POSTERN_RECORD_SPARES_H
#define POSTERN_RECORD_SPARES_H
#include "record/lane-parts.h"
#include <pthread.h>

struct spares {
    struct lane_shared *shared;
    struct record_lane *lanes;
    unsigned n_lanes;
    int tail_folder;
    uint64_t boot;
    uint8_t wrapped[FORMAT_WRAPPED_KEY];
    pthread_t thread;
    atomic_bool stop;
    uint64_t synced[FORMAT_LANES_MAX];    /* committed_bytes of each lane at its last sync */
    int64_t written_us[FORMAT_LANES_MAX]; /* when it was last seen writing */
};

/* The first segments of every lane, made at once; lanes can start then. 0 or -errno. */
int spares_make_first(struct spares *s) MUST_USE;
int spares_start(struct spares *s) MUST_USE;
void spares_stop(struct spares *s);
/* Frees every segment; keep: the files stay, for recovery. After spares_stop. */
void spares_free(struct spares *s, bool keep);
#endif
