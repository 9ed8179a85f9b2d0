/* Writes JSON into a buffer, without a tree: the caller says what comes, the writer puts commas and escapes.
 * It is for hot paths and for `--json`. A call out of order (a value without a name inside an object, one end
 * too many, more than 32 levels) is our own bug and is CHECKed; a full buffer shows in buf.failed.
 *
 *     struct json_writer w = json_writer_over(&out);
 *     json_write_object(&w);
 *     json_write_text_member(&w, "name", name);
 *     json_write_end(&w);
 */
#ifndef POSTERN_JSON_WRITER_H
#define POSTERN_JSON_WRITER_H
#include "base/buf.h"
#include "base/bytes.h"

enum { JSON_WRITER_DEPTH = 32 };
struct json_writer {
    struct buf *out;
    unsigned depth;
    uint32_t is_object, has_content; /* a bit a level */
    bool named;                      /* a name was written, its value comes next */
};

static inline struct json_writer json_writer_over(struct buf *out)
{
    return (struct json_writer){ .out = out };
}
void json_write_object(struct json_writer *w);
void json_write_array(struct json_writer *w);
/* Ends the innermost object or array. */
void json_write_end(struct json_writer *w);
/* The name of the next value, inside an object. */
void json_write_name(struct json_writer *w, const char *name);
void json_write_name_bytes(struct json_writer *w, struct bytes name);

/* A string. Quotes, backslashes, C0, DEL and C1 controls, line separators and the marks that change the
 * direction of text are escaped, so that what is printed shows what is there; a byte that is not UTF-8
 * becomes U+FFFD. */
void json_write_text(struct json_writer *w, struct bytes text);
/* What may be no text: {"hex": "…"} where it is not UTF-8. */
void json_write_bytes(struct json_writer *w, struct bytes b);
void json_write_int(struct json_writer *w, int64_t value);
void json_write_uint(struct json_writer *w, uint64_t value);
/* Shortest text that reads back as the same number; NaN and infinities, which JSON lacks, become null. */
void json_write_double(struct json_writer *w, double value);
void json_write_bool(struct json_writer *w, bool value);
void json_write_null(struct json_writer *w);
/* Text that is JSON already, a whole value; the caller answers for it. */
void json_write_raw(struct json_writer *w, struct bytes json);
/* "2026-11-21T08:45:12.123456Z" of microseconds since 1970. */
void json_write_time(struct json_writer *w, int64_t unix_us);

/* A name and a value in one call. */
void json_write_text_member(struct json_writer *w, const char *name, struct bytes text);
void json_write_bytes_member(struct json_writer *w, const char *name, struct bytes b);
void json_write_int_member(struct json_writer *w, const char *name, int64_t value);
void json_write_bool_member(struct json_writer *w, const char *name, bool value);
void json_write_time_member(struct json_writer *w, const char *name, int64_t unix_us);

/* Only the escaped inside of a string, without its quotes. */
void json_escape(struct buf *out, struct bytes text);
#endif
