/* What a statement touches without naming it: through views, partitions and parents, foreign keys' actions
 * and rules, as far as the catalogue knows and to any depth. What is reached gets the access that it is
 * reached with, in an entry of its own. doc/understanding.md has the table of what is carried on. */
#include "sql/names.h"

enum {
    WHOLE_CEILING = 1000, /* a schema of more relations is told as any of them */
    WRITES = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE,
    READS = EFFECT_READ | EFFECT_BULK_OUT | EFFECT_LOCK,
    MEANS = EFFECT_BULK_IN | EFFECT_BULK_OUT | EFFECT_UNSAFE_IO | EFFECT_LOCK,
    ALIKE = EFFECT_ALL_BUT_UNKNOWN & ~(EFFECT_SCHEMA_CREATE | EFFECT_TRANSACTION)
};

/* What was carried on from each of the statement's relations so far, by index. */
struct follow {
    struct walk *walk;
    uint32_t *down; /* access with which it is reached as a whole */
    uint32_t *up;   /* as the parent of what is: its other children are not touched */
    uint32_t *done_down, *done_up;
    bool *bare; /* whereless as it was carried on */
    size_t size;
    bool changed;
};

static bool make_room(struct follow *f, size_t n)
{
    if (n <= f->size) return true;
    size_t size = f->size ? f->size : 16;
    while (size < n)
        size *= 2;
    uint32_t *all = ARENA_ARRAY(f->walk->arena, uint32_t, size * 4);
    bool *bare = ARENA_ARRAY(f->walk->arena, bool, size);
    if (!all || !bare) {
        f->walk->trouble = WALK_FULL;
        return false;
    }
    uint32_t **parts[] = { &f->down, &f->up, &f->done_down, &f->done_up };
    for (size_t i = 0; i < 4; i++) {
        if (f->size) memcpy(all + i * size, *parts[i], f->size * sizeof(*all));
        *parts[i] = all + i * size;
    }
    if (f->size) memcpy(bare, f->bare, f->size * sizeof(*bare));
    f->bare = bare;
    f->size = size;
    return true;
}

static struct bytes schema_of(const struct catalog_view *view, const struct catalog_relation *r)
{
    bool own = r->temporary && bytes_equal(catalog_temporary_schema(view), r->schema);
    return own ? BYTES_LITERAL("pg_temp") : r->schema;
}

/* What a trigger does is not looked at: it may change what has triggers that can be deferred. */
static void note_late(struct walk *walk, const struct catalog_relation *r, uint32_t access)
{
    if (!(access & WRITES) || !r->has_triggers) return;
    walk->statement->writes_late |= r->has_late_triggers || walk->statement->late_triggers;
}

/* Reaches a relation with some access, from above or below. */
static void reach(struct follow *f, const struct catalog_relation *r, uint32_t access, bool whereless,
                  bool up)
{
    struct sql_statement *s = f->walk->statement;
    if (!access) return;
    /* What the text names is judged by that, and more strictly. */
    for (size_t i = 0; i < s->n_relations; i++)
        if (s->relations[i].oid == r->oid && !s->relations[i].through &&
            (access & ~s->relations[i].access) == 0)
            return;
    struct sql_relation one = { .schema = schema_of(f->walk->view, r),
                                .name = r->name,
                                .access = access,
                                .whereless = whereless,
                                .resolved = true,
                                .through = true,
                                .oid = r->oid };
    relations_add_through(f->walk, &one);
    if (f->walk->trouble || !make_room(f, s->n_relations)) return;
    for (size_t i = 0; i < s->n_relations; i++) {
        if (s->relations[i].oid != r->oid || !s->relations[i].through) continue;
        uint32_t *mask = up ? &f->up[i] : &f->down[i];
        *mask |= access;
        if (r->has_triggers || r->kind == 'f') s->writes_beside |= (access & WRITES) != 0;
        note_late(f->walk, r, access);
    }
}

static uint32_t rule_access(uint32_t writes)
{
    return (writes & 1 ? EFFECT_WRITE : 0) | (writes & 2 ? EFFECT_UPDATE : 0) |
           (writes & 4 ? EFFECT_DELETE : 0) | (writes & 8 ? EFFECT_READ : 0);
}

/* A materialised view is filled from what it reads by REFRESH, which alters it. */
static uint32_t view_access(const struct catalog_relation *r, uint32_t access)
{
    uint32_t uses = EFFECT_READ | WRITES | (r->kind == 'm' ? EFFECT_SCHEMA_ALTER : 0);
    return (access & uses ? EFFECT_READ : 0) | (access & (EFFECT_LOCK | EFFECT_BULK_OUT | EFFECT_UNSAFE_IO));
}

