/* The control socket's language: lines of a verb and fields, "kill session=0dz… reason=stop%20it". Pure; the
 * gateway and the CLI share it. doc/control.md lists the verbs. A value's bytes outside of letters, digits
 * and "-._~:/@,+" are percent-encoded, so that a line is one line whatever stands in it. */
#ifndef POSTERN_CLI_CONTROL_LINE_H
#define POSTERN_CLI_CONTROL_LINE_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

enum { CONTROL_LINE_MOST = 8192, CONTROL_FIELDS_MOST = 32, CONTROL_VERSION = 1 };

struct control_field {
    struct bytes name, value;
};
struct control_line {
    struct bytes verb;
    struct control_field fields[CONTROL_FIELDS_MOST];
    size_t n_fields;
};

/* Writing: begin, fields, end. */
void control_line_begin(struct buf *out, const char *verb);
void control_line_field(struct buf *out, const char *name, struct bytes value);
void control_line_number(struct buf *out, const char *name, uint64_t value);
void control_line_end(struct buf *out);

/* BAD: not of this form; the peer is not one of ours, end the connection. MORE: no whole line yet. LINE:
 * *line is filled, its values in the arena, and *used_out bytes are to be consumed. */
enum control_read { CONTROL_BAD = 0, CONTROL_MORE, CONTROL_LINE };
enum control_read control_line_read(struct bytes in, struct arena *arena, struct control_line *line,
                                    size_t *used_out) MUST_USE;
/* p == NULL: not there. */
struct bytes control_line_get(const struct control_line *line, const char *name);
#endif
