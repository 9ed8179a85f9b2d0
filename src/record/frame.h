/* Frames: what the log is made of. One frame is one event of one session. This header names the kinds and
 * gives their bodies; lane.h appends them, reader.h brings them back. Numbers are big-endian, as everywhere
 * in the log.
 *
 * A text is defined once in a session (FRAME_TEXT gives it a number, with what was understood and decided)
 * and referred to by that number afterwards, so that a statement which runs a thousand times is written once.
 * A row description likewise (FRAME_ROW_DESCRIPTION). A "run" is one execution: it is named by the sequence
 * number of its FRAME_QUERY, FRAME_EXECUTE or FRAME_CALL, and rows, completion and errors carry that number.
 *
 * "fields" below is a list that can grow: u16 count, then for each a NUL-terminated name and a counted (u32)
 * value. A reader passes over names that it does not know. */
#ifndef POSTERN_RECORD_FRAME_H
#define POSTERN_RECORD_FRAME_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

/* X(number, NAME, "name"): the number is the type byte in the log and never changes meaning. */
#define FRAME_TYPES(X)                                                                                        \
    /* fields: who (verified), whence, where to, policy hash; see doc/log-format.md */                        \
    X(1, SESSION_START, "session-start")                                                                      \
    /* fields: reason, sqlstate, statements, rows, bytes in and out, refused */                               \
    X(2, SESSION_END, "session-end")                                                                          \
    /* fields: what the client claims (prompt, task, tool, model, trace, on_behalf_of …) */                 \
    X(3, CONTEXT, "context")                                                                                  \
    /* u32 text number, then fields: text, decision, policy, rule, effects, relations, edits (sent.h) … */  \
    X(4, TEXT, "text")                                                                                        \
    /* u32 text number: a simple Query message; then, where its text differs from that one in literals, its   \
     * text */                                                                                                \
    X(5, QUERY, "query")                                                                                      \
    /* u32 text number, cstring statement name, u16 n, n × u32 parameter type OIDs */                        \
    X(6, PARSE, "parse")                                                                                      \
    /* the body of the Bind message as it came */                                                             \
    X(7, BIND, "bind")                                                                                        \
    /* u32 text number, u32 sequence of its bind (0: not known), cstring portal, u32 most rows */             \
    X(8, EXECUTE, "execute")                                                                                  \
    /* the body of the FunctionCall message as it came */                                                     \
    X(9, CALL, "call")                                                                                        \
    /* u32 description number, then the body of the RowDescription message */                                 \
    X(10, ROW_DESCRIPTION, "row-description")                                                                 \
    /* cstring statement name, then the body of the ParameterDescription message */                           \
    X(11, PARAMETER_DESCRIPTION, "parameter-description")                                                     \
    /* u32 run, u32 description number (0: none), then whole DataRow messages as they came (type byte,        \
     * length, body); with FRAME_PART: a piece of one that was too large, the next piece follows in the       \
     * session's next frame */                                                                                \
    X(12, ROWS, "rows")                                                                                       \
    /* u32 run, then the data of CopyData messages from the server */                                         \
    X(13, COPY_OUT, "copy-out")                                                                               \
    /* u32 run, then the data of CopyData messages from the client */                                         \
    X(14, COPY_IN, "copy-in")                                                                                 \
    /* u32 run, u64 rows, u64 bytes, u64 microseconds since the run's frame, u8 how (enum run_end), cstring   \
     * tag; then, where its rows are those of what was prepared or declared before (EXECUTE, FETCH), the u32  \
     * number of that text */                                                                                 \
    X(15, COMPLETE, "complete")                                                                               \
    /* u32 run (0: none), u8 origin (enum frame_origin), then the body of the ErrorResponse */                \
    X(16, ERROR, "error")                                                                                     \
    /* u32 run (0: none), u8 origin, then the body of the NoticeResponse */                                   \
    X(17, NOTICE, "notice")                                                                                   \
    /* the body of the NotificationResponse */                                                                \
    X(18, NOTIFICATION, "notification")                                                                       \
    /* cstring name, cstring value */                                                                         \
    X(19, PARAMETER_STATUS, "parameter-status")                                                               \
    /* fields: where the cancel request came from, run */                                                     \
    X(20, CANCEL, "cancel")                                                                                   \
    /* u32 run, 32 bytes SHA-256 over the DataRow or CopyData messages, u64 rows, u64 bytes: what `rows:      \
     * digest` keeps */                                                                                       \
    X(21, DIGEST, "digest")                                                                                   \
    /* u32 run, u64 rows not recorded: the log had no room for them and the session ended there. Run 0: the   \
     * session goes on unrecorded from here, as its policy says */                                            \
    X(22, CUT, "cut")                                                                                         \
    /* cstring 'S' or 'P' with name: a Close message, or what SQL closed */                                   \
    X(23, CLOSE, "close")                                                                                     \
    /* fields: an identity that was refused, a connection that ended before it was a session */               \
    X(24, REJECTED, "rejected")                                                                               \
    /* fields: things about the gateway itself: start, stop, configuration loaded, tail recovered, lane cut   \
     */                                                                                                       \
    X(25, GATEWAY, "gateway")                                                                                 \
    /* the transaction status byte of a ReadyForQuery, where it changed */                                    \
    X(26, STATUS, "status")                                                                                   \
    /* fields: request id, state, who, decision, reason, count: the life of a hold */                         \
    X(27, APPROVAL, "approval")                                                                               \
    /* u32 run, then fields that only one role may see: texts withheld from a client */                       \
    X(28, SEALED, "sealed")                                                                                   \
    /* u32 run, then fields: COLUMN.KIND.HOW = a count: how many values of a kind (card_number … or unseen: \
     * too long to be looked through) were masked, or found and shown, in which column of the result, from    \
     * 1; 0: in rows of COPY; more: so many counts that found no room */                                      \
    X(30, FOUND, "found")

