/* What happened in a session, for people: frames go in, in order; events come out, with the numbers that link
 * them resolved. A statement comes with its text, its verdict and its parameters as text; a row with its
 * columns' names and its values as psql would print them; an outcome names the run that it belongs to.
 *
 * A transcript remembers texts, row descriptions, prepared statements, portals and runs, all under one
 * ceiling; where something was forgotten, or never was in the record, an event says less and is not wrong. It
 * trusts no frame: a body that is malformed becomes an EVENT_DAMAGED and the rest goes on.
 *
 *     struct transcript *t = transcript_new(ceiling);
 *     while (there are frames) transcript_feed(t, &frame, visit, context);
 *     transcript_free(t); */
#ifndef POSTERN_RECORD_TRANSCRIPT_H
#define POSTERN_RECORD_TRANSCRIPT_H
#include "base/bytes.h"
#include "base/check.h"
#include "record/frame.h"

#define TRANSCRIPT_EVENTS(X)                                                                                 \
    X(DAMAGED, "damaged")                                                                                    \
    X(START, "start")                                                                                        \
    X(END, "end")                                                                                            \
    X(CONTEXT, "context")                                                                                    \
    X(TEXT, "text")                                                                                          \
    X(PREPARE, "prepare")                                                                                    \
    X(STATEMENT, "statement")                                                                                \
    X(ROW, "row")                                                                                            \
    X(COPY, "copy")                                                                                          \
    X(COMPLETE, "complete")                                                                                  \
    X(REPORT, "report")                                                                                      \
    X(NOTIFICATION, "notification")                                                                          \
    X(PARAMETER, "parameter")                                                                                \
    X(CANCEL, "cancel")                                                                                      \
    X(DIGEST, "digest")                                                                                      \
    X(CUT, "cut")                                                                                            \
    X(CLOSE, "close")                                                                                        \
    X(REJECTED, "rejected")                                                                                  \
    X(GATEWAY, "gateway")                                                                                    \
    X(STATUS, "status")                                                                                      \
    X(APPROVAL, "approval")                                                                                  \
    X(SEALED, "sealed")                                                                                      \
    X(FOUND, "found")                                                                                        \
    X(OTHER, "other") /* a frame of a type that this reader does not know */

enum transcript_kind {
#define X(NAME, name) EVENT_##NAME,
    TRANSCRIPT_EVENTS(X)
#undef X
};
const char *transcript_kind_name(enum transcript_kind kind);

/* A text of SQL as it was understood and judged. Missing fields are empty. A text that came with its run, and
 * not in a frame of its own, has this bit in its number. */
#define TRANSCRIPT_OWN_TEXT 0x80000000U
struct transcript_text {
    uint32_t number;
    struct bytes text;
    struct bytes decision; /* "allow", "deny", "hold" */
    struct bytes policy, rule, message, reason, would;
    struct bytes tags, effects, relations; /* lists with ", " between the members */
    struct bytes where;
    struct bytes sent;   /* what went to the server; empty: the text itself, or it is not known */
    struct bytes fields; /* all of them, encoded: claims, the grammar's complaint … */
};

/* Whether a field of a text tells which columns its results show: "masked", "clear", "untraced", "outputs",
 * or one of these of one statement of several, as "masked.2". */
bool transcript_field_is_seen(struct bytes name);

struct transcript_value {
    bool null;
    bool binary;       /* how it stood on the wire */
    bool understood;   /* false: text is \x and hexadecimal digits, since the type is not known here */
    uint32_t type;     /* OID; 0: not known */
    struct bytes text; /* as PostgreSQL prints it */
};

struct transcript_column {
    struct bytes name;
    uint32_t type, table;
    uint16_t attribute;
    bool binary; /* as the row description says; an Execute may have asked for something else */
};

enum transcript_protocol { PROTOCOL_SIMPLE, PROTOCOL_EXTENDED, PROTOCOL_CALL };

/* EVENT_STATEMENT: one execution begins. */
struct transcript_statement {
    enum transcript_protocol protocol;
    const struct transcript_text *text; /* NULL: not in the record, or forgotten */
    struct bytes name, portal;          /* of the prepared statement and the portal; PROTOCOL_EXTENDED */
    uint32_t most_rows;                 /* 0: all */
    uint32_t function;                  /* OID; PROTOCOL_CALL */
    bool has_parameters;                /* false: the Bind is not known */
    const struct transcript_value *parameters;
    size_t n_parameters;
};

