/* Rows and COPY data on their way to the client: how much of it the policy still lets out, what is looked
 * through for values, recorded, delivered. Source: PostgreSQL documentation, "Message Flow". */
#include "base/cursor.h"
#include "session/backend.h"

enum { ROWS_AT_ONCE = 512 * 1024, COPY_PARTS = RECORDING_COPY_PARTS, COPY_FRAME = 512 * 1024 };

static void description_of(struct session *s, struct pending *p)
{
    const struct binding *b = p->binding;
    (void)s;
    if (p->description || !b || p->kind != PENDING_EXECUTE) return;
    if (!b->description && b->of) b = b->of;
    p->description = b->description;
    p->columns = b->columns;
}

/* What more may be delivered: rows, bytes of values, and which limit is met where there is no more. */
struct allowance {
    uint64_t rows, values;
    uint8_t of_rows, of_values; /* enum overrun */
};

static uint64_t rest_of(uint64_t most, uint64_t so_far)
{
    return !most ? UINT64_MAX : so_far < most ? most - so_far : 0;
}

static struct allowance allowance_of(struct session *s, const struct pending *p)
{
    const struct policy_limits *limits = &s->terms->limits;
    struct allowance a = { UINT64_MAX, UINT64_MAX, OVERRUN_ROWS, OVERRUN_BYTES };
    if (p->overrun || !s->bounds_results) return a;
    const struct binding *counted = backend_counted_by(s, p);
    a.rows = rest_of(limits->returned_rows, p->rows + (counted ? counted->rows : 0));
    a.values = rest_of(limits->returned_bytes, p->values + (counted ? counted->values : 0));
    uint64_t rows = budget_left(s, BUDGET_ROWS), values = budget_left(s, BUDGET_BYTES);
    if (rows < a.rows) a.of_rows = OVERRUN_BUDGET_ROWS, a.rows = rows;
    if (values < a.values) a.of_values = OVERRUN_BUDGET_BYTES, a.values = values;
    return a;
}

/* Which limit one more row (or message of COPY) would pass. */
static uint8_t passes(const struct allowance *a, uint64_t rows, uint64_t values)
{
    return rows >= a->rows ? a->of_rows : values > a->values ? a->of_values : OVERRUN_NOT;
}

static void note_delivered(struct session *s, struct pending *p, uint64_t rows, uint64_t values)
{
    p->rows += rows;
    p->values += values;
    budget_use(s, BUDGET_ROWS, rows);
    budget_use(s, BUDGET_BYTES, values);
}

/* The bytes of a DataRow's values: it is a count, and a length before each value. */
static uint64_t values_of(struct bytes start, size_t length)
{
    struct cursor c = cursor_over(start);
    uint64_t around = 2 + 4ull * cursor_u16(&c);
    return length > around ? length - around : 0;
}

static bool takes_rows(const struct pending *p)
{
    return p && ((p->kind == PENDING_QUERY && p->described) || p->kind == PENDING_EXECUTE) && !p->failed &&
           !p->refusal && !p->copying_in && !p->copying_out;
}

static enum step malformed_row(struct session *s)
{
    return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed row");
}

/* As many values as columns were described. */
static bool columns_fit(const struct pending *p, struct bytes body)
{
    struct cursor c = cursor_over(body);
    return p->columns < 0 || cursor_u16(&c) == p->columns;
}

/* A message that did not come whole, where values are looked for: it is put together, or, where they are only
 * reported, passed on unseen. */
static enum step begin_large(struct session *s, struct pending *p, const struct message *first)
{
    struct look_tally tally = { .unseen = 1 };
    if (s->sift.rules.masked) return sift_gather_begin(s, p, first->type, first->body);
    return sift_note(s, p, 0, &tally) ? STEP_NEXT : session_drop(s, "out of memory");
}

/* It comes as the beginning of a large message, wherever the bytes are cut. */
static bool is_gathered(const struct session *s, const struct message *m)
{
    return s->sift.rules.looked && m->body.n > SESSION_PIECE;
}

/* What changed stands in memory that does not last. */
static void deliver_looked(struct session *s, struct pending *p, struct bytes slice, struct bytes looked)
{
    if (looked.p == slice.p)
        backend_deliver_bulk(s, p, slice);
    else
        backend_deliver(s, p, looked);
    if (s->sift.rules.looked) sift_step_done(s, p);
}

