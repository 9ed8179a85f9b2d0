/* Frames as words: `complete run=3 how=completed rows=2 tag="SELECT 2"`. The source of each body is the table
 * in record/frame.h. */
#include "base/cursor.h"
#include "session/talk-message.h"
#include "session/talk-record.h"

struct printer {
    struct arena *arena;
    struct talk_word *words;
    size_t n, room;
};

static void add(struct printer *p, const char *name, struct bytes value)
{
    if (p->n == p->room) {
        struct talk_word *wider = ARENA_ARRAY(p->arena, struct talk_word, p->room ? p->room * 2 : 16);
        if (!wider) return;
        if (p->n) memcpy(wider, p->words, p->n * sizeof *wider);
        p->words = wider;
        p->room = p->room ? p->room * 2 : 16;
    }
    uint8_t *text = arena_alloc(p->arena, strlen(name) + 1 + value.n + 1);
    if (!text) return;
    size_t at = strlen(name);
    memcpy(text, name, at);
    if (at) text[at++] = '=';
    if (value.n) memcpy(text + at, value.p, value.n);
    p->words[p->n++] = (struct talk_word){ .text = bytes_make(text, at + value.n) };
}

static void add_text(struct printer *p, const char *name, const char *value)
{
    add(p, name, bytes_of(value));
}

static void add_number(struct printer *p, const char *name, uint64_t value)
{
    add(p, name, arena_printf(p->arena, "%lu", (unsigned long)value));
}

static void add_field(void *context, struct bytes name, struct bytes value)
{
    struct printer *p = context;
    add(p, arena_string(p->arena, name), value);
}

static void add_message(struct printer *p, uint8_t type, struct bytes body)
{
    struct talk_word *words;
    size_t n = 0;
    uint8_t *whole = arena_alloc(p->arena, body.n + 5);
    if (!whole) return;
    uint32_t length = __builtin_bswap32((uint32_t)body.n + 4);
    whole[0] = type;
    memcpy(whole + 1, &length, 4);
    if (body.n) memcpy(whole + 5, body.p, body.n);
    bool client = type == 'B';
    if (!talk_message_describe(client ? TALK_CLIENT : TALK_SERVER, bytes_make(whole, body.n + 5), p->arena,
                               &words, &n))
        n = 0;
    for (size_t i = 1; i < n; i++)
        add_text(p, "", (const char *)arena_string(p->arena, words[i].text));
}

/* severity, sqlstate, message …: of a report's body. */
static void add_report(struct printer *p, struct cursor *c)
{
    static const char *const origins[] = { "server", "gateway" };
    add_number(p, "run", cursor_u32(c));
    add_text(p, "origin", origins[cursor_u8(c) & 1]);
    while (!c->failed) {
        uint8_t code = cursor_u8(c);
        if (code == 0) break;
        struct bytes text = cursor_cstring(c);
        if (code == 'S') add(p, "severity", text);
        if (code == 'C') add(p, "sqlstate", text);
        if (code == 'M') add(p, "message", text);
        if (code == 'D') add(p, "detail", text);
        if (code == 'H') add(p, "hint", text);
    }
}

static void add_complete(struct printer *p, struct cursor *c)
{
    static const char *const hows[] = { "completed", "failed",  "suspended", "skipped",
                                        "lost",      "refused", "empty",     "undone" };
    add_number(p, "run", cursor_u32(c));
    add_number(p, "rows", cursor_u64(c));
    add_number(p, "bytes", cursor_u64(c));
    add_number(p, "us", cursor_u64(c));
    add_text(p, "how", hows[cursor_u8(c) & 7]);
    add(p, "tag", cursor_cstring(c));
}

static void add_rows(struct printer *p, struct cursor *c)
{
    uint64_t rows = 0, bytes = cursor_left(c) - 8;
    add_number(p, "run", cursor_u32(c));
    add_number(p, "description", cursor_u32(c));
    for (; cursor_left(c) && !c->failed; rows++) {
        cursor_u8(c);
        uint32_t length = cursor_u32(c);
        cursor_take(c, length < 4 ? SIZE_MAX : length - 4);
    }
    add_number(p, "rows", rows);
    add_number(p, "bytes", bytes);
    if (c->failed) add_text(p, "", "cut-off");
}

static void add_copy(struct printer *p, struct cursor *c)
{
    add_number(p, "run", cursor_u32(c));
    add_number(p, "bytes", cursor_left(c));
    add(p, "data", cursor_take(c, cursor_left(c)));
}

static void add_execute(struct printer *p, struct cursor *c)
{
    add_number(p, "text", cursor_u32(c));
    add_number(p, "bind", cursor_u32(c));
    add(p, "portal", cursor_cstring(c));
    add_number(p, "most", cursor_u32(c));
}

