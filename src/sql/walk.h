/* The walk over one statement's tree: a stack of its own (never the C stack, so that no text can exhaust it),
 * a depth ceiling, and what was found so far. Each node is handed to walk_visit, which asks the files that
 * know about it and pushes what is to be looked at next. */
#ifndef POSTERN_SQL_WALK_H
#define POSTERN_SQL_WALK_H
#include "sql/tree.h"

#include "catalog/catalog.h"
#include "sql/facts.h"

/* The CTE names that are visible at a node: the newest first. */
struct walk_scope {
    const struct walk_scope *outer;
    const char *name;
};

/* How a relation is named, where names are resolved. */
enum walk_naming {
    NAMING_QUERY = 0, /* it must exist, and gets its schema in the text */
    NAMING_OBJECT,    /* it must exist; its name stays as it is */
    NAMING_OPTIONAL,  /* it need not exist */
    NAMING_CREATED    /* it is made */
};

/* What is handed down from a node to those in it. */
struct walk_at {
    const struct walk_scope *scope;
    const RangeVar *creates; /* what the statement makes */
    uint32_t access;         /* the effects on a relation that is named here */
    uint16_t depth;
    uint8_t naming; /* enum walk_naming */
    bool target;    /* the relation that a statement writes: never a CTE */
    bool quiet;     /* a VALUES that only feeds an INSERT: it reads nothing */
    bool beside;    /* not the statement that its command tag speaks of */
};

enum walk_trouble { WALK_FINE = 0, WALK_FULL, WALK_DEEP, WALK_MANY };

struct walk_item;
struct walk {
    struct arena *arena;
    struct sql_statement *statement;
    const struct catalog_view *view;       /* NULL: names are given as the text has them */
    struct names *names;                   /* NULL without a view; see names.h */
    size_t relations_size, functions_size; /* what the arrays have room for */
    struct walk_item *items;
    size_t n_items, items_size;
    enum walk_trouble trouble;
    uint32_t spread;      /* effects on every relation that is read: COPY (query) TO has them from afar */
    enum NodeTag unknown; /* a tag that no table names; 0: none */
    int place;            /* of the name that is looked at, in bytes of the text; -1: not known */
    /* A set_config whose setting is the one that the WHERE beside it picks; NULL: there is none. */
    const FuncCall *picking;
    const char *picked;
};

/* Reads one statement. *statement has text set, everything else zero; trouble is left in the walk. */
void walk_statement(struct walk *walk, const Node *top);

/* To be looked at later, with `at` one deeper; NULL is nothing. What is pushed last is looked at first. */
void walk_push(struct walk *walk, const void *node, struct walk_at at);
void walk_push_children(struct walk *walk, const void *node, struct walk_at at);
static inline void walk_effect(struct walk *walk, uint32_t effects)
{
    walk->statement->effects |= effects;
}
/* A copy in the arena that outlives the tree; of NULL, nothing. */
struct bytes walk_text(struct walk *walk, const char *text);
struct bytes walk_copy(struct walk *walk, struct bytes b);

/* relations.c */
/* node: where the name stands, if it may get its schema there; NULL: it stays as it is. */
void relations_add(struct walk *walk, struct tree_name name, uint32_t access, bool whereless,
                   enum walk_naming naming, const RangeVar *node);
/* One that the text does not name: oid tells it. */
void relations_add_through(struct walk *walk, const struct sql_relation *relation);
void relations_visit(struct walk *walk, const RangeVar *relation, struct walk_at at);
/* The scope inside a WITH clause; pushes its queries. */
const struct walk_scope *relations_with(struct walk *walk, const WithClause *with, struct walk_at at);

/* functions.c */
void functions_visit_call(struct walk *walk, const FuncCall *call);
void functions_visit_operator(struct walk *walk, const List *name);
/* TABLESAMPLE calls a function by its name. */
void functions_visit_sample(struct walk *walk, const RangeTableSample *sample);
/* One of the statement's functions; twice the same name is one. codes: in the arena. */
void functions_add(struct walk *walk, struct bytes schema, struct bytes name, const struct sql_code *codes,
                   size_t n_codes);
/* set_config with constant arguments is judged like SET; else it could be any setting. */
void functions_visit_set_config(struct walk *walk, const FuncCall *call);
/* Whether a SELECT calls it for the row of pg_settings that a constant picks: that is how pg_dump sets what
 * older servers do not have. */
void functions_visit_settings(struct walk *walk, const SelectStmt *select, struct walk_at at);
/* A string constant, perhaps with a cast ('x'::text); false for anything else. NULL is a constant without
 * text. */
bool functions_constant(const Node *node, const char **text_out);

/* attribute.c: calls that are written like columns. */
void attribute_visit_column(struct walk *walk, const ColumnRef *column);
void attribute_visit_indirection(struct walk *walk, const A_Indirection *indirection);

/* query.c: SELECT, INSERT, UPDATE, DELETE, MERGE. */
bool query_visit(struct walk *walk, const Node *node, struct walk_at at);

/* utility.c: everything else that is a statement. False: the node is none. */
bool utility_visit(struct walk *walk, const Node *node, struct walk_at at);
/* The command tag of a statement, as the server would give it. */
struct bytes utility_tag(struct walk *walk, const Node *node);

/* setting.c: SET, RESET, also inside ALTER ROLE, ALTER DATABASE, CREATE FUNCTION, ALTER SYSTEM. */
void setting_visit(struct walk *walk, const VariableSetStmt *set, bool own);
/* One parameter that a statement sets: effects and the pinned mark. */
void setting_note(struct walk *walk, struct bytes name, struct bytes value);

/* where.c */
enum sql_where where_read(const Node *clause, const RangeVar *target);
#endif