static void follow_tie(struct follow *f, const struct catalog_relation *from,
                       const struct catalog_tie_to *tie, uint32_t access, bool whereless, bool up)
{
    const struct catalog_relation *to = catalog_by_oid(f->walk->view, tie->relation->oid);
    uint32_t writes = access & WRITES;
    if (!to) return;
    switch (tie->tie) {
    case CATALOG_TIE_VIEW:
        if (!up) reach(f, to, view_access(from, access), false, false);
        return;
    case CATALOG_TIE_UPDATE:
        if (!up && writes) reach(f, to, access & (WRITES | MEANS), whereless, false);
        return;
    case CATALOG_TIE_CHILD:
        if (!up) reach(f, to, access & ALIKE, whereless, false);
        return;
    case CATALOG_TIE_PARENT: reach(f, to, access & ALIKE, false, true); return;
    case CATALOG_TIE_ON_DELETE:
        if (!(access & EFFECT_DELETE)) return;
        f->walk->statement->writes_beside = true;
        reach(f, to, tie->deletes ? EFFECT_DELETE : EFFECT_UPDATE, whereless, false);
        return;
    case CATALOG_TIE_ON_UPDATE:
        if (!(access & EFFECT_UPDATE)) return;
        f->walk->statement->writes_beside = true;
        reach(f, to, EFFECT_UPDATE, whereless, false);
        return;
    case CATALOG_TIE_RULE:
        if (up || !writes) return;
        f->walk->statement->writes_beside = true;
        reach(f, to, rule_access(tie->writes), whereless, false);
        return;
    case CATALOG_TIE_TABLE: /* an index that comes or goes changes its table */
        if (access & EFFECT_SCHEMA) reach(f, to, EFFECT_SCHEMA_ALTER, false, false);
        reach(f, to, access & EFFECT_MAINTENANCE, false, false);
        return;
    case CATALOG_TIE_KEY:
        if (!f->walk->names->cascades) return;
        reach(f, to, access & EFFECT_TRUNCATE, false, false);
        if (access & EFFECT_SCHEMA_DROP) reach(f, to, EFFECT_SCHEMA_ALTER, false, false);
        return;
    }
}

static void follow_relation(struct follow *f, size_t i)
{
    const struct sql_relation *s = &f->walk->statement->relations[i];
    uint32_t down = f->down[i], up = f->up[i] & ~down;
    bool whereless = s->whereless;
    if (down == f->done_down[i] && up == f->done_up[i] && whereless == f->bare[i]) return;
    f->done_down[i] = down;
    f->done_up[i] = up;
    f->bare[i] = whereless;
    f->changed = true;
    const struct catalog_relation *r = s->oid ? catalog_by_oid(f->walk->view, s->oid) : NULL;
    if (!r) return;
    for (size_t t = 0; t < r->n_ties && !f->walk->trouble; t++) {
        if (down) follow_tie(f, r, &r->ties[t], down, whereless, false);
        if (up) follow_tie(f, r, &r->ties[t], up, whereless, true);
    }
}

/* Whether a relation that the text names counts no more and no fewer rows than it says. */
static void note_beside(struct walk *walk, const struct sql_relation *s)
{
    const struct catalog_relation *r = s->oid ? catalog_by_oid(walk->view, s->oid) : NULL;
    if (s->access & EFFECT_TRUNCATE) walk->statement->writes_beside = true;
    if (!(s->access & WRITES)) return;
    if (r) note_late(walk, r, s->access);
    /* What the text itself makes may have got triggers and rules since. */
    if (r ? r->has_triggers || r->has_rules || r->kind == 'v' || r->kind == 'f' : walk->names->code_made)
        walk->statement->writes_beside = true;
}

void ties_follow(struct walk *walk)
{
    struct sql_statement *s = walk->statement;
    struct follow f = { .walk = walk };
    s->late_triggers = catalog_has_late_triggers(walk->view);
    if (s->n_relations == 0 || !make_room(&f, s->n_relations)) return;
    for (size_t i = 0; i < s->n_relations; i++) {
        f.down[i] = s->relations[i].access;
        if (!s->relations[i].through) note_beside(walk, &s->relations[i]);
    }
    do {
        f.changed = false;
        for (size_t i = 0; i < s->n_relations && !walk->trouble; i++)
            follow_relation(&f, i);
    } while (f.changed && !walk->trouble);
    for (size_t i = 0; i < s->n_relations && !walk->trouble; i++) {
        const struct catalog_relation *r =
            s->relations[i].oid ? catalog_by_oid(walk->view, s->relations[i].oid) : NULL;
        if (!r) continue;
        uint32_t access = s->relations[i].access;
        if (r->kind == 'f' && access & WRITES) s->writes_foreign = true;
        uint32_t reads = READS | WRITES | (r->kind == 'm' ? EFFECT_SCHEMA_ALTER : 0);
        s->runs_unseen |= (r->code_on_read && access & reads) || (r->code_on_write && access & WRITES);
    }
}

