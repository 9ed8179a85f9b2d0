/* Lists of columns, as mask/seen.h writes them: members with ", " between, parts with a dot between, a part
 * that is no plain word in double quotes. */
#include "record/index-seen.h"
#include "mask/seen.h"
#include "record/frame.h"
#include <errno.h>

/* The last dot outside of quotes. */
static ptrdiff_t last_dot(struct bytes member)
{
    bool quoted = false;
    ptrdiff_t found = -1;
    for (size_t i = 0; i < member.n; i++) {
        if (member.p[i] == '"') quoted = !quoted;
        if (!quoted && member.p[i] == '.') found = (ptrdiff_t)i;
    }
    return found;
}

/* "masked.3" is "masked" of statement 3. */
static bool is_list(struct bytes name, const char *state, uint32_t *statement_out)
{
    size_t n = strlen(state);
    int64_t number = 0;
    if (!bytes_starts_with(name, state)) return false;
    if (name.n > n) {
        if (name.p[n] != '.' || !bytes_to_int64(bytes_slice(name, n + 1, name.n), &number)) return false;
        if (number < 1 || number > UINT32_MAX) return false;
    }
    *statement_out = (uint32_t)number;
    return true;
}

struct reading {
    struct arena *arena;
    struct index_seen *first;
    bool full;
};

static void add_member(struct reading *r, const char *state, uint32_t statement, struct bytes member)
{
    struct index_seen *seen = ARENA_NEW(r->arena, struct index_seen);
    ptrdiff_t dot = last_dot(member);
    bool whole = strcmp(state, "untraced") == 0;
    if (!whole && dot < 0) return;
    if (!seen) {
        r->full = true;
        return;
    }
    *seen = (struct index_seen){ .next = r->first, .statement = statement, .state = bytes_of(state) };
    seen->relation = arena_copy(r->arena, whole ? member : bytes_slice(member, 0, (size_t)dot));
    seen->column =
        whole ? BYTES_LITERAL("*") : arena_copy(r->arena, bytes_slice(member, (size_t)dot + 1, member.n));
    r->full |= !seen->relation.p || !seen->column.p;
    r->first = seen;
}

static void read_field(void *context, struct bytes name, struct bytes value)
{
    static const char *const states[] = { "masked", "clear", "untraced" };
    struct reading *r = context;
    uint32_t statement;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (!is_list(name, states[i], &statement)) continue;
        for (struct bytes list = value, member; !r->full && mask_seen_next(&list, &member);)
            add_member(r, states[i], statement, member);
    }
}

bool index_seen_read(struct bytes fields, struct arena *arena, struct index_seen **seen_out)
{
    struct reading r = { .arena = arena };
    frame_fields_each(fields, read_field, &r);
    *seen_out = r.first;
    return !r.full;
}

int index_seen_save(struct index *index, uint64_t session, uint32_t text, const struct index_seen *seen)
{
    int error = 0;
    for (; seen && !error; seen = seen->next) {
        struct sqlite_query *q = index_statement(index, INDEX_TEXT_SEEN_ADD, &error);
        if (!q) return error;
        sqlite_query_bind_int(q, 1, (int64_t)session);
        sqlite_query_bind_int(q, 2, text);
        sqlite_query_bind_int(q, 3, seen->statement);
        sqlite_query_bind_text(q, 4, seen->relation);
        sqlite_query_bind_text(q, 5, seen->column);
        sqlite_query_bind_text(q, 6, seen->state);
        error = sqlite_query_finish(q);
    }
    return error;
}

int index_seen_load(struct index *index, uint64_t session, uint32_t text, struct arena *arena,
                    struct index_seen **seen_out)
{
    int error;
    struct sqlite_query *q = index_statement(index, INDEX_TEXT_SEEN_EACH, &error);
    *seen_out = NULL;
    if (!q) return error;
    sqlite_query_bind_int(q, 1, (int64_t)session);
    sqlite_query_bind_int(q, 2, text);
    while (!error && sqlite_query_step(q) == SQLITE_STEP_ROW) {
        struct index_seen *seen = ARENA_NEW(arena, struct index_seen);
        if (seen) {
            *seen = (struct index_seen){ .next = *seen_out, .statement = (uint32_t)sqlite_query_int(q, 0) };
            seen->relation = arena_copy(arena, sqlite_query_text(q, 1));
            seen->column = arena_copy(arena, sqlite_query_text(q, 2));
            seen->state = arena_copy(arena, sqlite_query_text(q, 3));
        }
        if (!seen || !seen->relation.p || !seen->column.p || !seen->state.p) error = -ENOMEM;
        if (!error) *seen_out = seen;
    }
    if (!error) error = sqlite_query_error(q);
    sqlite_query_reset(q);
    return error;
}

int index_seen_add(struct index *index, uint64_t session, int64_t shape, int64_t minute,
                   const struct index_seen *seen, const struct index_seen_count *count)
{
    int error;
    struct sqlite_query *q = index_statement(index, INDEX_SEEN_ADD, &error);
    if (!q) return error;
    sqlite_query_bind_text(q, 1, seen->relation);
    sqlite_query_bind_text(q, 2, seen->column);
    sqlite_query_bind_text(q, 3, seen->state);
    sqlite_query_bind_int(q, 4, (int64_t)session);
    sqlite_query_bind_int(q, 5, shape);
    sqlite_query_bind_int(q, 6, minute);
    sqlite_query_bind_int(q, 7, (int64_t)count->n);
    sqlite_query_bind_int(q, 8, (int64_t)count->rows);
    sqlite_query_bind_int(q, 9, count->first_sequence);
    sqlite_query_bind_int(q, 10, count->last_sequence);
    return sqlite_query_finish(q);
}
