/* What was sent to the server and not answered yet, in order: the server's answers are read against the head
 * of this queue. */
#ifndef POSTERN_SESSION_PENDING_H
#define POSTERN_SESSION_PENDING_H
#include "session/binding.h"
#include "session/refusal.h"

enum pending_kind {
    PENDING_PARSE = 1,
    PENDING_BIND,
    PENDING_DESCRIBE, /* of a statement or a portal: the binding tells */
    PENDING_EXECUTE,
    PENDING_CLOSE,
    PENDING_SYNC,
    PENDING_QUERY,
    PENDING_CALL,     /* FunctionCall */
    PENDING_INQUIRY,  /* the gateway's own question about the session (view.h): a simple query */
    PENDING_COPY_END, /* CopyDone or CopyFail: no answer of its own; marks where COPY data ends */
    PENDING_OWN,      /* a statement of the gateway's own, all of it (own.c) */
};

/* What a result has more of than it may. */
enum overrun {
    OVERRUN_NOT = 0,
    OVERRUN_ROWS,
    OVERRUN_BYTES,
    OVERRUN_BUDGET_ROWS,
    OVERRUN_BUDGET_BYTES,
    OVERRUN_UNSEEN /* it cannot be looked through for values that are masked */
};

struct text_kept {
    size_t room; /* for so many bytes behind it */
    struct bytes text;
};

/* What a statement of a simple Query does to names, when its CommandComplete comes. */
struct name_change {
    struct name_change *next;
    size_t statement;        /* which of the text, from 0 */
    struct binding *binding; /* pushed; NULL: all names of `what` go */
    enum { CHANGE_BINDING, CHANGE_ALL_STATEMENTS, CHANGE_ALL_PORTALS, CHANGE_EVERYTHING } what;
};

struct pending {
    uint8_t kind;
    bool injected;            /* our own: its answers are not for the client */
    bool statement_described; /* PENDING_DESCRIBE: of a statement (ParameterDescription comes first) */
    bool parameters_seen;
    bool failed; /* a simple Query or FunctionCall that had its ErrorResponse: only ReadyForQuery is left */
    bool copying_in, copying_out;
    bool described;          /* a simple Query: the rows that come now were described */
    bool reserved;           /* the record has room for its outcome */
    uint8_t overrun;         /* enum overrun: a limit was passed, and a cancel request is on its way */
    uint8_t purpose, stage;  /* PENDING_OWN: enum own_purpose; how far its answers have come */
    uint8_t limited;         /* enum understood_limited: what decides on it (limit.c) */
    bool keeps_rows;         /* and whether its rows wait for the decision */
    bool as_query;           /* a simple Query that goes as Parse, Bind, Describe and Execute: part of it */
    uint32_t run;            /* sequence of its frame in the record; 0: none */
    uint32_t text;           /* its number in the record */
    uint32_t description;    /* of the rows that come now */
    int32_t columns;         /* of that description; -1: not known */
    uint32_t n_copied_in;    /* COPY FROM STDIN statements of the text that have completed */
    size_t statement;        /* simple Query: which statement of the text answers now */
    int64_t started_us;      /* monotonic */
    uint64_t rows, bytes;    /* of the statement that answers now */
    uint64_t values;         /* bytes of values, where they are limited */
    struct binding *binding; /* a use; Parse, Bind, Close: the new one. Describe, Execute: the one meant */
    struct understood *understood; /* a pin; NULL where not known */
    struct understood *limited_by; /* a pin: whose limit it is (for EXECUTE: of what was prepared) */
    struct refusal *refusal;       /* poisoned: said to the client in place of the server's syntax error */
    struct name_change *changes;
    struct text_kept *text_kept; /* the client's text, where it is not that of `understood`; NULL */
};

/* A ring that grows up to a ceiling. */
struct pendings {
    struct pending *ring;
    uint32_t first, n, size;
    struct text_kept *spare; /* of the last one that kept a short text, for the next; NULL */
};
enum { PENDING_CEILING = 1 << 16 };

/* A zeroed one at the end; NULL: the ceiling, or no memory. Valid until the next push. */
struct pending *pending_push(struct pendings *p, enum pending_kind kind) MUST_USE;
/* Keeps a copy of the client's text, for places in errors. */
bool pending_keep_text(struct pendings *all, struct pending *p, struct bytes text) MUST_USE;
static inline bool pending_is_full(const struct pendings *p)
{
    return p->n >= PENDING_CEILING - 8;
}
static inline struct pending *pending_at(const struct pendings *p, uint32_t i)
{
    return &p->ring[(p->first + i) & (p->size - 1)];
}
static inline struct pending *pending_head(const struct pendings *p)
{
    return p->n ? pending_at(p, 0) : NULL;
}
/* Takes out the i-th (0: the head) and frees what it holds; those before it move, so pointers to them are
 * void; its changes of names were made final or taken back before. */
void pending_drop(struct pendings *p, struct bindings *b, uint32_t i);
void pending_free_all(struct pendings *p, struct bindings *b);
#endif
