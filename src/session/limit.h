/* Statements that may change only so many rows: they run, are counted, and come undone where they changed
 * more. The mechanism is told in doc/limits.md.
 *
 *   forward: [count] Parse Bind Execute ─▶ the client's Sync comes: count, Flush ─▶ the count is here
 *     within the limit: answers go to the client, and now its Sync to the server
 *     over it: the refusal goes to the client, poison and its Sync to the server, which undoes everything
 *
 * What is true: while a statement is undecided, nothing has been sent to the server behind it that could
 * commit (limit_lets_pass), and nothing of its completion to the client. Decisions are made in the order of
 * the server's answers. A session that ends while one is undecided sends no Sync. */
#ifndef POSTERN_SESSION_LIMIT_H
#define POSTERN_SESSION_LIMIT_H
#include "approval/desk.h"
#include "base/buf.h"
#include "session/understood.h"

/* A statement that completed and is not decided on: its frame waits. */
struct limit_ran {
    uint32_t run;
    bool reserved;
    uint8_t how;
    uint64_t rows, bytes;
    int64_t started_us;
    size_t n_tag;
    uint8_t tag[64];
};
/* ASK_AFTER: so many statements are counted together at most. HELD_CEILING: what is kept back from the client
 * until the count is known; statements whose answers are longer are undone. */
enum { LIMIT_ASK_AFTER = 256, LIMIT_HELD_CEILING = 8 << 20 };

/* The messages of a statement that a hold limits, kept while it is undecided: where it changes more than may
 * be changed without approval, it comes undone, and they are the client's next ones, which wait for people
 * (hold.h). */
struct limit_again {
    struct buf bytes;
    size_t at;              /* how far they have come again */
    bool kept;              /* they are there: the Query, or the Bind */
    bool complete;          /* and the Execute, behind which nothing was sent */
    bool undoing;           /* it is being undone */
    bool due;               /* they come again */
    bool replaying;         /* one of them is being looked at */
    bool granted;           /* people have approved that it changes so many rows */
    bool cancelled;         /* the client cancelled while it was being undone */
    uint64_t rows;          /* that it changed */
    uint32_t run;           /* in the record */
    char approved[DESK_ID]; /* the request by whose approval it ran last; empty: by none */
};

struct limiting {
    /* as what was forwarded has it */
    bool uncounted;    /* a statement was forwarded behind which no count was asked for */
    bool has_baseline; /* the latest count is of this transaction, and nothing but what is counted or only
                          reads came since */
    bool had_baseline; /* when the latest Sync went: good again where the transaction turns out to go on */
    uint32_t n_group;  /* statements since the latest count that was asked for */
    uint32_t n_asked;  /* counts on their way */
    uint32_t n_by_tag; /* statements on their way whose tags decide */
    bool flushed;
    bool waits;      /* a message of the client's waits for the decision */
    bool is_query;   /* a simple Query runs as extended: its Sync is ours to send */
    bool poison_due; /* over, in the middle of a large message of the client's */
    /* as the server's answers have it */
    bool holding; /* what comes for the client is kept in `held` */
    bool tripped; /* over: until ReadyForQuery nothing is delivered */
    bool has_count;
    uint64_t count, sum;             /* the count that arrives; the one before it */
    uint64_t by_tags;                /* of the statements in `ran`: rows by their tags */
    uint64_t affected;               /* in this transaction, decided */
    uint64_t affected_held;          /* of that, by statements that a hold limits */
    struct understood *by, *by_hold; /* pinned: the latest of `ran`; the one of them with the least hold */
    uint32_t run;
    struct buf held;
    struct limit_ran *ran;
    size_t n_ran, ran_size;
    struct limit_again again;
};
#endif
