/* Errors and notices. */
#include "pgwire/report.h"
#include "base/cursor.h"
#include "pgwire/message.h"
#include <stdio.h>

static void put_field(struct buf *out, uint8_t code, struct bytes text)
{
    if (text.n == 0) return;
    const uint8_t *nul = memchr(text.p, 0, text.n);
    buf_put_u8(out, code);
    buf_put_cstring(out, bytes_make(text.p, nul ? (size_t)(nul - text.p) : text.n));
}

void report_put_body(struct buf *out, const struct report *report)
{
    put_field(out, 'S', bytes_of(report->severity));
    put_field(out, 'V', bytes_of(report->severity));
    put_field(out, 'C', bytes_of(report->sqlstate));
    put_field(out, 'M', report->message.n ? report->message : BYTES_LITERAL("refused"));
    put_field(out, 'D', report->detail);
    put_field(out, 'H', report->hint);
    char position[16];
    snprintf(position, sizeof position, "%u", report->position);
    if (report->position) put_field(out, 'P', bytes_of(position));
    if (report->routine) put_field(out, 'R', bytes_of(report->routine));
    buf_put_u8(out, 0);
}

void report_put(struct buf *out, uint8_t type, const struct report *report)
{
    size_t at = message_begin(out, type);
    report_put_body(out, report);
    message_finish(out, at);
}

struct bytes report_field(struct bytes body, uint8_t code)
{
    struct cursor c = cursor_over(body);
    for (;;) {
        uint8_t found = cursor_u8(&c);
        if (found == 0) return (struct bytes){ 0 };
        struct bytes text = cursor_cstring(&c);
        if (c.failed) return (struct bytes){ 0 };
        if (found == code) return text;
    }
}

bool report_check(struct bytes body)
{
    struct cursor c = cursor_over(body);
    bool sqlstate = false, message = false;
    for (;;) {
        uint8_t code = cursor_u8(&c);
        if (code == 0) return cursor_done(&c) && sqlstate && message;
        cursor_cstring(&c);
        if (c.failed) return false;
        sqlstate |= code == 'C';
        message |= code == 'M';
    }
}