enum frame_type {
#define X(number, NAME, name) FRAME_##NAME = number,
    FRAME_TYPES(X)
#undef X
};

/* Flag bits of a frame. */
enum {
    FRAME_PART = 1, /* the body goes on in this session's next frame of the same type */
    FRAME_ZSTD =
        2, /* the body is compressed where it is stored; a reader expands it and takes the flag away */
    FRAME_SYNCED =
        4 /* the client sent a Sync (or several) between its message before this one and this one; a
             FRAME_SESSION_START that has it says that the session's other frames would have it */
};

/* Kinds of frames as a set: bit n is type n, bit 0 stands for the types from 32 on. */
static inline uint32_t frame_type_bit(uint8_t type)
{
    return UINT32_C(1) << (type < 32 ? type : 0);
}

enum frame_origin { ORIGIN_SERVER = 0, ORIGIN_GATEWAY = 1 };
/* How a run ended. RUN_SUSPENDED: the portal has more rows. RUN_SKIPPED: an earlier error in the pipeline.
 * RUN_LOST: the session ended first. RUN_UNDONE: it ran, passed a limit, and was rolled back before anything
 * could be committed; an error says so. */
enum run_end {
    RUN_COMPLETED = 0,
    RUN_FAILED,
    RUN_SUSPENDED,
    RUN_SKIPPED,
    RUN_LOST,
    RUN_REFUSED,
    RUN_EMPTY,
    RUN_UNDONE
};

/* One frame as a reader sees it; body is borrowed from the reader until its next step. */
struct frame {
    uint64_t session;  /* see session_id below; 0: the gateway itself (FRAME_GATEWAY, FRAME_REJECTED) */
    uint32_t sequence; /* from 1, without gaps within a session */
    uint8_t type, flags;
    int64_t time_us; /* UTC */
    struct bytes body;
};

/* "query" for FRAME_QUERY; "unknown" for a number that this reader does not know. */
const char *frame_type_name(uint8_t type);

/* Building and reading "fields". */
struct frame_fields {
    struct buf *out;
    size_t count_at; /* where the count stands in out */
    uint16_t n;
};
struct frame_fields frame_fields_begin(struct buf *out);
void frame_fields_add(struct frame_fields *f, const char *name, struct bytes value);
void frame_fields_add_text(struct frame_fields *f, const char *name, const char *value); /* NULL: left out */
void frame_fields_add_number(struct frame_fields *f, const char *name, int64_t value);   /* as decimal text */
/* The value of a field in an encoded list; p == NULL where it is not there or the list is malformed. */
struct bytes frame_fields_get(struct bytes fields, const char *name);
/* Calls visit for each; false where the list is malformed. */
bool frame_fields_each(struct bytes fields,
                       void (*visit)(void *context, struct bytes name, struct bytes value), void *context);

/* A session's number as people see it: 13 characters of Crockford's base 32 in lower case, in order of time:
 * the number is 42 bits of milliseconds since 1970 and 22 bits that make it unique. Room for 14 bytes, NUL
 * included. */
void session_id_format(uint64_t session, char out[14]);
bool session_id_parse(struct bytes text, uint64_t *session_out) MUST_USE;
#endif
