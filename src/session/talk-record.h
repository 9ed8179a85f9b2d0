/* A record in memory in the place of the log: it keeps frames, and runs out of room when it is told to. It
 * defines the calls of record/lane.h that a session makes, so that a test that links it does not link the
 * log. Test code. */
#ifndef POSTERN_SESSION_TALK_RECORD_H
#define POSTERN_SESSION_TALK_RECORD_H
#include "record/lane.h"
#include "session/talk-script.h"

struct record_lane {
    struct frame *frames; /* bodies are owned */
    size_t n, room;
    uint64_t next_id;
    uint32_t n_reserved;
    bool was_full;              /* it had no room at some time */
    enum record_outcome answer; /* to intents and reservations, once `grace` of them have passed */
    uint32_t grace;
    size_t outcome_room; /* while the answer is RECORD_FULL: bytes that outcomes may still take */
    uint32_t n_lost;     /* outcomes that found no room */
};
void talk_lane_init(struct record_lane *lane);
void talk_lane_free(struct record_lane *lane);
void talk_lane_answers(struct record_lane *lane, enum record_outcome answer, uint32_t grace);

/* Frames from *at on as words, one after the other; what was cut into parts, and rows and COPY data that
 * follow each other, count as one. False: no more. The words: the frame's name, then name=value. */
bool talk_frames_next(const struct record_lane *lane, size_t *at, struct arena *arena,
                      struct talk_word **words_out, size_t *n_out);
#endif
