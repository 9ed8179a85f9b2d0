/* One row to one thing. What a row is made of stands in queries.h; a value that is not what the server sends
 * there fails the whole load. */
#include "catalog/build.h"
#include "catalog/queries.h"
#include <stdlib.h>

void *catalog_list_add(struct catalog_builder *b, struct catalog_list *list, size_t size)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        void *items = list->n < CATALOG_ITEMS_CEILING ? reallocarray(list->items, room, size) : NULL;
        if (!items) {
            b->failed = true;
            return NULL;
        }
        list->items = items;
        list->room = room;
    }
    void *item = (char *)list->items + list->n++ * size;
    memset(item, 0, size);
    return item;
}

/* Reading the values of a row: failures stick, and are asked for at the end. */
struct row {
    struct catalog_builder *b;
    const struct bytes *values;
    bool failed;
};

static uint32_t row_oid(struct row *r, size_t i)
{
    uint32_t oid = 0;
    if (!catalog_read_oid(r->values[i], &oid)) r->failed = true;
    return oid;
}

static int32_t row_int(struct row *r, size_t i)
{
    int64_t value = 0;
    if (!bytes_to_int64(r->values[i], &value) || value < INT32_MIN || value > INT32_MAX) r->failed = true;
    return r->failed ? 0 : (int32_t)value;
}

static char row_letter(struct row *r, size_t i)
{
    if (r->values[i].n != 1) r->failed = true;
    return r->values[i].n == 1 ? (char)r->values[i].p[0] : 0;
}

static bool row_flag(const struct row *r, size_t i, char flag)
{
    return r->values[i].n && memchr(r->values[i].p, flag, r->values[i].n);
}

/* A name that stays. NULL is none, and too long for a name is malformed. */
static struct bytes row_name(struct row *r, size_t i)
{
    struct bytes copy = { 0 };
    if (!r->values[i].p || r->values[i].n == 0 || r->values[i].n > 255) r->failed = true;
    if (!r->failed) copy = arena_copy(&r->b->layer->arena, r->values[i]);
    if (!copy.p) r->failed = true;
    return copy;
}

/* A text that lasts while the layer is built; NULL stays NULL. */
static struct bytes row_text(struct row *r, size_t i)
{
    if (!r->values[i].p) return (struct bytes){ 0 };
    struct bytes copy = arena_copy(&r->b->scratch, r->values[i]);
    if (!copy.p) r->failed = true;
    return copy;
}

#define ADD(row, list, type) ((type *)catalog_list_add((row)->b, &(row)->b->list, sizeof(type)))
/* Allocates what stays, and lists a pointer to it. */
#define ADD_OBJECT(row, list, type) ((type *)add_object(row, &(row)->b->list, sizeof(type)))
static void *add_object(struct row *r, struct catalog_list *list, size_t size)
{
    void *object = arena_alloc(&r->b->layer->arena, size);
    void **place = object ? catalog_list_add(r->b, list, sizeof(void *)) : NULL;
    if (!place) return NULL;
    return *place = object;
}

bool catalog_build_edge(struct catalog_builder *b, struct catalog_edge edge)
{
    struct catalog_edge *e = catalog_list_add(b, &b->edges, sizeof *e);
    if (e) *e = edge;
    return e != NULL;
}

static bool on_relation(struct row *r)
{
    struct catalog_relation *relation = ADD_OBJECT(r, relations, struct catalog_relation);
    if (!relation) return false;
    relation->oid = row_oid(r, 1);
    relation->schema = row_name(r, 2);
    relation->name = row_name(r, 3);
    relation->kind = row_letter(r, 4);
    relation->temporary = row_flag(r, 5, 't');
    relation->row_security = row_flag(r, 5, 's');
    relation->entangled = row_flag(r, 5, 'e');
    relation->type = row_oid(r, 6);
    int32_t n_columns = row_int(r, 7);
    bool index = relation->kind == 'i' || relation->kind == 'I';
    uint32_t beside = row_oid(r, 8);
    if (r->failed || n_columns < 0 || n_columns > 1664) return false;
    /* Indices have columns that no statement can name. */
    if (!index && n_columns) {
        relation->columns = ARENA_ARRAY(&r->b->layer->arena, struct catalog_column, (size_t)n_columns);
        if (!relation->columns) return false;
        relation->n_columns = (size_t)n_columns;
    }
    if (!beside) return true;
    struct catalog_edge *e = ADD(r, toasts, struct catalog_edge);
    if (e && index)
        *e = (struct catalog_edge){ .from = relation->oid, .to = beside, .tie = CATALOG_TIE_TABLE };
    else if (e)
        *e = (struct catalog_edge){ .from = beside, .to = relation->oid, .tie = CATALOG_TIE_VIEW };
    return e != NULL;
}

