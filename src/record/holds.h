/* Legal holds: what must not be erased, by anybody, until it is released. A hold is on one session, or on a
 * subject with all its sessions, those that begin later too. <data>/holds.db; what was held and released, by
 * whom and why, is in the log as well. */
#ifndef POSTERN_RECORD_HOLDS_H
#define POSTERN_RECORD_HOLDS_H
#include "record/index.h"

struct holds;
/* make: where it is not there. -ENOENT; or what sqlite.h says. */
int holds_open(const char *data, bool make, struct holds **out) MUST_USE;
void holds_close(struct holds *holds);

struct hold {
    int64_t number;
    uint64_t session;             /* 0: a subject's */
    struct bytes subject, issuer; /* issuer empty: of any issuer */
    struct bytes by, reason;
    int64_t since_us;
};
/* One that is there already stays as it is; *number_out is its number. */
int holds_add(struct holds *holds, const struct hold *hold, int64_t *number_out) MUST_USE;
/* Releases the holds on exactly this session, or on exactly this subject (of this issuer; empty: of any).
 * *n_out: how many. */
int holds_release(struct holds *holds, uint64_t session, struct bytes subject, struct bytes issuer,
                  uint64_t *n_out) MUST_USE;
int holds_each(struct holds *holds, void (*visit)(void *context, const struct hold *hold),
               void *context) MUST_USE;

/* Sessions, rising, each once. */
struct session_set {
    uint64_t *sessions;
    size_t n, room;
    bool failed;
};
void session_set_free(struct session_set *set);
void session_set_add(struct session_set *set, uint64_t session);
/* To be called once all are added; before session_set_has. */
void session_set_sort(struct session_set *set);
bool session_set_has(const struct session_set *set, uint64_t session);
/* All that are held now, by what the index knows of subjects. A data folder without holds has none. */
int holds_sessions(const char *data, struct index *index, struct session_set *set_out) MUST_USE;
#endif
