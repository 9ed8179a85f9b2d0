/* One loop over all lanes: take back what was retired, make what is wanted, sync what was written. It sleeps
 * on its bell, with a timeout only while something is being written or an allocation is to be tried again. */
#include "record/spares.h"
#include "base/log.h"
#include "base/thread.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { SYNC_US = 100000, RETRY_US = 1000000, TRIM_US = 5000000, BULK_BYTES = 8 << 20 };

static struct tail_segment **ring_slot(struct record_lane *lane, uint64_t number)
{
    return (struct tail_segment **)&lane->ring[number % LANE_SEGMENTS];
}

/* Retired segments are kept for reuse: making one costs 64 MiB of zeros. */
static void take_back(struct record_lane *lane)
{
    uint64_t retired = atomic_load(&lane->retired);
    for (; lane->reclaimed < retired; lane->reclaimed++)
        lane->idle[lane->n_idle++] = *ring_slot(lane, lane->reclaimed);
}

/* A quiet lane keeps one; what a burst needed is given back to the disk. */
static void trim(struct spares *s, struct record_lane *lane, unsigned keep)
{
    while (lane->n_idle > keep)
        tail_segment_free(lane->idle[--lane->n_idle], s->tail_folder, lane->index, false);
}

/* Erasing asks for it: nothing of what was let go stays, and everybody may know how far that is. */
static void wipe(struct spares *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct record_lane *lane = &s->lanes[i];
        take_back(lane);
        trim(s, lane, 0);
        atomic_store(&lane->wiped, lane->reclaimed);
    }
}

static int make_one(struct spares *s, struct record_lane *lane, uint64_t number)
{
    struct format_tail head = { .lane = lane->index,
                                .boot = s->boot,
                                .number = number,
                                .size = s->shared->segment_size,
                                .leaf = atomic_load(&s->shared->leaves) };
    memcpy(head.wrapped, s->wrapped, sizeof head.wrapped);
    struct tail_segment *segment = lane->n_idle ? lane->idle[--lane->n_idle] : NULL;
    if (segment && tail_segment_reuse(segment, &head) < 0) {
        tail_segment_free(segment, s->tail_folder, lane->index, false);
        segment = NULL;
    }
    if (!segment) {
        int error = tail_segment_make(s->tail_folder, &head, lane->next_file++, &segment);
        if (error) return error;
    }
    atomic_store(&lane->ring[number % LANE_SEGMENTS], segment);
    atomic_store(&lane->ready, number + 1);
    return 0;
}

/* 1: made some; 0: nothing to do; -errno: wanted and could not. */
static int make_wanted(struct spares *s, struct record_lane *lane)
{
    int made = 0;
    take_back(lane);
    if (atomic_load(&lane->dead)) return 0;
    for (;;) {
        uint64_t ready = atomic_load(&lane->ready);
        unsigned wanted = lane_spares_wanted(s->shared, atomic_load(&lane->reserved_now));
        if (ready >= atomic_load(&lane->current) + 1 + wanted || ready - lane->reclaimed >= LANE_SEGMENTS)
            return made;
        int error = make_one(s, lane, ready);
        if (error) return error;
        made = 1;
    }
}

int spares_make_first(struct spares *s)
{
    for (unsigned i = 0; i < s->n_lanes; i++) {
        int made = make_wanted(s, &s->lanes[i]);
        if (made < 0) return made;
        lane_start(&s->lanes[i]);
    }
    return 0;
}

static void sync_lane(struct record_lane *lane)
{
    /* A segment that was left since the last round is still in the ring: only this thread takes it out. */
    uint64_t current = atomic_load(&lane->current);
    for (uint64_t n = current > lane->reclaimed ? current - 1 : current; n <= current; n++)
        if (fdatasync((*ring_slot(lane, n))->fd) < 0)
            log_line(LOG_ERROR, "cannot sync the tail of lane %u: %s", lane->index, strerror(errno));
}

/* Returns after how long to look again; -1: when rung. A lane that writes in bulk is left out: its bytes are
 * in blocks within moments, compressed, and writing them twice would cost the disk more than it saves. */
static int64_t sync_lanes(struct spares *s)
{
    int64_t now = clock_monotonic_us(s->shared->clock), again = -1;
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct record_lane *lane = &s->lanes[i];
        uint64_t bytes = atomic_load(&lane->committed_bytes), since = bytes - s->synced[i];
        if (since == 0 || atomic_load(&lane->dead)) {
            if (now - s->written_us[i] >= TRIM_US) trim(s, lane, 1);
            if (lane->n_idle > 1 && again < 0) again = TRIM_US;
            continue;
        }
        again = SYNC_US;
        s->synced[i] = bytes;
        s->written_us[i] = now;
        if (since < BULK_BYTES) sync_lane(lane);
    }
    return again;
}

static void *spares_run(void *argument)
{
    struct spares *s = argument;
    bool said = false;
    while (!atomic_load(&s->stop)) {
        uint32_t seen = bell_look(&s->shared->spares_bell);
        int worst = 0;
        bool made_any = false;
        if (atomic_load(&s->shared->wipes)) wipe(s);
        for (unsigned i = 0; i < s->n_lanes; i++) {
            int made = make_wanted(s, &s->lanes[i]);
            if (made < 0) worst = made;
            if (made > 0) made_any = true;
        }
        atomic_store(&s->shared->tail_full, worst < 0);
        if (worst < 0 && !said)
            log_line(LOG_ERROR, "no room for another segment of the log's tail: %s", strerror(-worst));
        said = worst < 0;
        if (made_any) bell_ring(&s->shared->sequencer_bell);
        int64_t again = sync_lanes(s);
        if (worst < 0 && (again < 0 || again > RETRY_US)) again = RETRY_US;
        bell_wait(&s->shared->spares_bell, seen, again);
    }
    return NULL;
}

int spares_start(struct spares *s)
{
    return thread_start(&s->thread, "log-spares", spares_run, s);
}

void spares_stop(struct spares *s)
{
    atomic_store(&s->stop, true);
    bell_ring(&s->shared->spares_bell);
    pthread_join(s->thread, NULL);
}

void spares_free(struct spares *s, bool keep)
{
    for (unsigned i = 0; i < s->n_lanes; i++) {
        struct record_lane *lane = &s->lanes[i];
        uint64_t ready = atomic_load(&lane->ready);
        for (uint64_t n = lane->reclaimed; n < ready; n++)
            tail_segment_free(*ring_slot(lane, n), s->tail_folder, lane->index, keep);
        while (lane->n_idle)
            tail_segment_free(lane->idle[--lane->n_idle], s->tail_folder, lane->index, keep);
    }
}
