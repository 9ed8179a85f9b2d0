/* Code that comes with types: an untrusted cast between two types that are in play, a domain's CHECK that
 * calls something, and whatever a base type brings along. PostgreSQL's own types are always in play, since
 * any expression may have one; another one is where the text names it, or a relation of the statement has a
 * column of it or of something that holds it. */
#include "sql/names.h"

enum { TYPES_CEILING = 1000 };

static bool in_play(const struct names *names, uint32_t type)
{
    if (catalog_is_own(type)) return true;
    for (size_t i = 0; i < names->n_types; i++)
        if (names->types[i] == type) return true;
    return false;
}

/* True where it was not there. */
static bool put_in_play(struct walk *walk, uint32_t type)
{
    struct names *names = walk->names;
    if (type == 0 || in_play(names, type)) return false;
    if (names->n_types == TYPES_CEILING) {
        walk->trouble = WALK_MANY;
        return false;
    }
    if (names->n_types == names->types_size) {
        size_t size = names->types_size ? names->types_size * 2 : 16;
        uint32_t *more = ARENA_ARRAY(walk->arena, uint32_t, size);
        if (!more) {
            walk->trouble = WALK_FULL;
            return false;
        }
        if (names->n_types) memcpy(more, names->types, names->n_types * sizeof(*more));
        names->types = more;
        names->types_size = size;
    }
    names->types[names->n_types++] = type;
    return true;
}

void types_use(struct walk *walk, uint32_t type)
{
    put_in_play(walk, type);
}

static void add_columns(struct walk *walk, const struct catalog_relation *r)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (r->columns[i].name.p) put_in_play(walk, r->columns[i].type);
}

static struct bytes type_text(struct walk *walk, const struct catalog_type *type)
{
    struct bytes text =
        arena_printf(walk->arena, "%.*s.%.*s", BYTES_FMT(type->schema), BYTES_FMT(type->name));
    if (!text.p) walk->trouble = WALK_FULL;
    return text;
}

static void add_type_code(struct walk *walk, const struct catalog_type *type)
{
    struct bytes text = type_text(walk, type);
    if (!walk->trouble) code_add(walk, type->schema, type->name, text, type->extension);
}

/* What it holds is in play too. */
static void open_type(struct walk *walk, uint32_t oid)
{
    const struct catalog_type *type = catalog_type_by_oid(walk->view, oid);
    if (!type) return;
    if (type->kind == 'd') put_in_play(walk, type->base);
    if (type->kind == 'd' && type->runs_code) add_type_code(walk, type);
    if (type->element) put_in_play(walk, type->element);
    if (type->kind == 'b' && !type->element && walk->names->sorts) add_type_code(walk, type);
    const struct catalog_relation *row =
        type->kind == 'c' ? catalog_by_oid(walk->view, type->relation) : NULL;
    if (row) add_columns(walk, row);
}

/* A type that the text names; false: the view has none. */
static bool named(struct walk *walk, const struct catalog_type *type)
{
    if (!type) return false;
    if (catalog_is_own(type->oid)) return true;
    put_in_play(walk, type->oid);
    for (int depth = 0; type && type->element && depth < 8; depth++)
        type = catalog_type_by_oid(walk->view, type->element);
    /* Its input function reads the text's literals. */
    if (type && !catalog_is_own(type->oid) && (type->kind == 'b' || type->kind == 'r' || type->kind == 'm'))
        add_type_code(walk, type);
    return true;
}

void types_created(struct walk *walk, struct tree_name name, uint32_t access)
{
    const struct names *names = walk->names;
    struct sql_relation one = { .schema = bytes_of(name.schema),
                                .name = bytes_of(name.name),
                                .access = access };
    /* Where that is not known, it is any. */
    if (!name.schema && !names->moved.n && !names->loose.n) one.schema = names_creation_schema(walk->view);
    one.made = one.resolved = one.schema.n > 0;
    relations_add_through(walk, &one);
}

void types_object(struct walk *walk, struct tree_name name, uint32_t access)
{
    const struct names *names = walk->names;
    struct sql_relation one = { .schema = bytes_of(name.schema),
                                .name = bytes_of(name.name),
                                .access = access };
    if (name.schema || (!names->moved.n && !names->loose.n)) {
        const struct catalog_type *type = catalog_type_find(walk->view, one.schema, one.name);
        if (type) one.schema = type->schema;
        one.resolved = type != NULL;
    }
    relations_add_through(walk, &one);
}

bool types_named(struct walk *walk, struct bytes schema, struct bytes name)
{
    return named(walk, catalog_type_find(walk->view, schema, name));
}

/* Words that stand for a type in a column's definition only. */
static bool is_serial(struct tree_name name)
{
    static const char *const words[] = {
        "serial", "serial4", "bigserial", "serial8", "smallserial", "serial2"
    };
    for (size_t i = 0; !name.schema && i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(name.name, words[i]) == 0) return true;
    return false;
}

void types_visit_option(struct walk *walk, const DefElem *option)
{
    struct tree_name name;
    const TypeName *type = (const TypeName *)option->arg;
    if (type && tree_tag(type) == T_TypeName && type->names && tree_name(type->names, &name))
        (void)types_named(walk, bytes_of(name.schema), bytes_of(name.name));
}

