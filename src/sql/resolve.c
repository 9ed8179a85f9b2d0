/* What the relations that a text names stand for in a view of the catalogue, and the schemas that are put in
 * front of them. What an earlier statement of the same text moves is refused and not guessed: the view is of
 * before the text. cases/names.cases is this file's decision table. */
#include "sql/functions.h"
#include "sql/names.h"

enum { PLACE_NONE = 1 << 20 };

/* Where in the search path a schema stands: the session's temporary one comes first. */
static size_t place_in_path(const struct catalog_view *view, struct bytes schema)
{
    if (bytes_is(schema, "pg_temp")) return 0;
    for (size_t i = 0; i < view->n_path; i++)
        if (bytes_equal(view->path[i], schema)) return i + 1;
    return PLACE_NONE;
}

bool names_in_path(const struct catalog_view *view, struct bytes schema)
{
    return place_in_path(view, schema) != PLACE_NONE;
}

struct bytes names_creation_schema(const struct catalog_view *view)
{
    for (size_t i = 0; i < view->n_path; i++)
        if (!bytes_starts_with(view->path[i], "pg_temp_") && !bytes_is(view->path[i], "pg_catalog"))
            return view->path[i];
    return (struct bytes){ 0 };
}

void names_miss(struct walk *walk, struct bytes name, const char *code, struct bytes says)
{
    struct sql_statement *s = walk->statement;
    if (!name.p || !says.p) {
        walk->trouble = WALK_FULL;
        return;
    }
    if (s->unresolved_code) return;
    s->unresolved = name;
    s->unresolved_code = code;
    s->unresolved_says = says;
    s->unresolved_at = walk->place;
}

static bool grow_edits(struct walk *walk)
{
    struct names *names = walk->names;
    if (names->n_edits < names->edits_size) return true;
    size_t size = names->edits_size ? names->edits_size * 2 : 8;
    if (size > NAMES_EDITS_CEILING) {
        walk->trouble = WALK_MANY;
        return false;
    }
    struct sql_edit *edits = ARENA_ARRAY(walk->arena, struct sql_edit, size);
    struct proof_edit *nodes = ARENA_ARRAY(walk->arena, struct proof_edit, size);
    if (!edits || !nodes) {
        walk->trouble = WALK_FULL;
        return false;
    }
    if (names->n_edits) {
        memcpy(edits, names->edits, names->n_edits * sizeof(*edits));
        memcpy(nodes, names->nodes, names->n_edits * sizeof(*nodes));
    }
    names->edits = edits;
    names->nodes = nodes;
    names->edits_size = size;
    return true;
}

/* "schema". in quotes, but for the few that need none in any version. */
static struct bytes quoted(struct walk *walk, struct bytes schema)
{
    static const char *const plain[] = { "public.", "pg_catalog.", "pg_temp.", "information_schema." };
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        if (strlen(plain[i]) == schema.n + 1 && memcmp(plain[i], schema.p, schema.n) == 0)
            return bytes_of(plain[i]);
    uint8_t *out = arena_alloc(walk->arena, 2 * schema.n + 3);
    size_t n = 0;
    if (!out) {
        walk->trouble = WALK_FULL;
        return (struct bytes){ 0 };
    }
    out[n++] = '"';
    for (size_t i = 0; i < schema.n; i++) {
        if (schema.p[i] == '"') out[n++] = '"';
        out[n++] = schema.p[i];
    }
    out[n++] = '"';
    out[n++] = '.';
    return bytes_make(out, n);
}

void names_edit(struct walk *walk, const void *node, int location, struct bytes schema)
{
    struct names *names = walk->names;
    char *name = arena_string(walk->arena, schema);
    struct bytes insert = quoted(walk, schema);
    if (!name) walk->trouble = WALK_FULL;
    if (walk->trouble || !grow_edits(walk)) return;
    /* A name without a place cannot be reached by an insertion; the proof refuses the text. */
    names->edits[names->n_edits] = (struct sql_edit){ (uint32_t)(location > 0 ? location : 0), insert };
    names->nodes[names->n_edits++] = (struct proof_edit){ .node = node, .schema = name };
}

static const struct names_touched *find_touched(const struct names *names, struct bytes name)
{
    for (const struct names_touched *t = names->touched; t; t = t->older)
        if (bytes_equal(t->name, name)) return t;
    return NULL;
}

static const struct names_made *find_among(const struct names_made *made, struct bytes schema,
                                           struct bytes name)
{
    for (const struct names_made *m = made; m; m = m->older)
        if (bytes_equal(m->name, name) && (!schema.n || bytes_equal(m->schema, schema))) return m;
    return NULL;
}

/* The newest relation of that name that the text creates before; with a schema, in that one. */
static const struct names_made *find_made(const struct names *names, struct bytes schema, struct bytes name)
{
    return find_among(names->made, schema, name);
}

