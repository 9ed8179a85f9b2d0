/* What the files of the transcript share: what it remembers of a session, and how bodies are decoded. */
#ifndef POSTERN_RECORD_TRANSCRIPT_PRIVATE_H
#define POSTERN_RECORD_TRANSCRIPT_PRIVATE_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "record/keep.h"
#include "record/transcript.h"

/* Each remembered thing is one allocation; its bytes stand behind it. */
struct known_text {
    struct transcript_text text;
    uint8_t body[];
};

struct known_description {
    uint32_t number;
    size_t n;
    struct transcript_column *columns; /* behind the body */
    uint8_t body[];
};

struct known_statement {
    uint32_t text; /* its number */
    size_t n_types;
    uint32_t types[];
};

/* A portal as its Bind made it. */
struct known_portal {
    uint32_t bind;                     /* the frame's sequence number */
    struct known_statement *statement; /* a copy, as it was then; NULL: not known */
    size_t n;
    uint8_t body[];
};

/* A run that can still have outcomes. formats: of the result's columns, as a Bind message has them. */
struct known_run {
    uint32_t text;
    uint32_t n_ended; /* statements of it that have an outcome */
    bool extended, has_formats;
    size_t n_formats;
    uint8_t formats[]; /* 1: binary */
};

struct transcript {
    struct keep texts, descriptions, statements, portals, runs;
    struct arena scratch; /* of the event that is being made */
    struct buf partial;   /* the body so far of a frame that came in pieces */
    uint8_t partial_type;
    uint32_t first_sequence; /* of the frame that is fed, or of its first piece */
    bool partial_lost;       /* pieces were left out, or were too much */
    bool started;
    int64_t start_us;
    size_t ceiling;
    /* of the frame that is being fed */
    const struct frame *frame;
    void (*visit)(void *context, const struct transcript_event *event);
    void *context;
};

/* A Bind message's body. Formats are u16 each; values are counted with -1 for NULL. */
struct bind_parts {
    struct bytes portal, statement, parameter_formats, result_formats;
    uint16_t n_parameter_formats, n_parameters, n_result_formats;
    struct cursor values;
};
bool transcript_bind_split(struct bytes body, struct bind_parts *out) MUST_USE;

/* Fills n values from the cursor, in the scratch arena. types may be shorter than n or NULL. False:
 * malformed, or too much for the arena. */
struct value_source {
    struct cursor *cursor;
    size_t n;
    const uint32_t *types;
    size_t n_types;
    struct bytes formats; /* u16 each: none for all text, one for all alike, or one a value */
    uint16_t n_formats;
};
bool transcript_values(struct transcript *t, const struct value_source *from,
                       struct transcript_value **values_out) MUST_USE;

/* NULL: malformed or no memory. */
struct known_description *transcript_description_decode(uint32_t number, struct bytes body) MUST_USE;
/* The rows of a FRAME_ROWS body, behind its two numbers: visits each. False: malformed from some row on. */
bool transcript_rows(struct transcript *t, uint32_t run, uint32_t description, struct bytes data) MUST_USE;

/* The remembered thing of that number; NULL: not there. */
const struct transcript_text *transcript_text_find(struct transcript *t, uint32_t number);
struct known_run *transcript_run_find(struct transcript *t, uint32_t run);
/* Begins an event of the current frame. */
struct transcript_event transcript_event_new(const struct transcript *t, enum transcript_kind kind,
                                             uint32_t run);
#endif