struct whole_schema {
    struct walk *walk;
    struct bytes schema;
    uint32_t access;
};

static void add_whole(struct walk *walk, const struct catalog_relation *r, uint32_t access)
{
    struct sql_relation one = { .schema = r->schema,
                                .name = r->name,
                                .access = access,
                                .resolved = true,
                                .through = true,
                                .oid = r->oid };
    relations_add_through(walk, &one);
}

static bool visit_whole(void *context, const struct catalog_relation *r)
{
    const struct whole_schema *whole = context;
    bool holds = r->kind == 'r' || r->kind == 'p' || r->kind == 'v' || r->kind == 'm' || r->kind == 'f' ||
                 r->kind == 'S';
    if (holds && (!whole->schema.p || bytes_equal(r->schema, whole->schema)))
        add_whole(whole->walk, r, whole->access);
    return whole->walk->trouble == WALK_FINE && whole->walk->statement->n_relations < WHOLE_CEILING;
}

void ties_schema(struct walk *walk, struct bytes schema, uint32_t access)
{
    struct whole_schema whole = { walk, schema, access };
    catalog_each_relation(walk->view->catalog, visit_whole, &whole);
    if (walk->statement->n_relations >= WHOLE_CEILING && !walk->trouble)
        relations_add_through(
            walk,
            &(struct sql_relation){ .schema = schema, .access = access, .resolved = true, .through = true });
}

struct cascade {
    struct walk *walk;
    bool changed;
};

static bool is_dropped(const struct sql_statement *s, uint32_t oid)
{
    for (size_t i = 0; i < s->n_relations; i++)
        if (s->relations[i].oid == oid && s->relations[i].access & EFFECT_SCHEMA_DROP) return true;
    return false;
}

/* Whether a column is of the type of a row, or of arrays of them, that goes. */
static bool has_dropped_type(const struct walk *walk, const struct catalog_relation *r)
{
    const struct sql_statement *s = walk->statement;
    for (size_t c = 0; c < r->n_columns; c++) {
        const struct catalog_type *type = catalog_type_by_oid(walk->view, r->columns[c].type);
        if (type && type->element) type = catalog_type_by_oid(walk->view, type->element);
        if (type && type->relation && is_dropped(s, type->relation)) return true;
    }
    return false;
}

/* A view goes with what it reads; a rule and a column go with what they are about. */
static bool visit_cascade(void *context, const struct catalog_relation *r)
{
    struct cascade *c = context;
    struct sql_statement *s = c->walk->statement;
    uint32_t access = has_dropped_type(c->walk, r) ? EFFECT_SCHEMA_ALTER : 0;
    bool view = r->kind == 'v' || r->kind == 'm';
    for (size_t t = 0; t < r->n_ties; t++) {
        const struct catalog_tie_to *tie = &r->ties[t];
        bool reads = view && tie->tie == CATALOG_TIE_VIEW;
        if ((reads || tie->tie == CATALOG_TIE_RULE) && is_dropped(s, tie->relation->oid))
            access |= reads ? EFFECT_SCHEMA_DROP : EFFECT_SCHEMA_ALTER;
    }
    size_t before = s->n_relations;
    if (access) add_whole(c->walk, r, access);
    c->changed |= s->n_relations != before;
    return c->walk->trouble == WALK_FINE;
}

/* What goes with code that hangs on what is dropped: triggers, defaults, indexes, views of others. */
static void add_unseen(struct walk *walk)
{
    const struct sql_statement *s = walk->statement;
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct catalog_relation *r = s->relations[i].oid && s->relations[i].access & EFFECT_SCHEMA_DROP
                                               ? catalog_by_oid(walk->view, s->relations[i].oid)
                                               : NULL;
        if (!r || !r->entangled) continue;
        names_any(walk, EFFECT_SCHEMA_DROP | EFFECT_SCHEMA_ALTER);
        return;
    }
}

void ties_cascade(struct walk *walk)
{
    struct cascade c = { .walk = walk };
    do {
        c.changed = false;
        catalog_each_relation(walk->view->catalog, visit_cascade, &c);
    } while (c.changed && !walk->trouble);
    add_unseen(walk);
}