/* A sequence that a serial or identity column of a table brings along. */
static const struct names_made *find_made_sequence(const struct names *names, struct bytes schema,
                                                   struct bytes name)
{
    if (name.n < 5 || memcmp(name.p + name.n - 4, "_seq", 4) != 0) return NULL;
    for (const struct names_made *m = names->made; m; m = m->older)
        if (name.n > m->name.n + 5 && memcmp(name.p, m->name.p, m->name.n) == 0 && name.p[m->name.n] == '_' &&
            (!schema.n || bytes_equal(m->schema, schema)))
            return m;
    return NULL;
}

static struct bytes written(struct walk *walk, const struct sql_relation *r)
{
    if (r->database.n)
        return arena_printf(walk->arena, "%.*s.%.*s.%.*s", BYTES_FMT(r->database), BYTES_FMT(r->schema),
                            BYTES_FMT(r->name));
    if (r->schema.n) return arena_printf(walk->arena, "%.*s.%.*s", BYTES_FMT(r->schema), BYTES_FMT(r->name));
    return arena_copy(walk->arena, r->name);
}

/* Refused for what an earlier statement of the text does to it. */
static void miss_moved(struct walk *walk, const struct sql_relation *r, struct bytes why)
{
    struct bytes name = written(walk, r);
    names_miss(
        walk, name, "0A000",
        arena_printf(walk->arena,
                     "what relation \"%.*s\" is cannot be told behind %.*s in the same text: send it as a "
                     "message of its own",
                     BYTES_FMT(name), BYTES_FMT(why)));
}

static void miss_absent(struct walk *walk, const struct sql_relation *r)
{
    struct bytes name = written(walk, r);
    if (walk->names->made)
        names_miss(walk, name, "42P01",
                   arena_printf(walk->arena,
                                "relation \"%.*s\" does not exist before this text: if the text creates it, "
                                "send it as a message of its own",
                                BYTES_FMT(name)));
    else
        names_miss(walk, name, "42P01",
                   arena_printf(walk->arena, "relation \"%.*s\" does not exist", BYTES_FMT(name)));
}

/* True where the name may be looked up in the view: nothing before it in the text moved it. */
static bool can_be_told(struct walk *walk, enum walk_naming naming, const struct sql_relation *r)
{
    const struct names *names = walk->names;
    bool bare = !r->schema.n;
    if (names->moved_all || (bare && names->moved.n)) {
        miss_moved(walk, r, names->moved);
        return false;
    }
    if (bare && names->loose.n && naming == NAMING_CREATED) {
        miss_moved(walk, r, names->loose);
        return false;
    }
    if (bare && names->shaky.n && (naming == NAMING_OBJECT || naming == NAMING_OPTIONAL) &&
        !find_made(names, r->schema, r->name)) {
        miss_moved(walk, r, names->shaky);
        return false;
    }
    return true;
}

static void take_relation(struct walk *walk, const struct catalog_relation *found, struct sql_relation *r)
{
    bool own = found->temporary && names_in_path(walk->view, found->schema);
    r->schema = own ? BYTES_LITERAL("pg_temp") : found->schema;
    r->name = found->name;
    r->oid = found->oid;
    r->resolved = true;
}

static void take_made(const struct names_made *made, struct sql_relation *r)
{
    r->schema = made->schema;
    r->made = r->resolved = true;
}

/* The target of a CREATE. What stands there already is what an IF NOT EXISTS or OR REPLACE is about. */
static void resolve_created(struct walk *walk, const RangeVar *node, struct sql_relation *r)
{
    bool temporary = node && node->relpersistence == 't';
    if (temporary || bytes_starts_with(r->schema, "pg_temp"))
        r->schema = BYTES_LITERAL("pg_temp");
    else if (!r->schema.n)
        r->schema = names_creation_schema(walk->view);
    if (!r->schema.n) {
        names_miss(walk, arena_copy(walk->arena, r->name), "3F000",
                   BYTES_LITERAL("no schema has been selected to create in"));
        return;
    }
    const struct catalog_relation *there = catalog_find(walk->view, r->schema, r->name);
    names_make(walk, r->schema, r->name, there != NULL);
    if (there) r->oid = there->oid;
    r->made = r->resolved = true;
}

/* What a name stands for where an earlier statement of the text may have to do with it. */
struct look {
    const struct catalog_relation *found; /* in the view */
    const struct names_made *made;        /* by the text, and this is what is meant */
    const struct names_touched *touched;  /* by the text: what was found is not what is meant */
};

/* itself: the statement that is walked makes it before it looks (a foreign key to its own table). */
static struct look look_up(struct walk *walk, struct bytes schema, struct bytes name, bool itself)
{
    const struct names *names = walk->names;
    const struct catalog_view *view = walk->view;
    struct look look = { .found = catalog_find(view, schema, name),
                         .made = find_made(names, schema, name),
                         .touched = find_touched(names, name) };
    if (!look.made && itself) look.made = find_among(names->making, schema, name);
    if (!look.made && !look.found) look.made = find_made_sequence(names, schema, name);
    if (look.made && look.found && !look.touched && !schema.n) {
        struct bytes there = look.found->temporary ? BYTES_LITERAL("pg_temp") : look.found->schema;
        if (place_in_path(view, there) < place_in_path(view, look.made->schema)) look.made = NULL;
    }
    /* What hangs on what was there before still does, where it was only altered or kept. */
    if (look.touched || (look.made && !look.made->over)) look.found = NULL;
    return look;
}

