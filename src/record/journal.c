/* RECORD_WAIT is an answer here too: whoever asks may try again. */
#include "record/journal.h"
#include <pthread.h>
#include <stdlib.h>

struct journal {
    struct record_lane *lane;
    const struct clock *clock;
    struct record_session session; /* the gateway itself */
    pthread_mutex_t lock;
};

struct journal *journal_new(struct record_lane *lane, const struct clock *clock)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    *j = (struct journal){ .lane = lane, .clock = clock, .session = { .next_sequence = 1 } };
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

void journal_free(struct journal *j)
{
    if (!j) return;
    pthread_mutex_destroy(&j->lock);
    free(j);
}

bool journal_write(struct journal *j, enum frame_type type, struct bytes body)
{
    pthread_mutex_lock(&j->lock);
    bool good = record_append(j->lane, &j->session, RECORD_INTENT, type, 0, clock_wall_us(j->clock), &body, 1,
                              NULL) == RECORD_OK &&
                record_lane_commit(j->lane);
    pthread_mutex_unlock(&j->lock);
    return good;
}
