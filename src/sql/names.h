/* Names in a view of the catalogue: what a text's names stand for, what is inserted so that the server takes
 * them for the same, and what the statements of the text change for those behind them. Private to the files
 * that walk. With no view, walk->names is NULL, and none of this is called. */
#ifndef POSTERN_SQL_NAMES_H
#define POSTERN_SQL_NAMES_H
#include "sql/walk.h"

#include "sql/proof.h"

/* A relation that a statement of the text creates: later ones may name it. */
struct names_made {
    struct names_made *older;
    struct bytes schema, name; /* schema: "pg_temp" for temporary ones */
    bool over;                 /* it was there before, or may have been */
};
/* A name that an earlier statement of the text made mean something else. */
struct names_touched {
    const struct names_touched *older;
    struct bytes name, why; /* the words of that statement */
};
struct names_operator {
    struct names_operator *next;
    const struct catalog_operator *operator;
};
struct names_put_off {
    struct names_put_off *next;
    struct bytes name;
};
/* What holds for a whole text. */
struct names {
    const struct catalog_view *view;
    struct arena *arena;
    struct proof_edit *nodes; /* the nodes that get a schema, one for each edit until edits_settle */
    struct sql_edit *edits;
    size_t n_edits, edits_size;
    size_t n_nodes; /* once they are settled */
    struct names_made *made;
    struct names_made *making; /* by the statement that is walked: not there yet for itself */
    const struct names_touched *touched;
    struct bytes moved; /* words of the statement behind which names without a schema cannot be told */
    bool moved_all;     /* nor those with one */
    struct bytes shaky; /* nor, behind this one, those that stay as they are in the text (DDL) */
    struct bytes loose; /* behind this one, the search path may be another one: it ran what was prepared,
                           declared or written by others */
    bool runs;          /* the statement that is walked does so */
    bool code_made;     /* functions, operators, casts, types, triggers may be new */
    bool types_made;    /* enums and composite types may be */
    bool sets_path;     /* the statement that is walked calls set_config on what moves names */
    bool cascades;      /* DROP or TRUNCATE with CASCADE */
    bool drops;         /* DROP with CASCADE, of a column or constraint too */
    bool is_type;       /* the call that is walked is written like a cast to a type */
    bool sorts;         /* it orders, groups or compares by a type's own operators */
    struct names_put_off *put_off;
    struct names_operator *operators; /* that the statement could only mean with types of their own */
    uint32_t *types;                  /* those of its types that are not PostgreSQL's own, each once */
    size_t n_types, types_size;
    struct scans *scans;     /* what is masked (scan.h); NULL: nothing is */
    struct bytes parameters; /* types that Parse gives the text's parameters */
};
enum {
    NAMES_FIRST_OID = 16384, /* FirstNormalObjectId: what is below came with PostgreSQL itself */
    NAMES_EDITS_CEILING = 100000
};

/* settle.c: behind all statements. All edits in order, one for each place, and the nodes that they are about.
 * False: they stand in one another's way. */
bool edits_settle(struct names *names, struct bytes text) MUST_USE;

/* resolve.c: relations. Fills in what *relation stands for, or says in the statement that it does not. The
 * node gets its schema in the text where it may and must. */
void names_resolve(struct walk *walk, const RangeVar *node, enum walk_naming naming,
                   struct sql_relation *relation);
/* The same once more, without a word: true where the text itself makes or alters it, so that its columns are
 * not known; *found_out: what the view has for it, NULL for nothing. */
bool names_look(struct walk *walk, const RangeVar *node, const struct catalog_relation **found_out);
/* The schema in which a name without one is created. */
struct bytes names_creation_schema(const struct catalog_view *view);
/* The first thing in a statement that cannot be resolved; later ones are not kept. */
void names_miss(struct walk *walk, struct bytes name, const char *code, struct bytes says);
void names_edit(struct walk *walk, const void *node, int location, struct bytes schema);
/* A constant that nextval and its kin take for a relation's name. False: it is no name. */
bool names_resolve_text(struct walk *walk, const char *text, uint32_t access);
/* What one of PostgreSQL's own functions does to what the text does not name: large objects, what other
 * sessions run. */
void names_unnamed(struct walk *walk, const char *function);
/* A relation that nobody can name here; with a schema, any one of that. */
void names_any(struct walk *walk, uint32_t access);
void names_any_in(struct walk *walk, struct bytes schema, uint32_t access);

/* Before the walk: what holds inside the statement already. */
void names_begin(struct walk *walk, const Node *statement);
/* Behind the walk: what hangs on what was found. */
void names_finish(struct walk *walk, const Node *statement);

/* wide.c: relations that it means without naming them. */
void wide_read(struct walk *walk, const Node *statement);
/* Behind what was followed: what gets another name. */
void wide_rename(struct walk *walk, const Node *statement);
/* made.c: code that it makes. */
void made_read(struct walk *walk, const Node *statement);
/* changes.c: what a statement does to the names behind it, once it was walked. */
void names_change(struct walk *walk, const Node *statement);
/* set_config of that setting (empty: it is not known which). */
void names_setting(struct walk *walk, struct bytes name);
void names_make(struct walk *walk, struct bytes schema, struct bytes name, bool over);

/* code.c: functions and operators. */
bool names_in_path(const struct catalog_view *view, struct bytes schema);
void code_call(struct walk *walk, const FuncCall *call, struct tree_name name);
/* nextval and its kin, called with that; NULL: with something that is not known. */
bool code_sequence(struct walk *walk, const char *function, const Node *argument);
void code_sample(struct walk *walk, const RangeTableSample *sample, struct tree_name name);
void code_operator(struct walk *walk, const char *schema, const char *name);
/* Adds it to what the statement may run. */
void code_add_operator(struct walk *walk, const struct names_operator *operator);
/* What a node compares with although no operator stands there. */
void code_implied(struct walk *walk, const Node *node);
/* One code that a name stands for, or that runs although no name calls it. */
void code_add(struct walk *walk, struct bytes schema, struct bytes name, struct bytes signature,
              struct bytes extension);

/* types.c: types, casts, checks of domains. */
void types_visit(struct walk *walk, const TypeName *type);
/* An option's value (fastupdate = off, FUNCTION = f, STYPE = int): a name there may be a type's, or not. */
void types_visit_option(struct walk *walk, const DefElem *option);
/* What a function of somebody's returns is in play. */
void types_use(struct walk *walk, uint32_t type);
bool types_named(struct walk *walk, struct bytes schema, struct bytes name);
/* One that the statement makes. Types and relations share their names, so that it stands among these. */
void types_created(struct walk *walk, struct tree_name name, uint32_t access);
/* One that it drops or alters. */
void types_object(struct walk *walk, struct tree_name name, uint32_t access);
/* Once the statement's relations are known. */
void types_finish(struct walk *walk);

/* ties.c: what hangs on the statement's relations. */
void ties_follow(struct walk *walk);
/* Every relation of a schema: DROP SCHEMA and its kin. */
void ties_schema(struct walk *walk, struct bytes schema, uint32_t access);
/* What goes with a relation that is dropped or emptied with CASCADE. */
void ties_cascade(struct walk *walk);
#endif
