/* Sets of columns: the statement's columns, each once; frames in which an expression's columns are put
 * together; and the budget that bounds all of it. */
#include "sql/lineage.h"

bool lineage_spend(struct lineage *l, size_t steps)
{
    if (l->walk->trouble || l->gave_up) return false;
    if (l->work < steps) {
        l->gave_up = true;
        return false;
    }
    l->work -= steps;
    return true;
}

bool lineage_enter(struct lineage *l)
{
    if (!lineage_spend(l, 1)) return false;
    if (l->depth >= LINEAGE_DEPTH) {
        l->gave_up = true;
        return false;
    }
    l->depth++;
    return true;
}

void lineage_leave(struct lineage *l)
{
    l->depth--;
}

void *lineage_alloc(struct lineage *l, size_t count, size_t size)
{
    void *memory = arena_alloc_array(l->walk->arena, count, size);
    if (!memory) l->walk->trouble = WALK_FULL;
    return memory;
}

/* A larger copy of an array in the arena; NULL where there is no room. */
void *lineage_larger(struct lineage *l, const void *old, size_t n, size_t *size, size_t element)
{
    size_t wanted = *size ? *size * 2 : 32;
    /* New memory is to be had from the kernel and cleared: it is work as well. */
    if (!lineage_spend(l, wanted * element / 32)) return NULL;
    void *more = lineage_alloc(l, wanted, element);
    if (!more) return NULL;
    if (n) memcpy(more, old, n * element);
    *size = wanted;
    return more;
}

struct sum lineage_sum(struct lineage *l)
{
    return (struct sum){ .start = l->n_scratch };
}

/* Leaves each id once in the frame that begins at start, in the order in which they came. */
static void fold_frame(struct lineage *l, size_t start)
{
    size_t n = start;
    l->mark++;
    for (size_t i = start; i < l->n_scratch; i++) {
        uint32_t id = l->scratch[i];
        if (l->marks[id] == l->mark) continue;
        l->marks[id] = l->mark;
        l->scratch[n++] = id;
    }
    l->n_scratch = n;
}

void lineage_add(struct lineage *l, struct sum *sum, struct value value)
{
    sum->opaque |= value.opaque;
    if (!lineage_spend(l, value.ids.n)) return;
    for (uint32_t i = 0; i < value.ids.n; i++) {
        if (l->n_scratch == l->scratch_size) {
            /* What is added twice does not make a frame grow without end. */
            if (l->n_scratch - sum->start > 2 * l->walk->statement->n_columns) fold_frame(l, sum->start);
            if (l->n_scratch == l->scratch_size) {
                uint32_t *more =
                    lineage_larger(l, l->scratch, l->n_scratch, &l->scratch_size, sizeof(*l->scratch));
                if (!more) return;
                l->scratch = more;
            }
        }
        l->scratch[l->n_scratch++] = value.ids.p[i];
    }
}

struct value lineage_total(struct lineage *l, struct sum *sum)
{
    struct value total = { .opaque = sum->opaque };
    if (l->walk->trouble || l->n_scratch == sum->start) {
        l->n_scratch = sum->start;
        return total;
    }
    fold_frame(l, sum->start);
    size_t n = l->n_scratch - sum->start;
    uint32_t *ids = LINEAGE_ARRAY(l, uint32_t, n);
    l->n_scratch = sum->start;
    if (!ids) return total;
    memcpy(ids, l->scratch + sum->start, n * sizeof(*ids));
    total.ids = (struct ids){ ids, (uint32_t)n };
    return total;
}

void lineage_computed(struct lineage *l, struct value value)
{
    for (uint32_t i = 0; i < value.ids.n; i++)
        l->notes[value.ids.p[i]].computed = true;
}

struct value lineage_union(struct lineage *l, struct value a, struct value b)
{
    bool same = a.plain && b.plain && a.ids.n == b.ids.n && a.ids.p[0] == b.ids.p[0];
    if (same) return a;
    if (b.ids.n == 0 && !a.plain) {
        a.opaque |= b.opaque;
        if (a.row != b.row) a.row = NULL;
        if (a.type != b.type) a.type = 0;
        return a;
    }
    struct sum sum = lineage_sum(l);
    lineage_add(l, &sum, a);
    lineage_add(l, &sum, b);
    struct value both = lineage_total(l, &sum);
    both.type = a.type == b.type ? a.type : 0;
    return both;
}