/* Columns wait until every relation is there, since an overlay's rows come in no order. */
static bool on_column(struct row *r)
{
    struct catalog_waiting_column *c = ADD(r, columns, struct catalog_waiting_column);
    if (!c) return false;
    c->relation = row_oid(r, 1);
    c->number = row_int(r, 2);
    c->column = (struct catalog_column){ .name = row_name(r, 3), .type = row_oid(r, 4) };
    c->column.typmod = row_int(r, 5);
    c->column.not_null = row_flag(r, 6, 'n');
    c->column.generated = row_flag(r, 6, 'g');
    c->column.key = row_flag(r, 6, 'k');
    c->column.unique = row_flag(r, 6, 'u');
    return !r->failed;
}

static bool on_type(struct row *r)
{
    struct catalog_named_type *named = ADD_OBJECT(r, types, struct catalog_named_type);
    if (!named) return false;
    struct catalog_type *t = &named->type;
    t->oid = row_oid(r, 1);
    t->schema = row_name(r, 2);
    t->name = row_name(r, 3);
    t->kind = row_letter(r, 4);
    t->relation = row_oid(r, 5);
    t->base = row_oid(r, 6);
    t->element = row_oid(r, 7);
    if (r->values[8].n > 1024) return false;
    named->format = arena_copy(&r->b->layer->arena, r->values[8]);
    return !r->failed && named->format.p;
}

/* Names and types of what a function gives back as columns: modes o, b and t of its arguments. */
static bool read_outputs(struct row *r, struct catalog_function *f)
{
    struct arena *scratch = &r->b->scratch;
    struct bytes *types, *modes, *names = NULL;
    size_t n, n_modes, n_names = 0;
    /* Only types of IN and VARIADIC arguments: the server keeps no list of all. */
    if (!r->values[9].p || !r->values[10].p) return true;
    if (!catalog_read_array(r->values[9], scratch, &types, &n) ||
        !catalog_read_array(r->values[10], scratch, &modes, &n_modes) || n != n_modes)
        return false;
    if (r->values[11].p && (!catalog_read_array(r->values[11], scratch, &names, &n_names) || n_names != n))
        return false;
    struct bytes *outputs = ARENA_ARRAY(&r->b->layer->arena, struct bytes, n);
    uint32_t *output_types = ARENA_ARRAY(&r->b->layer->arena, uint32_t, n);
    if (!outputs || !output_types) return false;
    for (size_t i = 0; i < n; i++) {
        if (!bytes_is(modes[i], "o") && !bytes_is(modes[i], "b") && !bytes_is(modes[i], "t")) continue;
        if (!catalog_read_oid(types[i], &output_types[f->n_outputs])) return false;
        if (n_names && names[i].n) {
            outputs[f->n_outputs] = arena_copy(&r->b->layer->arena, names[i]);
            if (!outputs[f->n_outputs].p) return false;
        }
        f->n_outputs++;
    }
    f->outputs = outputs;
    f->output_types = output_types;
    return true;
}

static bool on_function(struct row *r)
{
    struct catalog_function *f = ADD_OBJECT(r, functions, struct catalog_function);
    struct catalog_arguments *arguments = ADD(r, arguments, struct catalog_arguments);
    if (!f || !arguments) return false;
    f->oid = row_oid(r, 1);
    f->schema = row_name(r, 2);
    f->name = row_name(r, 3);
    f->kind = row_letter(r, 4);
    f->volatility = row_letter(r, 5);
    f->security_definer = row_flag(r, 6, 'd');
    f->returns_set = row_flag(r, 6, 's');
    f->returns = row_oid(r, 7);
    *arguments = (struct catalog_arguments){ f, row_text(r, 8) };
    return !r->failed && read_outputs(r, f);
}

static bool on_operator(struct row *r)
{
    struct catalog_operator *o = ADD_OBJECT(r, operators, struct catalog_operator);
    struct catalog_pair *pair = ADD(r, pairs, struct catalog_pair);
    if (!o || !pair) return false;
    o->oid = row_oid(r, 1);
    o->left = row_oid(r, 4);
    o->right = row_oid(r, 5);
    o->schema = row_name(r, 2);
    o->name = row_name(r, 3);
    *pair = (struct catalog_pair){ o, o->left, o->right };
    o->function = row_oid(r, 6);
    return !r->failed;
}

static bool on_cast(struct row *r)
{
    struct catalog_waiting_cast *c = ADD(r, casts, struct catalog_waiting_cast);
    if (!c) return false;
    c->oid = row_oid(r, 1);
    c->cast.from = row_oid(r, 2);
    c->cast.to = row_oid(r, 3);
    c->cast.function = row_oid(r, 4);
    return !r->failed;
}

