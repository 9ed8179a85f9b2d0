/* What the files of this room share. For this room only. */
#ifndef POSTERN_APPROVAL_DESK_PRIVATE_H
#define POSTERN_APPROVAL_DESK_PRIVATE_H
#include "approval/desk.h"
#include "base/map.h"
#include "store/sqlite.h"
#include <pthread.h>
#include <stdatomic.h>

/* ---- request.c: a request in memory of its own, that never changes; counted */
struct desk_kept {
    atomic_uint n_holders;
    size_t bytes;
    struct arena arena;
    struct desk_request request;
};
/* A copy with one holder. NULL: no memory, or longer than a request may be. */
struct desk_kept *desk_kept_new(const struct desk_request *request) MUST_USE;
struct desk_kept *desk_kept_hold(struct desk_kept *kept);
void desk_kept_release(struct desk_kept *kept);
struct desk_kept *desk_kept_of(const struct desk_request *request);

/* A decision, likewise. */
struct desk_given {
    struct desk_given *next;
    atomic_uint n_holders; /* the item, and each event of it */
    struct arena arena;
    struct desk_decision decision;
};
struct desk_given *desk_given_new(const struct desk_decision *decision) MUST_USE;
void desk_given_release(struct desk_given *given);

enum { DESK_WHY = 256 };
/* A request and what became of it; under the desk's lock. Held by the table, by tickets, and while its event
 * is worked on. */
struct desk_item {
    struct desk_item *newer, *older; /* all of them, by age */
    unsigned n_holders;
    struct desk_kept *kept;
    enum desk_state state;
    int64_t since_us, ends_us;
    char why[DESK_WHY];
    struct desk_given *first, **last;
    size_t n_given;
    struct desk_ticket *tickets;
    uint64_t serial;  /* of the last that happened */
    uint64_t on_file; /* up to which of those the file has it */
    bool file_failed, in_table, by_digest;
};
/* As the file has it: the request, state and decisions. Into out, which fails where there is no memory. */
void desk_item_encode(const struct desk_item *item, struct buf *out);
/* NULL: malformed, or no memory. */
struct desk_item *desk_item_decode(struct bytes in) MUST_USE;
void desk_item_free(struct desk_item *item);

/* ---- file.c: the file, for one thread at a time */
struct desk_file;
int desk_file_open(const char *path, const uint8_t key[32], struct desk_file **out) MUST_USE;
void desk_file_close(struct desk_file *file);
/* 0 or -errno. body.p == NULL: it is taken out. */
int desk_file_put(struct desk_file *file, const char *id, struct bytes body) MUST_USE;
/* Calls visit for each; visit false stops with -EBADMSG. */
int desk_file_each(struct desk_file *file, bool (*visit)(void *context, struct bytes body),
                   void *context) MUST_USE;

/* ---- desk.c */
struct desk_ticket {
    struct desk *desk;
    struct desk_item *item;
    struct desk_waiter *waiter;
    struct desk_ticket *next, **link;
};
struct desk_task { /* something that happened, for the desk's thread */
    struct desk_task *next;
    struct desk_item *item;
    struct desk_given *given;
    struct desk_event event;
    char why[DESK_WHY];
};
struct desk {
    struct desk_options options;
    struct desk_file *file;
    pthread_mutex_t lock, calling; /* calling: held while watchers are called, taken before lock */
    pthread_cond_t work;
    pthread_t thread;
    bool started, stopping;
    struct map by_id, by_digest;
    struct desk_item *newest, *oldest;
    size_t n_ended;
    struct desk_counts counts;
    uint64_t serial, n_ids;
    int64_t due_us; /* wall: nothing that is live ends before this */
    struct desk_task *first_task, **last_task;
    struct desk_watcher *watchers;
};
static inline bool desk_state_is_live(enum desk_state state)
{
    return state == DESK_WAITING || state == DESK_APPROVED;
}
/* With the lock held: the item is in the state from now on, for that reason (NULL: none), and everybody is
 * told. given: the decision that did it; NULL. */
void desk_item_moves(struct desk *desk, struct desk_item *item, enum desk_event_kind kind,
                     enum desk_state state, const char *why, struct desk_given *given);
/* Ends what is due. */
void desk_look_at_clock(struct desk *desk);
struct desk_item *desk_item_of(struct desk *desk, struct bytes id);
#endif