/* EVENT_PREPARE: a Parse message. types has one OID a parameter that the client named the type of, 0 for "let
 * the server find out". */
struct transcript_prepare {
    const struct transcript_text *text;
    struct bytes name;
    const uint32_t *types;
    size_t n_types;
};

/* EVENT_ROW. n_columns is 0 where the client never asked for a description; n_values counts anyway. */
struct transcript_row {
    const struct transcript_column *columns;
    size_t n_columns;
    const struct transcript_value *values;
    size_t n_values;
    uint32_t description; /* rows of one description can be shown as one table */
    struct bytes
        outputs; /* as in the text's fields, of this very statement: "masked, -, clear"; may be empty */
    const struct transcript_text *text; /* of the run; NULL: not known */
    uint32_t statement;                 /* of the text's, from 1 */
};
/* One of the lists among a text's fields ("outputs", "values") for one of its statements; may be empty. */
struct bytes transcript_text_list(const struct transcript_text *text, const char *name, uint32_t statement);
/* The next column's state in a list of outputs: "masked", "clear" or "-"; empty behind its end. */
struct bytes transcript_output_next(struct bytes *outputs);

struct transcript_complete {
    uint64_t rows, bytes, us;
    enum run_end how;
    struct bytes tag;
    const struct transcript_text
        *of;              /* EXECUTE, FETCH: whose rows they are; NULL: the run's own, or not known */
    struct bytes outputs; /* where `of` is known: its columns' states, as with rows */
    const struct transcript_text *text; /* the run's own; NULL: not known */
    uint32_t statement;                 /* of it, from 1 */
};

/* EVENT_REPORT: an error or a notice, from the server or from the gateway itself (a refusal). */
struct transcript_report {
    bool is_error;
    enum frame_origin origin;
    struct bytes severity, sqlstate, message, detail, hint, position, where, schema, table, column,
        constraint;
    const struct transcript_text *text; /* what the run was about; NULL: not known */
};

struct transcript_event {
    enum transcript_kind kind;
    uint8_t frame_type; /* enum frame_type */
    uint32_t sequence;  /* of the frame */
    uint32_t run;       /* 0: none */
    int64_t time_us;    /* UTC */
    int64_t offset_us;  /* since the session's first frame that was fed */
    union {
        /* START, END, CONTEXT, CANCEL, REJECTED, GATEWAY, APPROVAL, SEALED, FOUND: see frame_fields_get */
        struct bytes fields;
        const struct transcript_text *text;
        struct transcript_prepare prepare;
        struct transcript_statement statement;
        struct transcript_row row;
        struct {
            bool in; /* from the client */
            struct bytes data;
            const struct transcript_text *text; /* of the run; NULL: not known */
            uint32_t statement;
        } copy;
        struct transcript_complete complete;
        struct transcript_report report;
        struct {
            uint32_t process;
            struct bytes channel, payload;
        } notification;
        struct {
            struct bytes name, value;
        } parameter;
        struct {
            struct bytes sha256; /* 32 bytes */
            uint64_t rows, bytes;
        } digest;
        uint64_t cut_rows;
        struct {
            char kind; /* 'S'tatement or 'P'ortal */
            struct bytes name;
        } close;
        char status;          /* 'I'dle, 'T'ransaction, failed ('E') */
        struct bytes message; /* DAMAGED */
    } of;
};

struct transcript;
/* ceiling: bytes of memory for what is remembered, and again for what one frame decodes to. NULL: no memory.
 */
struct transcript *transcript_new(size_t ceiling) MUST_USE;
void transcript_free(struct transcript *t);

/* Calls visit for each event of the frame: none for a piece that goes on in the next frame, one a row for
 * rows, else one. Everything that an event holds is borrowed until visit returns. Frames are those of one
 * session, in order; where some were left out (a reader that starts late), less is known. */
void transcript_feed(struct transcript *t, const struct frame *frame,
                     void (*visit)(void *context, const struct transcript_event *event), void *context);
#endif
