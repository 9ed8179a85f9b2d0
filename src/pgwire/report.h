/* ErrorResponse and NoticeResponse: a list of fields, each a byte and a string (PostgreSQL documentation,
 * "Error and Notice Message Fields"). */
#ifndef POSTERN_PGWIRE_REPORT_H
#define POSTERN_PGWIRE_REPORT_H
#include "base/buf.h"
#include "base/bytes.h"

struct report {
    const char *severity; /* "ERROR", "FATAL", "NOTICE" … */
    char sqlstate[6];
    struct bytes message, detail, hint; /* detail and hint may be empty; a NUL inside ends the text */
    uint32_t position;                  /* in the client's text, in characters from 1; 0: none */
    const char *routine;                /* of the server's source, which some drivers go by; NULL: none */
};
/* type: MESSAGE_ERROR_RESPONSE or MESSAGE_NOTICE_RESPONSE. */
void report_put(struct buf *out, uint8_t type, const struct report *report);
/* Only the body, for a frame. */
void report_put_body(struct buf *out, const struct report *report);
/* The field of that code; p == NULL where it is not there. */
struct bytes report_field(struct bytes body, uint8_t code);
/* Fields are strings with codes, the list ends in a NUL, nothing behind it, and SQLSTATE (C) and MESSAGE (M)
 * are there. */
bool report_check(struct bytes body);
#endif