static bool on_foreign_key(struct row *r)
{
    uint32_t referencing = row_oid(r, 1), referenced = row_oid(r, 2);
    char on_delete = row_letter(r, 3), on_update = row_letter(r, 4);
    if (r->failed) return false;
    struct catalog_edge edge = { .from = referenced, .to = referencing };
    /* a and r: no action, restrict; whatever else there is changes rows. */
    edge.tie = CATALOG_TIE_ON_DELETE;
    edge.deletes = on_delete == 'c';
    if (on_delete != 'a' && on_delete != 'r' && !catalog_build_edge(r->b, edge)) return false;
    edge.tie = CATALOG_TIE_ON_UPDATE;
    edge.deletes = false;
    if (on_update != 'a' && on_update != 'r' && !catalog_build_edge(r->b, edge)) return false;
    edge.tie = CATALOG_TIE_KEY;
    return catalog_build_edge(r->b, edge);
}

static bool on_inherits(struct row *r)
{
    uint32_t child = row_oid(r, 1), parent = row_oid(r, 2);
    return !r->failed &&
           catalog_build_edge(r->b, (struct catalog_edge){ parent, child, CATALOG_TIE_CHILD, false, 0 }) &&
           catalog_build_edge(r->b, (struct catalog_edge){ child, parent, CATALOG_TIE_PARENT, false, 0 });
}

static bool on_note(struct row *r, struct catalog_list *list, struct catalog_note note)
{
    struct catalog_note *place = catalog_list_add(r->b, list, sizeof note);
    if (place) *place = note;
    return place && !r->failed;
}

static bool on_rule(struct row *r)
{
    struct catalog_rule *rule = ADD(r, rules, struct catalog_rule);
    if (!rule) return false;
    rule->relation = row_oid(r, 1);
    rule->event = row_letter(r, 2);
    rule->condition = row_text(r, 3);
    rule->action = row_text(r, 4);
    return !r->failed;
}

static bool on_head(struct row *r)
{
    r->b->server_version = row_int(r, 1);
    if (r->values[2].n > 1 << 20) return false;
    r->b->snapshot = arena_copy(&r->b->layer->arena, r->values[2]);
    return !r->failed && r->b->snapshot.p && r->b->server_version > 0;
}

static bool on_row(struct row *r, char letter)
{
    struct catalog_builder *b = r->b;
    switch ((enum catalog_row)letter) {
    case CATALOG_ROW_HEAD: return on_head(r);
    case CATALOG_ROW_RELATION: return on_relation(r);
    case CATALOG_ROW_COLUMN: return on_column(r);
    case CATALOG_ROW_TAGS:
        return on_note(
            r, &b->tags,
            (struct catalog_note){ .oid = row_oid(r, 1), .sub = row_int(r, 2), .text = row_text(r, 3) });
    case CATALOG_ROW_TYPE: return on_type(r);
    case CATALOG_ROW_DOMAIN:
        return on_note(r, &b->checks, (struct catalog_note){ .oid = row_oid(r, 1), .text = row_text(r, 2) });
    case CATALOG_ROW_FUNCTION: return on_function(r);
    case CATALOG_ROW_OPERATOR: return on_operator(r);
    case CATALOG_ROW_CAST: return on_cast(r);
    case CATALOG_ROW_EXTENSION:
        return on_note(
            r, &b->members,
            (struct catalog_note){ .class = row_oid(r, 1), .oid = row_oid(r, 2), .text = row_text(r, 3) });
    case CATALOG_ROW_INHERITS: return on_inherits(r);
    case CATALOG_ROW_FOREIGN: return on_foreign_key(r);
    case CATALOG_ROW_TRIGGER:
        return on_note(r, &b->triggers,
                       (struct catalog_note){ .oid = row_oid(r, 1), .sub = row_flag(r, 2, 'd') });
    case CATALOG_ROW_HIDDEN:
        return on_note(r, &b->hidden,
                       (struct catalog_note){
                           .oid = row_oid(r, 1), .sub = row_flag(r, 2, 'r'), .text = row_text(r, 3) });
    case CATALOG_ROW_RULE: return on_rule(r);
    case CATALOG_ROW_PATH:
    case CATALOG_ROW_SESSION:
    case CATALOG_ROW_ALIVE: break;
    }
    return false;
}

bool catalog_build_row(struct catalog_builder *b, const struct bytes *values, size_t n)
{
    struct row r = { .b = b, .values = values };
    char letter = n && values[0].n == 1 ? (char)values[0].p[0] : 0;
    unsigned width = catalog_row_width(letter);
    if (!width || n < width || !on_row(&r, letter) || r.failed) b->failed = true;
    return !b->failed;
}
