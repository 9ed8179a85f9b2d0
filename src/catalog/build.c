/* From rows that are all there to a layer: what rows of different kinds say of one thing is brought together.
 * Nothing is looked up by a name here, only by oid, in the layer and in what is under it. A thing that is
 * named and not there is no failure: it is somebody's temporary one, or was made since. */
#include "catalog/build.h"
#include "base/buf.h"
#include "crypto/random.h"
#include <stdlib.h>

enum { CLASS_TYPE = 1247, CLASS_FUNCTION = 1255, CLASS_CAST = 2605, CLASS_OPERATOR = 2617 };

void catalog_build_begin(struct catalog_builder *b, struct catalog_layer *layer, const struct catalog *under)
{
    /* Most sessions have an overlay that is empty, and keep it. */
    enum { CHUNK = 256 << 10, SMALL_CHUNK = 16 << 10, KEPT_CHUNK = 1 << 10 };
    *layer = (struct catalog_layer){ .seed = random_u64() };
    *b = (struct catalog_builder){ .layer = layer, .under = under };
    arena_init(&layer->arena, under ? KEPT_CHUNK : CHUNK, CATALOG_MEMORY_CEILING);
    arena_init(&b->scratch, under ? SMALL_CHUNK : CHUNK, CATALOG_MEMORY_CEILING);
    if (under) {
        b->trust = under->trust;
        b->server_version = under->server_version;
    }
}

void catalog_build_free(struct catalog_builder *b)
{
    struct catalog_list *lists[] = { &b->relations, &b->types,    &b->functions, &b->operators,
                                     &b->columns,   &b->casts,    &b->arguments, &b->pairs,
                                     &b->edges,     &b->members,  &b->tags,      &b->checks,
                                     &b->rules,     &b->triggers, &b->toasts,    &b->hidden };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        free(lists[i]->items);
        *lists[i] = (struct catalog_list){ 0 };
    }
    arena_free(&b->scratch);
}

const struct catalog_relation *catalog_build_relation(const struct catalog_builder *b, uint32_t oid)
{
    const struct catalog_relation *r = catalog_layer_relation_by_oid(b->layer, oid);
    return r || !b->under ? r : catalog_layer_relation_by_oid(&b->under->layer, oid);
}

const struct catalog_type *catalog_build_type(const struct catalog_builder *b, uint32_t oid)
{
    const struct catalog_type *t = catalog_layer_type_by_oid(b->layer, oid);
    return t || !b->under ? t : catalog_layer_type_by_oid(&b->under->layer, oid);
}

const struct catalog_function *catalog_build_function(const struct catalog_builder *b, uint32_t oid)
{
    const struct catalog_function *f = catalog_layer_function_by_oid(b->layer, oid);
    return f || !b->under ? f : catalog_layer_function_by_oid(&b->under->layer, oid);
}

const struct catalog_operator *catalog_build_operator(const struct catalog_builder *b, uint32_t oid)
{
    const struct catalog_operator *o = catalog_layer_operator_by_oid(b->layer, oid);
    return o || !b->under ? o : catalog_layer_operator_by_oid(&b->under->layer, oid);
}

static bool take_pointers(struct catalog_builder *b, const struct catalog_list *list, void *array_out,
                          size_t *n_out)
{
    void **array = ARENA_ARRAY(&b->layer->arena, void *, list->n);
    if (!array) return false;
    if (list->n) memcpy(array, list->items, list->n * sizeof *array);
    memcpy(array_out, &array, sizeof array);
    *n_out = list->n;
    return true;
}

static bool take_objects(struct catalog_builder *b)
{
    struct catalog_layer *l = b->layer;
    return take_pointers(b, &b->relations, &l->relations, &l->n_relations) &&
           take_pointers(b, &b->types, &l->types, &l->n_types) &&
           take_pointers(b, &b->functions, &l->functions, &l->n_functions) &&
           take_pointers(b, &b->operators, &l->operators, &l->n_operators) && catalog_layer_index(l);
}

/* The column of a relation in this layer; NULL where there is none. */
static struct catalog_column *find_column(const struct catalog_builder *b, uint32_t relation, int32_t number)
{
    const struct catalog_relation *r = catalog_layer_relation_by_oid(b->layer, relation);
    if (!r || number < 1 || (size_t)number > r->n_columns) return NULL;
    return (struct catalog_column *)&r->columns[number - 1];
}