void types_visit(struct walk *walk, const TypeName *type)
{
    struct tree_name name;
    walk->place = type->location;
    /* table.column%TYPE is the type of a column of a relation; a function's parameter alone is written so. */
    if (type->pct_type || !type->names || !tree_name(type->names, &name)) return;
    const struct names *names = walk->names;
    struct bytes why = names->moved.n ? names->moved : names->loose;
    const struct catalog_type *found =
        catalog_type_find(walk->view, bytes_of(name.schema), bytes_of(name.name));
    if (found && why.n && !name.schema && !catalog_is_own(found->oid) && !names->types_made) {
        names_miss(walk, arena_copy(walk->arena, bytes_of(name.name)), "0A000",
                   arena_printf(walk->arena,
                                "what type \"%s\" is cannot be told behind %.*s in the same text: send it "
                                "as a message of its own",
                                name.name, BYTES_FMT(why)));
        return;
    }
    if (named(walk, found)) return;
    if (walk->names->types_made || walk->names->made || walk->names->moved.n) return;
    if (is_serial(name) || (name.schema && strcmp(name.schema, "pg_catalog") == 0)) return;
    struct bytes text = name.schema ? arena_printf(walk->arena, "%s.%s", name.schema, name.name)
                                    : arena_copy(walk->arena, bytes_of(name.name));
    names_miss(walk, text, "42704",
               arena_printf(walk->arena, "type \"%.*s\" does not exist", BYTES_FMT(text)));
}

static void add_casts(struct walk *walk)
{
    const struct catalog_cast *casts;
    size_t n = catalog_casts_in(walk->view, &casts);
    for (size_t i = 0; i < n && !walk->trouble; i++) {
        const struct catalog_cast *c = &casts[i];
        if (!c->function || !in_play(walk->names, c->from) || !in_play(walk->names, c->to)) continue;
        code_add(walk, (struct bytes){ 0 }, c->signature, c->signature, c->extension);
    }
}

/* Statements that evaluate nothing of what they name. */
static bool evaluates(const struct sql_statement *s)
{
    const uint32_t still = EFFECT_SCHEMA_DROP | EFFECT_PRIVILEGE | EFFECT_LOCK | EFFECT_TRUNCATE |
                           EFFECT_TRANSACTION | EFFECT_SESSION;
    return (s->effects & ~still) || s->n_functions;
}

/* A value of such a type is read by its input function, and may be cast, before the statement runs. */
static void add_parameters(struct walk *walk)
{
    struct bytes types = walk->names->parameters;
    for (size_t at = 0; at + 4 <= types.n && !walk->trouble; at += 4) {
        const uint8_t *p = types.p + at;
        uint32_t oid = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if (catalog_is_own(oid) || named(walk, catalog_type_by_oid(walk->view, oid))) continue;
        struct bytes text = arena_printf(walk->arena, "(type %u)", oid);
        if (text.p) code_add(walk, (struct bytes){ 0 }, text, text, (struct bytes){ 0 });
    }
}

/* Whether a value of it can only come from where it is in play: no other type turns into it unasked. Rows and
 * domains are left out, since any record and any value of the base type may. */
static bool stands_alone(const struct walk *walk, uint32_t oid)
{
    const struct catalog_type *type = catalog_type_by_oid(walk->view, oid);
    if (type && type->element && !catalog_is_own(oid)) {
        if (in_play(walk->names, oid)) return false;
        oid = type->element;
        type = catalog_type_by_oid(walk->view, oid);
    }
    if (!type || catalog_is_own(oid) || in_play(walk->names, oid)) return false;
    return type->kind == 'b' || type->kind == 'e' || type->kind == 'r' || type->kind == 'm';
}

static bool is_turned_into(const struct walk *walk, uint32_t oid)
{
    const struct catalog_cast *casts;
    size_t n = catalog_casts_in(walk->view, &casts);
    const struct catalog_type *type = catalog_type_by_oid(walk->view, oid);
    for (size_t i = 0; i < n; i++)
        if (in_play(walk->names, casts[i].from) &&
            (casts[i].to == oid || (type && type->element && casts[i].to == type->element)))
            return true;
    return false;
}

/* A range gives out values of what it is over, and nobody here knows what that is. */
static bool has_ranges(const struct walk *walk)
{
    for (size_t i = 0; i < walk->names->n_types; i++) {
        const struct catalog_type *type = catalog_type_by_oid(walk->view, walk->names->types[i]);
        if (!type || type->kind == 'r' || type->kind == 'm') return true;
    }
    return false;
}

/* Operators of types that are in play nowhere are never meant (code_operator). */
static void add_operators(struct walk *walk, bool all)
{
    all |= walk->names->types_made || walk->names->code_made || has_ranges(walk);
    for (const struct names_operator *o = walk->names->operators; o && !walk->trouble; o = o->next) {
        uint32_t left = o->operator->left, right = o->operator->right;
        if (all || !stands_alone(walk, left) || !stands_alone(walk, right) || is_turned_into(walk, left) ||
            is_turned_into(walk, right))
            code_add_operator(walk, o);
    }
}

void types_finish(struct walk *walk)
{
    const struct sql_statement *s = walk->statement;
    add_parameters(walk);
    if (!evaluates(s)) {
        add_operators(walk, true);
        return;
    }
    for (size_t i = 0; i < s->n_relations && !walk->trouble; i++) {
        const struct catalog_relation *r =
            s->relations[i].oid ? catalog_by_oid(walk->view, s->relations[i].oid) : NULL;
        if (r) add_columns(walk, r);
    }
    for (size_t i = 0; i < walk->names->n_types && !walk->trouble; i++)
        open_type(walk, walk->names->types[i]);
    add_casts(walk);
    add_operators(walk, false);
}
