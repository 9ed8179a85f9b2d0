/* Which relations a statement names. A CTE's name is no relation, where the CTE is in scope and the name
 * stands alone; the target of INSERT, UPDATE, DELETE and MERGE is a relation even then (the server takes the
 * table). Scopes as in the documentation of SELECT, "WITH Clause": without RECURSIVE a CTE sees those before
 * it; with it, all of the same clause, itself included. cases/relations.cases is this file's decision table.
 */
#include "sql/names.h"
#include "sql/scan.h"

static bool in_scope(const struct walk_scope *scope, const char *name)
{
    for (; scope; scope = scope->outer)
        if (strcmp(scope->name, name) == 0) return true;
    return false;
}

static bool grow(struct walk *walk)
{
    struct sql_statement *s = walk->statement;
    if (s->n_relations < walk->relations_size) return true;
    size_t size = walk->relations_size ? walk->relations_size * 2 : 4;
    struct sql_relation *more = ARENA_ARRAY(walk->arena, struct sql_relation, size);
    if (!more) {
        walk->trouble = WALK_FULL;
        return false;
    }
    if (s->n_relations) memcpy(more, s->relations, s->n_relations * sizeof(*more));
    s->relations = more;
    walk->relations_size = size;
    return true;
}

/* Verifiers of passwords, connection strings, the server's files. */
static const struct shows {
    const char *name, *column; /* column "": any use */
    uint32_t effects;
} shows[] = {
#define RELATION(name, column, effects) { name, column, effects },
#include "sql/relations.def"
#undef RELATION
};

static const struct shows *shown_by(struct bytes name)
{
    for (size_t i = 0; i < sizeof(shows) / sizeof(*shows); i++)
        if (bytes_is(name, shows[i].name)) return &shows[i];
    return NULL;
}

static void note_shown(struct walk *walk, struct bytes name)
{
    const struct shows *s = shown_by(name);
    if (s && !(s->column[0] && walk->view)) walk_effect(walk, s->effects);
}

void relations_note_columns(struct walk *walk)
{
    const struct sql_statement *st = walk->statement;
    for (size_t i = 0; i < st->n_columns; i++) {
        const struct sql_relation *r = &st->relations[st->columns[i].relation];
        const struct shows *s = !r->through && bytes_is(r->schema, "pg_catalog") ? shown_by(r->name) : NULL;
        struct bytes column = st->columns[i].name;
        if (s && (bytes_is(column, "*") || bytes_is(column, s->column))) walk_effect(walk, s->effects);
    }
}

/* Writing to the catalogue moves what the catalogue says: who may do what (pg_authid, pg_class …), or, by the
 * rule on pg_settings, a setting that nobody named. */
static void note_catalogue(struct walk *walk, const struct sql_relation *relation, uint32_t access)
{
    struct bytes schema = relation->schema, name = relation->name;
    uint32_t writes = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_TRUNCATE;
    if (schema.n ? !bytes_is(schema, "pg_catalog") : !bytes_starts_with(name, "pg_")) return;
    if (access & EFFECT_READ) note_shown(walk, name);
    if (!(access & writes)) return;
    if (bytes_is(name, "pg_settings")) {
        walk_effect(walk, EFFECT_SESSION | EFFECT_PRIVILEGE);
        walk->statement->pinned_setting = true;
    } else {
        walk_effect(walk, EFFECT_PRIVILEGE);
    }
}

static bool same_relation(const struct sql_relation *a, const struct sql_relation *b)
{
    if (a->through != b->through) return false;
    if (a->oid || b->oid) return a->oid == b->oid;
    return bytes_equal(a->name, b->name) && bytes_equal(a->schema, b->schema) &&
           bytes_equal(a->database, b->database);
}

/* One more, or more of one that is there. */
static void add(struct walk *walk, struct sql_relation relation)
{
    struct sql_statement *s = walk->statement;
    for (size_t i = 0; i < s->n_relations; i++) {
        struct sql_relation *r = &s->relations[i];
        if (!same_relation(r, &relation)) continue;
        r->access |= relation.access;
        r->whereless |= relation.whereless;
        r->made |= relation.made;
        return;
    }
    if (s->n_relations >= SQL_NAMES_CEILING) {
        walk->trouble = WALK_MANY;
        return;
    }
    if (!grow(walk)) return;
    relation.database = walk_copy(walk, relation.database);
    relation.schema = walk_copy(walk, relation.schema);
    relation.name = walk_copy(walk, relation.name);
    s->relations[s->n_relations++] = relation;
}

void relations_add(struct walk *walk, struct tree_name name, uint32_t access, bool whereless,
                   enum walk_naming naming, const RangeVar *node)
{
    struct sql_relation relation = { .database = bytes_of(name.database),
                                     .schema = bytes_of(name.schema),
                                     .name = bytes_of(name.name),
                                     .access = access,
                                     .whereless = whereless };
    if (walk->names) names_resolve(walk, node, naming, &relation);
    note_catalogue(walk, &relation, access);
    add(walk, relation);
}

void relations_add_through(struct walk *walk, const struct sql_relation *relation)
{
    add(walk, *relation);
}

void relations_visit(struct walk *walk, const RangeVar *relation, struct walk_at at)
{
    struct tree_name name = { relation->catalogname, relation->schemaname, relation->relname };
    if (!name.name) return;
    if (!at.target && !name.schema && in_scope(at.scope, name.name)) return;
    walk_effect(walk, at.access);
    relations_add(walk, name, at.access, false,
                  relation == at.creates ? NAMING_CREATED : (enum walk_naming)at.naming, relation);
    if (walk->names && walk->names->scans) scan_relation(walk, relation, at);
}

static const struct walk_scope *scope_with(struct walk *walk, const struct walk_scope *outer,
                                           const char *name)
{
    struct walk_scope *scope = ARENA_NEW(walk->arena, struct walk_scope);
    if (!scope) {
        walk->trouble = WALK_FULL;
        return outer;
    }
    /* The tree, and so the name, outlives the walk. */
    *scope = (struct walk_scope){ outer, name ? name : "" };
    return scope;
}

const struct walk_scope *relations_with(struct walk *walk, const WithClause *with, struct walk_at at)
{
    if (!with) return at.scope;
    const struct walk_scope *all = at.scope;
    int n = tree_length(with->ctes);
    for (int i = 0; i < n; i++) {
        const CommonTableExpr *cte = tree_item(with->ctes, i);
        struct walk_at inside = at;
        inside.scope = all;
        inside.beside = true;
        if (!with->recursive) walk_push(walk, cte, inside);
        all = scope_with(walk, all, cte->ctename);
    }
    for (int i = 0; with->recursive && i < n; i++) {
        struct walk_at inside = at;
        inside.scope = all;
        inside.beside = true;
        walk_push(walk, tree_item(with->ctes, i), inside);
    }
    return all;
}
