/* What a text is forwarded as, and where a place in that was in the client's own. */
#include "pgwire/report.h"
#include "record/sent.h"
#include "session/understood-private.h"
#include "sql/edits.h"
#include <stdlib.h>

bool understood_forward(const struct understood *u, struct bytes text, struct buf *out)
{
    struct sql_edit moved[UNDERSTOOD_TEMPLATE_EDITS];
    const struct sql_edit *edits = u->facts->edits;
    size_t n = u->facts->n_edits;
    if (!sql_edits_stand(u->text, edits, n, text)) {
        if (n > UNDERSTOOD_TEMPLATE_EDITS || !sql_edits_move(u->text, edits, n, text, moved)) return false;
        edits = moved;
    }
    sql_edits_apply(text, edits, n, out);
    return true;
}

static struct bytes without_place(struct bytes body, struct bytes place, struct arena *arena)
{
    size_t before = (size_t)(place.p - body.p) - 1, after = before + 1 + place.n + 1;
    struct buf out;
    buf_init(&out, body.n);
    buf_append(&out, bytes_slice(body, 0, before));
    buf_append(&out, bytes_slice(body, after, body.n));
    struct bytes copy = out.failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy.p ? copy : body;
}

uint32_t understood_place(const struct understood *u, struct bytes text, int64_t at)
{
    struct sql_edit here = { .at = (uint32_t)at };
    uint32_t place = 1;
    if (at < 0 || (uint64_t)at > u->text.n) return 0;
    if (!bytes_equal(text, u->text) && !sql_edits_move(u->text, &here, 1, text, &here)) return 0;
    for (size_t i = 0; i < here.at && i < text.n; i++)
        place += (text.p[i] & 0xc0) != 0x80;
    return place;
}

struct bytes understood_place_back(const struct understood *u, struct bytes text, struct bytes body,
                                   struct arena *arena)
{
    struct sql_edit moved[UNDERSTOOD_TEMPLATE_EDITS];
    const struct sql_edit *edits = u->facts->edits;
    size_t n = u->facts->n_edits;
    struct bytes place = report_field(body, 'P');
    int64_t number;
    if (!text.p && place.p) return without_place(body, place, arena);
    if (!place.n || !bytes_to_int64(place, &number) || number < 0 || number > UINT32_MAX) return body;
    if (text.p != u->text.p) {
        if (n > UNDERSTOOD_TEMPLATE_EDITS || !sql_edits_move(u->text, edits, n, text, moved)) return body;
        edits = moved;
    }
    struct bytes back = arena_printf(arena, "%u", sql_edits_place_back(text, edits, n, (uint32_t)number));
    size_t before = (size_t)(place.p - body.p), after = before + place.n;
    struct buf out;
    buf_init(&out, body.n + 16);
    buf_append(&out, bytes_slice(body, 0, before));
    buf_append(&out, back);
    buf_append(&out, bytes_slice(body, after, body.n));
    struct bytes copy = out.failed || !back.p ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy.p ? copy : body;
}

/* Names get their schemas. SET postern.… stays here; so that tag, transaction state and errors are the
 * server's own, it gets a SET of a placeholder in its place. */
static struct sql_edit *understood_all_edits(struct understood *u, size_t *n_out)
{
    const struct sql_facts *facts = u->facts;
    struct sql_edit *all = ARENA_ARRAY(&u->arena, struct sql_edit, facts->n_edits + facts->n_statements);
    size_t n = 0, edit = 0;
    if (!all) return NULL;
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        if (s->action != SQL_ACTION_SET || s->setting != SQL_SETTING_CONTEXT) continue;
        size_t at = (size_t)(s->text.p - u->judged.p);
        while (edit < facts->n_edits && facts->edits[edit].at < at)
            all[n++] = facts->edits[edit++];
        all[n++] = (struct sql_edit){ .at = (uint32_t)at,
                                      .insert = BYTES_LITERAL("SET postern.kept TO ''"),
                                      .remove = (uint32_t)s->text.n };
        while (edit < facts->n_edits && facts->edits[edit].at < at + s->text.n)
            edit++; /* of what does not go out there is nothing to edit */
    }
    while (edit < facts->n_edits)
        all[n++] = facts->edits[edit++];
    *n_out = n;
    return all;
}

/* The record's field; left out where it would be too large. */
static bool understood_encode_edits(struct understood *u, const struct sql_edit *edits, size_t n)
{
    struct buf out;
    buf_init(&out, SENT_EDITS_CEILING);
    bool fits = sent_edits_write(edits, n, &out), good = true;
    if (fits && n) good = (u->edits = arena_copy(&u->arena, buf_bytes(&out))).p != NULL;
    buf_free(&out);
    return good;
}

bool understood_make_forward(struct understood *u)
{
    size_t room = u->text.n + 64, n = 0;
    struct sql_edit *all = understood_all_edits(u, &n);
    struct buf out;
    for (size_t i = 0; all && i < n; i++)
        room += all[i].insert.n;
    buf_init(&out, room);
    if (all) sql_edits_apply(u->text, all, n, &out);
    u->forward = all ? arena_copy(&u->arena, buf_bytes(&out)) : (struct bytes){ 0 };
    bool good = !out.failed && u->forward.p && understood_encode_edits(u, all, n);
    buf_free(&out);
    return good;
}

struct bytes understood_edits(const struct understood *u, struct bytes text, struct arena *arena)
{
    struct sql_edit moved[UNDERSTOOD_TEMPLATE_EDITS];
    struct bytes field = { 0 };
    size_t n = u->facts ? u->facts->n_edits : 0;
    struct buf out;
    /* Places are the client's text's own: without its secrets it has others. */
    if (!u->edits.n || !bytes_equal(u->recorded_text, u->text)) return field;
    if (!u->is_template || sql_edits_stand(u->text, u->facts->edits, n, text)) return u->edits;
    if (n > UNDERSTOOD_TEMPLATE_EDITS || !sql_edits_move(u->text, u->facts->edits, n, text, moved))
        return field;
    buf_init(&out, SENT_EDITS_CEILING);
    if (sent_edits_write(moved, n, &out)) field = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return field;
}
