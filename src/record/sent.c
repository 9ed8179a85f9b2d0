/* The edits of a text, to the record and back. What comes back is trusted as little as every frame: places
 * must ascend and lie in the text. */
#include "record/sent.h"
#include "base/cursor.h"
#include "sql/edits.h"
#include <stdlib.h>

bool sent_edits_write(const struct sql_edit *edits, size_t n, struct buf *out)
{
    size_t size = 0;
    for (size_t i = 0; i < n && size <= SENT_EDITS_CEILING; i++)
        size += 12 + edits[i].insert.n;
    if (n > SENT_EDITS_MOST || size > SENT_EDITS_CEILING) return false;
    for (size_t i = 0; i < n; i++) {
        buf_put_u32(out, edits[i].at);
        buf_put_u32(out, (uint32_t)edits[i].remove);
        buf_put_u32(out, (uint32_t)edits[i].insert.n);
        buf_append(out, edits[i].insert);
    }
    return !out->failed;
}

static bool read_edits(struct bytes field, size_t text_n, struct sql_edit *edits, size_t *n_out)
{
    struct cursor c = cursor_over(field);
    size_t from = 0, n = 0;
    while (!c.failed && cursor_left(&c)) {
        uint32_t at = cursor_u32(&c), remove = cursor_u32(&c);
        struct bytes insert = cursor_take(&c, cursor_u32(&c));
        if (c.failed || n == SENT_EDITS_MOST || at < from || at > text_n || remove > text_n - at)
            return false;
        edits[n++] = (struct sql_edit){ .at = at, .insert = insert, .remove = remove };
        from = (size_t)at + remove;
    }
    *n_out = n;
    return !c.failed && n > 0;
}

bool sent_text_make(struct bytes field, struct bytes of, struct bytes text, struct buf *out)
{
    struct sql_edit *edits = field.n ? calloc(2 * SENT_EDITS_MOST, sizeof *edits) : NULL;
    struct sql_edit *moved = edits;
    size_t n;
    bool good = edits && read_edits(field, of.n, edits, &n);
    if (good && !bytes_equal(of, text)) {
        moved = edits + SENT_EDITS_MOST;
        good = sql_edits_move(of, edits, n, text, moved);
    }
    if (good) sql_edits_apply(text, moved, n, out);
    free(edits);
    return good && !out->failed;
}