bool names_look(struct walk *walk, const RangeVar *node, const struct catalog_relation **found_out)
{
    struct look look = look_up(walk, bytes_of(node->schemaname), bytes_of(node->relname), false);
    *found_out = look.found;
    return look.made != NULL;
}

static void resolve_existing(struct walk *walk, enum walk_naming naming, struct sql_relation *r)
{
    struct look look = look_up(walk, r->schema, r->name, naming == NAMING_OBJECT);
    if (look.made) {
        take_made(look.made, r);
        if (look.found) r->oid = look.found->oid;
    } else if (look.touched) {
        miss_moved(walk, r, look.touched->why);
    } else if (look.found) {
        take_relation(walk, look.found, r);
    } else if (naming != NAMING_OPTIONAL) {
        miss_absent(walk, r);
    }
}

/* Its own database may be named; of another one nothing is known. */
static bool crosses_database(struct walk *walk, struct sql_relation *r)
{
    if (!r->database.n) return false;
    if (bytes_equal(r->database, walk->view->database)) {
        r->database = (struct bytes){ 0 };
        return false;
    }
    struct bytes name = written(walk, r);
    names_miss(walk, name, "0A000",
               arena_printf(walk->arena, "cross-database references are not implemented: \"%.*s\"",
                            BYTES_FMT(name)));
    return true;
}

void names_resolve(struct walk *walk, const RangeVar *node, enum walk_naming naming,
                   struct sql_relation *relation)
{
    bool bare = !relation->schema.n;
    walk->place = node ? node->location : -1;
    if (crosses_database(walk, relation) || !can_be_told(walk, naming, relation)) return;
    if (naming == NAMING_CREATED)
        resolve_created(walk, node, relation);
    else
        resolve_existing(walk, naming, relation);
    if (node && bare && naming == NAMING_QUERY && relation->resolved)
        names_edit(walk, node, node->location, relation->schema);
}

enum { IDENTIFIER_BYTES = 63 };

/* Identifiers as regclassin reads them: folded unless they are quoted, and cut. False: it is no such name, or
 * one that servers fold or cut each in their way. */
static bool text_part(struct walk *walk, const char **at, struct bytes *part_out)
{
    const char *p = *at;
    uint8_t *out = arena_alloc(walk->arena, strlen(p) + 1);
    size_t n = 0;
    bool in_quotes = *p == '"';
    if (!out) {
        walk->trouble = WALK_FULL;
        return false;
    }
    if (in_quotes) p++;
    for (; *p && (in_quotes || *p != '.'); p++) {
        if (in_quotes && *p == '"') {
            if (p[1] != '"') break;
            p++;
        } else if (!in_quotes && (*p == '"' || *p == ' ' || (*p >= '\t' && *p <= '\r') || *p & 0x80)) {
            return false;
        }
        out[n++] = (uint8_t)(!in_quotes && *p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    }
    if (in_quotes && *p++ != '"') return false;
    *part_out = bytes_make(out, n);
    *at = p;
    return n > 0 && n <= IDENTIFIER_BYTES;
}

/* Rules with relations take it for any, allows for none. */
void names_any(struct walk *walk, uint32_t access)
{
    names_any_in(walk, (struct bytes){ 0 }, access);
}

void names_any_in(struct walk *walk, struct bytes schema, uint32_t access)
{
    walk_effect(walk, access);
    relations_add_through(walk, &(struct sql_relation){ .schema = schema, .access = access });
}

void names_unnamed(struct walk *walk, const char *function)
{
    uint32_t effects = functions_listed(function);
    uint32_t access = effects & (EFFECT_READ | EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE);
    bool activity = bytes_starts_with(bytes_of(function), "pg_stat_get_");
    struct sql_relation known = { .schema = BYTES_LITERAL("pg_catalog"),
                                  .name = bytes_of(activity ? "pg_stat_activity" : "pg_largeobject"),
                                  .access = access,
                                  .resolved = true };
    /* What runs SQL needs more than an allow for some relation. */
    if (!access || effects & EFFECT_PROCEDURE) return;
    relations_add_through(walk, &known);
}

/* regclassin takes an OID in its place. */
static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == 0;
}

bool names_resolve_text(struct walk *walk, const char *text, uint32_t access)
{
    struct bytes parts[2] = { { 0 } };
    size_t n = 0;
    if (is_number(text)) return false;
    for (;;) {
        if (n == 2 || !text_part(walk, &text, &parts[n])) return false;
        n++;
        if (!*text) break;
        if (*text++ != '.') return false;
    }
    struct tree_name name = { NULL, n == 2 ? arena_string(walk->arena, parts[0]) : NULL,
                              arena_string(walk->arena, parts[n - 1]) };
    if (!name.name) {
        walk->trouble = WALK_FULL;
        return false;
    }
    relations_add(walk, name, access, false, NAMING_OPTIONAL, NULL);
    return true;
}