static void put_columns(struct catalog_builder *b)
{
    const struct catalog_waiting_column *waiting = b->columns.items;
    for (size_t i = 0; i < b->columns.n; i++) {
        struct catalog_column *c = find_column(b, waiting[i].relation, waiting[i].number);
        if (c) *c = waiting[i].column;
    }
}

static bool is_tag_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c >= 0x80;
}

/* The words behind "postern:" in a comment, up to what is neither word nor comma nor blank after a comma. */
static struct bytes read_tags(struct arena *arena, struct bytes comment)
{
    ptrdiff_t found = bytes_find(comment, BYTES_LITERAL("postern:"));
    if (found < 0) return (struct bytes){ 0 };
    uint8_t *out = arena_alloc(arena, comment.n);
    size_t n = 0, i = (size_t)found + strlen("postern:");
    if (!out) return (struct bytes){ 0 };
    for (;;) {
        while (i < comment.n && comment.p[i] == ' ')
            i++;
        size_t start = i;
        while (i < comment.n && is_tag_byte(comment.p[i]))
            i++;
        if (i == start) break;
        if (n) out[n++] = ',';
        memcpy(out + n, comment.p + start, i - start);
        n += i - start;
        /* A sentence's full stop is no part of a tag. */
        while (n && out[n - 1] == '.')
            n--;
        while (i < comment.n && comment.p[i] == ' ')
            i++;
        if (i == comment.n || comment.p[i++] != ',') break;
    }
    return bytes_make(out, n);
}

static bool put_tags(struct catalog_builder *b)
{
    const struct catalog_note *tags = b->tags.items;
    for (size_t i = 0; i < b->tags.n; i++) {
        struct catalog_column *c = find_column(b, tags[i].oid, tags[i].sub);
        if (c) c->tags = read_tags(&b->layer->arena, tags[i].text);
        if (c && !c->tags.p) return false;
    }
    return true;
}

static int by_member(const void *left, const void *right)
{
    const struct catalog_note *a = left, *b = right;
    if (a->class != b->class) return a->class < b->class ? -1 : 1;
    return (a->oid > b->oid) - (a->oid < b->oid);
}

/* The extension that owns an object; empty: none. *failed is set where there is no memory. */
static struct bytes extension_of(struct catalog_builder *b, uint32_t class, uint32_t oid, bool *failed)
{
    struct catalog_note key = { .class = class, .oid = oid }, *found = NULL;
    if (b->members.n) found = bsearch(&key, b->members.items, b->members.n, sizeof key, by_member);
    if (!found) return (struct bytes){ 0 };
    struct bytes copy = arena_copy(&b->layer->arena, found->text);
    if (!copy.p) *failed = true;
    return copy;
}

static bool put_extensions(struct catalog_builder *b)
{
    struct catalog_layer *l = b->layer;
    bool failed = false;
    if (b->members.n) qsort(b->members.items, b->members.n, sizeof(struct catalog_note), by_member);
    for (size_t i = 0; i < l->n_types; i++)
        l->types[i]->extension = extension_of(b, CLASS_TYPE, l->types[i]->oid, &failed);
    for (size_t i = 0; i < l->n_functions; i++)
        l->functions[i]->extension = extension_of(b, CLASS_FUNCTION, l->functions[i]->oid, &failed);
    for (size_t i = 0; i < l->n_operators; i++)
        l->operators[i]->extension = extension_of(b, CLASS_OPERATOR, l->operators[i]->oid, &failed);
    return !failed;
}

/* What format_type calls a type; an array of a type that is not in pg_catalog is told by its element. */
static struct bytes format_type(struct catalog_builder *b, uint32_t oid)
{
    const struct catalog_type *t = oid ? catalog_build_type(b, oid) : NULL;
    if (!t) return oid ? arena_printf(&b->scratch, "%u", oid) : BYTES_LITERAL("NONE");
    const struct catalog_type *element = t->element ? catalog_build_type(b, t->element) : NULL;
    if (!element || bytes_is(t->schema, "pg_catalog")) return ((const struct catalog_named_type *)t)->format;
    struct bytes inner = ((const struct catalog_named_type *)element)->format;
    return arena_printf(&b->scratch, "%.*s[]", BYTES_FMT(inner));
}

