/* Hand-made frames for tests: a session that is written down without a log. Bodies are built in one buffer,
 * frame after frame, and stay valid until frames_free. */
#ifndef POSTERN_RECORD_TEST_FRAMES_H
#define POSTERN_RECORD_TEST_FRAMES_H
#include "base/buf.h"
#include "base/test.h"
#include "record/frame.h"
#include <stdlib.h>

enum { FRAMES_MOST = 4096 };
struct frames {
    uint64_t session;
    int64_t time_us;
    size_t n;
    struct frame frame[FRAMES_MOST];
    struct buf body;
};

static inline void frames_init(struct frames *f, uint64_t session)
{
    memset(f, 0, sizeof *f);
    f->session = session;
    f->time_us = INT64_C(1795250000000000);
    buf_init(&f->body, 16 << 20);
}

static inline void frames_free(struct frames *f)
{
    for (size_t i = 0; i < f->n; i++)
        free((void *)(uintptr_t)f->frame[i].body.p);
    buf_free(&f->body);
}

/* Ends the frame whose body stands in f->body; answers its sequence number. Each frame comes 1 ms later. */
static inline uint32_t frames_end(struct frames *f, enum frame_type type, uint8_t flags)
{
    assert_true(f->n < FRAMES_MOST && !f->body.failed);
    struct frame *frame = &f->frame[f->n++];
    size_t n = buf_length(&f->body);
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n) memcpy(copy, buf_bytes(&f->body).p, n);
    buf_consume(&f->body, n);
    f->time_us += 1000;
    *frame = (struct frame){ .session = f->session,
                             .sequence = (uint32_t)f->n,
                             .type = (uint8_t)type,
                             .flags = flags,
                             .time_us = f->time_us,
                             .body = bytes_make(copy, n) };
    return frame->sequence;
}

/* A frame of fields: names and values, then NULL. */
static inline uint32_t frames_fields(struct frames *f, enum frame_type type, ...)
{
    va_list args;
    va_start(args, type);
    struct frame_fields fields = frame_fields_begin(&f->body);
    for (const char *name; (name = va_arg(args, const char *));)
        frame_fields_add_text(&fields, name, va_arg(args, const char *));
    va_end(args);
    return frames_end(f, type, 0);
}

static inline void frames_text(struct frames *f, uint32_t number, const char *text, const char *decision,
                               const char *policy, const char *rule, const char *tags, const char *effects,
                               const char *relations)
{
    buf_put_u32(&f->body, number);
    struct frame_fields fields = frame_fields_begin(&f->body);
    frame_fields_add_text(&fields, "text", text);
    frame_fields_add_text(&fields, "decision", decision);
    frame_fields_add_text(&fields, "policy", policy);
    frame_fields_add_text(&fields, "rule", rule);
    frame_fields_add_text(&fields, "tags", tags);
    frame_fields_add_text(&fields, "effects", effects);
    frame_fields_add_text(&fields, "relations", relations);
    frames_end(f, FRAME_TEXT, 0);
}

static inline uint32_t frames_query(struct frames *f, uint32_t text)
{
    buf_put_u32(&f->body, text);
    return frames_end(f, FRAME_QUERY, 0);
}

/* Columns: name, type OID, format; then NULL. */
static inline void frames_description(struct frames *f, uint32_t number, ...)
{
    va_list args, again;
    uint16_t n = 0;
    va_start(args, number);
    va_copy(again, args);
    for (; va_arg(again, const char *); n++)
        (void)(va_arg(again, int) + va_arg(again, int));
    va_end(again);
    buf_put_u32(&f->body, number);
    buf_put_u16(&f->body, n);
    for (const char *name; (name = va_arg(args, const char *));) {
        buf_put_cstring(&f->body, bytes_of(name));
        buf_put_u32(&f->body, 0);
        buf_put_u16(&f->body, 0);
        buf_put_u32(&f->body, (uint32_t)va_arg(args, int));
        buf_put_u16(&f->body, 0xFFFF);
        buf_put_u32(&f->body, 0xFFFFFFFF);
        buf_put_u16(&f->body, (uint16_t)va_arg(args, int));
    }
    va_end(args);
    frames_end(f, FRAME_ROW_DESCRIPTION, 0);
}

