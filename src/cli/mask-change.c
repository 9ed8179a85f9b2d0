/* Columns as lists of names: those of a text that was recorded, and those of the same text as other policies
 * have it. */
#include "cli/mask-change.h"
#include "mask/seen.h"
#include "record/transcript.h"

enum { LIST_CEILING = 1 << 20 };

static void add(struct buf *list, struct bytes members)
{
    if (!members.n) return;
    if (buf_length(list)) buf_append_text(list, ", ");
    buf_append(list, members);
}

static struct bytes finish(struct buf *list, struct arena *arena)
{
    struct bytes whole = list->failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(list));
    buf_free(list);
    return whole;
}

struct bytes mask_change_now(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                             const struct sql_facts *facts, struct arena *arena)
{
    struct buf list;
    struct mask_seen seen;
    buf_init(&list, LIST_CEILING);
    for (size_t i = 0; i < facts->n_statements; i++) {
        if (!mask_seen_of(ruleset, view, &facts->statements[i], arena, &seen)) list.failed = true;
        add(&list, seen.masked);
    }
    return finish(&list, arena);
}

static void add_masked(void *context, struct bytes name, struct bytes value)
{
    if (transcript_field_is_seen(name) && bytes_starts_with(name, "masked")) add(context, value);
}

struct bytes mask_change_then(struct bytes fields, struct arena *arena)
{
    struct buf list;
    buf_init(&list, LIST_CEILING);
    frame_fields_each(fields, add_masked, &list);
    return finish(&list, arena);
}

static bool has(struct bytes list, struct bytes member)
{
    struct bytes other;
    while (mask_seen_next(&list, &other))
        if (bytes_equal(other, member)) return true;
    return false;
}

struct bytes mask_change_more(struct bytes list, struct bytes than, struct arena *arena)
{
    struct buf more;
    struct bytes member;
    if (!list.n || bytes_equal(list, than)) return (struct bytes){ 0 };
    buf_init(&more, LIST_CEILING);
    while (mask_seen_next(&list, &member))
        if (!has(than, member) && !has(buf_bytes(&more), member)) add(&more, member);
    return finish(&more, arena);
}
