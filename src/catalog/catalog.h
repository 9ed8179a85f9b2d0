/* What a database's catalogue says about names: relations and their columns, functions, operators, casts and
 * types, and what hangs together (views, partitions, inheritance, foreign keys, rules, extensions). A catalog
 * is one immutable snapshot, counted, shared by threads; a newer one replaces it (its serial is never used
 * twice in a process). An overlay is what one server session sees besides: its temporary relations, and
 * what its open transaction created, renamed, changed or dropped. Pure: rows go in (catalog/load.h), answers
 * come out. Object identifiers and kinds are the server's (PostgreSQL's documentation, "System Catalogs").
 *
 * Whatever the catalogue does not tell is told as the worst: an opaque view reads everything, a function
 * that is not known trusted is not. */
#ifndef POSTERN_CATALOG_CATALOG_H
#define POSTERN_CATALOG_CATALOG_H
#include "base/bytes.h"
#include "base/check.h"

struct catalog;
struct catalog_relation;

struct catalog_column {
    struct bytes name; /* p == NULL: dropped */
    uint32_t type;     /* pg_type.oid */
    int32_t typmod;
    bool not_null, generated;
    bool key;          /* of the primary key, which holds at once */
    bool unique;       /* alone, over all rows, and at once */
    struct bytes tags; /* of its comment: the words behind "postern:", comma-separated; may be empty */
};
/* How a relation hangs on another one: what touches it may touch the other. */
enum catalog_tie {
    CATALOG_TIE_VIEW,      /* a view or materialised view reads the other */
    CATALOG_TIE_UPDATE,    /* an auto-updatable view: writing it writes the other */
    CATALOG_TIE_CHILD,     /* the other is a partition or an inheritance child */
    CATALOG_TIE_PARENT,    /* the other is what this is a partition or child of */
    CATALOG_TIE_ON_DELETE, /* a row deleted here deletes (CASCADE) or changes (SET NULL, SET DEFAULT) rows
                              there */
    CATALOG_TIE_ON_UPDATE, /* a key changed here changes rows there */
    CATALOG_TIE_RULE,      /* a rule on this one does something to the other */
    CATALOG_TIE_TABLE,     /* this is an index of the other */
    CATALOG_TIE_KEY        /* the other's foreign key refers to this: TRUNCATE … CASCADE empties it too */
};
struct catalog_tie_to {
    enum catalog_tie tie;
    bool deletes;    /* ON_DELETE: CASCADE */
    uint32_t writes; /* RULE, by bit: 1 insert, 2 update, 4 delete, 8 select */
    const struct catalog_relation *relation;
};
/* One column that an output column of a view is made of; attribute 0: the whole row. */
struct catalog_source {
    const struct catalog_relation *relation;
    int16_t attribute;
};
struct catalog_sources {
    const struct catalog_source *items;
    size_t n;
    bool opaque; /* the expression calls a function that may read anything, or could not be read */
    bool plain;  /* it is items[0] as it is, or NULL; n == 1, attribute > 0 */
};
struct catalog_relation {
    uint32_t oid, type; /* type: of its row */
    struct bytes schema, name;
    char kind; /* pg_class.relkind: r p v m f S t c i I */
    bool temporary, has_rules, has_triggers, row_security;
    bool has_late_triggers; /* some of its triggers can be deferred to COMMIT */
    /* A function, a policy, a default or a type of somebody else's hangs on it: DROP … CASCADE takes more
     * along than ties tell. */
    bool entangled;
    /* Code of somebody's runs as rows are read (row security, a view's query) or written (these, defaults,
     * checks, index expressions); triggers and what belongs to extensions left out. */
    bool code_on_read, code_on_write;
    const struct catalog_column *columns; /* columns[attnum - 1] */
    size_t n_columns;
    const struct catalog_tie_to *ties; /* direct ones */
    size_t n_ties;
    /* Views and materialised views: what each column is made of (n_columns of them; NULL: it could not be
     * read, and everything is opaque), and what decides which rows there are (WHERE, JOIN, GROUP, LIMIT). */
    const struct catalog_sources *sources;
    struct catalog_sources decides;
};

const struct catalog *catalog_hold(const struct catalog *catalog);
void catalog_release(const struct catalog *catalog); /* NULL is nothing */
uint64_t catalog_serial(const struct catalog *catalog);
int catalog_server_version(const struct catalog *catalog); /* server_version_num */

/* What one session sees; owned by the session, replaced as a whole (catalog/load.h makes it). */
struct catalog_overlay;
/* What names are resolved in: the shared catalogue, under what this session sees besides (may be NULL), and
 * its search path as current_schemas(true) tells it: schemas that exist, pg_temp_N and pg_catalog included
 * where they are searched, in order. */