static inline void frames_rows_begin(struct frames *f, uint32_t run, uint32_t description)
{
    buf_put_u32(&f->body, run);
    buf_put_u32(&f->body, description);
}

/* One DataRow behind frames_rows_begin; p == NULL is NULL. */
static inline void frames_row(struct frames *f, const struct bytes *values, uint16_t n)
{
    uint32_t length = 6;
    for (uint16_t i = 0; i < n; i++)
        length += 4 + (uint32_t)values[i].n;
    buf_put_u8(&f->body, 'D');
    buf_put_u32(&f->body, length);
    buf_put_u16(&f->body, n);
    for (uint16_t i = 0; i < n; i++)
        if (values[i].p)
            buf_put_counted(&f->body, values[i]);
        else
            buf_put_u32(&f->body, 0xFFFFFFFF);
}

static inline void frames_complete(struct frames *f, uint32_t run, uint64_t rows, uint64_t us,
                                   enum run_end how, const char *tag)
{
    buf_put_u32(&f->body, run);
    buf_put_u64(&f->body, rows);
    buf_put_u64(&f->body, rows * 10);
    buf_put_u64(&f->body, us);
    buf_put_u8(&f->body, (uint8_t)how);
    buf_put_cstring(&f->body, bytes_of(tag));
    frames_end(f, FRAME_COMPLETE, 0);
}

static inline void frames_error(struct frames *f, enum frame_type type, uint32_t run,
                                enum frame_origin origin, const char *severity, const char *sqlstate,
                                const char *message, const char *detail, const char *hint)
{
    const struct {
        char code;
        const char *text;
    } fields[] = { { 'S', severity }, { 'V', severity }, { 'C', sqlstate },
                   { 'M', message },  { 'D', detail },   { 'H', hint } };
    buf_put_u32(&f->body, run);
    buf_put_u8(&f->body, (uint8_t)origin);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].text) {
            buf_put_u8(&f->body, (uint8_t)fields[i].code);
            buf_put_cstring(&f->body, bytes_of(fields[i].text));
        }
    buf_put_u8(&f->body, 0);
    frames_end(f, type, 0);
}

static inline void frames_parse(struct frames *f, uint32_t text, const char *name, const uint32_t *types,
                                uint16_t n)
{
    buf_put_u32(&f->body, text);
    buf_put_cstring(&f->body, bytes_of(name));
    buf_put_u16(&f->body, n);
    for (uint16_t i = 0; i < n; i++)
        buf_put_u32(&f->body, types[i]);
    frames_end(f, FRAME_PARSE, 0);
}

/* All parameters in one format, all results in one. */
static inline uint32_t frames_bind(struct frames *f, const char *portal, const char *name, uint16_t format,
                                   const struct bytes *values, uint16_t n, uint16_t result_format)
{
    buf_put_cstring(&f->body, bytes_of(portal));
    buf_put_cstring(&f->body, bytes_of(name));
    buf_put_u16(&f->body, 1);
    buf_put_u16(&f->body, format);
    buf_put_u16(&f->body, n);
    for (uint16_t i = 0; i < n; i++)
        if (values[i].p)
            buf_put_counted(&f->body, values[i]);
        else
            buf_put_u32(&f->body, 0xFFFFFFFF);
    buf_put_u16(&f->body, 1);
    buf_put_u16(&f->body, result_format);
    return frames_end(f, FRAME_BIND, 0);
}

static inline uint32_t frames_execute(struct frames *f, uint32_t text, uint32_t bind, const char *portal,
                                      uint32_t most)
{
    buf_put_u32(&f->body, text);
    buf_put_u32(&f->body, bind);
    buf_put_cstring(&f->body, bytes_of(portal));
    buf_put_u32(&f->body, most);
    return frames_end(f, FRAME_EXECUTE, 0);
}
#endif
