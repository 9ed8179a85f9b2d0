/* Rows and COPY data that are too large to come at once: they are put together before they are looked
 * through. Of a row what is too long to be looked through is left out while it passes by, and becomes NULL,
 * so that what is held has a ceiling whatever the server sends. A row of COPY that is longer than that ends
 * the statement. */
#include "base/cursor.h"
#include "session/backend.h"

enum { PIECE = 512 * 1024 };

static void begin(struct session *s, enum sift_gathering what, uint8_t type)
{
    struct sift_gather *g = &s->sift.gather;
    buf_consume(&g->message, buf_length(&g->message));
    *g = (struct sift_gather){ .what = what, .message = g->message, .n_wanted = 2 };
    buf_put_u8(&g->message, type);
    buf_put_u32(&g->message, 0);
}

static void end(struct session *s)
{
    struct sift_gather *g = &s->sift.gather;
    buf_free(&g->message);
    *g = (struct sift_gather){ .message = g->message };
}

/* A value begins; it is left out where it is too long, and longer than the column's type is looked at. */
static void begin_value(struct session *s, const struct pending *p, uint32_t length)
{
    struct sift_gather *g = &s->sift.gather;
    struct look_tally tally = { .unseen = 1 };
    bool fits = buf_length(&g->message) + length < SIFT_CEILING;
    bool seen = length <= LOOK_CEILING || sift_way(s, p, g->column) == LOOK_NOT;
    g->left = length == UINT32_MAX ? 0 : length;
    g->dropped = g->left && !(fits && seen);
    buf_put_u32(&g->message, g->dropped ? UINT32_MAX : length);
    if (g->dropped && !sift_note(s, p, g->column + 1, &tally)) g->message.failed = true;
}

/* A number is here: how many columns, or how long the next value is. */
static void take_number(struct session *s, const struct pending *p)
{
    struct sift_gather *g = &s->sift.gather;
    struct cursor c = cursor_over(bytes_make(g->head, g->n_wanted));
    if (g->n_wanted == 2) {
        g->columns = cursor_u16(&c);
        buf_put_u16(&g->message, (uint16_t)g->columns);
        g->n_wanted = 4;
        g->in_value = false;
    } else {
        begin_value(s, p, cursor_u32(&c));
        g->in_value = true;
    }
    g->n_head = 0;
}

/* False: there is more than columns are. */
static bool take_row(struct session *s, const struct pending *p, struct bytes piece)
{
    struct sift_gather *g = &s->sift.gather;
    for (size_t at = 0; at < piece.n || (g->in_value && g->left == 0);) {
        if (g->in_value) {
            struct bytes part = bytes_slice(piece, at, g->left);
            if (!g->dropped) buf_append(&g->message, part);
            g->left -= (uint32_t)part.n;
            at += part.n;
            if (g->left) return true;
            g->in_value = false;
            g->column++;
            continue;
        }
        if (g->n_wanted == 4 && g->column >= g->columns) return false;
        g->head[g->n_head++] = piece.p[at++];
        if (g->n_head == g->n_wanted) take_number(s, p);
    }
    return true;
}

static bool take(struct session *s, const struct pending *p, struct bytes piece)
{
    struct sift_gather *g = &s->sift.gather;
    if (g->what == SIFT_GATHERS_ROW) return take_row(s, p, piece);
    if (buf_length(&g->message) + piece.n > SIFT_CEILING)
        g->is_long = true;
    else
        buf_append(&g->message, piece);
    return true;
}

static enum step malformed(struct session *s)
{
    return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed row");
}

enum step sift_gather_begin(struct session *s, const struct pending *p, uint8_t type, struct bytes first)
{
    begin(s, type == MESSAGE_DATA_ROW ? SIFT_GATHERS_ROW : SIFT_GATHERS_COPY, type);
    s->piece_to_client = false; /* nothing of it is, before all of it was looked through */
    return take(s, p, first) ? STEP_NEXT : malformed(s);
}

/* It is all there: what it becomes. STEP_NEXT, or the session ended. */
static enum step look(struct session *s, struct pending *p)
{
    struct sift_gather *g = &s->sift.gather;
    bool row = g->what == SIFT_GATHERS_ROW;
    if (row && (g->column != g->columns || g->n_head || g->in_value)) return malformed(s);
    if (!g->message.failed) buf_patch_u32(&g->message, 1, (uint32_t)buf_length(&g->message) - 1);
    struct bytes whole = buf_bytes(&g->message);
    g->becomes = g->message.failed ? (struct bytes){ 0 } : row ? sift_rows(s, p, whole) : sift_copy(s, whole);
    if (!g->becomes.p) return session_drop(s, "out of memory");
    g->looked = true;
    return STEP_NEXT;
}

/* As frames that a reader puts together; what was recorded was delivered too. */
static enum step send(struct session *s, struct pending *p)
{
    struct sift_gather *g = &s->sift.gather;
    bool row = g->what == SIFT_GATHERS_ROW;
    while (g->sent < g->becomes.n) {
        struct bytes part = bytes_slice(g->becomes, g->sent, PIECE);
        bool last = g->sent + part.n == g->becomes.n;
        s->piece_to_client = g->sent > 0; /* then no last words can follow */
        struct bytes kept = row || g->sent ? part : bytes_slice(part, MESSAGE_HEADER, part.n);
        enum record_outcome outcome =
            recording_rows(s, row ? FRAME_ROWS : FRAME_COPY_OUT, row && !last ? FRAME_PART : 0, s->piece_run,
                           s->piece_description, kept);
        if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
        p->bytes += kept.n;
        backend_deliver(s, p, part);
        g->sent += part.n;
    }
    sift_step_done(s, p);
    end(s);
    return STEP_NEXT;
}

enum step sift_gather(struct session *s, struct pending *p, struct bytes piece, bool last, bool *too_long_out)
{
    struct sift_gather *g = &s->sift.gather;
    *too_long_out = false;
    if (!g->looked) {
        if (!take(s, p, piece)) return malformed(s);
        bool cut = last && g->what == SIFT_GATHERS_COPY && !sift_is_whole_row(buf_bytes(&g->message));
        if (g->is_long || cut) {
            *too_long_out = true;
            end(s);
            return STEP_NEXT;
        }
        if (!last) return STEP_NEXT;
        enum step step = look(s, p);
        if (step != STEP_NEXT) return step;
    }
    return send(s, p);
}

void sift_gather_abandon(struct session *s)
{
    if (s->sift.gather.what) end(s);
}
