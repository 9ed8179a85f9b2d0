/* Text that others wrote, made safe for a terminal: what a client or a server sent can show itself, and can
 * not move the cursor, change colours, hide or reorder what stands beside it. */
#ifndef POSTERN_CLI_SAFE_H
#define POSTERN_CLI_SAFE_H
#include "base/buf.h"
#include "base/bytes.h"

enum safe_lines {
    SAFE_ONE_LINE, /* line feeds and tabs become \n and \t */
    SAFE_LINES     /* line feeds and tabs stay */
};
/* Appends the text: C0 and C1 controls, DEL and bytes that are not UTF-8 as \xHH (carriage return as \r),
 * marks that are invisible or change the direction of text as \uHHHH. */
void safe_append(struct buf *out, struct bytes text, enum safe_lines lines);
/* The columns that a piece of safe text takes: 2 for wide characters, 0 for combining ones. */
size_t safe_width(struct bytes text);
#endif