void lineage_use(struct lineage *l, struct value value, uint32_t uses)
{
    struct sql_column *columns = l->walk->statement->columns;
    if (!lineage_spend(l, value.ids.n)) return;
    for (uint32_t i = 0; i < value.ids.n; i++)
        columns[value.ids.p[i]].uses |= uses;
}

static size_t slot_of(const struct lineage_numbers *map, uint64_t key)
{
    size_t i = (size_t)((key * 0x9e3779b97f4a7c15u) >> 20) & (map->size - 1);
    while (map->keys[i] && map->keys[i] != key)
        i = (i + 1) & (map->size - 1);
    return i;
}

bool lineage_number_get(const struct lineage_numbers *map, uint64_t key, uint32_t *value_out)
{
    if (map->size == 0) return false;
    size_t i = slot_of(map, key);
    *value_out = map->values[i];
    return map->keys[i] == key;
}

void lineage_number_put(struct lineage *l, struct lineage_numbers *map, uint64_t key, uint32_t value)
{
    if (map->n * 2 >= map->size) {
        size_t size = map->size ? map->size * 2 : 64;
        struct lineage_numbers more = { LINEAGE_ARRAY(l, uint64_t, size), LINEAGE_ARRAY(l, uint32_t, size),
                                        map->n, size };
        if (!more.keys || !more.values) return;
        for (size_t i = 0; i < map->size; i++) {
            if (!map->keys[i]) continue;
            size_t to = slot_of(&more, map->keys[i]);
            more.keys[to] = map->keys[i];
            more.values[to] = map->values[i];
        }
        *map = more;
    }
    size_t i = slot_of(map, key);
    if (!map->keys[i]) map->n++;
    map->keys[i] = key;
    map->values[i] = value;
}

static bool grow_columns(struct lineage *l)
{
    struct sql_statement *s = l->walk->statement;
    size_t size = l->columns_size;
    if (s->n_columns < size) return true;
    struct sql_column *columns = lineage_larger(l, s->columns, s->n_columns, &size, sizeof(*columns));
    size_t again = l->columns_size;
    struct lineage_note *notes = lineage_larger(l, l->notes, s->n_columns, &again, sizeof(*notes));
    again = l->columns_size;
    uint32_t *marks = lineage_larger(l, l->marks, s->n_columns, &again, sizeof(*marks));
    if (!columns || !notes || !marks) return false;
    s->columns = columns;
    l->notes = notes;
    l->marks = marks;
    l->columns_size = size;
    return true;
}

/* UINT32_MAX: there was no memory. */
uint32_t lineage_column(struct lineage *l, uint32_t relation, struct bytes name, int16_t attribute)
{
    struct sql_statement *s = l->walk->statement;
    uint64_t key = ((uint64_t)relation + 1) << 16 | (uint16_t)attribute;
    uint32_t id;
    if (lineage_number_get(&l->column_ids, key, &id)) return id;
    struct bytes copy = arena_copy(l->walk->arena, name);
    if (!copy.p) l->walk->trouble = WALK_FULL;
    if (!copy.p || !grow_columns(l)) return UINT32_MAX;
    id = (uint32_t)s->n_columns;
    lineage_number_put(l, &l->column_ids, key, id);
    if (l->walk->trouble) return UINT32_MAX;
    s->columns[s->n_columns++] =
        (struct sql_column){ .relation = relation, .name = copy, .attribute = attribute };
    return id;
}

bool lineage_append(struct lineage *l, struct row *row, struct field field)
{
    if (row->n >= LINEAGE_FIELDS) l->gave_up = true;
    if (!lineage_spend(l, 1)) return false;
    if (row->n == row->size) {
        struct field *more = lineage_larger(l, row->fields, row->n, &row->size, sizeof(*more));
        if (!more) return false;
        row->fields = more;
    }
    row->fields[row->n++] = field;
    return true;
}

struct field *lineage_named(const struct row *row, struct bytes name, size_t *n_out)
{
    struct field *first = NULL;
    *n_out = 0;
    for (size_t i = 0; i < row->n; i++) {
        if (!bytes_equal(row->fields[i].name, name)) continue;
        if ((*n_out)++ == 0) first = &row->fields[i];
    }
    return first;
}

void lineage_settle(struct lineage *l)
{
    struct sql_statement *s = l->walk->statement;
    for (size_t i = 0; i < s->n_columns; i++)
        if (s->columns[i].uses == 0 && l->notes[i].computed) s->columns[i].uses = SQL_USE_PREDICATE;
}