struct catalog_view {
    const struct catalog *catalog;
    const struct catalog_overlay *overlay;
    const struct bytes *path;
    size_t n_path;
    struct bytes database; /* the server's name of it, which may stand before a schema; empty: not known */
};

/* NULL: no such relation is visible. schema empty: by the search path; "pg_temp" is the session's own. Names
 * are as the grammar folded them. */
const struct catalog_relation *catalog_find(const struct catalog_view *view, struct bytes schema,
                                            struct bytes name);
const struct catalog_relation *catalog_by_oid(const struct catalog_view *view, uint32_t oid);
/* Whether any table has triggers that can be deferred to COMMIT. */
bool catalog_has_late_triggers(const struct catalog_view *view);
/* Ties and sources point into the snapshot (or overlay) that they were read with. A relation that is reached
 * through one of them may look different to the session by now: go on with
 * catalog_by_oid(view, relation->oid), which is NULL where the session's transaction dropped it. */

/* The schema that "pg_temp" stands for; empty: the session has none. */
struct bytes catalog_temporary_schema(const struct catalog_view *view);
/* 0: no such column; else its attribute number, negative for a system column (ctid, xmin, …). */
int catalog_column_number(const struct catalog_relation *relation, struct bytes name);
/* Every relation, in no order; for lint and doctor. False from visit stops. */
void catalog_each_relation(const struct catalog *catalog,
                           bool (*visit)(void *context, const struct catalog_relation *relation),
                           void *context);

/* Code that a name may stand for. */
struct catalog_function {
    uint32_t oid;
    struct bytes schema, name;
    struct bytes signature; /* "public.f(integer, text)", types as format_type gives them */
    struct bytes extension; /* that owns it; empty: none */
    char kind;              /* pg_proc.prokind: f p a w */
    char volatility;        /* i s v */
    bool security_definer, returns_set;
    uint32_t returns; /* type */
    const struct bytes
        *outputs; /* names of OUT and TABLE columns, where it has such; an empty name is none */
    size_t n_outputs;
    const uint32_t *output_types;
};
struct catalog_functions {
    const struct catalog_function *const *items;
    size_t n;
};
/* All of one name, in every schema. */
struct catalog_functions catalog_functions_named(const struct catalog *catalog, struct bytes name);
/* Operators of one name: schema, extension and function of each. signature: "public.=(citext, citext)". */
struct catalog_operator {
    uint32_t oid, function, left, right; /* left: 0 for a prefix operator */
    struct bytes schema, name, signature, extension;
};
struct catalog_operators {
    const struct catalog_operator *const *items;
    size_t n;
};
struct catalog_operators catalog_operators_named(const struct catalog *catalog, struct bytes name);
/* Casts and domain checks that are not pg_catalog's own: code that runs where nobody writes a call. */
struct catalog_cast {
    uint32_t oid, from, to, function;
    struct bytes signature, extension; /* "(text AS public.citext)" */
};
size_t catalog_casts(const struct catalog *catalog, const struct catalog_cast **casts_out);
struct catalog_type {
    uint32_t oid;
    struct bytes schema, name, extension;
    char kind;              /* pg_type.typtype: b c d e m p r */
    uint32_t relation;      /* composite: pg_class.oid */
    uint32_t base, element; /* domain: its base type; array: what it holds */
    bool checked;           /* a domain with a CHECK, or over one */
    bool runs_code;         /* one of those checks calls code that is not PostgreSQL's own, or that could not
                               be told */
};
const struct catalog_type *catalog_type_find(const struct catalog_view *view, struct bytes schema,
                                             struct bytes name);
const struct catalog_type *catalog_type_by_oid(const struct catalog_view *view, uint32_t oid);

/* What functions, operators and casts of a name a session sees: what the shared catalogue has, but for what
 * the session's open transaction created, changed or dropped. */
struct catalog_functions catalog_functions_in(const struct catalog_view *view, struct bytes name);
struct catalog_operators catalog_operators_in(const struct catalog_view *view, struct bytes name);
size_t catalog_casts_in(const struct catalog_view *view, const struct catalog_cast **casts_out);

/* Whether an object is PostgreSQL's own: initdb made it. Whatever anybody creates later, also in pg_catalog,
 * is numbered from 16384 (FirstNormalObjectId in PostgreSQL's access/transam.h). */
static inline bool catalog_is_own(uint32_t oid)
{
    return oid < 16384;
}
#endif
