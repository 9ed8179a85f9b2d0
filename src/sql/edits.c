/* Edits: see edits.h. */
#include "sql/edits.h"

#include "sql/safe.h"
#include "sql/token.h"

void sql_edits_apply(struct bytes text, const struct sql_edit *edits, size_t n_edits, struct buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i < n_edits; i++) {
        CHECK(edits[i].at >= from && edits[i].at <= text.n);
        buf_append(out, bytes_slice(text, from, edits[i].at - from));
        buf_append(out, edits[i].insert);
        CHECK(edits[i].remove <= text.n - edits[i].at);
        from = edits[i].at + edits[i].remove;
    }
    buf_append(out, bytes_slice(text, from, text.n));
}

static bool begins_character(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

static uint32_t characters(struct bytes b)
{
    uint32_t n = 0;
    for (size_t i = 0; i < b.n; i++)
        n += begins_character(b.p[i]);
    return n;
}

uint32_t sql_edits_place_back(struct bytes text, const struct sql_edit *edits, size_t n_edits, uint32_t place)
{
    uint32_t inserted = 0, here = 1; /* `here`: the place of the character that begins at byte i */
    uint32_t removed = 0;
    size_t edit = 0, removed_until = 0;
    if (place == 0) return 0;
    for (size_t i = 0; i <= text.n; i++) {
        bool begins = i == text.n || begins_character(text.p[i]);
        for (; edit < n_edits && edits[edit].at <= i; edit++) {
            inserted += characters(edits[edit].insert);
            removed_until = edits[edit].at + edits[edit].remove;
        }
        if (!begins) continue;
        if ((int64_t)place <= (int64_t)here + inserted - removed) return here;
        if (i < removed_until) removed++;
        if (i < text.n) here++;
    }
    return here;
}

/* Two texts that are the same up to here are cut into the same tokens up to here if some bytes behind are the
 * same too: so far a token's end may hang on what follows ("1" and "1e+5"). */
enum { LOOKED_AT_BEHIND = 4 };

bool sql_edits_stand(struct bytes text, const struct sql_edit *edits, size_t n_edits, struct bytes other)
{
    if (n_edits == 0) return true;
    const struct sql_edit *last = &edits[n_edits - 1];
    size_t same = (size_t)last->at + last->remove + LOOKED_AT_BEHIND;
    return same <= text.n && same <= other.n && memcmp(text.p, other.p, same) == 0;
}

bool sql_edits_move(struct bytes text, const struct sql_edit *edits, size_t n_edits, struct bytes other,
                    struct sql_edit *moved)
{
    size_t at = 0, at_other = 0, done = 0;
    while (done < n_edits) {
        if (edits[done].at == at) {
            if (at_other > UINT32_MAX) return false;
            moved[done] = (struct sql_edit){ (uint32_t)at_other, edits[done].insert, edits[done].remove };
            /* What is replaced is names, which two texts of one template share. */
            if (!bytes_equal(bytes_slice(text, at, edits[done].remove),
                             bytes_slice(other, at_other, edits[done].remove)))
                return false;
            done++;
            continue;
        }
        struct token t = token_at(text, at), u = token_at(other, at_other);
        if (t.kind != u.kind || t.kind == TOKEN_END) return false;
        at += t.text.n;
        at_other += u.text.n;
    }
    return true;
}
