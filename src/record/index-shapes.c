/* A shape is found by the beginning of its SHA-256; its full text, effects and relations are beside it. */
#include "record/index-shapes.h"
#include "crypto/hash.h"
#include "sql/facts.h"

enum { SHAPE_CEILING = 64 << 10 };

static bool list_next(struct bytes *list, struct bytes *member_out)
{
    while (list->n) {
        ptrdiff_t at = bytes_find(*list, BYTES_LITERAL(", "));
        *member_out = at < 0 ? *list : bytes_slice(*list, 0, (size_t)at);
        *list = at < 0 ? (struct bytes){ 0 } : bytes_slice(*list, (size_t)at + 2, list->n);
        if (member_out->n) return true;
    }
    return false;
}

static int add_effects(struct index *index, int64_t shape, struct bytes list)
{
    int error = 0;
    for (struct bytes member; !error && list_next(&list, &member);) {
        struct sqlite_query *q = index_statement(index, INDEX_SHAPE_EFFECT, &error);
        if (!q) return error;
        sqlite_query_bind_text(q, 1, member);
        sqlite_query_bind_int(q, 2, shape);
        error = sqlite_query_finish(q);
    }
    return error;
}

static int add_relation(struct index *index, int64_t shape, struct bytes name)
{
    int error;
    size_t dot = name.n;
    struct sqlite_query *q = index_statement(index, INDEX_RELATION_ADD, &error);
    if (!q) return error;
    while (dot && name.p[dot - 1] != '.')
        dot--;
    sqlite_query_bind_text(q, 1, name);
    sqlite_query_bind_text(q, 2, bytes_slice(name, dot, name.n));
    error = sqlite_query_finish(q);
    q = error ? NULL : index_statement(index, INDEX_SHAPE_RELATION, &error);
    if (!q) return error;
    sqlite_query_bind_text(q, 1, name);
    sqlite_query_bind_int(q, 2, shape);
    return sqlite_query_finish(q);
}

static int find(struct index *index, struct bytes hash, int64_t *id_out)
{
    int error;
    struct sqlite_query *q = index_statement(index, INDEX_SHAPE_FIND, &error);
    *id_out = 0;
    if (!q) return error;
    sqlite_query_bind_blob(q, 1, hash);
    switch (sqlite_query_step(q)) {
    case SQLITE_STEP_ROW: *id_out = sqlite_query_int(q, 0); break;
    case SQLITE_STEP_FAILED: error = sqlite_query_error(q); break;
    case SQLITE_STEP_DONE: break;
    }
    sqlite_query_reset(q);
    return error;
}

static int add(struct index *index, struct bytes hash, struct bytes text, const struct index_shape *shape,
               int64_t *id_out)
{
    int error;
    struct sqlite_query *q = index_statement(index, INDEX_SHAPE_ADD, &error);
    if (!q) return error;
    sqlite_query_bind_blob(q, 1, hash);
    sqlite_query_bind_text(q, 2, text);
    sqlite_query_bind_text(q, 3, shape->tags);
    sqlite_query_bind_text(q, 4, shape->effects);
    sqlite_query_bind_text(q, 5, shape->relations);
    error = sqlite_query_finish(q);
    *id_out = sqlite_db_last_id(index->db);
    q = error ? NULL : index_statement(index, INDEX_SHAPE_WORDS, &error);
    if (!q) return error;
    sqlite_query_bind_int(q, 1, *id_out);
    sqlite_query_bind_text(q, 2, text);
    return sqlite_query_finish(q);
}

int index_shape_of(struct index *index, struct arena *arena, const struct index_shape *shape, int64_t *id_out)
{
    uint8_t hash[SHA256_SIZE];
    struct bytes text = shape->shape.n ? shape->shape : sql_shape(shape->text, arena);
    if (!text.p) text = BYTES_LITERAL(""); /* too large for the arena: counted, not found by words */
    text = bytes_slice(text, 0, SHAPE_CEILING);
    while (text.n && !bytes_is_utf8(text) && shape->text.n > SHAPE_CEILING && text.n > SHAPE_CEILING - 4)
        text.n--; /* the cut fell into a character */
    sha256_once(text, hash);
    int error = find(index, bytes_make(hash, 16), id_out);
    if (!error && !*id_out) error = add(index, bytes_make(hash, 16), text, shape, id_out);
    if (!error) error = add_effects(index, *id_out, shape->effects);
    struct bytes list = shape->relations;
    for (struct bytes member; !error && list_next(&list, &member);)
        error = add_relation(index, *id_out, member);
    return error;
}
