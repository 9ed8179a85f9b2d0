/* What is told of one thing that happened: texts and numbers, copied together so that they outlive it. */
#ifndef POSTERN_NOTIFY_FACT_H
#define POSTERN_NOTIFY_FACT_H
#include "notify/notify.h"

/* X(member): texts, each perhaps empty, in the order in which they are told. */
#define NOTIFY_TEXTS(X)                                                                                      \
    X(request)                                                                                               \
    X(state)                                                                                                 \
    X(session)                                                                                               \
    X(principal)                                                                                             \
    X(on_behalf_of)                                                                                          \
    X(connection)                                                                                            \
    X(database)                                                                                              \
    X(statement) /* what kind: "DELETE" */                                                                   \
    X(message)                                                                                               \
    X(policy)                                                                                                \
    X(rule)                                                                                                  \
    X(code)                                                                                                  \
    X(decision)                                                                                              \
    X(by)                                                                                                    \
    X(reason)                                                                                                \
    X(why)                                                                                                   \
    X(replaces)                                                                                              \
    X(link)
/* X(member): lists, whose items end with a NUL each. */
#define NOTIFY_LISTS(X)                                                                                      \
    X(approvers) /* groups */                                                                                \
    X(relations)
struct notify_fact {
    enum notify_kind kind;
    char type[32]; /* "approval.asked" */
    int64_t at_us;
    bool machine, counted;
    uint64_t rows;      /* counted: that it would change */
    int64_t expires_us; /* 0: nothing is waited for */
    uint64_t count;     /* how often, since at_us */
#define X(member) struct bytes member;
    NOTIFY_TEXTS(X)
    NOTIFY_LISTS(X)
#undef X
};

enum { NOTIFY_TEXT = 512 /* bytes of one text at most; cut between characters */, NOTIFY_LIST = 4096 };

/* The facts of an event at the desk, in the arena. url: as in struct notify_options. False: no memory. */
bool fact_of_event(const struct desk_event *event, struct bytes url, struct arena *arena,
                   struct notify_fact *out) MUST_USE;
bool fact_of_refusal(const struct notify_refusal *refusal, struct arena *arena,
                     struct notify_fact *out) MUST_USE;
/* In one allocation, freed with free(). NULL: no memory. */
struct notify_fact *fact_copy(const struct notify_fact *fact) MUST_USE;
/* Whether two refusals differ in nothing but session and time. */
bool fact_is_same(const struct notify_fact *a, const struct notify_fact *b);
/* The next item of a list; false: there is none. */
bool fact_list_next(struct bytes *list, struct bytes *item_out);
#endif
