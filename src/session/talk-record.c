/* The lane in memory. It is as strict as the real one: a body past the ceiling, or a release without a
 * reservation, is our own bug and stops the test. */
#include "session/talk-record.h"
#include <stdlib.h>

enum { BODY_CEILING = (1 << 20) - (64 << 10), RESERVE = 64 << 10, SLACK = 2048 };

void talk_lane_init(struct record_lane *lane)
{
    *lane = (struct record_lane){ .next_id = 1, .answer = RECORD_OK };
}

void talk_lane_free(struct record_lane *lane)
{
    for (size_t i = 0; i < lane->n; i++)
        free((void *)(uintptr_t)lane->frames[i].body.p);
    free(lane->frames);
    *lane = (struct record_lane){ 0 };
}

void talk_lane_answers(struct record_lane *lane, enum record_outcome answer, uint32_t grace)
{
    lane->answer = answer;
    lane->was_full |= answer == RECORD_FULL;
    lane->grace = grace;
    lane->outcome_room = lane->n_reserved * (size_t)RESERVE + SLACK;
}

static enum record_outcome ask_room(struct record_lane *lane)
{
    if (lane->answer == RECORD_OK) return RECORD_OK;
    if (lane->grace == 0) return lane->answer;
    lane->grace--;
    return RECORD_OK;
}

struct record_session record_session_begin(struct record_lane *lane)
{
    return (struct record_session){ .id = lane->next_id++, .next_sequence = 1 };
}

enum record_outcome record_append(struct record_lane *lane, struct record_session *session,
                                  enum record_urgency urgency, enum frame_type type, uint8_t flags,
                                  int64_t time_us, const struct bytes *parts, size_t n_parts,
                                  uint32_t *sequence_out)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < n_parts; i++)
        n += parts[i].n;
    CHECK(n <= BODY_CEILING);
    if (session->next_sequence == 0) return RECORD_FULL;
    enum record_outcome outcome = urgency == RECORD_INTENT ? ask_room(lane) : RECORD_OK;
    if (outcome != RECORD_OK) return outcome;
    if (urgency == RECORD_OUTCOME && lane->answer == RECORD_FULL) {
        if (n > lane->outcome_room) {
            lane->n_lost++;
            return RECORD_FULL;
        }
        lane->outcome_room -= n;
    }
    if (lane->n == lane->room) {
        lane->room = lane->room ? lane->room * 2 : 64;
        lane->frames = realloc(lane->frames, lane->room * sizeof *lane->frames);
        CHECK(lane->frames);
    }
    uint8_t *body = malloc(n + 1);
    CHECK(body);
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].n) memcpy(body + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    lane->frames[lane->n++] = (struct frame){ session->id, session->next_sequence, (uint8_t)type, flags,
                                              time_us,     bytes_make(body, n) };
    if (sequence_out) *sequence_out = session->next_sequence;
    session->next_sequence = type == FRAME_SESSION_END ? 0 : session->next_sequence + 1;
    return RECORD_OK;
}

enum record_outcome record_reserve(struct record_lane *lane, struct record_session *session)
{
    enum record_outcome outcome = ask_room(lane);
    if (outcome != RECORD_OK) return outcome;
    lane->n_reserved++;
    session->n_reserved++;
    return RECORD_OK;
}

void record_release(struct record_lane *lane, struct record_session *session)
{
    CHECK(session->n_reserved > 0 && lane->n_reserved > 0);
    session->n_reserved--;
    lane->n_reserved--;
}

bool record_lane_commit(struct record_lane *lane)
{
    (void)lane;
    return true;
}