/* A run of DataRow messages is recorded and delivered as one. */
enum step backend_on_rows(struct session *s, const struct message *first, struct bytes in, size_t *used_out)
{
    struct pending *p = pending_head(&s->pendings);
    if (!takes_rows(p)) return backend_unexpected(s, first);
    description_of(s, p);
    if (s->limiting.tripped) return STEP_NEXT;
    bool large = first->body.n < first->body_length;
    size_t used = large ? first->whole.n : 0;
    struct allowance allowance = allowance_of(s, p);
    uint64_t rows = large ? 1 : 0, values = large ? values_of(first->body, first->body_length) : 0;
    uint8_t over = large ? passes(&allowance, 0, values) : OVERRUN_NOT;
    if (large && !columns_fit(p, first->body)) return malformed_row(s);
    if (over) backend_overrun(s, p, over);
    while (!large && used < ROWS_AT_ONCE) {
        struct message m;
        bool whole = message_peek(bytes_make(in.p + used, in.n - used), &m) == MESSAGE_WHOLE;
        if (!whole || m.type != MESSAGE_DATA_ROW || is_gathered(s, &m)) break;
        if (!message_data_row_check(m.body) || !columns_fit(p, m.body)) {
            if (rows) break; /* what is good goes out first, wherever the bytes are cut */
            return malformed_row(s);
        }
        uint64_t more = values + values_of(m.body, m.body.n);
        over = passes(&allowance, rows, more);
        if (over) {
            if (rows) break; /* what is allowed goes out first */
            backend_overrun(s, p, over);
            allowance = allowance_of(s, p);
        }
        values = more;
        used += m.whole.n;
        rows++;
    }
    *used_out = used;
    s->piece_to_client = !p->overrun && !backend_is_silent(s, p);
    s->piece_run = p->run;
    if (p->overrun) return STEP_NEXT;
    s->piece_description = p->description;
    struct bytes slice = bytes_make(in.p, used), looked = slice;
    if (large && s->sift.rules.looked) {
        enum step step = begin_large(s, p, first);
        if (s->sift.gather.what) note_delivered(s, p, rows, values);
        if (s->sift.gather.what || step != STEP_NEXT) return step;
    } else if (s->sift.rules.looked) {
        looked = sift_rows(s, p, slice);
        if (!looked.p) return session_drop(s, "out of memory");
    }
    enum record_outcome outcome =
        recording_rows(s, FRAME_ROWS, large ? FRAME_PART : 0, p->run, p->description, looked);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    note_delivered(s, p, rows, values);
    p->bytes += looked.n;
    deliver_looked(s, p, slice, looked);
    return STEP_NEXT;
}

/* The bodies of CopyData messages. Returns how many bytes they are together. */
static size_t copy_parts(struct bytes messages, struct bytes parts[1 + COPY_PARTS], size_t *n_out)
{
    size_t data = 0, n = 0;
    struct message m;
    while (n < COPY_PARTS && message_peek(messages, &m) == MESSAGE_WHOLE) {
        parts[++n] = m.body;
        data += m.body.n;
        messages = bytes_slice(messages, m.whole.n, messages.n);
    }
    *n_out = n;
    return data;
}

/* A run of CopyData messages is recorded as one frame of their data, and delivered as it is. */
enum step backend_on_copy_out(struct session *s, const struct message *first, struct bytes in,
                              size_t *used_out)
{
    struct pending *p = pending_head(&s->pendings);
    struct bytes parts[1 + COPY_PARTS];
    size_t n = 0, used = 0, data = 0;
    if (!p || !p->copying_out) return backend_unexpected(s, first);
    if (s->limiting.tripped) return STEP_NEXT;
    /* A server sends a message for each row (and one for a header or a trailer). */
    struct allowance allowance = allowance_of(s, p);
    bool large = first->body.n < first->body_length, by_row = s->sift.rules.masked && !large;
    uint8_t over = passes(&allowance, 0, first->body_length);
    if (!over && by_row && !sift_is_whole_row(first->body)) over = OVERRUN_UNSEEN;
    if (over) {
        backend_overrun(s, p, over);
        allowance = allowance_of(s, p);
    }
    if (large) {
        parts[++n] = first->body;
        used = first->whole.n;
        data = first->body.n;
    } else {
        struct message m;
        while (n < COPY_PARTS && message_peek(bytes_make(in.p + used, in.n - used), &m) == MESSAGE_WHOLE &&
               m.type == MESSAGE_COPY_DATA && data < COPY_FRAME && !passes(&allowance, n, data + m.body.n) &&
               !is_gathered(s, &m) && (p->overrun || !by_row || sift_is_whole_row(m.body))) {
            parts[++n] = m.body;
            data += m.body.n;
            used += m.whole.n;
        }
    }
    *used_out = used;
    s->piece_run = p->run;
    s->piece_to_client = !p->overrun && !backend_is_silent(s, p);
    if (p->overrun) return STEP_NEXT;
    uint64_t values = large ? first->body_length : data;
    struct bytes slice = bytes_make(in.p, used), looked = slice;
    s->piece_description = 0;
    if (large && s->sift.rules.looked) {
        enum step step = begin_large(s, p, first);
        if (s->sift.gather.what) note_delivered(s, p, 1, values);
        if (s->sift.gather.what || step != STEP_NEXT) return step;
    } else if (s->sift.rules.looked) {
        looked = sift_copy(s, slice);
        if (!looked.p) return session_drop(s, "out of memory");
        if (looked.p != slice.p) data = copy_parts(looked, parts, &n);
    }
    enum record_outcome outcome = recording_copy(s, FRAME_COPY_OUT, p->run, parts, n);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    note_delivered(s, p, n, values);
    p->bytes += data;
    deliver_looked(s, p, slice, looked);
    return STEP_NEXT;
}

static enum step on_gathered_piece(struct session *s, struct pending *p, struct bytes piece, bool last)
{
    bool too_long;
    enum step step = sift_gather(s, p, piece, last, &too_long);
    if (step == STEP_NEXT && too_long) backend_overrun(s, p, OVERRUN_UNSEEN);
    return step;
}

enum step backend_piece(struct session *s, struct bytes piece, bool last)
{
    struct pending *p = pending_head(&s->pendings);
    bool rows = s->server_piece_type == MESSAGE_DATA_ROW;
    if (!p || p->overrun || s->limiting.tripped) {
        sift_gather_abandon(s);
        return STEP_NEXT;
    }
    if (s->sift.gather.what) return on_gathered_piece(s, p, piece, last);
    enum record_outcome outcome =
        recording_rows(s, rows ? FRAME_ROWS : FRAME_COPY_OUT, rows && !last ? FRAME_PART : 0, s->piece_run,
                       s->piece_description, piece);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    p->bytes += piece.n;
    if (s->piece_to_client) backend_deliver_bulk(s, p, piece);
    return STEP_NEXT;
}
