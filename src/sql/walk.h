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

/* What is handed down from a node to those in it. */
struct walk_at {
    const struct walk_scope *scope;
    uint32_t access; /* the effects on a relation that is named here */
    uint16_t depth;
    bool target; /* the relation that a statement writes: never a CTE */
    bool quiet;  /* a VALUES that only feeds an INSERT: it reads nothing */
};

enum walk_trouble { WALK_FINE = 0, WALK_FULL, WALK_DEEP, WALK_MANY };

struct walk_item;
struct walk {
    struct arena *arena;
    struct sql_statement *statement;
    const struct catalog_view *view;       /* NULL: names are given as the text has them */
    size_t relations_size, functions_size; /* what the arrays have room for */
    struct walk_item *items;
    size_t n_items, items_size;
    enum walk_trouble trouble;
    uint32_t spread;      /* effects on every relation that is read: COPY (query) TO has them from afar */
    enum NodeTag unknown; /* a tag that no table names; 0: none */
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

/* relations.c */
void relations_add(struct walk *walk, struct tree_name name, uint32_t access, bool whereless);
void relations_visit(struct walk *walk, const RangeVar *relation, struct walk_at at);
/* The scope inside a WITH clause; pushes its queries. */
const struct walk_scope *relations_with(struct walk *walk, const WithClause *with, struct walk_at at);

/* functions.c */
void functions_visit_call(struct walk *walk, const FuncCall *call);
void functions_visit_operator(struct walk *walk, const List *name);
/* TABLESAMPLE calls a function by its name. */
void functions_visit_sample(struct walk *walk, const RangeTableSample *sample);

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
