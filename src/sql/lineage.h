/* Lineage: which columns of which relations each output of a statement is made of, and what else the
 * statement does with columns (doc/lineage.md). One pass over the raw tree in a view of the catalogue, as the
 * server's parse analysis does it: a query has a scope, a scope holds ranges (what stands in FROM), a name
 * is looked up from the inner scope outwards, and what comes out of a query is a row of fields with values.
 * Private to lineage*.c and scope*.c.
 *
 * What is always true: a value's ids hold every column that its bytes can come from; a column that decides
 * anything has SQL_USE_PREDICATE; whatever cannot be followed makes `gave_up` true, and then every relation
 * of the statement counts whole and for every use. Calls nest no deeper than LINEAGE_DEPTH; expressions are
 * walked on a stack of their own. All memory is the statement's arena; nothing of the tree outlives it but
 * what lineage_read copies. */
#ifndef POSTERN_SQL_LINEAGE_H
#define POSTERN_SQL_LINEAGE_H
#include "sql/walk.h"

#include "catalog/catalog.h"

enum {
    LINEAGE_DEPTH = 80,         /* of queries, views, joins and fields within one another */
    LINEAGE_WORK = 1000000,     /* steps that a statement may cost besides LINEAGE_WORK_PER_BYTE */
    LINEAGE_WORK_PER_BYTE = 32, /* so that a long INSERT is followed to its end */
    LINEAGE_FIELDS = 1664,      /* what the server lets one query return */
    LINEAGE_ROUNDS = 40,        /* of a recursive CTE, each of which must add something */
    LINEAGE_ALL = SQL_USE_OUTPUT | SQL_USE_PREDICATE | SQL_USE_WRITTEN | SQL_USE_STORED
};

/* Indices into the statement's columns, each once. Immutable. */
struct ids {
    const uint32_t *p;
    uint32_t n;
};
struct value {
    struct ids ids;
    bool plain;            /* it is exactly the column ids.p[0]; the others are where that one comes from */
    bool opaque;           /* and of something that cannot be told besides */
    uint32_t type;         /* pg_type.oid, where it is known; else 0 */
    const struct row *row; /* its fields, where they are known */
};
struct range;
/* One named part of a row: a column of a relation (`of`), which counts as touched only when it is taken, or a
 * value. */
struct field {
    struct bytes name; /* in the tree's or the catalogue's memory */
    const struct range *of;
    int16_t attribute;
    struct value value;
};
struct row {
    struct field *fields;
    size_t n, size;
    bool open;         /* it has more fields, of which nothing is known but: */
    struct value rest; /* what they are made of */
};
/* What stands in FROM: a relation, or a row. */
struct range {
    struct bytes alias, schema; /* schema: as resolved or written, where there is no alias in the text */
    bool aliased;
    const struct catalog_relation *relation; /* NULL: a row */
    const RangeVar *node;                    /* where a relation is named; NULL: a row */
    bool only;
    const List *names; /* column aliases of a relation */
    struct row row;
};
struct scope_item {
    const struct range *range;
    bool named, columns; /* visible by its name; its columns, by theirs alone */
};
struct with;
struct scope {
    const struct scope *outer;
    const struct with *with; /* the CTEs that are visible */
    struct scope_item *items;
    size_t n, size;
};
enum with_state { WITH_NEW = 0, WITH_BUSY, WITH_DONE };
/* The CTEs of one WITH clause that may see one another. */
struct with_group {
    struct with *current; /* whose query is being read, innermost */
};
struct with {
    const struct with *outer; /* the next name outwards */
    const CommonTableExpr *tree;
    enum with_state state;
    bool started, met;         /* recursive: its row has a beginning; it met itself */
    const struct scope *scope; /* where its query stands */
    const struct with *inside; /* the CTEs that its query sees */
    struct with_group *group;
    struct row row;
};