static bool put_function_signatures(struct catalog_builder *b)
{
    const struct catalog_arguments *waiting = b->arguments.items;
    for (size_t i = 0; i < b->arguments.n; i++) {
        struct catalog_function *f = waiting[i].function;
        struct bytes types = waiting[i].types;
        struct buf list;
        buf_init(&list, 1 << 16);
        for (size_t at = 0, n = 0; at < types.n; n++) {
            size_t end = at;
            uint32_t oid;
            while (end < types.n && types.p[end] != ' ')
                end++;
            if (!catalog_read_oid(bytes_slice(types, at, end - at), &oid)) list.failed = true;
            if (list.failed) break;
            if (n) buf_append_text(&list, ", ");
            buf_append(&list, format_type(b, oid));
            at = end + 1;
        }
        if (!list.failed)
            f->signature = arena_printf(&b->layer->arena, "%.*s.%.*s(%.*s)", BYTES_FMT(f->schema),
                                        BYTES_FMT(f->name), BYTES_FMT(buf_bytes(&list)));
        buf_free(&list);
        if (!f->signature.p) return false;
    }
    return true;
}

static bool put_operator_signatures(struct catalog_builder *b)
{
    const struct catalog_pair *waiting = b->pairs.items;
    for (size_t i = 0; i < b->pairs.n; i++) {
        struct catalog_operator *o = waiting[i].operator;
        struct bytes left = format_type(b, waiting[i].left), right = format_type(b, waiting[i].right);
        o->signature = arena_printf(&b->layer->arena, "%.*s.%.*s(%.*s, %.*s)", BYTES_FMT(o->schema),
                                    BYTES_FMT(o->name), BYTES_FMT(left), BYTES_FMT(right));
        if (!o->signature.p) return false;
    }
    return true;
}

static bool put_casts(struct catalog_builder *b)
{
    struct catalog_layer *l = b->layer;
    const struct catalog_waiting_cast *waiting = b->casts.items;
    bool failed = false;
    l->casts = ARENA_ARRAY(&l->arena, struct catalog_cast, b->casts.n);
    if (!l->casts) return false;
    for (size_t i = 0; i < b->casts.n; i++) {
        struct catalog_cast *c = &l->casts[l->n_casts++];
        *c = waiting[i].cast;
        c->oid = waiting[i].oid;
        struct bytes from = format_type(b, c->from), to = format_type(b, c->to);
        c->signature = arena_printf(&l->arena, "(%.*s AS %.*s)", BYTES_FMT(from), BYTES_FMT(to));
        c->extension = extension_of(b, CLASS_CAST, c->oid, &failed);
        if (!c->signature.p || failed) return false;
    }
    return true;
}

/* Domains: their own checks, then those of what they are made over. */
static void put_checks(struct catalog_builder *b)
{
    enum { DEPTH = 64 };
    struct catalog_note *checks = b->checks.items;
    for (size_t i = 0; i < b->checks.n; i++) {
        struct catalog_type *t = catalog_layer_type_by_oid(b->layer, checks[i].oid);
        if (!t) continue;
        t->checked = true;
        t->runs_code |= catalog_build_check_runs_code(b, checks[i].text);
    }
    for (size_t i = 0; i < b->layer->n_types; i++) {
        struct catalog_type *t = b->layer->types[i];
        const struct catalog_type *base = t;
        for (int depth = 0; base && base->kind == 'd' && depth < DEPTH; depth++) {
            t->checked |= base->checked;
            t->runs_code |= base->runs_code;
            base = catalog_build_type(b, base->base);
        }
        if (base && base->kind == 'd') t->checked = t->runs_code = true;
    }
}

static bool put_toasts(struct catalog_builder *b)
{
    const struct catalog_edge *toasts = b->toasts.items;
    for (size_t i = 0; i < b->toasts.n; i++)
        if (!catalog_build_edge(b, toasts[i])) return false;
    return true;
}

static void put_triggers(struct catalog_builder *b)
{
    const struct catalog_note *triggers = b->triggers.items;
    for (size_t i = 0; i < b->triggers.n; i++) {
        struct catalog_relation *r = catalog_layer_relation_by_oid(b->layer, triggers[i].oid);
        if (!r) continue;
        r->has_triggers = true;
        r->has_late_triggers = triggers[i].sub;
        b->layer->has_late_triggers |= r->has_late_triggers;
    }
}

bool catalog_build_end(struct catalog_builder *b)
{
    if (b->failed || !take_objects(b)) return false;
    put_columns(b);
    put_triggers(b);
    if (!put_tags(b) || !put_extensions(b) || !put_function_signatures(b) || !put_operator_signatures(b) ||
        !put_casts(b) || !put_toasts(b))
        return false;
    put_checks(b);
    catalog_build_hidden(b);
    return catalog_build_rules(b) && catalog_build_ties(b) && !b->failed;
}