static void print_body(struct printer *p, uint8_t type, struct bytes body)
{
    struct cursor c = cursor_over(body);
    switch (type) {
    case FRAME_TEXT:
        add_number(p, "n", cursor_u32(&c));
        if (!frame_fields_each(cursor_take(&c, cursor_left(&c)), add_field, p)) add_text(p, "", "malformed");
        break;
    case FRAME_QUERY:
        add_number(p, "text", cursor_u32(&c));
        if (cursor_left(&c)) add(p, "own", cursor_take(&c, cursor_left(&c)));
        break;
    case FRAME_PARSE:
        add_number(p, "text", cursor_u32(&c));
        add(p, "name", cursor_cstring(&c));
        add_number(p, "types", cursor_u16(&c));
        break;
    case FRAME_BIND: add_message(p, 'B', body); break;
    case FRAME_EXECUTE: add_execute(p, &c); break;
    case FRAME_CALL: add_number(p, "oid", cursor_u32(&c)); break;
    case FRAME_ROW_DESCRIPTION:
        add_number(p, "n", cursor_u32(&c));
        add_message(p, 'T', cursor_take(&c, cursor_left(&c)));
        break;
    case FRAME_PARAMETER_DESCRIPTION:
        add(p, "name", cursor_cstring(&c));
        add_number(p, "n", cursor_u16(&c));
        break;
    case FRAME_ROWS: add_rows(p, &c); break;
    case FRAME_COPY_OUT:
    case FRAME_COPY_IN: add_copy(p, &c); break;
    case FRAME_COMPLETE: add_complete(p, &c); break;
    case FRAME_ERROR:
    case FRAME_NOTICE: add_report(p, &c); break;
    case FRAME_NOTIFICATION: add_message(p, 'A', body); break;
    case FRAME_PARAMETER_STATUS: add_message(p, 'S', body); break;
    case FRAME_FOUND:
    case FRAME_SEALED:
        add_number(p, "run", cursor_u32(&c));
        if (!frame_fields_each(cursor_take(&c, cursor_left(&c)), add_field, p)) add_text(p, "", "malformed");
        break;
    case FRAME_CUT: add_number(p, "run", cursor_u32(&c)); break;
    case FRAME_CLOSE: add(p, "what", cursor_take(&c, body.n ? body.n - 1 : 0)); break;
    case FRAME_STATUS: add(p, "is", body); break;
    default:
        if (!frame_fields_each(body, add_field, p)) add_text(p, "", "malformed");
        break;
    }
}

/* How many bytes at the front of a body a piece that follows another has again. */
static size_t repeated(uint8_t type)
{
    switch (type) {
    case FRAME_ROWS: return 8;
    case FRAME_COPY_IN:
    case FRAME_COPY_OUT: return 4;
    case FRAME_ERROR:
    case FRAME_NOTICE: return 5;
    default: return 0;
    }
}

static bool goes_on(const struct frame *first, const struct frame *last, const struct frame *next)
{
    size_t same = repeated(first->type);
    bool runs = first->type == FRAME_ROWS || first->type == FRAME_COPY_IN || first->type == FRAME_COPY_OUT;
    return next->type == first->type && next->session == first->session &&
           (last->flags & FRAME_PART || runs) && next->body.n >= same &&
           memcmp(next->body.p, first->body.p, same) == 0;
}

bool talk_frames_next(const struct record_lane *lane, size_t *at, struct arena *arena,
                      struct talk_word **words_out, size_t *n_out)
{
    struct printer p = { .arena = arena };
    if (*at >= lane->n) return false;
    const struct frame *first = &lane->frames[*at], *last = first;
    size_t n = first->body.n;
    for (size_t i = *at + 1; i < lane->n && goes_on(first, last, &lane->frames[i]); i++) {
        last = &lane->frames[i];
        n += last->body.n;
    }
    uint8_t *body = arena_alloc(arena, n + 1);
    size_t length = 0;
    for (const struct frame *f = first; body && f <= last; f++) {
        struct bytes part = bytes_slice(f->body, f == first ? 0 : repeated(f->type), f->body.n);
        if (part.n) memcpy(body + length, part.p, part.n);
        length += part.n;
    }
    add_text(&p, "", frame_type_name(first->type));
    add_number(&p, "seq", first->sequence);
    if (body) print_body(&p, first->type, bytes_make(body, length));
    if (last->flags & FRAME_PART) add_text(&p, "", "unfinished");
    *at = (size_t)(last - lane->frames) + 1;
    *words_out = p.words;
    *n_out = p.n;
    return true;
}