/* What is remembered of a column. By `only`: */
struct lineage_note {
    bool computed; /* it went into an expression somewhere */
    bool done[2], opaque[2];
    struct ids closure[2]; /* itself, what it comes from, and the same column of relatives */
};
/* The relatives of a relation: partitions, children, what it is one of. */
struct lineage_kin {
    const struct catalog_relation *of;
    bool only;
    const struct catalog_relation **items;
    size_t n;
};
struct lineage_numbers { /* a map from numbers to indices */
    uint64_t *keys;      /* 0: free */
    uint32_t *values;
    size_t n, size;
};
struct lineage {
    struct walk *walk;
    const struct catalog_view *view;
    struct lineage_note *notes; /* one for each of the statement's columns */
    size_t columns_size;
    struct lineage_numbers column_ids, relation_indices, decided;
    struct lineage_kin *kin;
    size_t n_kin, kin_size;
    uint32_t *scratch; /* frames of ids that are being put together */
    size_t n_scratch, scratch_size;
    uint32_t *marks, mark; /* of each column: the last frame that it was counted in */
    const Node **nodes;    /* expressions that are still to be looked at */
    size_t n_nodes, nodes_size;
    struct with *recursing; /* the CTE whose set operation is about to be read */
    uint64_t work;
    int depth;
    bool gave_up;
    const ColumnRef *ref;          /* that is looked up */
    const struct range *returning; /* the target, whose RETURNING is read */
    const ResTarget *returned;     /* the item of a list that is read */
    bool lenient; /* names may stand for what is not known here (a function's parameters): never unresolved */
};

/* What an expression is made of, while it is put together. Frames nest. */
struct sum {
    size_t start;
    bool opaque;
};

/* lineage-set.c */
bool lineage_spend(struct lineage *l, size_t steps);
bool lineage_enter(struct lineage *l); /* false: too deep; lineage_leave only where it was true */
void lineage_leave(struct lineage *l);
void *lineage_alloc(struct lineage *l, size_t count, size_t size); /* NULL: the walk has trouble */
#define LINEAGE_ARRAY(l, type, count) ((type *)lineage_alloc((l), (count), sizeof(type)))
struct sum lineage_sum(struct lineage *l);
void lineage_add(struct lineage *l, struct sum *sum, struct value value);
struct value lineage_total(struct lineage *l, struct sum *sum);
/* They went into an expression: if nobody sees or uses them, they still can make it fail. */
void lineage_computed(struct lineage *l, struct value value);
struct value lineage_union(struct lineage *l, struct value a, struct value b);
void lineage_use(struct lineage *l, struct value value, uint32_t uses);
bool lineage_number_get(const struct lineage_numbers *map, uint64_t key, uint32_t *value_out);
void lineage_number_put(struct lineage *l, struct lineage_numbers *map, uint64_t key, uint32_t value);
uint32_t lineage_column(struct lineage *l, uint32_t relation, struct bytes name, int16_t attribute);
bool lineage_append(struct lineage *l, struct row *row, struct field field);
struct field *lineage_named(const struct row *row, struct bytes name, size_t *n_out);
void *lineage_larger(struct lineage *l, const void *old, size_t n, size_t *size, size_t element);
/* What was computed, and for no use that was seen, decides: it can fail. */
void lineage_settle(struct lineage *l);

/* lineage-relation.c */
uint32_t lineage_relation(struct lineage *l, const struct catalog_relation *relation);
struct value lineage_of(struct lineage *l, const struct range *range, int attribute);
struct value lineage_whole(struct lineage *l, const struct range *range);
/* All of one of the statement's relations, and what that touches besides. */
struct value lineage_entry(struct lineage *l, uint32_t relation);
struct range *lineage_range(struct lineage *l, const RangeVar *var);
struct row lineage_live(struct lineage *l, const struct range *range);   /* its columns, as `*` has them */
const struct row *lineage_fields(struct lineage *l, struct value value); /* NULL: not known */
struct value lineage_take(struct lineage *l, const struct field *field);
struct value lineage_row_value(struct lineage *l, const struct row *row); /* of all its fields */
uint32_t lineage_type(struct lineage *l, const TypeName *name);

/* lineage-name.c: what the server calls an output that has no alias ("?column?"). */
struct bytes lineage_name(const Node *node);
static inline struct bytes lineage_string(const List *list, int i)
{
    return list && i < list->length ? bytes_of(tree_string(tree_item(list, i))) : (struct bytes){ 0 };
}

