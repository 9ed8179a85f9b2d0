/* The text of sub-selects: columns, masks, and the guard, which stops a statement whose masked columns have
 * come to be other ones since it was understood (another session swapped two names). */
#include "sql/names.h"
#include "sql/scan.h"

static struct bytes lost(struct walk *walk, struct buf *b)
{
    buf_free(b);
    walk->trouble = WALK_FULL;
    return (struct bytes){ 0 };
}

static struct bytes taken(struct walk *walk, struct buf *b)
{
    struct bytes copy = b->failed ? (struct bytes){ 0 } : arena_copy(walk->arena, buf_bytes(b));
    if (!copy.p) return lost(walk, b);
    buf_free(b);
    return copy;
}

static void put_doubled(struct buf *b, struct bytes text, char quote)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == (uint8_t)quote) buf_put_u8(b, (uint8_t)quote);
        buf_put_u8(b, text.p[i]);
    }
}

static void put_name(struct buf *b, struct bytes name)
{
    buf_put_u8(b, '"');
    put_doubled(b, name, '"');
    buf_put_u8(b, '"');
}

/* A literal that no setting reads otherwise: a backslash makes it an escape string. */
static void put_literal(struct buf *b, struct bytes text)
{
    bool escapes = memchr(text.p, '\\', text.n) != NULL;
    buf_append_text(b, escapes ? "E'" : "'");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'' || text.p[i] == '\\') buf_put_u8(b, text.p[i]);
        buf_put_u8(b, text.p[i]);
    }
    buf_put_u8(b, '\'');
}

enum { TEXT_CEILING = 4 << 20 };

struct bytes scan_quoted(struct walk *walk, struct bytes name)
{
    struct buf b;
    buf_init(&b, TEXT_CEILING);
    put_name(&b, name);
    return taken(walk, &b);
}

struct bytes scan_columns(struct walk *walk, const struct catalog_relation *relation, const uint8_t *masked,
                          const bool *needed, struct bytes qualifier)
{
    const struct sql_masking *masking = walk->names->scans->masking;
    struct buf b;
    const char *between = "";
    buf_init(&b, TEXT_CEILING);
    for (size_t i = 0; i < relation->n_columns; i++) {
        struct bytes name = relation->columns[i].name;
        if (!name.p || (needed && !needed[i])) continue;
        buf_append_text(&b, between);
        between = ", ";
        struct bytes quoted = scan_quoted(walk, name);
        struct bytes whole = arena_printf(walk->arena, "%.*s%.*s", BYTES_FMT(qualifier), BYTES_FMT(quoted));
        if (!quoted.p || !whole.p) return lost(walk, &b);
        if (masked[i] & SQL_MASKED) {
            struct bytes mask =
                masking->expression(masking, walk->view, relation, (int)i + 1, whole, walk->arena);
            if (!mask.p) return lost(walk, &b);
            buf_append(&b, mask);
            buf_append_text(&b, " AS ");
            buf_append(&b, quoted);
        } else {
            buf_append(&b, whole);
        }
    }
    return taken(walk, &b);
}

/* pg_identify_object_as_address of a column: its schema, relation and name, and NULL where it is none. */
struct bytes scan_guard(struct walk *walk, const struct catalog_relation *relation, const uint8_t *masked)
{
    struct buf b;
    struct bytes schema = relation->schema;
    const char *between = "";
    if (!walk->names->scans->masking->guard || catalog_is_own(relation->oid)) return BYTES_LITERAL("");
    if (relation->temporary) schema = BYTES_LITERAL("pg_temp");
    buf_init(&b, TEXT_CEILING);
    buf_append_text(&b, " WHERE CAST(CASE WHEN ");
    for (size_t i = 0; i < relation->n_columns; i++) {
        if (!(masked[i] & SQL_MASKED) || !relation->columns[i].name.p) continue;
        buf_printf(&b,
                   "%s(pg_catalog.pg_identify_object_as_address(1259, %u, %zu)).object_names "
                   "OPERATOR(pg_catalog.=) ARRAY[",
                   between, relation->oid, i + 1);
        put_literal(&b, schema);
        buf_put_u8(&b, ',');
        put_literal(&b, relation->name);
        buf_put_u8(&b, ',');
        put_literal(&b, relation->columns[i].name);
        buf_append_text(&b, "]");
        between = " AND ";
    }
    buf_append_text(&b, " THEN 'true' ELSE '" SQL_GUARD_SAYS "' END AS pg_catalog.bool)");
    return taken(walk, &b);
}