/* lineage-function.c */
struct lineage_shape {
    bool set;                  /* it can return more than one row */
    bool open;                 /* what it returns is not known */
    bool opaque;               /* it may read anything */
    bool exists;               /* somebody has a function of that name */
    uint32_t type;             /* of what it returns; 0: not known, or several */
    const struct bytes *names; /* of its columns, where it has such */
    const uint32_t *types;     /* of these; NULL: not known */
    size_t n_names;
};
struct lineage_shape lineage_function(struct lineage *l, const List *name);
bool lineage_operator_is_opaque(struct lineage *l, const List *name);
bool lineage_cast_is_opaque(struct lineage *l, uint32_t type);
/* Whether x.name and (x).name may be a call of a function; attribute.c says what that does. */
bool lineage_is_function(struct lineage *l, struct bytes name);

/* scope.c */
void scope_push(struct lineage *l, struct scope *scope, const struct range *range, bool named, bool columns);
struct value scope_column(struct lineage *l, const struct scope *scope, const ColumnRef *ref);
bool scope_has_column(struct lineage *l, const struct scope *scope, struct bytes name); /* innermost only */
/* The ranges that a dotted name before `.*` or `.column` means, their number; at most `size` are given. */
size_t scope_ranges(struct lineage *l, const struct scope *scope, struct tree_name name,
                    const struct range **ranges, size_t size);
void lineage_unresolved(struct lineage *l, const char *code, const char *name, struct bytes says);
enum { SCOPE_RANGES = 8 };

/* scope-from.c, scope-join.c, scope-function.c */
void scope_from(struct lineage *l, struct scope *scope, const Node *node);
void scope_join(struct lineage *l, struct scope *scope, const JoinExpr *join);
struct range *scope_of_row(struct lineage *l, struct row row, const Alias *alias);
void scope_function(struct lineage *l, struct scope *scope, const RangeFunction *function);
void scope_table_function(struct lineage *l, struct scope *scope, const RangeTableFunc *table);

/* lineage-expression.c */
struct value lineage_expression(struct lineage *l, const struct scope *scope, const void *node);
void lineage_predicate(struct lineage *l, const struct scope *scope, const void *node);
void lineage_window(struct lineage *l, const struct scope *scope, const WindowDef *window);
/* The outputs of every query that stands somewhere in a node. */
struct value lineage_queries_in(struct lineage *l, const Node *top);

/* lineage-target.c */
void lineage_targets(struct lineage *l, const struct scope *scope, const List *targets, struct row *out);
/* What a write returns of its target, and of what stands beside it. */
void lineage_returning(struct lineage *l, const struct scope *scope, const struct range *target,
                       const List *targets, struct row *out);
bool lineage_is_star(const Node *node); /* x.*, (x).* or * */
void lineage_star(struct lineage *l, const struct scope *scope, const Node *node, struct row *out);

/* lineage-query.c, lineage-with.c, lineage-write.c */
struct row lineage_query(struct lineage *l, const Node *node, const struct scope *outer,
                         const struct with *with);
struct row lineage_select(struct lineage *l, const SelectStmt *s, const struct scope *outer,
                          const struct with *with);
/* The fields of `more` join those at their places; true where something was added. */
bool lineage_join_rows(struct lineage *l, struct row *into, const struct row *more);
/* A recursive CTE's row so far, while its query is read. */
void lineage_with_begins(struct lineage *l, struct with *with, const struct row *row);
const struct with *lineage_with(struct lineage *l, const WithClause *clause, const struct scope *outer,
                                const struct with *with);
struct range *lineage_with_range(struct lineage *l, const struct scope *scope, const RangeVar *var);
struct row lineage_insert(struct lineage *l, const InsertStmt *s, const struct scope *outer,
                          const struct with *with);
struct row lineage_update(struct lineage *l, const UpdateStmt *s, const struct scope *outer,
                          const struct with *with);
struct row lineage_delete(struct lineage *l, const DeleteStmt *s, const struct scope *outer,
                          const struct with *with);
struct row lineage_merge_into(struct lineage *l, const MergeStmt *s, const struct scope *outer,
                              const struct with *with);
void lineage_copy(struct lineage *l, const CopyStmt *s, struct row *out);

/* lineage.c: the whole of one statement, behind the walk. Trouble is left in the walk. Answers whether it was
 * given up. */
bool lineage_read(struct walk *walk, const struct catalog_view *view, const Node *top);
#endif
